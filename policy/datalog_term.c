/* SPDX-License-Identifier: MIT
 *
 * Values, each kept once, so that comparing two is comparing pointers; and Subprin, which takes them apart.
 */
#include "datalog_inner.h"
#include "name_shape.h"

void *room_take(struct room *room, size_t n)
{
	size_t at = (room->n + 7) & ~(size_t)7;
	if (at > room->cap || n > room->cap - at)
		return NULL;
	room->n = at + n;
	return memset(room->p + at, 0, n);
}

struct wr room_rest(const struct room *room)
{
	return wr_to(room->p + room->n, room->cap - room->n);
}

uint32_t hash_mix(uint32_t hash, uint32_t more)
{
	hash = (hash ^ more) * 0x9e3779b1u;
	return hash ^ hash >> 15;
}

uint32_t hash_bytes(struct span bytes)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < bytes.n; i++)
		hash = (hash ^ bytes.p[i]) * 16777619u;
	return hash_mix(hash, (uint32_t)bytes.n);
}

static const struct term *find(const struct term *t, const struct term *like)
{
	while (t != NULL && (t->hash != like->hash || t->parent != like->parent || t->ext != like->ext ||
			     !span_equal(t->bytes, like->bytes)))
		t = t->next;
	return t;
}

/* The policy's object if there is one, else the query's; a new one where there is none. */
static const struct term *keep(struct datalog *d, const struct term *like)
{
	struct term **bucket = &d->terms[like->hash & d->mask];
	struct room *room = &d->rules;
	const struct term *found = find(*bucket, like);
	if (found == NULL && !d->loading) {
		bucket = &d->run.terms[like->hash % QUERY_BUCKETS];
		room = &d->query;
		found = find(*bucket, like);
	}
	if (found != NULL)
		return found;
	struct term *made = room_take(room, sizeof *made + like->bytes.n);
	if (made == NULL)
		return NULL;
	*made = *like;
	if (like->bytes.n > 0)
		made->bytes.p = memcpy(made + 1, like->bytes.p, like->bytes.n);
	made->next = *bucket;
	*bucket = made;
	return made;
}

const struct term *term_atom(struct datalog *d, struct span bytes)
{
	/* Tags are less than 128: a byte each. */
	const struct term like = { .bytes = bytes, .hash = hash_bytes(bytes), .kind = (enum node_kind)bytes.p[0] };
	return keep(d, &like);
}

const struct term *term_extend(struct datalog *d, const struct term *parent, const struct term *ext)
{
	if (parent == NULL || ext == NULL)
		return NULL;
	const struct term like = { .parent = parent,
				   .ext = ext,
				   .hash = hash_mix(parent->hash, ext->hash),
				   .exts = parent->exts + 1,
				   .kind = parent->kind };
	/* Values of this length are known before any of them is taken apart. */
	if (like.kind == NODE_TAIL && like.exts > d->longest_tail)
		d->longest_tail = like.exts;
	return keep(d, &like);
}

static const uint8_t tail_tag = NODE_TAIL;

const struct term *term_read(struct datalog *d, struct rd *r)
{
	struct node head, list;
	const uint8_t *from = r->p;
	name_read_head(r, KINDS_TERM, &head);
	if (head.kind == NODE_PRIN)
		name_check_element(r, KINDS_TERM, 1);
	if (r->err != ERR_NONE)
		return NULL;
	struct span bytes = span_of(from, (size_t)(r->p - from));
	const struct term *t = term_atom(d, head.kind == NODE_TAIL ? span_of(&tail_tag, 1) : bytes);
	if (head.kind != NODE_PRIN && head.kind != NODE_TAIL)
		return t;
	name_read_head(r, KIND(NODE_SUBPRIN), &list);
	if (list.count > TERM_EXTS_MAX)
		rd_fail(r, ERR_TOO_LARGE);
	for (uint32_t i = 0; i < list.count && r->err == ERR_NONE; i++) {
		from = r->p;
		name_check_element(r, KIND(NODE_EXT), name_depth(NODE_EXT));
		if (r->err == ERR_NONE)
			t = term_extend(d, t, term_atom(d, span_of(from, (size_t)(r->p - from))));
	}
	return r->err == ERR_NONE ? t : NULL;
}

/* ---- as text ---- */

static const struct term *up(const struct term *t, unsigned n)
{
	while (n-- > 0)
		t = t->parent;
	return t;
}

