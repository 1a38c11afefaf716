/* SPDX-License-Identifier: MIT
 *
 * taoverify: judging what other hosts have signed. One row a subcommand in verify_cmd.def. It needs no host and no
 * rights; it may block, allocate and use stdio.
 */
#ifndef TAO_VERIFY_CMD_H
#define TAO_VERIFY_CMD_H

#include <stdio.h>

#include "../crypto/base.h"
#include "manifest.h"
#include "tao_cmd.h"

/* Exit statuses, as documented in taoverify(1). */
enum { VERIFY_EXIT_OK = 0, VERIFY_EXIT_REFUSED = 1, VERIFY_EXIT_USAGE = 2, VERIFY_EXIT_IO = 4 };

/* argv[0] is the subcommand's name. */
#define VERIFY_CMD(name, arguments, help) int verify_cmd_##name(int argc, char **argv);
#include "verify_cmd.def"
#undef VERIFY_CMD

/* An event log of ours as CEL-JSON (TCG Canonical Event Log Format 1.0), a record a line, as far as it can be read. */
void verify_print_cel(FILE *to, struct span log);

/* What a boot with a manifest begins with. It stays where it is. */
struct prediction {
	struct manifest manifest;
	uint8_t name[256];
	struct wr guard; /* binary, in name */
};
/* False: the reason stands in diag. */
bool verify_load(const char *file, struct prediction *p, struct diag *diag);

/* A time as people write it: RFC 3339, seconds or ns since 1970. False if it is none, or not in an int64 of ns. */
bool verify_parse_time(const char *text, int64_t *ns);
/* RFC 3339 in UTC, to the second; what is beyond four digits of a year stays ns. */
void verify_print_time(int64_t ns, char *text, size_t size);

#endif
