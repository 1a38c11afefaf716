/* SPDX-License-Identifier: MIT
 *
 * A policy's text into rules, facts and their indexes; the layers of negation.
 */
#include "datalog_rule.h"

/* ---- facts and columns ---- */

uint32_t fact_hash(const struct pred *pred, const struct term *const *args)
{
	uint32_t hash = pred->hash;
	for (unsigned i = 0; i < pred->arity; i++)
		hash = hash_mix(hash, args[i] != NULL ? args[i]->hash : 1);
	return hash;
}

struct fact *fact_stored(const struct datalog *d, const struct pred *pred, const struct term *const *args)
{
	for (struct fact *f = d->facts[fact_hash(pred, args) & d->mask]; f != NULL; f = f->hash_next) {
		unsigned i = 0;
		while (f->pred == pred && i < pred->arity && f->arg[i].term == args[i])
			i++;
		if (f->pred == pred && i == pred->arity)
			return f;
	}
	return NULL;
}

static struct column **column_bucket(const struct datalog *d, const struct pred *pred, unsigned at,
				     const struct term *term)
{
	return &d->columns[hash_mix(hash_mix(pred->hash, at), term->hash) & d->mask];
}

const struct column *column_find(const struct datalog *d, const struct pred *pred, unsigned at,
				 const struct term *term)
{
	const struct column *c = *column_bucket(d, pred, at, term);
	while (c != NULL && (c->pred != pred || c->at != at || c->term != term))
		c = c->next;
	return c;
}

struct column *column_of(struct datalog *d, const struct pred *pred, unsigned at, const struct term *term)
{
	struct column **bucket = column_bucket(d, pred, at, term), *c = *bucket;
	while (c != NULL && (c->pred != pred || c->at != at || c->term != term))
		c = c->next;
	if (c != NULL || (c = room_take(&d->rules, sizeof *c)) == NULL)
		return c;
	*c = (struct column){ .next = *bucket, .pred = pred, .term = term, .at = at };
	*bucket = c;
	return c;
}

/* ---- layers ---- */

/* Each predicate's layer is at least that of every condition of its rules, and more than that of a negated one. A
 * cycle through not would raise its layers for ever. */
static int make_layers(struct datalog *d, struct why *why)
{
	struct pred *queue = NULL;
	uint32_t steps = 0;
	for (size_t i = 0; i < 256; i++)
		for (struct pred *p = d->preds[i]; p != NULL; p = p->next) {
			p->queue_next = queue;
			p->queued = true;
			queue = p;
		}
	while (queue != NULL) {
		struct pred *p = queue;
		queue = p->queue_next;
		p->queued = false;
		for (const struct literal *l = p->uses; l != NULL; l = l->next_use) {
			unsigned least = p->stratum + l->negated;
			if (++steps > DATALOG_LOAD_STEPS) {
				why_say(why, "the rules are too entangled: # steps were not enough to order them",
					DATALOG_LOAD_STEPS, span_of(NULL, 0));
				return ERR_TOO_LARGE;
			}
			if (l->head->stratum >= least)
				continue;
			if (least == DATALOG_STRATA_MAX) {
				why_say(why,
					"$ depends on its own negation (a cycle through not), or on # layers of "
					"not",
					DATALOG_STRATA_MAX, l->head->name);
				return ERR_UNSUPPORTED;
			}
			l->head->stratum = least;
			if (l->head->queued)
				continue;
			l->head->queued = true;
			l->head->queue_next = queue;
			queue = l->head;
		}
	}
	return ERR_NONE;
}

/* ---- text ---- */

static bool take_line(struct datalog_lines *lines, struct span *line)
{
	if (lines->text.n == 0)
		return false;
	const uint8_t *end = memchr(lines->text.p, '\n', lines->text.n);
	size_t n = end != NULL ? (size_t)(end - lines->text.p) : lines->text.n;
	*line = span_of(lines->text.p, n);
	n += end != NULL;
	lines->text = span_of(lines->text.p + n, lines->text.n - n);
	lines->line++;
	return true;
}

