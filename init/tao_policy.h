/* SPDX-License-Identifier: MIT
 *
 * taopolicy: policy keys, signatures, and what a policy decides. One row a subcommand in tao_policy.def. An ordinary
 * process: it may block, allocate and use stdio. It reads a policy whatever its signature says, but for check.
 */
#ifndef TAO_POLICY_H
#define TAO_POLICY_H

#include "../policy/datalog.h"
#include "policy_open.h"

/* Exit statuses, as documented in taopolicy(1). */
enum policy_exit { POLICY_EXIT_OK = 0, POLICY_EXIT_NO = 1, POLICY_EXIT_USAGE = 2, POLICY_EXIT_IO = 4 };

/* Groups of options that a subcommand takes. */
enum {
	POLICY_OPT_PASSPHRASE = 1 << 0, /* --passphrase-file */
	POLICY_OPT_KEY = 1 << 1,	/* --key */
	POLICY_OPT_OUTPUT = 1 << 2,	/* --output */
	POLICY_OPT_TRUST = 1 << 3,	/* --at --least --unsigned */
	POLICY_OPT_WHY = 1 << 4,	/* --why */
	POLICY_OPT_AUTHORIZE = 1 << 5,	/* --version --pcrs */
	POLICY_OPT_ENROLL = 1 << 6,	/* --device --ek --until */
};

struct policy_run {
	const char *name; /* the subcommand, for messages */
	int argc;
	char **argv; /* its arguments, without options */
	const char *passphrase_file, *key, *output, *at, *least, *version, *pcrs, *device, *ek, *until;
	bool why, is_unsigned;
};

/* Prints "taopolicy: <subcommand>: <message>" and a newline; returns status. */
int policy_complain(const struct policy_run *run, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A whole file, "-" for standard input; the caller frees bytes->p. An exit status, with the complaint printed. */
int policy_read_file(const struct policy_run *run, const char *name, size_t most, struct span *bytes);
void policy_free(struct span *bytes);
/* Standard output is whole: an exit status. */
int policy_finish(const struct policy_run *run, int status);
void policy_print_hex(const uint8_t *p, size_t n);
/* The key of --key, with its passphrase; the caller wipes it. An exit status, with the complaint printed. */
struct policy_key;
int policy_read_key(const struct policy_run *run, struct policy_key *key);
/* Both parts to --output, or to standard output. */
int policy_write_out(const struct policy_run *run, struct span body, struct span rest);
/* The same of what was made, or a complaint, where r is an error or w has one. */
int policy_give(const struct policy_run *run, int r, const struct wr *w);
/* A policy in a file, parsed and loaded for a guard; what it says about its signature is not looked at. */
struct policy_loaded {
	struct span text;
	struct policy_file file;
	struct guard guard;
	void *memory;
};
int policy_load_file(const struct policy_run *run, const char *name, struct policy_loaded *loaded);
void policy_unload(struct policy_loaded *loaded);

#define POLICY_CMD(name, arguments, least, most, options, help)                                                   \
	int policy_cmd_##name(const struct policy_run *run);
#include "tao_policy.def"
#undef POLICY_CMD

#endif
