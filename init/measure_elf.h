/* SPDX-License-Identifier: MIT
 *
 * What kind of program bytes are: does the kernel need other files to run them?
 */
#ifndef TAO_MEASURE_ELF_H
#define TAO_MEASURE_ELF_H

#include "../crypto/base.h"

enum program_kind {
	PROGRAM_STATIC,	 /* an ELF file that needs no other */
	PROGRAM_DYNAMIC, /* an ELF file with PT_INTERP */
	PROGRAM_SCRIPT,	 /* #! */
	PROGRAM_UNKNOWN, /* neither: the kernel would refuse it (or ask binfmt_misc, whom nobody measured) */
};

/* interpreter: its path, NUL-terminated, "" where there is none. Any bytes are fine as input. */
enum program_kind program_inspect(struct span bytes, char interpreter[static 256]);

#endif
