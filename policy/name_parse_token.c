/* SPDX-License-Identifier: MIT
 *
 * The text form, read: words, numbers, strings, bytes.
 */
#include "name_text_parse.h"
#include "name_text.h"

void parse_fail_at(struct parse *p, enum err err, size_t at)
{
	if (p->err != ERR_NONE)
		return;
	p->err = err;
	p->err_at = at;
}

void parse_fail(struct parse *p, enum err err)
{
	parse_fail_at(p, err, p->at);
}

bool parse_enter(struct parse *p)
{
	if (++p->nesting > PARSE_NESTING_MAX)
		parse_fail(p, ERR_TOO_DEEP);
	return p->err == ERR_NONE;
}

void parse_leave(struct parse *p)
{
	p->nesting--;
}

int parse_peek(struct parse *p)
{
	while (p->at < p->text.n && (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\t' ||
				     p->text.p[p->at] == '\n' || p->text.p[p->at] == '\r'))
		p->at++;
	return p->err == ERR_NONE && p->at < p->text.n ? p->text.p[p->at] : -1;
}

bool parse_take(struct parse *p, int c)
{
	if (parse_peek(p) != c)
		return false;
	p->at++;
	return true;
}

void parse_expect(struct parse *p, int c)
{
	if (!parse_take(p, c))
		parse_fail(p, p->at < p->text.n ? ERR_MALFORMED : ERR_TRUNCATED);
}

static bool is_word_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct span parse_peek_word(struct parse *p)
{
	size_t n = 0;
	if (parse_peek(p) < 0)
		return span_of(NULL, 0);
	while (p->at + n < p->text.n && is_word_byte(p->text.p[p->at + n]))
		n++;
	return span_of(p->text.p + p->at, n);
}

struct span parse_word(struct parse *p)
{
	struct span word = parse_peek_word(p);
	p->at += word.n;
	return word;
}

bool parse_take_word(struct parse *p, const char *word)
{
	struct span next = parse_peek_word(p);
	if (!span_equal(next, span_str(word)))
		return false;
	p->at += next.n;
	return true;
}

struct span parse_identifier(struct parse *p)
{
	struct span word = parse_word(p);
	if (!name_is_identifier(word))
		parse_fail_at(p, p->at < p->text.n || word.n > 0 ? ERR_MALFORMED : ERR_TRUNCATED, p->at - word.n);
	return word;
}

int64_t parse_int64(struct parse *p)
{
	bool negative = parse_take(p, '-');
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0), v = 0;
	size_t from = p->at;
	while (p->at < p->text.n && p->text.p[p->at] >= '0' && p->text.p[p->at] <= '9') {
		uint64_t digit = (uint64_t)(p->text.p[p->at++] - '0');
		if (v > (limit - digit) / 10) {
			parse_fail_at(p, ERR_RANGE, from);
			return 0;
		}
		v = v * 10 + digit;
	}
	if (p->at == from)
		parse_fail(p, p->at < p->text.n ? ERR_MALFORMED : ERR_TRUNCATED);
	return (int64_t)(negative ? 0 - v : v);
}

struct node *parse_node(struct parse *p, enum node_kind kind)
{
	if (p->err == ERR_NONE && p->pool->n == p->pool->cap)
		parse_fail(p, ERR_TOO_LARGE);
	if (p->err != ERR_NONE)
		return NULL;
	struct node *node = &p->pool->nodes[p->pool->n++];
	memset(node, 0, sizeof *node);
	node->kind = kind;
	return node;
}

/* ---- strings and bytes: they go to the pool's text ---- */

static struct wr text_room(struct parse *p)
{
	return wr_to(p->pool->text_buf + p->pool->text_n, p->pool->text_cap - p->pool->text_n);
}

static struct node *text_node(struct parse *p, enum node_kind kind, const struct wr *w)
{
	if (w->err != ERR_NONE)
		parse_fail(p, ERR_TOO_LARGE);
	struct node *node = parse_node(p, kind);
	if (node == NULL)
		return NULL;
	node->text = wr_span(w);
	p->pool->text_n += w->n;
	return node;
}

struct node *parse_string(struct parse *p)
{
	struct wr w = text_room(p);
	struct rd r = rd_from(span_of(p->text.p + p->at, p->text.n - p->at));
	int err = name_read_quoted(&r, &w);
	p->at = (size_t)(r.p - p->text.p);
	if (err < 0)
		parse_fail(p, (enum err)err);
	return text_node(p, NODE_STR, &w);
}

static struct node *hex_bytes(struct parse *p)
{
	struct wr w = text_room(p);
	parse_expect(p, '[');
	while (w.err == ERR_NONE && p->err == ERR_NONE && !parse_take(p, ']')) {
		struct rd r = rd_from(span_of(p->text.p + p->at, p->text.n - p->at));
		uint32_t byte;
		bool read = name_read_hex(&r, 2, &byte);
		p->at = (size_t)(r.p - p->text.p);
		if (!read)
			parse_fail(p, p->at < p->text.n ? ERR_MALFORMED : ERR_TRUNCATED);
		wr_u8(&w, (uint8_t)byte);
	}
	return text_node(p, NODE_BYTES, &w);
}

static int base64_digit(int c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c > 0 ? strchr(digits, c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

static struct node *base64_bytes(struct parse *p)
{
	struct wr w = text_room(p);
	uint32_t bits = 0;
	unsigned held = 0, digits = 0, padding = 0;
	int d;
	parse_expect(p, '{');
	while ((d = base64_digit(parse_peek(p))) >= 0) {
		p->at++;
		digits++;
		bits = bits << 6 | (uint32_t)d;
		held += 6;
		if (held >= 8) {
			held -= 8;
			wr_u8(&w, (uint8_t)(bits >> held));
		}
	}
	while (padding < 2 && parse_take(p, '='))
		padding++;
	/* One value, one text: no bits left over, and padding either whole or left out. */
	if (held >= 6 || (bits & ((1u << held) - 1)) != 0 || (padding > 0 && (digits + padding) % 4 != 0))
		parse_fail(p, ERR_MALFORMED);
	parse_expect(p, '}');
	return text_node(p, NODE_BYTES, &w);
}

struct node *parse_bytes(struct parse *p)
{
	return parse_peek(p) == '[' ? hex_bytes(p) : base64_bytes(p);
}
