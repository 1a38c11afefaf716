/* SPDX-License-Identifier: MIT */
#include "policy_guard.h"

int policy_load(const struct guard_policy *policy, struct span memory, bool ground, void **state, struct why *why)
{
	const struct datalog_options options = { .line = policy->line,
						 .ground = ground,
						 .steps = DATALOG_STEPS,
						 .facts = DATALOG_FACTS,
						 .query_room = GUARD_QUERY_ROOM };
	struct datalog *d = NULL;
	int r = datalog_load(&d, memory, policy->rules, &options, why);
	if (r >= 0)
		*state = d;
	return r;
}

/* One question; true: it is decided. */
static bool ask_one(struct datalog *d, const char *name, unsigned n, const struct term *const *args,
		    enum verdict if_yes, enum verdict *verdict, struct why *why)
{
	enum datalog_result result = datalog_ask(d, span_str(name), n, args, if_yes == DENY);
	const struct fact *fact = datalog_next(d, NULL);
	if (result == DATALOG_NO)
		return false;
	*verdict = result == DATALOG_YES ? if_yes : DENY;
	/* Who cannot tell whether it is denied must take it so. */
	why->by = result == DATALOG_YES || if_yes == DENY ? WHY_POLICY : WHY_NOTHING;
	if (result != DATALOG_YES)
		why_say(why, "$, so it is denied", 0, span_str(datalog_result_text(result)));
	else
		why_say(why, fact != NULL && datalog_is_given(fact) ? "$ on line #" : "$ by the rule of line #",
			fact != NULL ? datalog_line(fact) : 0, span_str(name));
	return true;
}

enum verdict policy_decide(const struct guard *guard, const struct ask *ask, struct why *why)
{
	struct datalog *d = guard->state;
	const struct term *args[2 + ASK_ARGS_MAX];
	enum verdict verdict = DENY;
	bool good = ask->n_args <= ASK_ARGS_MAX;
	why->by = WHY_NOTHING;
	datalog_begin(d);
	args[0] = datalog_term(d, ask->principal);
	args[1] = datalog_string(d, ask->verb);
	for (unsigned i = 0; i < ask->n_args && good; i++)
		good = (args[2 + i] = datalog_term(d, ask->args[i])) != NULL;
	if (!good || args[0] == NULL || args[1] == NULL) {
		why_say(why, "the question is not well-formed, or too long", 0, span_of(NULL, 0));
		return DENY;
	}
	/* A Deny without the arguments is about all of them. */
	if (ask_one(d, "Deny", 2, args, DENY, &verdict, why) ||
	    (ask->n_args > 0 && ask_one(d, "Deny", 2 + ask->n_args, args, DENY, &verdict, why)) ||
	    ask_one(d, "Authorized", 2 + ask->n_args, args, ALLOW, &verdict, why))
		return verdict;
	why_say(why, "no rule allows it", 0, span_of(NULL, 0));
	return DENY;
}

int policy_identity(const struct guard *guard, const char *name, struct wr *subprin)
{
	wr_varint(subprin, NODE_SUBPRIN);
	wr_varint(subprin, 1);
	wr_varint(subprin, NODE_EXT);
	wr_var_bytes(subprin, span_str(name));
	wr_varint(subprin, 1);
	name_write_key_prin(subprin, guard->key, false);
	return subprin->err;
}

void policy_explain(const struct guard *guard, struct wr *text)
{
	datalog_explain(guard->state, text);
}

bool policy_names_verb(const struct guard *guard, const char *verb)
{
	return datalog_names(guard->state, "Authorized", 1, verb) || datalog_names(guard->state, "Deny", 1, verb);
}
