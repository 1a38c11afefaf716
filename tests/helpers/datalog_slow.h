/* SPDX-License-Identifier: MIT
 *
 * Datalog, slowly and obviously: every rule over every combination of facts until nothing is new, a layer at a time.
 * Values are short words: "axy" is a name, key a extended by X() and Y(); ".xy" is that tail; "1" is a number. So
 * Subprin is putting words together.
 */
#ifndef DATALOG_SLOW_H
#define DATALOG_SLOW_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SLOW_PREDS 5
#define SLOW_FACTS 400
#define SLOW_WORD 12
/* Names longer than this are not made; then what was found is not everything. */
#define SLOW_LONGEST 7
#define SLOW_SUBPRIN SLOW_PREDS

static const unsigned slow_arity[SLOW_PREDS + 1] = { 1, 1, 1, 2, 2, 3 };

struct slow_literal {
	unsigned pred;
	bool negated;
	int var[3]; /* −1: the constant */
	char constant[3][SLOW_WORD];
};

struct slow_rule {
	unsigned n_vars, n_body;
	struct slow_literal head, body[4];
};

struct slow_fact {
	unsigned pred;
	char arg[2][SLOW_WORD];
};

struct slow {
	unsigned n_rules, n_facts;
	struct slow_rule rules[8];
	struct slow_fact facts[SLOW_FACTS];
	unsigned layer[SLOW_PREDS];
	bool overflow, has_negation;
};

static inline bool slow_is_name(const char *word)
{
	return word[0] >= 'a' && word[0] <= 'c';
}

static inline bool slow_holds(const struct slow *s, unsigned pred, char arg[][SLOW_WORD])
{
	for (unsigned i = 0; i < s->n_facts; i++) {
		bool same = s->facts[i].pred == pred;
		for (unsigned k = 0; k < slow_arity[pred] && same; k++)
			same = strcmp(s->facts[i].arg[k], arg[k]) == 0;
		if (same)
			return true;
	}
	return false;
}

static inline bool slow_is_safe(const struct slow_rule *rule)
{
	unsigned seen = 0;
	for (unsigned b = 0; b < rule->n_body; b++)
		for (unsigned k = 0; k < slow_arity[rule->body[b].pred]; k++)
			if (!rule->body[b].negated && rule->body[b].var[k] >= 0)
				seen |= 1u << rule->body[b].var[k];
	return seen == (1u << rule->n_vars) - 1;
}

/* Is it refused, and if so why? NULL: no. Sets the layers. */
static inline const char *slow_check(struct slow *s)
{
	for (unsigned r = 0; r < s->n_rules; r++)
		if (!slow_is_safe(&s->rules[r]))
			return "unsafe";
	memset(s->layer, 0, sizeof s->layer);
	for (unsigned round = 0; round <= SLOW_PREDS; round++) {
		bool changed = false;
		for (unsigned r = 0; r < s->n_rules; r++)
			for (unsigned b = 0; b < s->rules[r].n_body; b++) {
				const struct slow_literal *l = &s->rules[r].body[b];
				if (l->pred == SLOW_SUBPRIN)
					continue;
				s->has_negation = s->has_negation || l->negated;
				unsigned least = s->layer[l->pred] + l->negated;
				if (s->layer[s->rules[r].head.pred] < least) {
					s->layer[s->rules[r].head.pred] = least;
					changed = true;
				}
			}
		if (!changed)
			return NULL;
	}
	return "cycle";
}

struct slow_values {
	char of[4][SLOW_WORD]; /* "": not known */
};

static inline const char *slow_value(const struct slow_literal *l, unsigned k, const struct slow_values *v)
{
	return l->var[k] < 0 ? l->constant[k] : v->of[l->var[k]];
}

static inline bool slow_set(const struct slow_literal *l, unsigned k, struct slow_values *v, const char *word)
{
	const char *known = slow_value(l, k, v);
	if (known[0] != '\0')
		return strcmp(known, word) == 0;
	strcpy(v->of[l->var[k]], word);
	return true;
}

/* Was the value given by an ordinary condition to the left? */
static inline bool slow_given(const struct slow_rule *rule, unsigned body, unsigned k)
{
	int var = rule->body[body].var[k];
	if (var < 0)
		return true;
	for (unsigned b = 0; b < body; b++)
		for (unsigned i = 0; i < slow_arity[rule->body[b].pred]; i++)
			if (rule->body[b].pred != SLOW_SUBPRIN && !rule->body[b].negated &&
			    rule->body[b].var[i] == var)
				return true;
	return false;
}