void term_print(const struct term *term, struct wr *text)
{
	uint8_t binary[3072];
	struct wr w = wr_to(binary, sizeof binary);
	wr_span_bytes(&w, up(term, term->exts)->bytes);
	if (term->kind == NODE_PRIN || term->kind == NODE_TAIL) {
		wr_varint(&w, NODE_SUBPRIN);
		wr_varint(&w, term->exts);
	}
	for (unsigned i = 1; i <= term->exts && w.err == ERR_NONE; i++)
		wr_span_bytes(&w, up(term, term->exts - i)->ext->bytes);
	size_t n = text->n;
	if (w.err == ERR_NONE && name_print_binary(wr_span(&w), NAME_TERM, text) >= 0)
		return;
	if (text->err == ERR_NONE)
		text->n = n;
	wr_span_bytes(text, span_str("(a name too long to show)"));
}

/* ---- Subprin ---- */

static const struct term *empty_tail(struct datalog *d)
{
	return term_atom(d, span_of(&tail_tag, 1));
}

/* The extensions between whole and the part of it that is n shorter, as a tail. */
static const struct term *tail_of(struct datalog *d, const struct term *whole, unsigned n)
{
	const struct term *tail = empty_tail(d);
	d->run.steps += n + n * n / 16; /* each goes up again */
	for (; n > 0 && tail != NULL; n--)
		tail = term_extend(d, tail, up(whole, n - 1)->ext);
	return tail;
}

bool subprin_split(struct datalog *d, const struct term *t[static 3], unsigned n)
{
	if (t[0]->exts < n)
		return false;
	t[1] = up(t[0], n);
	t[2] = tail_of(d, t[0], n);
	return t[2] != NULL;
}

/* Is whole the part, extended by the tail? */
static bool is_extended(const struct term *whole, const struct term *part, const struct term *tail)
{
	for (; tail->parent != NULL && whole->parent != NULL; tail = tail->parent, whole = whole->parent)
		if (tail->ext != whole->ext)
			return false;
	return tail->parent == NULL && whole == part;
}

static enum subprin make(struct datalog *d, const struct term *t[static 3])
{
	const struct term *s = t[1];
	d->run.steps += t[2]->exts + t[2]->exts * t[2]->exts / 16;
	if (s->exts + t[2]->exts > TERM_EXTS_MAX)
		return SUBPRIN_ROOM;
	for (unsigned n = t[2]->exts; n > 0 && s != NULL; n--)
		s = term_extend(d, s, up(t[2], n - 1)->ext);
	t[0] = s;
	return s != NULL ? SUBPRIN_YES : SUBPRIN_ROOM;
}

enum subprin subprin(struct datalog *d, const struct term *t[static 3], bool full)
{
	if ((t[0] != NULL && t[0]->kind != NODE_PRIN) || (t[1] != NULL && t[1]->kind != NODE_PRIN) ||
	    (t[2] != NULL && (t[2]->kind != NODE_TAIL || t[2]->exts == 0)))
		return SUBPRIN_NO;
	if (!full && t[2] != NULL && t[2]->exts != 1)
		return SUBPRIN_NO;
	if (t[0] == NULL)
		return t[1] != NULL && t[2] != NULL ? make(d, t) : SUBPRIN_UNBOUND;
	d->run.steps += t[2] != NULL ? t[2]->exts : 0;
	if (t[1] != NULL && t[2] != NULL)
		return is_extended(t[0], t[1], t[2]) ? SUBPRIN_YES : SUBPRIN_NO;
	unsigned n = 1;
	if (full && t[1] != NULL) {
		if (t[0]->exts <= t[1]->exts)
			return SUBPRIN_NO;
		n = t[0]->exts - t[1]->exts;
		/* A condition gives E, and there is none so long. */
		if (n > d->longest_tail)
			return SUBPRIN_NO;
	} else if (full && t[2] != NULL) {
		n = t[2]->exts;
	} else if (full && d->longest_tail > 1) {
		return SUBPRIN_SPLITS;
	}
	const struct term *known[2] = { t[1], t[2] };
	if (t[0]->exts < n)
		return SUBPRIN_NO;
	if (!subprin_split(d, t, n))
		return SUBPRIN_ROOM;
	return (known[0] == NULL || known[0] == t[1]) && (known[1] == NULL || known[1] == t[2]) ? SUBPRIN_YES
												: SUBPRIN_NO;
}
