/* SPDX-License-Identifier: MIT
 *
 * Guards answer Authorized(principal, "verb", args…). One const struct guard_class a kind, in guard_<kind>.c,
 * with one row in guard.def. Pure, bounded, deny by default.
 */
#ifndef TAO_GUARD_H
#define TAO_GUARD_H

#include "../crypto/base.h"

enum verdict { DENY = 0, ALLOW = 1 };

/* Three terms are the most that a verb of the table in docs/ takes. */
#define ASK_ARGS_MAX 3

struct ask {
	struct span principal;		/* binary Prin */
	const char *verb;		/* "Execute", "Seal", "Start", … */
	struct span args[ASK_ARGS_MAX]; /* binary Terms */
	unsigned n_args;
};

/* Why the guard decided so: the rule, for people and the audit log. Always NUL-terminated. */
struct why {
	char rule[160];
};

struct guard; /* class and its loaded state */

struct guard_class {
	const char *name;
	/* Reads the policy (empty for guards that have none) into the caller's arena; ERR_* and why on failure. */
	int (*load)(struct guard *guard, struct span policy, struct why *why);
	enum verdict (*decide)(const struct guard *guard, const struct ask *ask, struct why *why);
	/* The binary SubPrin that stands in every hosted program's name. */
	int (*identity)(const struct guard *guard, struct wr *subprin);
};

struct guard {
	const struct guard_class *class;
	void *state;
};

#define GUARD(id) extern const struct guard_class guard_##id;
#include "guard.def"
#undef GUARD

/* NULL if there is no such class. */
const struct guard_class *guard_find(const char *name);
/* DENY where there is no class. */
enum verdict guard_decide(const struct guard *guard, const struct ask *ask, struct why *why);

#endif
