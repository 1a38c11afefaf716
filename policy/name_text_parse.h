/* SPDX-License-Identifier: MIT
 *
 * The parser of the text form: what its parts share. The first error sticks, with its place. A function that makes a
 * node gives NULL after a failure. Private to name_parse*.c.
 */
#ifndef TAO_NAME_TEXT_PARSE_H
#define TAO_NAME_TEXT_PARSE_H

#include "name.h"

/* Each level of a tree costs the parser two nested calls at most, itself and its parentheses. */
#define PARSE_NESTING_MAX (2 * (NAME_DEPTH_MAX + 2))

struct parse {
	struct span text;
	size_t at;
	struct node_pool *pool;
	unsigned nesting;
	enum err err;
	size_t err_at;
};

/* ---- name_parse_token.c ---- */

/* Fails at p->at, or at a place given. */
void parse_fail(struct parse *p, enum err err);
void parse_fail_at(struct parse *p, enum err err, size_t at);
/* Around what recurs; false after a failure. */
bool parse_enter(struct parse *p);
void parse_leave(struct parse *p);
/* The next byte that is not space; -1 at the end and after a failure. */
int parse_peek(struct parse *p);
/* Steps over the byte, if it is next. */
bool parse_take(struct parse *p, int c);
/* Fails if it is not. */
void parse_expect(struct parse *p, int c);
/* The word that is next, and the one that is next (not taken). */
struct span parse_word(struct parse *p);
struct span parse_peek_word(struct parse *p);
/* Steps over the word, if it is next. */
bool parse_take_word(struct parse *p, const char *word);
struct span parse_identifier(struct parse *p);
int64_t parse_int64(struct parse *p);

struct node *parse_node(struct parse *p, enum node_kind kind);
/* "…", […] and {…} */
struct node *parse_string(struct parse *p);
struct node *parse_bytes(struct parse *p);

/* Adds kids in order. */
struct kids {
	struct node *node;
	struct node **end;
};

static inline struct kids kids_of(struct node *node)
{
	struct kids kids = { node, node != NULL ? &node->kids : NULL };
	return kids;
}

static inline void kids_add(struct kids *kids, struct node *kid)
{
	if (kids->node == NULL || kid == NULL)
		return;
	*kids->end = kid;
	kids->end = &kid->next;
	kids->node->count++;
}

/* ---- name_parse.c: names; name_parse_form.c: formulas ---- */

struct node *parse_term(struct parse *p);
/* Name(Term, …): a predicate or an extension. */
struct node *parse_call(struct parse *p, enum node_kind kind);
struct node *parse_form(struct parse *p);

#endif
