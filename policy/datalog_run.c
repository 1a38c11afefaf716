/* SPDX-License-Identifier: MIT
 *
 * Answering a query. A goal is a predicate and what is known of its arguments; each rule for it becomes a frame, which
 * meets its conditions one after the other, the cheapest first: in place as long as there is one way to go on, else it
 * waits in the agenda and goes on as a copy for each fact. Of the agenda the lowest layer is always first, so that a
 * frame with a "not" comes to its turn when all that could give the negated goal has been tried.
 */
#include "datalog_inner.h"

/* Objects of equal hash that are passed by in the time of a step. */
#define PASSED_A_STEP 2

/* A frame of any rule. */
union scratch {
	struct frame f;
	uint64_t room[(sizeof(struct frame) + (DATALOG_VARS_MAX + DATALOG_BODY_MAX) * sizeof(void *)) / 8 + 1];
};

static size_t frame_size(const struct rule *rule)
{
	return sizeof(struct frame) + (rule->n_vars + rule->n_body) * sizeof(void *);
}

static void stop(struct run *run, enum datalog_result why)
{
	if (run->stopped == DATALOG_NO)
		run->stopped = why;
}

static void step(struct datalog *d)
{
	if (++d->run.steps > d->options.steps)
		stop(&d->run, DATALOG_STEPS_SPENT);
}

static void *take(struct datalog *d, size_t n)
{
	void *p = room_take(&d->query, n);
	if (p == NULL)
		stop(&d->run, DATALOG_ROOM_SPENT);
	return p;
}

static struct frame *keep_frame(struct datalog *d, const struct frame *f)
{
	struct frame *kept = take(d, frame_size(f->rule));
	return kept != NULL ? memcpy(kept, f, frame_size(f->rule)) : NULL;
}

static void queue(struct datalog *d, struct frame *f)
{
	struct frame **agenda = &d->run.agenda[f->goal->pred->stratum];
	if (f->queued)
		return;
	f->queued = true;
	f->next = *agenda;
	*agenda = f;
}

static bool is_answered(const struct goal *goal)
{
	return goal->ground && goal->first != NULL;
}

/* For the explanation of a denial: how far the best of a goal's frames came, and at which condition it stood. */
static void note_failure(struct datalog *d, struct frame *f, unsigned literal, const struct frame *kept)
{
	if (f->goal->best != NULL && f->goal->best->n_done >= f->n_done)
		return;
	f->literal = (uint8_t)literal;
	f->goal->best = kept != NULL ? kept : keep_frame(d, f);
}

/* ---- goals ---- */

/* The variable gets the value, or has it; a constant is it. */
static bool unify(struct frame *f, const struct arg *arg, const struct term *value)
{
	const struct term *known = value_of(f, arg);
	if (known == NULL)
		f->slot[arg->var] = value;
	return known == NULL || known == value;
}

