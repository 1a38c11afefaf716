/* SPDX-License-Identifier: MIT
 *
 * How an answer came about, from what the query left behind: nothing is evaluated again.
 */
#include "datalog_inner.h"

/* Derivations are shared: what was shown once is not shown again, so that a text is as long as there are facts. */
#define SHOWN_DEPTH_MAX 24

static void put(struct wr *w, const char *text)
{
	wr_span_bytes(w, span_str(text));
}

static void put_line(struct wr *w, const char *before, unsigned line, const char *after)
{
	put(w, before);
	wr_decimal(w, line);
	put(w, after);
}

static void indent(struct wr *w, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		put(w, "  ");
}

void datalog_print(const struct fact *fact, struct wr *w)
{
	wr_span_bytes(w, fact->pred->name);
	put(w, "(");
	for (unsigned i = 0; i < fact->pred->arity; i++) {
		put(w, i > 0 ? ", " : "");
		term_print(fact->arg[i].term, w);
	}
	put(w, ")");
}

/* _ stands for what was not known. */
static void put_literal(struct wr *w, const struct frame *f, const struct literal *l)
{
	put(w, l->negated ? "not " : "");
	wr_span_bytes(w, l->pred->name);
	put(w, "(");
	for (unsigned i = 0; i < l->pred->arity; i++) {
		const struct term *value = value_of(f, &l->arg[i]);
		put(w, i > 0 ? ", " : "");
		if (value != NULL)
			term_print(value, w);
		else
			put(w, "_");
	}
	put(w, ")");
}

static void show_fact(struct wr *w, struct fact *fact, unsigned depth);

/* The conditions that are met, below each other. Recursion ends at SHOWN_DEPTH_MAX. */
static void show_conditions(struct wr *w, const struct frame *f, unsigned depth)
{
	for (unsigned i = 0; i < f->rule->n_body; i++) {
		const struct literal *l = f->rule->body[i];
		struct fact *fact = (struct fact *)(uintptr_t)f->slot[f->rule->n_vars + i];
		if ((f->done >> i & 1) == 0)
			continue;
		if (fact != NULL) {
			show_fact(w, fact, depth);
			continue;
		}
		indent(w, depth);
		put_literal(w, f, l);
		put(w, l->negated ? ": nothing gives it\n" : ": built in\n");
	}
}

static void show_fact(struct wr *w, struct fact *fact, unsigned depth)
{
	indent(w, depth);
	datalog_print(fact, w);
	put_line(w, fact->how == NULL ? ": line " : ": by the rule of line ", fact->line, "");
	if (fact->how != NULL && fact->shown)
		put(w, ", as above");
	else if (fact->how != NULL && depth >= SHOWN_DEPTH_MAX)
		put(w, ", …");
	put(w, "\n");
	if (fact->how == NULL || fact->shown || depth >= SHOWN_DEPTH_MAX)
		return;
	fact->shown = true;
	show_conditions(w, fact->how, depth + 1);
}

/* The closest that a rule came, down to the fact that is missing. */
static void show_closest(struct wr *w, const struct goal *goal, unsigned depth)
{
	for (; goal != NULL && goal->best != NULL && depth < SHOWN_DEPTH_MAX; depth++) {
		const struct frame *f = goal->best;
		const struct literal *l = f->rule->body[f->literal];
		indent(w, depth);
		put_line(w, "closest: the rule of line ", f->rule->line, "\n");
		show_conditions(w, f, depth + 1);
		indent(w, depth + 1);
		put(w, l->negated ? "but: " : "missing: ");
		put_literal(w, f, l);
		put(w, "\n");
		goal = f->on;
		if (l->negated && goal != NULL && goal->first != NULL)
			show_fact(w, goal->first, depth + 2);
		if (l->negated)
			return;
	}
}

const char *datalog_result_text(enum datalog_result result)
{
	switch (result) {
	case DATALOG_STEPS_SPENT:
		return "the budget of steps is spent";
	case DATALOG_FACTS_SPENT:
		return "the budget of derived facts is spent";
	case DATALOG_ROOM_SPENT:
		return "the budget of memory is spent";
	case DATALOG_UNBOUND:
		return "a Subprin condition knows neither its first argument nor the two others";
	case DATALOG_YES:
		return "yes";
	case DATALOG_NO:
		break;
	}
	return "no";
}

static void clear_shown(struct datalog *d)
{
	for (size_t i = 0; i < QUERY_BUCKETS; i++)
		for (struct fact *f = d->run.facts[i]; f != NULL; f = f->hash_next)
			f->shown = false;
}

void datalog_explain(struct datalog *d, struct wr *w)
{
	clear_shown(d);
	if (d->run.found != NULL) {
		show_fact(w, (struct fact *)(uintptr_t)d->run.found, 0);
		return;
	}
	if (d->run.stopped != DATALOG_NO) {
		put(w, datalog_result_text(d->run.stopped));
		put(w, "\n");
		return;
	}
	put(w, d->run.root == NULL ? "no rule is about this\n" : "no rule gives it\n");
	show_closest(w, d->run.root, 0);
}
