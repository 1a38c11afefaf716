/* SPDX-License-Identifier: MIT
 *
 * tao: what a program on a channel asks of its host, for scripts. One row a subcommand in tao_cmd.def, one
 * request a run. It runs as a service's own process, so it may block, allocate and use stdio.
 */
#ifndef TAO_CMD_H
#define TAO_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../client/tao.h"

/* Exit statuses, as documented in tao(1). */
enum tao_exit {
	TAO_EXIT_OK = 0,
	TAO_EXIT_REFUSED = 1,
	TAO_EXIT_USAGE = 2,
	TAO_EXIT_NO_CHANNEL = 3,
	TAO_EXIT_IO = 4
};

/* Groups of options that a subcommand takes. */
enum {
	OPT_OUTPUT = 1 << 0,	  /* --hex --base64 --binary --force */
	OPT_INPUT = 1 << 1,	  /* --in-hex --in-base64 */
	OPT_POLICY = 1 << 2,	  /* --policy */
	OPT_COUNTER = 1 << 3,	  /* --counter */
	OPT_PROTECTED = 1 << 4,	  /* --protected */
	OPT_SHOW_POLICY = 1 << 5, /* --show-policy */
	OPT_ISSUER = 1 << 6,	  /* --issuer */
	OPT_TIMES = 1 << 7,	  /* --time --expiration */
};

enum encoding { ENCODING_DEFAULT = 0, ENCODING_BINARY, ENCODING_HEX, ENCODING_BASE64 };

/* One run of the command. */
struct tao_run {
	const char *program; /* for messages; NULL: tao */
	const char *name;    /* the subcommand, for messages */
	int argc;	     /* its arguments, without options */
	char **argv;
	enum encoding output, input;
	bool force, protect, show_policy;
	const char *policy, *counter, *issuer;
	int64_t time, expiration;
};

/* Prints "<program>: <subcommand>: <message>" and a newline; returns status. */
int tao_complain(const struct tao_run *run, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Input and output: tao_io.c. All return an exit status, with the complaint printed. */

/* A file by name, or standard input if the name is NULL or "-", decoded as run->input says. */
int tao_read_input(const struct tao_run *run, const char *file, struct tao_bytes *out);
/* In place; blanks are skipped. False if it is not of that form; the bytes are spoilt then. */
bool tao_decode_hex(struct tao_bytes *b);
bool tao_decode_base64(struct tao_bytes *b);
/* Before the host is asked: binary output is not for terminals. fallback: what ENCODING_DEFAULT means. */
int tao_check_output(const struct tao_run *run, enum encoding fallback);
/* Writes to standard output. */
int tao_write_output(const struct tao_run *run, enum encoding fallback, const void *p, size_t n);
/* A text and a newline to standard output. */
int tao_write_text(const struct tao_run *run, const char *text, size_t n);

/* The subcommands: tao_methods.c. */
#define TAO_CMD(name, arguments, least, most, options, help) int tao_cmd_##name(const struct tao_run *run);
#include "tao_cmd.def"
#undef TAO_CMD

#endif