static void slow_meet(struct slow *s, const struct slow_rule *rule, unsigned phase, unsigned body,
		      struct slow_values v, bool *changed);

/* One way to take a name apart, or to make one. */
static void slow_try_subprin(struct slow *s, const struct slow_rule *rule, unsigned body, struct slow_values v,
			     bool *changed, const char *name, const char *part, const char *tail)
{
	const struct slow_literal *l = &rule->body[body];
	bool full = slow_given(rule, body, 1) && slow_given(rule, body, 2);
	if (!slow_is_name(name) || !slow_is_name(part) || tail[0] != '.' || (!full && strlen(tail) != 2))
		return;
	if (slow_set(l, 0, &v, name) && slow_set(l, 1, &v, part) && slow_set(l, 2, &v, tail))
		slow_meet(s, rule, 1, body + 1, v, changed);
}

static void slow_subprin(struct slow *s, const struct slow_rule *rule, unsigned body, struct slow_values v,
			 bool *changed)
{
	const struct slow_literal *l = &rule->body[body];
	const char *name = slow_value(l, 0, &v), *part = slow_value(l, 1, &v), *tail = slow_value(l, 2, &v);
	char a[2 * SLOW_WORD], b[2 * SLOW_WORD];
	if (name[0] == '\0') {
		if (!slow_is_name(part) || tail[0] != '.')
			return;
		if (strlen(part) + strlen(tail) - 1 > SLOW_LONGEST) {
			s->overflow = true;
			return;
		}
		snprintf(a, sizeof a, "%s%s", part, tail + 1);
		slow_try_subprin(s, rule, body, v, changed, a, part, tail);
		return;
	}
	for (size_t n = 1; slow_is_name(name) && n < strlen(name); n++) {
		snprintf(a, sizeof a, "%.*s", (int)n, name);
		snprintf(b, sizeof b, ".%s", name + n);
		slow_try_subprin(s, rule, body, v, changed, name, a, b);
	}
}

static void slow_add(struct slow *s, const struct slow_rule *rule, const struct slow_values *v, bool *changed)
{
	struct slow_fact f = { .pred = rule->head.pred };
	for (unsigned k = 0; k < slow_arity[f.pred]; k++)
		strcpy(f.arg[k], slow_value(&rule->head, k, v));
	if (slow_holds(s, f.pred, f.arg))
		return;
	if (s->n_facts == SLOW_FACTS) {
		s->overflow = true;
		return;
	}
	s->facts[s->n_facts++] = f;
	*changed = true;
}

/* Phase 0: ordinary conditions; 1: Subprin; 2: not. */
static void slow_meet(struct slow *s, const struct slow_rule *rule, unsigned phase, unsigned body,
		      struct slow_values v, bool *changed)
{
	if (body == rule->n_body) {
		if (phase < 2)
			slow_meet(s, rule, phase + 1, 0, v, changed);
		else
			slow_add(s, rule, &v, changed);
		return;
	}
	const struct slow_literal *l = &rule->body[body];
	if (phase != (l->negated ? 2u : l->pred == SLOW_SUBPRIN ? 1u : 0u)) {
		slow_meet(s, rule, phase, body + 1, v, changed);
		return;
	}
	if (phase == 1) {
		slow_subprin(s, rule, body, v, changed);
		return;
	}
	if (phase == 2) {
		char arg[2][SLOW_WORD];
		for (unsigned k = 0; k < slow_arity[l->pred]; k++)
			strcpy(arg[k], slow_value(l, k, &v));
		if (!slow_holds(s, l->pred, arg))
			slow_meet(s, rule, phase, body + 1, v, changed);
		return;
	}
	for (unsigned i = 0, n = s->n_facts; i < n; i++) {
		struct slow_values w = v;
		bool fits = s->facts[i].pred == l->pred;
		for (unsigned k = 0; k < slow_arity[l->pred] && fits; k++)
			fits = slow_set(l, k, &w, s->facts[i].arg[k]);
		if (fits)
			slow_meet(s, rule, phase, body + 1, w, changed);
	}
}

static inline void slow_run(struct slow *s)
{
	for (unsigned layer = 0; layer <= SLOW_PREDS; layer++)
		for (bool changed = true; changed;) {
			changed = false;
			for (unsigned r = 0; r < s->n_rules; r++)
				if (s->layer[s->rules[r].head.pred] == layer)
					slow_meet(s, &s->rules[r], 0, 0, (struct slow_values){ { "" } }, &changed);
		}
}

#endif
