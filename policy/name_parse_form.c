/* SPDX-License-Identifier: MIT
 *
 * The text form, read: formulas (PROTOCOL, section 1). says, forall and exists take all that follows them.
 */
#include "name_text_parse.h"

static struct node *form(struct parse *p, unsigned level);

/* The operators between formulas, loosest first. */
static const struct {
	const char *word;
	enum node_kind kind;
} operators[] = {
	{ "implies", NODE_IMPLIES },
	{ "or", NODE_OR },
	{ "and", NODE_AND },
};

#define LOOSEST 0u
#define TIGHTEST ((unsigned)(sizeof operators / sizeof operators[0])) /* no operator: what may follow "not" */

static struct node *parse_quantified(struct parse *p, enum node_kind kind)
{
	struct node *node = parse_node(p, kind);
	struct kids kids = kids_of(node);
	struct span variable = parse_identifier(p);
	if (node != NULL)
		node->text = variable;
	parse_expect(p, ':');
	kids_add(&kids, form(p, LOOSEST));
	return node;
}

static struct node *parse_not(struct parse *p)
{
	struct node *node = parse_node(p, NODE_NOT);
	struct kids kids = kids_of(node);
	kids_add(&kids, form(p, TIGHTEST));
	return node;
}

/* "(and)", "(and F)", "(or)", "(or F)": of one and of none, for which CloudProxy has bytes, but no text. */
static struct node *parse_few(struct parse *p, enum node_kind kind)
{
	struct node *node = parse_node(p, kind);
	struct kids kids = kids_of(node);
	if (parse_peek(p) != ')')
		kids_add(&kids, form(p, LOOSEST));
	return node;
}

static struct node *parse_parentheses(struct parse *p)
{
	struct node *node;
	parse_expect(p, '(');
	if (parse_take_word(p, "and"))
		node = parse_few(p, NODE_AND);
	else if (parse_take_word(p, "or"))
		node = parse_few(p, NODE_OR);
	else
		node = form(p, LOOSEST);
	parse_expect(p, ')');
	return node;
}

static struct node *parse_const(struct parse *p, bool value)
{
	struct node *node = parse_node(p, NODE_CONST);
	if (node != NULL)
		node->number = value;
	return node;
}

static void parse_times(struct parse *p, struct node *says)
{
	bool has_time = parse_take_word(p, "from");
	int64_t time = has_time ? parse_int64(p) : 0;
	bool has_expiration = parse_take_word(p, "until");
	int64_t expiration = has_expiration ? parse_int64(p) : 0;
	if (says == NULL)
		return;
	says->has_time = has_time;
	says->number = time;
	says->has_expiration = has_expiration;
	says->expiration = expiration;
}

/* Term speaksfor Term, Term [from Int] [until Int] says Form */
static struct node *parse_relation(struct parse *p)
{
	struct node *subject = parse_term(p);
	bool speaksfor = parse_take_word(p, "speaksfor");
	struct node *node = parse_node(p, speaksfor ? NODE_SPEAKSFOR : NODE_SAYS);
	struct kids kids = kids_of(node);
	kids_add(&kids, subject);
	if (speaksfor) {
		kids_add(&kids, parse_term(p));
		return node;
	}
	parse_times(p, node);
	if (!parse_take_word(p, "says"))
		parse_fail(p, p->at < p->text.n ? ERR_MALFORMED : ERR_TRUNCATED);
	kids_add(&kids, form(p, LOOSEST));
	return node;
}

/* Is a predicate next? A word with a capital is one before a parenthesis, and else a variable. */
static bool is_call(struct parse *p)
{
	size_t at = p->at;
	struct span word = parse_word(p);
	bool call = word.n > 0 && word.p[0] >= 'A' && word.p[0] <= 'Z' && parse_peek(p) == '(';
	p->at = at;
	return call;
}

/* What stands between operators. */
static struct node *parse_high(struct parse *p)
{
	if (parse_peek(p) == '(')
		return parse_parentheses(p);
	if (parse_take_word(p, "not"))
		return parse_not(p);
	if (parse_take_word(p, "forall"))
		return parse_quantified(p, NODE_FORALL);
	if (parse_take_word(p, "exists"))
		return parse_quantified(p, NODE_EXISTS);
	if (parse_take_word(p, "true"))
		return parse_const(p, true);
	if (parse_take_word(p, "false"))
		return parse_const(p, false);
	return is_call(p) ? parse_call(p, NODE_PRED) : parse_relation(p);
}

/* The operator that is next, if it is of this level or tighter. */
static bool next_operator(struct parse *p, unsigned level, unsigned *found)
{
	struct span word = parse_peek_word(p);
	for (unsigned i = level; i < TIGHTEST; i++)
		if (span_equal(word, span_str(operators[i].word))) {
			*found = i;
			return true;
		}
	return false;
}

/* left OP right, left OP right OP right … */
static struct node *parse_operation(struct parse *p, struct node *left, unsigned op)
{
	struct node *node = parse_node(p, operators[op].kind);
	struct kids kids = kids_of(node);
	bool implies = operators[op].kind == NODE_IMPLIES;
	kids_add(&kids, left);
	do {
		if (!parse_take_word(p, operators[op].word))
			break;
		/* implies takes two, and its right side whole: it associates to the right. */
		kids_add(&kids, form(p, implies ? op : op + 1));
	} while (!implies && p->err == ERR_NONE);
	return node;
}

/* A formula whose outermost operator is of this level or tighter. */
static struct node *form(struct parse *p, unsigned level)
{
	struct node *node = NULL;
	unsigned op;
	if (parse_enter(p)) {
		node = parse_high(p);
		/* Tighter operators come first; at most three turns. */
		while (p->err == ERR_NONE && next_operator(p, level, &op))
			node = parse_operation(p, node, op);
	}
	parse_leave(p);
	return p->err == ERR_NONE ? node : NULL;
}

struct node *parse_form(struct parse *p)
{
	return form(p, LOOSEST);
}
