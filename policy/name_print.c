/* SPDX-License-Identifier: MIT
 *
 * The text form of names and formulas (PROTOCOL, section 1), from a tree or straight from the binary form.
 *
 * Formulas get the parentheses that CloudProxy writes, and besides those without which its text reads back as
 * another formula.
 */
#include "name_shape.h"
#include "name_text.h"

/* How tightly an operator binds. A formula that binds less than its place asks for gets parentheses. */
enum level { LEVEL_FORM, LEVEL_IMPLIES, LEVEL_OR, LEVEL_AND, LEVEL_HIGH, LEVEL_NEGATED };

/* Where a formula stands. says, forall and exists take all that follows them, so they go without parentheses only
 * where nothing does (last). */
struct place {
	enum level level;
	bool last;
};

struct printer {
	struct wr *out;
	struct rd *r; /* NULL: from a tree */
};

static void put(struct printer *p, const char *text)
{
	wr_bytes(p->out, text, strlen(text));
}

static void put_hex(struct printer *p, struct span s)
{
	wr_u8(p->out, '[');
	wr_hex(p->out, s);
	wr_u8(p->out, ']');
}

static void put_int(struct printer *p, int64_t value)
{
	char digits[20]; /* 2^64 has twenty */
	size_t at = sizeof digits;
	uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do
		digits[--at] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	if (value < 0)
		wr_u8(p->out, '-');
	wr_bytes(p->out, digits + at, sizeof digits - at);
}

static bool in_parentheses(const struct node *node, struct place place)
{
	switch (node->kind) {
	case NODE_AND:
		return node->count < 2 || place.level > LEVEL_AND;
	case NODE_OR:
		return node->count < 2 || place.level > LEVEL_OR;
	case NODE_IMPLIES:
		return place.level > LEVEL_IMPLIES;
	case NODE_SPEAKSFOR: /* clear without, but so CloudProxy writes it, and not so behind "not" */
		return !place.last && place.level != LEVEL_NEGATED;
	case NODE_SAYS:
	case NODE_FORALL:
	case NODE_EXISTS:
		return !place.last;
	case NODE_PRIN:
	case NODE_TAIL:
	case NODE_STR:
	case NODE_BYTES:
	case NODE_INT:
	case NODE_VAR:
	case NODE_PRED:
	case NODE_CONST:
	case NODE_NOT:
	case NODE_SUBPRIN:
	case NODE_EXT:
		break;
	}
	return false;
}

/* Where kid i of a node stands. */
static struct place place_of_kid(const struct node *node, uint32_t i, struct place place)
{
	struct place kid = { LEVEL_FORM, place.last };
	if (node->kind == NODE_NOT)
		kid.level = LEVEL_NEGATED;
	if ((node->kind == NODE_AND || node->kind == NODE_OR) && node->count > 1)
		kid.level = node->kind == NODE_AND ? LEVEL_HIGH : LEVEL_AND;
	if (node->kind == NODE_IMPLIES)
		kid.level = i == 0 ? LEVEL_OR : LEVEL_IMPLIES;
	if (i + 1 < node->count)
		kid.last = false;
	return kid;
}

static void put_time(struct printer *p, bool has, const char *word, int64_t value)
{
	if (!has)
		return;
	put(p, word);
	put_int(p, value);
}

static void put_operator(struct printer *p, const char *word, const struct node *node, uint32_t i)
{
	if (i > 0)
		put(p, word);
	else if (node->count < 2)
		put(p, word + 1); /* "(and)", "(and F)": CloudProxy's text has nothing for these */
}

/* What stands in front of kid i. */
static void put_before(struct printer *p, const struct node *node, uint32_t i)
{
	switch (node->kind) {
	case NODE_PRIN:
		put(p, i == 0 ? "(" : ")");
		break;
	case NODE_SUBPRIN:
		put(p, ".");
		break;
	case NODE_PRED:
	case NODE_EXT:
		put(p, i > 0 ? ", " : "");
		break;
	case NODE_AND:
		put_operator(p, " and ", node, i);
		break;
	case NODE_OR:
		put_operator(p, " or ", node, i);
		break;
	case NODE_IMPLIES:
		put(p, i > 0 ? " implies " : "");
		break;
	case NODE_SPEAKSFOR:
		put(p, i > 0 ? " speaksfor " : "");
		break;
	case NODE_SAYS:
		if (i == 0)
			break;
		put_time(p, node->has_time, " from ", node->number);
		put_time(p, node->has_expiration, " until ", node->expiration);
		put(p, " says ");
		break;
	case NODE_TAIL:
	case NODE_STR:
	case NODE_BYTES:
	case NODE_INT:
	case NODE_VAR:
	case NODE_CONST:
	case NODE_NOT:
	case NODE_FORALL:
	case NODE_EXISTS:
		break;
	}
}

