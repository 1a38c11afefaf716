/* SPDX-License-Identifier: MIT */
#include "guard.h"

static const struct guard_class *const classes[] = {
#define GUARD(id) &guard_##id,
#include "guard.def"
#undef GUARD
};

const struct guard_class *guard_find(const char *name)
{
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	return NULL;
}

size_t guard_memory(size_t n)
{
	/* The hash tables of a small policy take 64 KiB. */
	return GUARD_QUERY_ROOM + ((size_t)64 << 10) +
	       GUARD_ROOM_A_BYTE * (n < GUARD_RULES_MAX ? n : GUARD_RULES_MAX);
}

int guard_load(struct guard *guard, const struct guard_policy *policy, struct span memory, struct why *why)
{
	void *state = NULL;
	if (guard->class == NULL || guard->class->load == NULL) {
		why_say(why, "this guard has no policy", 0, span_str(""));
		return ERR_UNSUPPORTED;
	}
	if (policy->rules.n > GUARD_RULES_MAX) {
		why_say(why, "the rules are longer than # bytes", GUARD_RULES_MAX, span_str(""));
		return ERR_TOO_LARGE;
	}
	int r = guard->class->load(policy, memory, &state, why);
	if (r >= 0)
		guard->state = state;
	return r;
}

enum verdict guard_decide(const struct guard *guard, const struct ask *ask, struct why *why)
{
	if (guard->class == NULL) {
		strcpy(why->rule, "there is no guard");
		return DENY;
	}
	if (guard->class->load != NULL && guard->state == NULL) {
		strcpy(why->rule, "no policy is in force");
		return DENY;
	}
	return guard->class->decide(guard, ask, why) == ALLOW ? ALLOW : DENY;
}

void guard_explain(const struct guard *guard, const struct why *why, struct wr *text)
{
	if (guard->class != NULL && guard->class->explain != NULL && guard->state != NULL) {
		guard->class->explain(guard, text);
		return;
	}
	wr_span_bytes(text, span_str(why->rule));
	wr_u8(text, '\n');
}

bool guard_names_verb(const struct guard *guard, const char *verb)
{
	return guard->class != NULL && guard->class->names_verb != NULL && guard->state != NULL &&
	       guard->class->names_verb(guard, verb);
}

void why_say(struct why *why, const char *text, uint64_t n, struct span s)
{
	struct wr w = wr_to(why->rule, sizeof why->rule - 1);
	for (; *text != '\0'; text++) {
		if (*text == '#')
			wr_decimal(&w, n);
		else if (*text == '$')
			wr_bytes(&w, s.p, s.n < w.cap - w.n ? s.n : w.cap - w.n);
		else
			wr_u8(&w, (uint8_t)*text);
	}
	why->rule[w.n] = '\0';
}