static bool is_indented(struct span text)
{
	return text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t');
}

/* Without the blanks around it. */
static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

static bool is_empty(struct span line)
{
	struct span s = trim(line);
	return s.n == 0 || s.p[0] == '#';
}

bool datalog_next_rule(struct datalog_lines *lines, struct span *rule, unsigned *line, unsigned *error)
{
	struct span first, more;
	*error = 0;
	do {
		*line = lines->line;
		if (!take_line(lines, &first))
			return false;
	} while (is_empty(first));
	if (is_indented(first)) {
		*error = *line;
		return false;
	}
	struct datalog_lines ahead = *lines;
	while (is_indented(ahead.text) && take_line(&ahead, &more) && !is_empty(more)) {
		first.n = (size_t)(more.p + more.n - first.p);
		*lines = ahead;
	}
	*rule = first;
	return true;
}

static int read_rules(struct datalog *d, struct span text, struct why *why)
{
	struct datalog_lines lines = { text, d->options.line };
	struct span rule;
	unsigned line, error;
	while (datalog_next_rule(&lines, &rule, &line, &error)) {
		int r = datalog_rule(d, rule, line, why);
		if (r < 0)
			return r;
	}
	if (error == 0)
		return ERR_NONE;
	why_say(why, "line #: is indented, as what continues a rule, but stands below none", error, text);
	return ERR_MALFORMED;
}

int datalog_load(struct datalog **made, struct span memory, struct span text,
		 const struct datalog_options *options, struct why *why)
{
	/* First the part for queries, which no page of is touched before there is one. */
	uint8_t *query = (uint8_t *)(uintptr_t)memory.p;
	size_t query_room = options->query_room < memory.n ? options->query_room : memory.n;
	struct room room = { query + query_room, 0, memory.n - query_room };
	struct datalog *d = room_take(&room, sizeof *d);
	size_t buckets = 64;
	/* A fact is some twenty bytes of text at least, as policies are. */
	while (buckets < text.n / 16)
		buckets *= 2;
	void *tables = room_take(&room, 3 * buckets * sizeof(void *));
	if (d == NULL || tables == NULL) {
		why_say(why, "the policy does not fit into its memory", 0, text);
		return ERR_TOO_LARGE;
	}
	d->options = *options;
	d->query = (struct room){ query, 0, query_room };
	d->mask = (uint32_t)buckets - 1;
	d->terms = tables;
	d->facts = (struct fact **)(d->terms + buckets);
	d->columns = (struct column **)(d->facts + buckets);
	d->rules = room;
	d->loading = true;
	int r = read_rules(d, text, why);
	if (r == ERR_NONE)
		r = make_layers(d, why);
	d->loading = false;
	datalog_begin(d);
	if (r == ERR_NONE)
		*made = d;
	return r;
}

bool datalog_names(const struct datalog *d, const char *name, unsigned at, const char *text)
{
	uint8_t binary[64];
	struct wr w = wr_to(binary, sizeof binary);
	wr_varint(&w, NODE_STR);
	wr_var_bytes(&w, span_str(text));
	for (const struct pred *p = d->preds[hash_bytes(span_str(name)) % 256]; p != NULL; p = p->next) {
		if (p->arity <= at || !span_equal(p->name, span_str(name)))
			continue;
		/* Not interned: this must not write. */
		for (const struct fact *f = p->facts; f != NULL; f = f->next)
			if (span_equal(f->arg[at].term->bytes, wr_span(&w)))
				return true;
		for (const struct rule *r = p->rules; r != NULL; r = r->next)
			if (r->head->arg[at].term != NULL && span_equal(r->head->arg[at].term->bytes, wr_span(&w)))
				return true;
	}
	return false;
}

unsigned datalog_arities(const struct datalog *d, const char *name)
{
	unsigned set = 0;
	for (const struct pred *p = d->preds[hash_bytes(span_str(name)) % 256]; p != NULL; p = p->next)
		if (span_equal(p->name, span_str(name)) && (p->facts != NULL || p->rules != NULL))
			set |= 1u << p->arity;
	return set;
}
