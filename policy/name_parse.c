/* SPDX-License-Identifier: MIT
 *
 * The text form of names, read (PROTOCOL, section 1). The first error sticks; its place is told.
 */
#include "name.h"
#include "name_text.h"
#include "name_utf8.h"

struct parse {
	struct span text;
	size_t at;
	struct node_pool *pool;
	int err;
};

static void fail(struct parse *p, int err)
{
	if (p->err == ERR_NONE)
		p->err = err;
}

static void skip_space(struct parse *p)
{
	while (p->at < p->text.n &&
	       (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\t' || p->text.p[p->at] == '\n'))
		p->at++;
}

static int peek(struct parse *p)
{
	skip_space(p);
	return p->err == ERR_NONE && p->at < p->text.n ? p->text.p[p->at] : -1;
}

static bool take(struct parse *p, int c)
{
	if (peek(p) != c)
		return false;
	p->at++;
	return true;
}

static void expect(struct parse *p, int c)
{
	if (!take(p, c))
		fail(p, p->at < p->text.n ? ERR_MALFORMED : ERR_TRUNCATED);
}

static bool is_word_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct span word(struct parse *p)
{
	skip_space(p);
	size_t from = p->at;
	while (p->at < p->text.n && is_word_char(p->text.p[p->at]))
		p->at++;
	return span_of(p->text.p + from, p->at - from);
}

static struct node *new_node(struct parse *p, enum node_kind kind)
{
	/* On failure the callers go on with a node that nobody sees. */
	if (p->err == ERR_NONE && p->pool->n == p->pool->cap)
		fail(p, ERR_TOO_LARGE);
	struct node *node = &p->pool->nodes[p->err == ERR_NONE ? p->pool->n++ : 0];
	memset(node, 0, sizeof *node);
	node->kind = kind;
	return node;
}

static void append(struct node *node, struct node *kid)
{
	struct node **at = &node->kids;
	while (*at != NULL)
		at = &(*at)->next;
	*at = kid;
	node->count++;
}

/* ---- strings, bytes, numbers ---- */

static int hex_digit(int c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static uint32_t hex_number(struct parse *p, int digits)
{
	uint32_t v = 0;
	while (digits-- > 0) {
		int d = p->at < p->text.n ? hex_digit(p->text.p[p->at]) : -1;
		if (d < 0) {
			fail(p, ERR_MALFORMED);
			return 0;
		}
		v = v << 4 | (uint32_t)d;
		p->at++;
	}
	return v;
}

static void escape(struct parse *p, struct wr *out)
{
	static const char letters[] = "abfnrtv\"\\'", values[] = "\a\b\f\n\r\t\v\"\\'";
	int c = p->at < p->text.n ? p->text.p[p->at++] : 0;
	const char *at = c != 0 ? strchr(letters, c) : NULL;
	if (at != NULL) {
		wr_u8(out, (uint8_t)values[at - letters]);
	} else if (c == 'x') {
		wr_u8(out, (uint8_t)hex_number(p, 2));
	} else if (c == 'u' || c == 'U') {
		uint32_t code = hex_number(p, c == 'u' ? 4 : 8);
		if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			fail(p, ERR_MALFORMED);
		utf8_put(out, code);
	} else {
		fail(p, ERR_MALFORMED);
	}
}

static struct wr text_room(struct parse *p)
{
	return wr_to(p->pool->text_buf + p->pool->text_n, p->pool->text_cap - p->pool->text_n);
}

static void keep_text(struct parse *p, struct node *node, const struct wr *w)
{
	if (w->err != ERR_NONE)
		fail(p, ERR_TOO_LARGE);
	node->text = wr_span(w);
	p->pool->text_n += w->n;
}

static struct node *string(struct parse *p)
{
	struct node *node = new_node(p, NODE_STR);
	struct wr w = text_room(p);
	expect(p, '"');
	while (p->err == ERR_NONE && w.err == ERR_NONE) {
		if (p->at == p->text.n) {
			fail(p, ERR_TRUNCATED);
			break;
		}
		uint8_t c = p->text.p[p->at++];
		if (c == '"')
			break;
		if (c == '\n')
			fail(p, ERR_MALFORMED);
		else if (c == '\\')
			escape(p, &w);
		else
			wr_u8(&w, c);
	}
	keep_text(p, node, &w);
	return node;
}

static struct node *hex_bytes(struct parse *p)
{
	struct node *node = new_node(p, NODE_BYTES);
	struct wr w = text_room(p);
	expect(p, '[');
	while (p->err == ERR_NONE && w.err == ERR_NONE && !take(p, ']')) {
		if (peek(p) < 0)
			fail(p, ERR_TRUNCATED);
		wr_u8(&w, (uint8_t)hex_number(p, 2));
	}
	keep_text(p, node, &w);
	return node;
}

static int base64_digit(int c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c > 0 ? strchr(digits, c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

static struct node *base64_bytes(struct parse *p)
{
	struct node *node = new_node(p, NODE_BYTES);
	struct wr w = text_room(p);
	uint32_t bits = 0;
	int n = 0, d;
	expect(p, '{');
	while ((d = base64_digit(peek(p))) >= 0) {
		p->at++;
		bits = bits << 6 | (uint32_t)d;
		n += 6;
		if (n >= 8) {
			n -= 8;
			wr_u8(&w, (uint8_t)(bits >> n));
		}
	}
	while (take(p, '='))
		;
	if (n >= 6 || (bits & ((1u << n) - 1)) != 0)
		fail(p, ERR_MALFORMED);
	expect(p, '}');
	keep_text(p, node, &w);
	return node;
}

static struct node *integer(struct parse *p)
{
	struct node *node = new_node(p, NODE_INT);
	bool negative = take(p, '-');
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0), v = 0;
	size_t from = p->at;
	while (p->at < p->text.n && p->text.p[p->at] >= '0' && p->text.p[p->at] <= '9') {
		uint64_t d = (uint64_t)(p->text.p[p->at++] - '0');
		if (v > (limit - d) / 10) {
			fail(p, ERR_RANGE);
			return node;
		}
		v = v * 10 + d;
	}
	if (p->at == from)
		fail(p, ERR_MALFORMED);
	node->number = (int64_t)(negative ? 0 - v : v);
	return node;
}

/* ---- names ---- */

static struct node *term(struct parse *p, unsigned depth);

static void arguments(struct parse *p, struct node *node, unsigned depth)
{
	expect(p, '(');
	if (take(p, ')'))
		return;
	do
		append(node, term(p, depth + 1));
	while (p->err == ERR_NONE && take(p, ','));
	expect(p, ')');
}

static struct node *call(struct parse *p, enum node_kind kind, unsigned depth)
{
	struct node *node = new_node(p, kind);
	node->text = word(p);
	if (!name_is_identifier(node->text))
		fail(p, ERR_MALFORMED);
	arguments(p, node, depth);
	return node;
}

static struct node *subprin(struct parse *p, unsigned depth)
{
	struct node *node = new_node(p, NODE_SUBPRIN);
	while (p->err == ERR_NONE && take(p, '.'))
		append(node, call(p, NODE_EXT, depth + 1));
	return node;
}

static struct node *prin(struct parse *p, unsigned depth)
{
	struct node *node = new_node(p, NODE_PRIN);
	node->text = word(p);
	if (!name_is_type(node->text))
		fail(p, ERR_MALFORMED);
	expect(p, '(');
	append(node, term(p, depth + 1));
	expect(p, ')');
	append(node, subprin(p, depth + 1));
	return node;
}

static struct node *tail(struct parse *p, unsigned depth)
{
	struct node *node = new_node(p, NODE_TAIL);
	if (!span_equal(word(p), span_str("ext")))
		fail(p, ERR_MALFORMED);
	append(node, subprin(p, depth + 1));
	if (p->err == ERR_NONE && node->kids->count == 0)
		fail(p, ERR_MALFORMED);
	return node;
}

static struct node *variable(struct parse *p)
{
	struct node *node = new_node(p, NODE_VAR);
	node->text = word(p);
	if (!name_is_identifier(node->text))
		fail(p, ERR_MALFORMED);
	return node;
}

static struct node *term(struct parse *p, unsigned depth)
{
	int c = peek(p);
	if (depth > NAME_DEPTH_MAX)
		fail(p, ERR_TOO_DEEP);
	if (p->err != ERR_NONE)
		return new_node(p, NODE_INT);
	if (c == '"')
		return string(p);
	if (c == '[')
		return hex_bytes(p);
	if (c == '{')
		return base64_bytes(p);
	if (c == '-' || (c >= '0' && c <= '9'))
		return integer(p);
	if (c >= 'A' && c <= 'Z')
		return variable(p);
	size_t from = p->at;
	bool is_tail = span_equal(word(p), span_str("ext"));
	p->at = from;
	return is_tail ? tail(p, depth) : prin(p, depth);
}

int name_parse(struct span text, enum name_class what, struct node_pool *pool, struct node **root, size_t *at)
{
	struct parse p = { text, 0, pool, ERR_NONE };
	struct node *node = NULL;
	if (pool->cap == 0)
		return ERR_TOO_LARGE;
	switch (what) {
	case NAME_PRIN:
		node = prin(&p, 0);
		break;
	case NAME_TAIL:
		node = tail(&p, 0);
		break;
	case NAME_SUBPRIN:
		node = subprin(&p, 0);
		break;
	case NAME_TERM:
		node = term(&p, 0);
		break;
	case NAME_PRED:
		node = call(&p, NODE_PRED, 0);
		break;
	case NAME_EXT:
		node = call(&p, NODE_EXT, 0);
		break;
	case NAME_FORM:
		fail(&p, ERR_UNSUPPORTED);
		break;
	}
	if (p.err == ERR_NONE && peek(&p) >= 0)
		fail(&p, ERR_TRAILING);
	if (at != NULL)
		*at = p.at;
	if (p.err == ERR_NONE)
		*root = node;
	return p.err;
}
