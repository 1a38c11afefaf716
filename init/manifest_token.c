/* SPDX-License-Identifier: MIT
 *
 * The tokens of JSON: text, strings, numbers, words.
 */
#include <stdio.h>

#include "manifest_scan.h"

/* Longer than any number that means something; cJSON reads no more than 63. */
#define NUMBER_MAX 40

struct text_place scan_place(struct span json, size_t offset)
{
	struct text_place place = { 1, 1 };
	for (size_t i = 0; i < offset && i < json.n; i++) {
		if (json.p[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if ((json.p[i] & 0xc0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

bool scan_fail_at(struct scan *s, size_t at, const char *what)
{
	struct text_place place = scan_place(s->json, at);
	if (s->diag != NULL)
		snprintf(s->diag->text, sizeof s->diag->text, "%.255s:%zu:%zu: %s", s->file, place.line,
			 place.column, what);
	return false;
}

bool scan_fail(struct scan *s, const char *what)
{
	return scan_fail_at(s, s->at, what);
}

/* ---- UTF-8 ---- */

size_t scan_utf8(const uint8_t *p, size_t n)
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

bool scan_text(struct scan *s)
{
	if (scan_starts(s, "\xef\xbb\xbf"))
		return scan_fail(s, "a byte-order mark; save the file as UTF-8 without one");
	if (scan_starts(s, "\xff\xfe") || scan_starts(s, "\xfe\xff"))
		return scan_fail(s, "UTF-16; save the file as UTF-8");
	for (size_t at = 0, k; at < s->json.n; at += k) {
		k = scan_utf8(s->json.p + at, s->json.n - at);
		if (k == 0)
			return scan_fail_at(s, at, "not UTF-8; save the file in that encoding");
		if (s->json.p[at] == 0)
			return scan_fail_at(s, at, "a NUL byte; this is no text file, or a damaged one");
	}
	return true;
}

/* ---- strings, numbers, words ---- */

static int hex4(const struct scan *s)
{
	int v = 0;
	for (size_t i = 0; i < 4; i++) {
		int c = s->at + i < s->json.n ? s->json.p[s->at + i] : 0;
		int d = scan_is_digit(c)       ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* After the backslash. */
static bool escape(struct scan *s)
{
	int c = scan_peek(s);
	if (c != 'u') {
		if (c < 0 || c == 0 || strchr("\"\\/bfnrt", c) == NULL)
			return scan_fail_at(s, s->at - 1, "JSON has no such escape; write \\\\ for a backslash");
		s->at++;
		return true;
	}
	s->at++;
	int v = hex4(s);
	if (v < 0)
		return scan_fail(s, "\\u takes four hexadecimal digits; write \\\\u for a backslash and a u");
	if (v == 0)
		return scan_fail(s, "\\u0000 is in no value that the kernel takes; leave it out");
	s->at += 4;
	if (v >= 0xd800 && v <= 0xdbff && scan_starts(s, "\\u")) {
		s->at += 2;
		v = hex4(s);
		s->at += 4;
		if (v >= 0xdc00 && v <= 0xdfff)
			return true;
		v = 0xd800;
	}
	if (v >= 0xd800 && v <= 0xdfff)
		return scan_fail(s, "half of a surrogate pair; write the character itself");
	return true;
}

bool scan_string(struct scan *s)
{
	size_t start = s->at++;
	for (;;) {
		int c = scan_peek(s);
		if (c < 0 || c == '\n')
			return scan_fail_at(s, start, "this string has no end on its line; close it with a \"");
		s->at++;
		if (c == '"')
			return true;
		if (c < ' ')
			return scan_fail_at(s, s->at - 1,
					    c == '\t'
						    ? "a tab within a string; write it as \\t"
						    : "a control character within a string; write it as \\u00 and "
						      "two hexadecimal digits");
		if (c == '\\' && !escape(s))
			return false;
	}
}

static void digits(struct scan *s)
{
	while (scan_is_digit(scan_peek(s)))
		s->at++;
}

bool scan_number(struct scan *s)
{
	size_t start = s->at;
	if (scan_peek(s) == '-')
		s->at++;
	if (!scan_is_digit(scan_peek(s)))
		return scan_fail(s, "a digit is missing in a number");
	if (scan_peek(s) == '0' && s->at + 1 < s->json.n && scan_is_digit(s->json.p[s->at + 1]))
		return scan_fail(
			s, "a number does not begin with 0; leave the 0 out (octal: \"in quotes\" or in decimal)");
	digits(s);
	if (scan_peek(s) == '.') {
		s->at++;
		if (!scan_is_digit(scan_peek(s)))
			return scan_fail(s, "a digit is missing after the point");
		digits(s);
	}
	if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
		s->at++;
		if (scan_peek(s) == '+' || scan_peek(s) == '-')
			s->at++;
		if (!scan_is_digit(scan_peek(s)))
			return scan_fail(s, "a digit is missing in the exponent");
		digits(s);
	}
	if (scan_is_word(scan_peek(s)) || scan_peek(s) == '.')
		return scan_fail_at(s, start,
				    "no number; what has a unit stands in \"double quotes\", such as \"64M\"");
	if (s->at - start > NUMBER_MAX)
		return scan_fail_at(s, start, "a number with more digits than any here needs; shorten it");
	return true;
}

/* What was probably meant by what is no value and no key. */
const char *scan_guess(const struct scan *s)
{
	int c = scan_peek(s);
	if (c == '\'' || c == '`')
		return "JSON strings stand in \"double quotes\"; replace this one";
	if (scan_starts(s, "\xe2\x80\x9c") || scan_starts(s, "\xe2\x80\x9d") || scan_starts(s, "\xe2\x80\x98") ||
	    scan_starts(s, "\xe2\x80\x99"))
		return "a typographic quotation mark; write a plain \"";
	if (scan_starts(s, "//") || scan_starts(s, "/*") || c == '#')
		return "JSON has no comments; take this out";
	if (scan_starts(s, "\xc2\xa0") || scan_starts(s, "\xe2\x80\x8b"))
		return "an invisible character (a space that is none); delete it and type a space";
	return NULL;
}

bool scan_literal(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t n = 0;
	while (s->at + n < s->json.n && scan_is_word(s->json.p[s->at + n]))
		n++;
	for (int i = 0; i < 3; i++)
		if (n == strlen(words[i]) && scan_starts(s, words[i])) {
			s->at += n;
			return true;
		}
	const char *what = scan_guess(s);
	int c = scan_peek(s);
	if (what == NULL)
		what = scan_starts(s, "True") || scan_starts(s, "False")
			       ? "JSON writes true and false in small letters"
		       : scan_starts(s, "None") || scan_starts(s, "nil")
			       ? "JSON writes null; leave the key out instead"
		       : scan_starts(s, "NaN") || scan_starts(s, "Inf")
			       ? "no number that JSON has; write a whole number"
		       : c == '+' || c == '.' ? "a number begins with a digit or -; add or remove"
		       : n > 0		      ? "words stand in \"double quotes\"; close it in them"
					      : "a value is missing here: \"text\", a number, true, false, [ or {";
	return scan_fail(s, what);
}
