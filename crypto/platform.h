/* SPDX-License-Identifier: MIT
 *
 * How crypto/ reaches files and devices: through this argument and nothing else. init/sys.c implements it on
 * the kernel; tests implement it on memory and cut the power at every step.
 *
 * Every member returns zero or positive on success and an enum err on failure. All may block, so only the
 * root worker holds one. Paths are absolute, NUL-terminated and belong to the caller.
 */
#ifndef TAO_PLATFORM_H
#define TAO_PLATFORM_H

#include "base.h"

/* What is asked of the Tao that this host runs on (PROTOCOL, section 3): what it takes, and what it gives. */
enum parent_method {
	PARENT_RANDOM,	     /* nothing; as many bytes as the answer has room for */
	PARENT_SEAL,	     /* data; sealed, to exactly our name there */
	PARENT_UNSEAL,	     /* sealed; data, if they were sealed like that */
	PARENT_ATTEST,	     /* a Form; the attestation that we say it, for a year */
	PARENT_COUNTER_INIT, /* a label; nothing, the counter of that label is at 0 */
	PARENT_COUNTER,	     /* a label; where it stands, 8 bytes big-endian. ERR_NOT_FOUND: nowhere */
	PARENT_COUNT,	     /* a label; nothing, it has gone up by one */
};

struct platform {
	void *ctx;
	/* Reads a whole file: its size, ERR_NOT_FOUND, ERR_BAD_MODE (not a regular file of ours, or anybody else
	 * may read or write it), ERR_TOO_LARGE (more than cap), ERR_IO. */
	int (*read)(void *ctx, const char *path, uint8_t *dst, size_t cap);
	/* Creates or truncates, mode 0600, never through a symbolic link; ERR_IO, ERR_NO_SPACE. Not yet on disk. */
	int (*write)(void *ctx, const char *path, struct span bytes);
	/* fsync of a file, of a directory. */
	int (*sync)(void *ctx, const char *path);
	int (*sync_dir)(void *ctx, const char *path);
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*remove)(void *ctx, const char *path);
	/* One TPM command and its response: the response's size; ERR_TIMEOUT, ERR_IO, ERR_TOO_LARGE. A TPM that
	 * asks to be asked again has been, within the deadline. NULL where there is no TPM. */
	int (*transmit)(void *ctx, struct span command, uint8_t *response, size_t cap);
	/* One method of the Tao below: ERR_DENIED (it refuses), ERR_IO, ERR_TOO_LARGE (more than out has room for). On failure
	 * out has what it had, and words what to tell people. NULL where there is none. */
	int (*parent)(void *ctx, enum parent_method method, struct span in, struct wr *out, struct wr *words);
	/* n bytes of the kernel's generator; ERR_IO. */
	int (*random)(void *ctx, uint8_t *dst, size_t n);
};

#endif
