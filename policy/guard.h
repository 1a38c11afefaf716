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

/* Why the guard decided so, or why a policy was refused, in a line: for people and the audit log. Always
 * NUL-terminated; what does not fit is cut off. */
struct why {
	char rule[256];
	enum {
		WHY_NOTHING = 0,
		WHY_POLICY,
		WHY_BUILT_IN
	} by; /* WHY_NOTHING: no rule is about it, so it is denied */
};

/* A policy's rules, whose signature and validity the caller has checked. */
struct guard_policy {
	struct span rules; /* text: see tao.policy(5); at most GUARD_RULES_MAX bytes */
	unsigned line;	   /* of the file, on which the rules begin */
};

#define GUARD_RULES_MAX ((size_t)1 << 20)

struct guard; /* class and its loaded state */

struct guard_class {
	const char *name;
	/* Makes *state of the policy in memory, which it needs as long as the state is used; the policy's text it does
	 * not. ERR_* and why on failure. NULL: the guard has no policy. */
	int (*load)(const struct guard_policy *policy, struct span memory, void **state, struct why *why);
	enum verdict (*decide)(const struct guard *guard, const struct ask *ask, struct why *why);
	/* The binary SubPrin that stands in every hosted program's name: it does not depend on what is loaded. */
	int (*identity)(const struct guard *guard, struct wr *subprin);
	/* The derivation of the last decision, as text of several lines, from what that decision left behind. NULL: why
	 * says all there is. */
	void (*explain)(const struct guard *guard, struct wr *text);
	/* Does the head of a rule, a fact or a Deny of the policy name this verb? NULL: never. */
	bool (*names_verb)(const struct guard *guard, const char *verb);
};

struct guard {
	const struct guard_class *class;
	void *state;	 /* in the memory given to guard_load; NULL: none yet, so whoever needs one denies */
	uint8_t key[32]; /* SHA-256 of the policy key's SPKI, from the manifest */
};

#define GUARD(id) extern const struct guard_class guard_##id;
#include "guard.def"
#undef GUARD

/* NULL if there is no such class. */
const struct guard_class *guard_find(const char *name);

/* How much memory guard_load needs for rules of n bytes: GUARD_QUERY_ROOM for the work of a query and
 * GUARD_ROOM_A_BYTE for each byte; 36 MiB at most, of which only what the rules need is ever touched. */
#define GUARD_QUERY_ROOM ((size_t)2 << 20)
#define GUARD_ROOM_A_BYTE 32
size_t guard_memory(size_t n);
/* Puts a policy in force. If it fails, the old one stays in force and why tells the line and the cause: so memory is
 * never that of the old one, which is the caller's again after success. memory: aligned to 16 bytes; it is written
 * by each decision, and what it held before does not matter. */
int guard_load(struct guard *guard, const struct guard_policy *policy, struct span memory, struct why *why);
/* DENY where there is no class. For how long at most: DATALOG_STEPS. Not reentrant for one state. */
enum verdict guard_decide(const struct guard *guard, const struct ask *ask, struct why *why);
/* See guard_class. */
void guard_explain(const struct guard *guard, const struct why *why, struct wr *text);
bool guard_names_verb(const struct guard *guard, const char *verb);

/* Sets why: in text a # stands for n and a $ for s. */
void why_say(struct why *why, const char *text, uint64_t n, struct span s);

#endif
