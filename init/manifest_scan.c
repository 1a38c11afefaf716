/* SPDX-License-Identifier: MIT
 *
 * The JSON grammar (RFC 8259), strictly, before cJSON sees a byte: cJSON takes more than it should. The first fault
 * is told with its line, its column and what was probably meant. No recursion: what is open stands in a table.
 */
#include <stdio.h>

#include "manifest_scan.h"

/* ---- structure ---- */

static bool open_bracket(struct scan *s, uint8_t end)
{
	if (s->depth == MANIFEST_DEPTH_MAX)
		return scan_fail(s, "nested deeper than 16 levels; no manifest needs that");
	s->open[s->depth].end = end;
	s->open[s->depth++].at = s->at++;
	s->expect = end == '}' ? KEY_OR_END : VALUE_OR_END;
	return true;
}

static void end_value(struct scan *s)
{
	s->expect = s->depth > 0 ? NEXT : DONE;
	s->key = SIZE_MAX;
}

static void close_bracket(struct scan *s)
{
	s->at++;
	s->depth--;
	end_value(s);
}

/* The file ends, or another bracket closes, where this one should. */
static bool fail_bracket(struct scan *s)
{
	char text[120];
	uint8_t end = s->open[s->depth - 1].end;
	struct text_place place = scan_place(s->json, s->open[s->depth - 1].at);
	snprintf(text, sizeof text, "%s; the %c of line %zu, column %zu is still open: add a %c",
		 scan_peek(s) < 0 ? "the file ends here" : "the wrong bracket closes here", end == '}' ? '{' : '[',
		 place.line, place.column, end);
	return scan_fail(s, text);
}

static bool begin_value(struct scan *s)
{
	bool good;
	int c = scan_peek(s);
	if (s->values++ == s->nth)
		s->found = s->key != SIZE_MAX ? s->key : s->at;
	if (c == '{' || c == '[')
		return open_bracket(s, c == '{' ? '}' : ']');
	if (c == '"')
		good = scan_string(s);
	else if (scan_is_digit(c) || c == '-')
		good = scan_number(s);
	else if (c < 0 && s->depth > 0)
		good = fail_bracket(s);
	else
		good = scan_literal(s);
	if (good)
		end_value(s);
	return good;
}

static bool key(struct scan *s)
{
	if (scan_peek(s) != '"') {
		const char *what = scan_guess(s);
		if (scan_peek(s) < 0 || scan_peek(s) == ']')
			return fail_bracket(s);
		return scan_fail(s, what != NULL ? what
				    : scan_is_word(scan_peek(s))
					    ? "keys stand in \"double quotes\"; close this one in them"
					    : "a key in \"double quotes\" is missing here");
	}
	s->key = s->at;
	if (!scan_string(s))
		return false;
	scan_space(s);
	if (scan_peek(s) != ':')
		return scan_fail(s, scan_peek(s) == '='
					    ? "a key and its value stand with : between them; write : for ="
					    : "a : is missing after the key; write \"key\": value");
	s->at++;
	s->expect = VALUE;
	return true;
}

/* After a value within brackets. */
static bool next(struct scan *s)
{
	uint8_t end = s->open[s->depth - 1].end;
	int c = scan_peek(s);
	if (c == end) {
		close_bracket(s);
		return true;
	}
	if (c < 0 || c == '}' || c == ']')
		return fail_bracket(s);
	if (c != ',') {
		const char *what = scan_guess(s);
		return scan_fail(s, what != NULL ? what
				    : end == '}' ? "a comma is missing before this, or a } that closes the object"
						 : "a comma is missing before this, or a ] that closes the list");
	}
	size_t comma = s->at++;
	scan_space(s);
	if (scan_peek(s) == end)
		return scan_fail_at(s, comma, "a comma with nothing after it; take it out");
	s->expect = end == '}' ? KEY : VALUE;
	return true;
}

static bool step(struct scan *s)
{
	if ((s->expect == VALUE_OR_END || s->expect == KEY_OR_END) && scan_peek(s) == s->open[s->depth - 1].end) {
		close_bracket(s);
		return true;
	}
	if (s->expect == NEXT)
		return next(s);
	return s->expect == KEY || s->expect == KEY_OR_END ? key(s) : begin_value(s);
}

static bool run(struct scan *s)
{
	for (;;) {
		scan_space(s);
		if (s->expect == DONE || s->found != SIZE_MAX)
			return true;
		if (!step(s))
			return false;
	}
}

int manifest_scan(struct span json, const char *file, struct diag *diag)
{
	struct scan s = { .json = json, .file = file, .diag = diag, .key = SIZE_MAX, .nth = SIZE_MAX };
	s.found = SIZE_MAX;
	if (json.n > MANIFEST_BYTES_MAX) {
		snprintf(diag->text, sizeof diag->text,
			 "%.255s: larger than %zu MiB, the most that is read; is it the right file?", file,
			 MANIFEST_BYTES_MAX >> 20);
		return ERR_TOO_LARGE;
	}
	if (!scan_text(&s))
		return ERR_MALFORMED;
	scan_space(&s);
	if (s.at == json.n) {
		scan_fail(&s, "the file is empty; the least is {\"version\": 1}");
		return ERR_MALFORMED;
	}
	if (!run(&s))
		return s.depth == MANIFEST_DEPTH_MAX && (scan_peek(&s) == '{' || scan_peek(&s) == '[')
			       ? ERR_TOO_DEEP
			       : ERR_MALFORMED;
	if (s.at < json.n) {
		const char *what = scan_guess(&s);
		scan_fail(&s, what != NULL ? what : "something stands after the end of the manifest; take it out");
		return ERR_TRAILING;
	}
	return ERR_NONE;
}

struct text_place manifest_place(struct span json, size_t nth)
{
	struct scan s = { .json = json, .key = SIZE_MAX, .nth = nth, .found = SIZE_MAX };
	run(&s);
	return scan_place(json, s.found != SIZE_MAX ? s.found : 0);
}
