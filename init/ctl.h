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
enum ctl_exit {
	CTL_OK = 0,
	CTL_REFUSED = 1,
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3,
	CTL_PROTOCOL = 4,
	/* Of wait. */
	CTL_NEVER = 5, /* as enum wait_missed, from here on */
	CTL_LATE = 6,
};

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
	/* Of a graph: places in the list of all: required, wanted, and what it only comes after. */
	uint32_t *after; /* malloc'd */
	uint32_t n_after, n_requires, n_wants;
	uint32_t moments[4]; /* as in rpc.proto */
	uint64_t usage[5];   /* the same */
};

struct ctl_answer {
	struct ctl_service *services; /* malloc'd */
	size_t n;
	bool has_host;
	char *host_principal; /* malloc'd */
	char *text;	      /* malloc'd, text_n bytes and a NUL; NULL: none */
	size_t text_n;
	uint64_t position;
	uint32_t missed;
	char place[16], problem[512], version[32];
};

struct ctl {
	const char *socket;
	bool json, wait;
	/* Of logs. */
	bool follow;
	uint32_t lines; /* 0: all */
	int64_t since;	/* ns since 1970 */
	/* Of wait and events. */
	const char *state;
	int64_t deadline; /* sys_now() then; 0: none */
	/* Of reload. */
	bool dry_run;
};

/* What is asked; strings that are NULL are not sent. */
struct ctl_question {
	const char *op, *service, *action, *verb;
	struct span terms; /* p NULL: none */
	uint64_t position; /* as after and lines: 0: none */
	int64_t after;
	uint32_t lines;
	uint64_t timeout;
	bool more; /* the answer gets further services, to those that it has */
};
/* Asks and waits for the answer: CTL_OK, or another status with the error printed. */
int ctl_ask(const struct ctl *ctl, const struct ctl_question *question, struct ctl_answer *answer);
void ctl_free(struct ctl_answer *answer);
/* The same, of which nothing but the status matters. */
int ctl_order(const struct ctl *ctl, const struct ctl_question *question);
/* Until the deadline, for a question; 1 ns, which is over at once, when it has passed. */
uint64_t ctl_left(const struct ctl *ctl);
/* False, and said: there are some. */
bool ctl_no_argument(const char *word, int argc, char **argv);

/* Output. */
/* Lines of audit and events: JSON. */
void ctl_print_records(const struct ctl *ctl, const struct ctl_answer *answer);
/* reload manifest --dry-run, and without. */
int ctl_manifest(const struct ctl *ctl, const char *file);
int ctl_take_manifest(const struct ctl *ctl);
void ctl_print_list(const struct ctl_answer *answer);
void ctl_print_status(const struct ctl_answer *answer);
struct cJSON;
void ctl_put_json(struct cJSON *all); /* and forgets it */
void ctl_print_json(const struct ctl_answer *answer);

#define CTL(name, args, help) int ctl_##name(const struct ctl *ctl, int argc, char **argv);
#include "ctl.def"
#undef CTL

#endif
