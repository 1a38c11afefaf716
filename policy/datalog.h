/* SPDX-License-Identifier: MIT
 *
 * Stratified Datalog over names (PROTOCOL, section 6; tao.policy(5) for who writes rules): loading rules, asking, and
 * the derivation of an answer. Pure; all memory is the caller's; what a query takes is bounded by budgets, which are
 * errors when they run out.
 *
 * A rule is [forall V:]* [C1 and C2 …] implies G, or a ground G. C is a predicate or "not" a predicate of a lower
 * layer; each variable occurs in a condition without "not". Answers come top-down, by need, with a table of the goals
 * asked (so recursion ends), within a goal semi-naively (each answer meets each condition that waits for it once).
 * Nothing is derived when rules are loaded, so a principal that stands in no rule costs what any other does.
 *
 * Subprin(S, P, E), S = P extended by E, is built in. Where S is known it is taken apart: E is its last extension, or,
 * if conditions to the left of it give both P and E, may be several. Where P and E are known S is made.
 * Where neither holds it has no answers, and whoever depends on that for a "not" or a Deny is refused
 * (DATALOG_UNBOUND).
 */
#ifndef TAO_DATALOG_H
#define TAO_DATALOG_H

#include "guard.h"
#include "name.h"

/* A rule's text; nine times that is what parsing takes of the room for queries. */
#define DATALOG_RULE_MAX 8192
/* Of a rule; foralls nest, so that NAME_DEPTH_MAX allows no more. */
#define DATALOG_VARS_MAX 32
#define DATALOG_BODY_MAX 32
#define DATALOG_ARITY_MAX 8
/* Layers of negation. */
#define DATALOG_STRATA_MAX 16

/* Budgets of a query. A step is one fact looked at or made; what takes longer counts as several. make bench asks the
 * dearest questions that we know of: the budget is spent in 1.5 to 4 ms here, 40 to 150 ns a step, so that 10 ms hold on a
 * machine half as fast. A decision is three questions at most, and PID 1's loop is held by one of them and by the 5 ms
 * after which a turn begins no request any more. Derived facts are kept for the explanation. */
#define DATALOG_STEPS 30000
#define DATALOG_FACTS 8192
/* What the checks of a policy's layers may take: passes over a condition. */
#define DATALOG_LOAD_STEPS 4000000

struct datalog;

/* A value; equal values are one object. */
struct term;
/* A fact of the policy, or one derived. */
struct fact;

struct datalog_options {
	unsigned line; /* of the first line of the text, for messages */
	bool ground;   /* only facts about Authorized and Deny: an access control list */
	uint32_t steps, facts;
	size_t query_room; /* of memory, the part for queries */
};

/* ERR_MALFORMED, ERR_UNSUPPORTED, ERR_TOO_LARGE: why tells the line and what it is about. */
int datalog_load(struct datalog **made, struct span memory, struct span text,
		 const struct datalog_options *options, struct why *why);

enum datalog_result {
	DATALOG_NO = 0,
	DATALOG_YES,
	/* No answer, and that must be taken as a denial: */
	DATALOG_STEPS_SPENT,
	DATALOG_FACTS_SPENT,
	DATALOG_ROOM_SPENT,
	DATALOG_UNBOUND,
};

/* Begins a query: forgets the terms, answers and derivations of the last one. */
void datalog_begin(struct datalog *d);
/* A binary Term as a value that lives until datalog_begin; NULL if it is malformed or there is no room. */
const struct term *datalog_term(struct datalog *d, struct span binary);
const struct term *datalog_string(struct datalog *d, const char *text);
/* Does name(args…) hold? args that are NULL are free: then YES if it holds for any. whole: that a condition could not
 * be asked (DATALOG_UNBOUND) is told, not taken for no. */
enum datalog_result datalog_ask(struct datalog *d, struct span name, unsigned n, const struct term *const *args,
				bool whole);
/* The facts that the last datalog_ask found, one after the other, from NULL on; NULL: no more. If all its args are
 * known there is at most one. */
const struct fact *datalog_next(const struct datalog *d, const struct fact *fact);
/* As text, name(args…). */
void datalog_print(const struct fact *fact, struct wr *text);
/* The line of the rule that gave it, or on which it stands. */
unsigned datalog_line(const struct fact *fact);
bool datalog_is_given(const struct fact *fact);
/* How the last datalog_ask came to its answer: a tree; or what was closest to one and which fact was missing. */
void datalog_explain(struct datalog *d, struct wr *text);
/* What ran out, or what result is otherwise, in a few words. */
const char *datalog_result_text(enum datalog_result result);
/* Steps since datalog_begin. */
uint32_t datalog_steps(const struct datalog *d);
/* Is there a rule or fact for name, with any number of arguments, whose argument at is the string text? */
bool datalog_names(const struct datalog *d, const char *name, unsigned at, const char *text);
/* How many of a name's arities have a fact or a rule: bit n for n arguments. */
unsigned datalog_arities(const struct datalog *d, const char *name);

/* The rules of a policy's text, one at a time: what stands on a line and on indented ones below it. Lines that are
 * blank or begin with # end it and are passed over. False: no more; *error then is the line of an indented line that
 * continues nothing, or 0. */
struct datalog_lines {
	struct span text;
	unsigned line;
};
bool datalog_next_rule(struct datalog_lines *lines, struct span *rule, unsigned *line, unsigned *error);

#endif