/* What a node has before its kids. */
static void put_head(struct printer *p, const struct node *node)
{
	switch (node->kind) {
	case NODE_STR:
		name_put_quoted(p->out, node->text);
		break;
	case NODE_BYTES:
		put_hex(p, node->text);
		break;
	case NODE_INT:
		put_int(p, node->number);
		break;
	case NODE_CONST:
		put(p, node->number != 0 ? "true" : "false");
		break;
	case NODE_PRIN:
	case NODE_VAR:
		wr_span_bytes(p->out, node->text);
		break;
	case NODE_PRED:
	case NODE_EXT:
		wr_span_bytes(p->out, node->text);
		put(p, "(");
		break;
	case NODE_TAIL:
		put(p, "ext");
		break;
	case NODE_NOT:
		put(p, "not ");
		break;
	case NODE_AND:
		put(p, node->count == 0 ? "and" : "");
		break;
	case NODE_OR:
		put(p, node->count == 0 ? "or" : "");
		break;
	case NODE_FORALL:
	case NODE_EXISTS:
		put(p, node->kind == NODE_FORALL ? "forall " : "exists ");
		wr_span_bytes(p->out, node->text);
		put(p, ": ");
		break;
	case NODE_IMPLIES:
	case NODE_SPEAKSFOR:
	case NODE_SAYS:
	case NODE_SUBPRIN:
		break;
	}
}

static void fail(struct printer *p, enum err err)
{
	if (p->out->err == ERR_NONE)
		p->out->err = err;
}

/* The next node: the one given, or what the reader has next, in *read. NULL after a failure. */
static const struct node *next_node(struct printer *p, const struct node *given, uint32_t allowed,
				    struct node *read)
{
	if (p->r != NULL) {
		name_read_head(p->r, allowed, read);
		if (p->r->err != ERR_NONE)
			fail(p, p->r->err);
		given = read;
	} else if (!name_is_legal_node(given, allowed)) {
		fail(p, ERR_MALFORMED);
	}
	return p->out->err == ERR_NONE ? given : NULL;
}

/* Recursion ends at NAME_DEPTH_MAX. */
static void print(struct printer *p, const struct node *given, uint32_t allowed, struct place place,
		  unsigned depth)
{
	struct node read;
	if (depth > NAME_DEPTH_MAX)
		fail(p, ERR_TOO_DEEP);
	const struct node *node = next_node(p, given, allowed, &read);
	if (node == NULL)
		return;
	bool parentheses = in_parentheses(node, place);
	if (parentheses) {
		put(p, "(");
		place = (struct place){ LEVEL_FORM, true };
	}
	put_head(p, node);
	const struct node *kid = node->kids;
	for (uint32_t i = 0; i < node->count && p->out->err == ERR_NONE; i++) {
		if (p->r != NULL)
			name_read_between(p->r, &read, i);
		put_before(p, node, i);
		print(p, kid, name_kid_kinds(node->kind, i), place_of_kid(node, i, place), depth + 1);
		if (kid != NULL)
			kid = kid->next;
	}
	if (parentheses || node->kind == NODE_PRED || node->kind == NODE_EXT)
		put(p, ")");
}

static const struct place TOP = { LEVEL_FORM, true };

int name_print(const struct node *node, struct wr *out)
{
	struct printer p = { out, NULL };
	print(&p, node, ~KIND(0), TOP, node != NULL ? name_depth(node->kind) : 0);
	return out->err;
}

int name_print_binary(struct span binary, enum name_class what, struct wr *out)
{
	struct rd r = rd_from(binary);
	struct printer p = { out, &r };
	int bad = name_check(binary, what);
	if (bad < 0)
		return bad;
	print(&p, NULL, name_kinds(what), TOP, name_first_depth(what));
	return out->err;
}
