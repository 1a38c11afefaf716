/* SPDX-License-Identifier: MIT
 *
 * taoctl: one row a subcommand in ctl.def, one connection, answers as a table or as JSON.
 */
#ifndef TAO_CTL_H
#define TAO_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../crypto/base.h"

/* Exit statuses, as documented in taoctl(1). */
enum ctl_exit { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3, CTL_PROTOCOL = 4 };

struct ctl_service {
	char name[65], state[16], type[16], reason[320];
	int32_t pid, uid;
	bool ended, essential;
	int32_t status;
	int64_t since;
	uint32_t restarts;
	uint8_t program[32];
	bool has_program;
	char *principal; /* text, malloc'd; NULL: none */
};

struct ctl_answer {
	struct ctl_service *services; /* malloc'd */
	size_t n;
	bool has_host;
	char *host_principal; /* malloc'd */
	char *text;	      /* malloc'd, text_n bytes and a NUL; NULL: none */
	size_t text_n;
	char place[16], problem[512], version[32];
};

struct ctl {
	const char *socket;
	bool json, wait;
};

/* What is asked; strings that are NULL are not sent. */
struct ctl_question {
	const char *op, *service, *action, *verb;
	struct span terms; /* p NULL: none */
};
/* Asks and waits for the answer: CTL_OK, or another status with the error printed. */
int ctl_ask(const struct ctl *ctl, const struct ctl_question *question, struct ctl_answer *answer);
void ctl_free(struct ctl_answer *answer);

/* Output. */
void ctl_print_list(const struct ctl_answer *answer);
void ctl_print_status(const struct ctl_answer *answer);
void ctl_print_json(const struct ctl_answer *answer);

#define CTL(name, args, help) int ctl_##name(const struct ctl *ctl, int argc, char **argv);
#include "ctl.def"
#undef CTL

#endif