static bool args_equal(const struct term *const *a, const struct term *const *b, unsigned n)
{
	return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

static void begin_rules(struct datalog *d, struct goal *goal)
{
	for (const struct rule *rule = goal->pred->rules; rule != NULL; rule = rule->next) {
		union scratch s;
		bool fits = true;
		step(d);
		memset(&s.f, 0, frame_size(rule));
		s.f.goal = goal;
		s.f.rule = rule;
		s.f.literal = NO_LITERAL;
		for (unsigned i = 0; i < goal->pred->arity && fits; i++)
			fits = goal->arg[i] == NULL || unify(&s.f, &rule->head->arg[i], goal->arg[i]);
		struct frame *f = fits ? keep_frame(d, &s.f) : NULL;
		if (f != NULL)
			queue(d, f);
		if (d->run.stopped != DATALOG_NO)
			return;
	}
}

static struct goal *call(struct datalog *d, struct pred *pred, const struct term *const *args)
{
	uint32_t hash = fact_hash(pred, args);
	struct goal **bucket = &d->run.goals[hash % QUERY_BUCKETS], *goal = *bucket;
	uint32_t passed = 0;
	for (; goal != NULL &&
	       (goal->hash != hash || goal->pred != pred || !args_equal(goal->arg, args, pred->arity));
	     passed++)
		goal = goal->hash_next;
	d->run.steps += passed / PASSED_A_STEP;
	if (goal != NULL || (goal = take(d, sizeof *goal + pred->arity * sizeof(void *))) == NULL)
		return goal;
	goal->hash_next = *bucket;
	*bucket = goal;
	goal->pred = pred;
	goal->hash = hash;
	goal->ground = true;
	for (unsigned i = 0; i < pred->arity; i++) {
		goal->arg[i] = args[i];
		goal->ground = goal->ground && args[i] != NULL;
	}
	begin_rules(d, goal);
	return goal;
}

static bool is_known_answer(struct datalog *d, const struct goal *goal, const struct term *const *args,
			    struct fact *const *bucket)
{
	if (fact_stored(d, goal->pred, args) != NULL)
		return true;
	uint32_t passed = 0;
	for (const struct fact *f = *bucket; f != NULL; f = f->hash_next) {
		unsigned i = 0;
		d->run.steps += ++passed % PASSED_A_STEP == 0;
		while (i < goal->pred->arity && f->arg[i].term == args[i])
			i++;
		/* Of another predicate of this hash, or found for another goal. */
		if (f->pred == goal->pred && i == goal->pred->arity && f->how->goal == goal)
			return true;
	}
	return false;
}

/* All conditions are met: the goal has an answer. */
static void answer(struct datalog *d, const struct frame *f)
{
	struct goal *goal = f->goal;
	const struct term *args[DATALOG_ARITY_MAX];
	unsigned n = goal->pred->arity;
	for (unsigned i = 0; i < n; i++)
		args[i] = value_of(f, &f->rule->head->arg[i]);
	struct fact **bucket = &d->run.facts[fact_hash(goal->pred, args) % QUERY_BUCKETS];
	if (is_known_answer(d, goal, args, bucket))
		return;
	if (++d->run.n_facts > d->options.facts) {
		stop(&d->run, DATALOG_FACTS_SPENT);
		return;
	}
	const struct frame *how = keep_frame(d, f);
	struct fact *fact = take(d, sizeof *fact + n * sizeof fact->arg[0]);
	if (fact == NULL || how == NULL)
		return;
	*fact = (struct fact){ .hash_next = *bucket, .pred = goal->pred, .how = how, .line = f->rule->line };
	for (unsigned i = 0; i < n; i++)
		fact->arg[i].term = args[i];
	*bucket = fact;
	if (goal->last != NULL)
		goal->last->next = fact;
	else
		goal->first = fact;
	goal->last = fact;
	for (struct frame *c = goal->consumers; c != NULL; c = c->consumer_next)
		queue(d, c);
}

/* ---- choosing a condition ---- */

/* What it costs to meet it now; the least is taken, of equals the first. What rules give comes after what is stored:
 * it may be without end. */
enum cost {
	FOR_NOTHING,
	BY_LOOKING_UP,
	BY_MAKING,
	BY_ASKING,
	BY_NOT,
	BY_SOME,
	BY_SOME_RULES,
	BY_ALL,
	BY_ALL_RULES,
	NEVER
};

static enum cost cost_of(const struct frame *f, const struct literal *l)
{
	const struct pred *pred = l->pred;
	unsigned known = 0;
	if (pred->built_in && !l->negated) {
		if (value_of(f, &l->arg[0]) != NULL)
			return FOR_NOTHING;
		return value_of(f, &l->arg[1]) != NULL && value_of(f, &l->arg[2]) != NULL ? BY_MAKING : NEVER;
	}
	for (unsigned i = 0; i < pred->arity; i++)
		known += value_of(f, &l->arg[i]) != NULL;
	if (known == pred->arity)
		return pred->rules == NULL ? BY_LOOKING_UP : l->negated ? BY_NOT : BY_ASKING;
	if (l->negated)
		return NEVER;
	return (known > 0 ? BY_SOME : BY_ALL) + (pred->rules != NULL);
}

static unsigned choose(const struct frame *f, enum cost *least)
{
	unsigned best = 0;
	*least = NEVER;
	for (unsigned i = 0; i < f->rule->n_body; i++) {
		if ((f->done >> i & 1) != 0)
			continue;
		enum cost cost = cost_of(f, f->rule->body[i]);
		if (cost < *least) {
			*least = cost;
			best = i;
		}
	}
	return best;
}

static void set_done(struct frame *f, unsigned literal, const struct fact *fact)
{
	f->done |= UINT32_C(1) << literal;
	f->n_done++;
	f->slot[f->rule->n_vars + literal] = fact;
}

/* ---- conditions ---- */

static void set_subprin(struct frame *f, const struct literal *l, const struct term *const *t)
{
	for (unsigned i = 0; i < 3; i++)
		if (l->arg[i].term == NULL)
			f->slot[l->arg[i].var] = t[i];
}

/* Variables that stand twice in it: what is set first must be what is set last. */
static bool subprin_fits(struct frame *f, const struct literal *l, const struct term *const *t)
{
	set_subprin(f, l, t);
	for (unsigned i = 0; i < 3; i++)
		if (value_of(f, &l->arg[i]) != t[i])
			return false;
	return true;
}

/* A frame for each way but the shortest, which is taken in place. */
static bool split_all(struct datalog *d, struct frame *f, unsigned literal, const struct term *t[static 3])
{
	const struct literal *l = f->rule->body[literal];
	for (unsigned n = d->longest_tail < t[0]->exts ? d->longest_tail : t[0]->exts;
	     n > 1 && d->run.stopped == DATALOG_NO; n--) {
		union scratch s;
		const struct term *way[3] = { t[0], NULL, NULL };
		step(d);
		memcpy(&s.f, f, frame_size(f->rule));
		if (!subprin_split(d, way, n))
			break;
		if (!subprin_fits(&s.f, l, way))
			continue;
		set_done(&s.f, literal, NULL);
		s.f.literal = NO_LITERAL;
		struct frame *other = keep_frame(d, &s.f);
		if (other != NULL)
			queue(d, other);
	}
	return subprin_split(d, t, 1);
}

static bool meet_subprin(struct datalog *d, struct frame *f, unsigned literal)
{
	const struct literal *l = f->rule->body[literal];
	const struct term *t[3];
	bool yes = false;
	for (unsigned i = 0; i < 3; i++)
		t[i] = value_of(f, &l->arg[i]);
	switch (subprin(d, t, l->full)) {
	case SUBPRIN_YES:
		yes = true;
		break;
	case SUBPRIN_SPLITS:
		yes = split_all(d, f, literal, t);
		break;
	case SUBPRIN_ROOM:
		stop(&d->run, DATALOG_ROOM_SPENT);
		break;
	case SUBPRIN_UNBOUND:
	case SUBPRIN_NO:
		break;
	}
	return yes && subprin_fits(f, l, t);
}

/* The facts of the policy that could meet it: the shortest list of those that share a known argument. False: none. */
static bool find_stored(struct datalog *d, struct frame *f, const struct literal *l)
{
	uint32_t least = UINT32_MAX;
	f->stored = l->pred->facts;
	f->column = DATALOG_ARITY_MAX;
	for (unsigned i = 0; i < l->pred->arity; i++) {
		const struct term *known = value_of(f, &l->arg[i]);
		if (known == NULL)
			continue;
		const struct column *c = column_find(d, l->pred, i, known);
		if (c == NULL) {
			f->stored = NULL;
			return false;
		}
		if (c->n < least) {
			least = c->n;
			f->stored = c->facts;
			f->column = (uint8_t)i;
		}
	}
	return f->stored != NULL;
}

/* Waits for facts that meet the condition. */
static void wait(struct datalog *d, struct frame *f, unsigned literal, const struct term *const *args)
{
	const struct literal *l = f->rule->body[literal];
	struct goal *on = NULL;
	if (!l->negated)
		find_stored(d, f, l);
	if (l->pred->rules != NULL && (on = call(d, l->pred, args)) == NULL)
		return;
	f->on = on;
	f->seen = NULL;
	f->literal = (uint8_t)literal;
	f->queued = false;
	struct frame *kept = keep_frame(d, f);
	if (kept == NULL)
		return;
	if (on != NULL && !l->negated) {
		kept->consumer_next = on->consumers;
		on->consumers = kept;
	}
	note_failure(d, f, literal, kept);
	queue(d, kept);
}

/* Goes on with a frame in place until it waits, fails or answers. */
static void advance(struct datalog *d, struct frame *f)
{
	const struct term *args[DATALOG_ARITY_MAX];
	enum cost cost;
	while (d->run.stopped == DATALOG_NO) {
		unsigned literal = choose(f, &cost);
		if (f->n_done == f->rule->n_body) {
			answer(d, f);
			return;
		}
		if (cost == NEVER) {
			d->run.unbound = true;
			return;
		}
		const struct literal *l = f->rule->body[literal];
		const struct fact *stored = NULL;
		bool met;
		step(d);
		for (unsigned i = 0; i < l->pred->arity; i++)
			args[i] = value_of(f, &l->arg[i]);
		f->on = NULL;
		if (l->pred->built_in) {
			met = l->negated ? subprin(d, args, true) != SUBPRIN_YES : meet_subprin(d, f, literal);
		} else if (cost <= BY_NOT) {
			stored = fact_stored(d, l->pred, args);
			if (l->pred->rules != NULL && stored == NULL) {
				wait(d, f, literal, args);
				return;
			}
			met = (stored != NULL) != l->negated;
		} else {
			wait(d, f, literal, args);
			return;
		}
		if (!met) {
			note_failure(d, f, literal, NULL);
			return;
		}
		set_done(f, literal, stored);
	}
}

/* ---- the agenda ---- */

/* The next fact that a waiting frame has not looked at. */
static const struct fact *next_fact(struct frame *f)
{
	const struct fact *fact = f->stored;
	if (fact != NULL) {
		f->stored = f->column < DATALOG_ARITY_MAX ? fact->arg[f->column].next : fact->next;
		return fact;
	}
	if (f->on == NULL)
		return NULL;
	fact = f->seen != NULL ? f->seen->next : f->on->first;
	if (fact != NULL)
		f->seen = fact;
	return fact;
}

static bool unify_fact(struct frame *f, const struct literal *l, const struct fact *fact)
{
	for (unsigned i = 0; i < l->pred->arity; i++)
		if (!unify(f, &l->arg[i], fact->arg[i].term))
			return false;
	return true;
}

static void resume(struct datalog *d, struct frame *f)
{
	union scratch s;
	memcpy(&s.f, f, frame_size(f->rule));
	if (f->literal == NO_LITERAL) {
		advance(d, &s.f);
		return;
	}
	const struct literal *l = f->rule->body[f->literal];
	if (l->negated) {
		if (f->on->first != NULL)
			return;
		/* Nothing gave it, but perhaps because a condition could not be asked. */
		if (d->run.unbound)
			stop(&d->run, DATALOG_UNBOUND);
		set_done(&s.f, f->literal, NULL);
		advance(d, &s.f);
		return;
	}
	const struct fact *fact;
	while (d->run.stopped == DATALOG_NO && (fact = next_fact(f)) != NULL) {
		step(d);
		if (unify_fact(&s.f, l, fact)) {
			queue(d, f);
			set_done(&s.f, f->literal, fact);
			advance(d, &s.f);
			return;
		}
		memcpy(&s.f, f, frame_size(f->rule));
	}
}

static bool run_one(struct datalog *d)
{
	for (unsigned i = 0; i < DATALOG_STRATA_MAX; i++) {
		struct frame *f = d->run.agenda[i];
		if (f == NULL)
			continue;
		d->run.agenda[i] = f->next;
		f->queued = false;
		if (!is_answered(f->goal))
			resume(d, f);
		return true;
	}
	return false;
}

/* ---- asking ---- */

void datalog_begin(struct datalog *d)
{
	memset(&d->run, 0, sizeof d->run);
	d->query.n = 0;
}

const struct term *datalog_term(struct datalog *d, struct span binary)
{
	struct rd r = rd_from(binary);
	const struct term *term = term_read(d, &r);
	return rd_end(&r) == ERR_NONE ? term : NULL;
}

const struct term *datalog_string(struct datalog *d, const char *text)
{
	uint8_t binary[256];
	struct wr w = wr_to(binary, sizeof binary);
	wr_varint(&w, NODE_STR);
	wr_var_bytes(&w, span_str(text));
	return w.err == ERR_NONE ? datalog_term(d, wr_span(&w)) : NULL;
}

enum datalog_result datalog_ask(struct datalog *d, struct span name, unsigned n, const struct term *const *args,
				bool whole)
{
	struct run *run = &d->run;
	struct pred *pred = n <= DATALOG_ARITY_MAX ? pred_find(d, name, n) : NULL;
	bool ground = true;
	run->root = NULL;
	run->found = NULL;
	run->open = NULL;
	for (unsigned i = 0; i < n && n <= DATALOG_ARITY_MAX; i++) {
		run->args[i] = args[i];
		ground = ground && args[i] != NULL;
	}
	if (n == 3 && ground && span_equal(name, span_str("Subprin"))) {
		const struct term *t[3] = { args[0], args[1], args[2] };
		return subprin(d, t, true) == SUBPRIN_YES ? DATALOG_YES : DATALOG_NO;
	}
	if (pred == NULL || run->stopped != DATALOG_NO)
		return run->stopped;
	if (ground && (run->found = fact_stored(d, pred, args)) != NULL)
		return DATALOG_YES;
	if (!ground)
		run->open = pred;
	if (pred->rules != NULL && (run->root = call(d, pred, args)) != NULL)
		while (run->stopped == DATALOG_NO && !is_answered(run->root) && run_one(d))
			;
	if (ground && run->root != NULL)
		run->found = run->root->first;
	if (run->found != NULL)
		return DATALOG_YES;
	if (run->stopped == DATALOG_NO && whole && run->unbound)
		return DATALOG_UNBOUND;
	return run->stopped == DATALOG_NO && datalog_next(d, NULL) != NULL ? DATALOG_YES : run->stopped;
}

static bool is_asked(const struct datalog *d, const struct fact *f)
{
	for (unsigned i = 0; i < f->pred->arity; i++)
		if (d->run.args[i] != NULL && d->run.args[i] != f->arg[i].term)
			return false;
	return true;
}

const struct fact *datalog_next(const struct datalog *d, const struct fact *fact)
{
	const struct run *run = &d->run;
	if (run->open == NULL)
		return fact == NULL ? run->found : NULL;
	const struct fact *next = fact == NULL ? run->open->facts : fact->next;
	if (fact == NULL || fact->how == NULL) {
		while (next != NULL && !is_asked(d, next))
			next = next->next;
		if (next == NULL && run->root != NULL)
			next = run->root->first;
	}
	return next;
}

unsigned datalog_line(const struct fact *fact)
{
	return fact->line;
}

bool datalog_is_given(const struct fact *fact)
{
	return fact->how == NULL;
}

uint32_t datalog_steps(const struct datalog *d)
{
	return d->run.steps;
}
