/* SPDX-License-Identifier: MIT
 *
 * The state of a scan of JSON, and what its two halves share: manifest_scan.c has the structure, manifest_token.c
 * what has none. Functions that return bool have said what is wrong when it is false.
 */
#ifndef TAO_MANIFEST_SCAN_H
#define TAO_MANIFEST_SCAN_H

#include "manifest_read.h"

/* What may come next. */
enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, NEXT, DONE };

struct scan {
	struct span json;
	size_t at;
	const char *file;
	struct diag *diag; /* NULL: the file is known to be good */
	enum expect expect;
	struct {
		uint8_t end; /* the bracket that closes it */
		size_t at;
	} open[MANIFEST_DEPTH_MAX];
	unsigned depth;
	size_t key;	    /* of the value that comes; SIZE_MAX: it has none */
	size_t values, nth; /* how many values came; which of them is looked for */
	size_t found;
};

struct text_place scan_place(struct span json, size_t offset);
bool scan_fail(struct scan *s, const char *what);
bool scan_fail_at(struct scan *s, size_t at, const char *what);

/* One well-formed character of UTF-8 (RFC 3629): its length, 0 if it is none. n > 0. */
size_t scan_utf8(const uint8_t *p, size_t n);
bool scan_text(struct scan *s); /* the whole file: UTF-8 without NUL */
bool scan_string(struct scan *s);
bool scan_number(struct scan *s);
bool scan_literal(struct scan *s); /* true, false, null */
/* What was probably meant by what is no value and no key; NULL: nothing known. */
const char *scan_guess(const struct scan *s);

static inline int scan_peek(const struct scan *s)
{
	return s->at < s->json.n ? s->json.p[s->at] : -1;
}

static inline void scan_space(struct scan *s)
{
	int c;
	while ((c = scan_peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->at++;
}

static inline bool scan_starts(const struct scan *s, const char *text)
{
	size_t n = strlen(text);
	return s->json.n - s->at >= n && memcmp(s->json.p + s->at, text, n) == 0;
}

static inline bool scan_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool scan_is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || scan_is_digit(c);
}

#endif
