/* SPDX-License-Identifier: MIT
 *
 * The text form, read: names and what stands in them (PROTOCOL, section 1).
 */
#include "name_text_parse.h"
#include "name_shape.h"
#include "name_text.h"

struct node *parse_call(struct parse *p, enum node_kind kind)
{
	struct node *node = parse_node(p, kind);
	struct kids kids = kids_of(node);
	struct span name = parse_identifier(p);
	if (node != NULL)
		node->text = name;
	parse_expect(p, '(');
	if (parse_take(p, ')'))
		return node;
	do
		kids_add(&kids, parse_term(p));
	while (parse_take(p, ','));
	parse_expect(p, ')');
	return node;
}

static struct node *parse_subprin(struct parse *p)
{
	struct node *node = parse_node(p, NODE_SUBPRIN);
	struct kids kids = kids_of(node);
	while (parse_take(p, '.'))
		kids_add(&kids, parse_call(p, NODE_EXT));
	return node;
}

static struct node *parse_prin(struct parse *p)
{
	struct node *node = parse_node(p, NODE_PRIN);
	struct kids kids = kids_of(node);
	struct span type = parse_word(p);
	if (!name_is_type(type))
		parse_fail_at(p, p->at < p->text.n || type.n > 0 ? ERR_MALFORMED : ERR_TRUNCATED, p->at - type.n);
	if (node != NULL)
		node->text = type;
	parse_expect(p, '(');
	kids_add(&kids, parse_term(p));
	parse_expect(p, ')');
	kids_add(&kids, parse_subprin(p));
	return node;
}

static struct node *parse_tail(struct parse *p)
{
	struct node *node = parse_node(p, NODE_TAIL);
	struct kids kids = kids_of(node);
	if (!parse_take_word(p, "ext"))
		parse_fail(p, ERR_MALFORMED);
	else if (parse_peek(p) != '.')
		parse_fail(p, p->at < p->text.n ? ERR_MALFORMED : ERR_TRUNCATED);
	kids_add(&kids, parse_subprin(p));
	return node;
}

static struct node *parse_number(struct parse *p)
{
	struct node *node = parse_node(p, NODE_INT);
	int64_t number = parse_int64(p);
	if (node != NULL)
		node->number = number;
	return node;
}

static struct node *parse_variable(struct parse *p)
{
	struct node *node = parse_node(p, NODE_VAR);
	struct span name = parse_identifier(p);
	if (node != NULL)
		node->text = name;
	return node;
}

static struct node *term(struct parse *p)
{
	int c = parse_peek(p);
	if (c == '"')
		return parse_string(p);
	if (c == '[' || c == '{')
		return parse_bytes(p);
	if (c == '-' || (c >= '0' && c <= '9'))
		return parse_number(p);
	if (c >= 'A' && c <= 'Z')
		return parse_variable(p);
	return span_equal(parse_peek_word(p), span_str("ext")) ? parse_tail(p) : parse_prin(p);
}

struct node *parse_term(struct parse *p)
{
	struct node *node = parse_enter(p) ? term(p) : NULL;
	parse_leave(p);
	return node;
}

static struct node *parse_class(struct parse *p, enum name_class what)
{
	switch (what) {
	case NAME_PRIN:
		return parse_prin(p);
	case NAME_TAIL:
		return parse_tail(p);
	case NAME_SUBPRIN:
		return parse_subprin(p);
	case NAME_TERM:
		return parse_term(p);
	case NAME_PRED:
		return parse_call(p, NODE_PRED);
	case NAME_FORM:
		return parse_form(p);
	case NAME_EXT:
		return parse_call(p, NODE_EXT);
	}
	return NULL;
}

/* The parser's nesting is not the tree's: "a and b" is deeper than a, and "(a)" is not. Recursion ends at
 * NAME_DEPTH_MAX. */
static bool is_too_deep(const struct node *node, unsigned depth)
{
	if (depth > NAME_DEPTH_MAX)
		return true;
	for (const struct node *kid = node->kids; kid != NULL; kid = kid->next)
		if (is_too_deep(kid, depth + 1))
			return true;
	return false;
}

int name_parse(struct span text, enum name_class what, struct node_pool *pool, struct node **root, size_t *at)
{
	struct parse p = { .text = text, .pool = pool };
	size_t n = pool->n, text_n = pool->text_n;
	struct node *node = parse_class(&p, what);
	if (parse_peek(&p) >= 0)
		parse_fail(&p, ERR_TRAILING);
	if (p.err == ERR_NONE && is_too_deep(node, name_first_depth(what)))
		parse_fail(&p, ERR_TOO_DEEP);
	if (p.err == ERR_NONE) {
		*root = node;
		return ERR_NONE;
	}
	pool->n = n;
	pool->text_n = text_n;
	if (at != NULL)
		*at = p.err_at;
	return p.err;
}
