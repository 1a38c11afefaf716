/* SPDX-License-Identifier: MIT
 *
 * What kind of program bytes are: does the kernel need other files to run them?
 */
#ifndef TAO_MEASURE_ELF_H
#define TAO_MEASURE_ELF_H

#include "../crypto/base.h"

/* An interpreter's path with its NUL. A longer one, which the kernel would take from an ELF file, is cut: it then
 * equals no path that a manifest lists, and the program is refused. */
#define INTERPRETER_MAX 256

enum program_kind {
	PROGRAM_STATIC,	 /* an ELF file that needs no other */
	PROGRAM_DYNAMIC, /* an ELF file with PT_INTERP */
	PROGRAM_SCRIPT,	 /* #! */
	PROGRAM_UNKNOWN, /* neither: the kernel would refuse it (or ask binfmt_misc, whom nobody measured) */
};

/* bytes: the whole file. interpreter: its path, NUL-terminated, "" where there is none. Any bytes are fine as
 * input. */
enum program_kind program_inspect(struct span bytes, char interpreter[static INTERPRETER_MAX]);

#endif
