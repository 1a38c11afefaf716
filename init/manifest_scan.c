/* SPDX-License-Identifier: MIT
 *
 * The JSON grammar (RFC 8259), strictly, before cJSON sees a byte: cJSON takes more than it should. The first
 * fault is told with its line, its column and what was probably meant.
 */
#include <stdio.h>

#include "manifest_read.h"

struct scan {
	struct span json;
	size_t at;
	const char *file;
	struct diag *diag;
};

static bool fail(struct scan *s, const char *what)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < s->at && i < s->json.n; i++) {
		column++;
		if (s->json.p[i] == '\n') {
			line++;
			column = 1;
		}
	}
	snprintf(s->diag->text, sizeof s->diag->text, "%s:%zu:%zu: %s", s->file, line, column, what);
	return false;
}

static int peek(const struct scan *s)
{
	return s->at < s->json.n ? s->json.p[s->at] : -1;
}

static void space(struct scan *s)
{
	int c;
	while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->at++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool number(struct scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (!is_digit(peek(s)))
		return fail(s, "a digit is missing in a number");
	if (peek(s) == '0' && s->at + 1 < s->json.n && is_digit(s->json.p[s->at + 1]))
		return fail(s, "a number must not begin with 0; leave the 0 out");
	while (is_digit(peek(s)))
		s->at++;
	if (peek(s) == '.') {
		s->at++;
		if (!is_digit(peek(s)))
			return fail(s, "a digit is missing after the point");
		while (is_digit(peek(s)))
			s->at++;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!is_digit(peek(s)))
			return fail(s, "a digit is missing in the exponent");
		while (is_digit(peek(s)))
			s->at++;
	}
	return true;
}

static int hex4(const struct scan *s)
{
	int v = 0;
	for (size_t i = 0; i < 4; i++) {
		int c = s->at + i < s->json.n ? s->json.p[s->at + i] : 0;
		int d = is_digit(c)	       ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static bool escape(struct scan *s)
{
	int c = peek(s);
	if (c != 'u') {
		if (c <= 0 || strchr("\"\\/bfnrt", c) == NULL)
			return fail(s, "no such escape in JSON; write \\\\ for a backslash");
		s->at++;
		return true;
	}
	s->at++;
	int v = hex4(s);
	if (v < 0)
		return fail(s, "\\u takes four hexadecimal digits");
	if (v == 0)
		return fail(s, "a NUL character (\\u0000) cannot be in any value here");
	s->at += 4;
	if (v >= 0xdc00 && v <= 0xdfff)
		return fail(s, "half of a surrogate pair");
	if (v < 0xd800 || v > 0xdbff)
		return true;
	if (peek(s) != '\\' || s->at + 1 >= s->json.n || s->json.p[s->at + 1] != 'u')
		return fail(s, "half of a surrogate pair");
	s->at += 2;
	v = hex4(s);
	if (v < 0xdc00 || v > 0xdfff)
		return fail(s, "half of a surrogate pair");
	s->at += 4;
	return true;
}

/* One well-formed UTF-8 character (RFC 3629): 0 if it is none. */
static size_t utf8(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t k = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	if (k == 0 || k > n)
		return 0;
	uint32_t c = k == 1 ? p[0] : p[0] & (0xffu >> (k + 1));
	for (size_t i = 1; i < k; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 63);
	}
	return c < least[k] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : k;
}

static bool string(struct scan *s)
{
	s->at++;
	for (;;) {
		int c = peek(s);
		if (c < 0)
			return fail(s, "the file ends within a string; a closing \" is missing");
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c == '\n')
			return fail(s, "the line ends within a string; a closing \" is missing");
		if (c < ' ')
			return fail(s, "a control character within a string; write it as \\u and four digits");
		if (c == '\\') {
			s->at++;
			if (!escape(s))
				return false;
			continue;
		}
		size_t n = utf8(s->json.p + s->at, s->json.n - s->at);
		if (n == 0)
			return fail(s, "not UTF-8; save the file in that encoding");
		s->at += n;
	}
}

static bool literal(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if (s->json.n - s->at < n || memcmp(s->json.p + s->at, word, n) != 0)
		return fail(s, "neither a value nor true, false or null; strings stand in \"double quotes\"");
	s->at += n;
	return true;
}

static bool value(struct scan *s, unsigned depth);

static bool key(struct scan *s)
{
	int c = peek(s);
	if (c == '\'')
		return fail(s, "JSON strings stand in \"double quotes\"");
	if (c == '}')
		return fail(s, "a comma before } ; leave it out");
	if (c == '/' || c == '#')
		return fail(s, "JSON has no comments; take this out");
	if (c != '"')
		return fail(s, "a key in \"double quotes\" is missing here");
	if (!string(s))
		return false;
	space(s);
	if (peek(s) != ':')
		return fail(s, "a : is missing after the key");
	s->at++;
	return true;
}

static bool list(struct scan *s, int end, unsigned depth)
{
	if (depth > MANIFEST_DEPTH_MAX)
		return fail(s, "nested deeper than 16; no manifest needs that");
	s->at++;
	space(s);
	if (peek(s) == end) {
		s->at++;
		return true;
	}
	for (;;) {
		space(s);
		if (end == '}' && !key(s))
			return false;
		if (!value(s, depth))
			return false;
		space(s);
		int c = peek(s);
		if (c == end) {
			s->at++;
			return true;
		}
		if (c < 0)
			return fail(s, end == '}' ? "the file ends before a } that closes an object"
						  : "the file ends before a ] that closes a list");
		if (c != ',')
			return fail(s,
				    end == '}' ? "a comma or } is missing here" : "a comma or ] is missing here");
		s->at++;
		space(s);
		if (peek(s) == end)
			return fail(s, "a comma with nothing after it; leave it out");
	}
}

static bool value(struct scan *s, unsigned depth)
{
	space(s);
	switch (peek(s)) {
	case '{':
		return list(s, '}', depth + 1);
	case '[':
		return list(s, ']', depth + 1);
	case '"':
		return string(s);
	case 't':
		return literal(s, "true");
	case 'f':
		return literal(s, "false");
	case 'n':
		return literal(s, "null");
	case '\'':
		return fail(s, "JSON strings stand in \"double quotes\"");
	case '/':
	case '#':
		return fail(s, "JSON has no comments; take this out");
	case -1:
		return fail(s, "the file ends where a value should be");
	case 0:
		return fail(s, "a NUL byte; this is no text file");
	default:
		return is_digit(peek(s)) || peek(s) == '-' ? number(s) : literal(s, "true");
	}
}

int manifest_scan(struct span json, const char *file, struct diag *diag)
{
	struct scan s = { json, 0, file, diag };
	space(&s);
	if (s.at == json.n) {
		fail(&s, "empty; the least is {\"version\": 1, \"services\": {}}");
		return ERR_MALFORMED;
	}
	if (!value(&s, 0))
		return ERR_MALFORMED;
	space(&s);
	if (s.at != json.n) {
		fail(&s, "something stands after the end of the manifest");
		return ERR_TRAILING;
	}
	return ERR_NONE;
}
