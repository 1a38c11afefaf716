/* SPDX-License-Identifier: MIT
 *
 * Options on the kernel's command line, for machines: tao.manifest=PATH, tao.log=error|warning|info|debug, tao.rescue.
 * (What has a dot in it the kernel takes for a module's, and does not hand to its init as an argument.)
 */
#ifndef TAO_OPTIONS_H
#define TAO_OPTIONS_H

#include "../crypto/base.h"
#include "log.h"

/* As the kernel's own limit on x86. */
#define OPTIONS_LINE_MAX 4096

struct options {
	char manifest[256]; /* "": not given */
	enum log_level log;
	bool rescue;
	char complaint[128]; /* the first option of ours that is none, and why; "" */
};

/* The last of two wins. What is wrong is left out and said. */
void options_parse(struct span line, struct options *options);
/* Of the running kernel. */
void options_read(struct options *options);

#endif
