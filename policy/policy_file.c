/* SPDX-License-Identifier: MIT */
#include "policy_file.h"
#include "name_text.h"

struct lines {
	struct span rest;
	unsigned line; /* of the first of rest */
};

static struct span first_line(struct span rest)
{
	const uint8_t *end = rest.n > 0 ? memchr(rest.p, '\n', rest.n) : NULL;
	return span_of(rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n);
}

static void drop(struct lines *l, struct span line)
{
	size_t n = line.n < l->rest.n ? line.n + 1 : line.n;
	l->rest = span_of(l->rest.p + n, l->rest.n - n);
	l->line++;
}

static bool begins(struct span s, const char *with)
{
	size_t n = strlen(with);
	return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* ---- values ---- */

static bool read_decimal(struct span s, uint64_t *value)
{
	*value = 0;
	if (s.n == 0 || s.n > 18 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*value = *value * 10 + (uint64_t)(s.p[i] - '0');
	}
	return true;
}

static unsigned days_of(uint64_t year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool policy_read_time(struct span text, int64_t *seconds)
{
	static const uint8_t form[] = "dddd-dd-ddTdd:dd:ddZ";
	unsigned field[6] = { 0 }, at = 0;
	if (text.n != sizeof form - 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (form[i] != 'd') {
			if (text.p[i] != form[i])
				return false;
			at++;
		} else if (text.p[i] < '0' || text.p[i] > '9') {
			return false;
		} else {
			field[at] = field[at] * 10 + (unsigned)(text.p[i] - '0');
		}
	}
	if (field[0] < 1970 || field[1] < 1 || field[1] > 12 || field[2] < 1 ||
	    field[2] > days_of(field[0], field[1]) || field[3] > 23 || field[4] > 59 || field[5] > 59)
		return false;
	int64_t days = (int64_t)field[2] - 1;
	for (unsigned month = 1; month < field[1]; month++)
		days += days_of(field[0], month);
	for (unsigned year = 1970; year < field[0]; year++)
		days += 337 + days_of(year, 2);
	*seconds = ((days * 24 + field[3]) * 60 + field[4]) * 60 + field[5];
	return true;
}

/* Lower-case hex of least to most bytes: the number of bytes, 0 if it is not. */
static size_t read_hex(struct span s, uint8_t *dst, size_t least, size_t most)
{
	struct rd r = rd_from(s);
	size_t n = 0;
	if (s.n % 2 != 0 || s.n / 2 < least || s.n / 2 > most)
		return 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'F')
			return 0;
	while (n < s.n / 2) {
		uint32_t byte;
		if (!name_read_hex(&r, 2, &byte))
			return 0;
		dst[n++] = (uint8_t)byte;
	}
	return n;
}

/* ---- the file ---- */

static int fail(struct why *why, enum err err, const char *text, unsigned line, const char *what)
{
	why_say(why, text, line, span_str(what));
	return err;
}

static void drop_comments(struct lines *l)
{
	while (l->rest.n > 0 && (l->rest.p[0] == '\n' || l->rest.p[0] == '#'))
		drop(l, first_line(l->rest));
}

/* "name: value" */
static int read_field(struct lines *l, const char *name, struct span *value, struct why *why)
{
	size_t n = strlen(name);
	struct span line = first_line(l->rest);
	if (!begins(line, name) || line.n < n + 2 || line.p[n] != ':' || line.p[n + 1] != ' ')
		return fail(why, ERR_MALFORMED, "line #: \"$: \" is expected", l->line, name);
	*value = span_of(line.p + n + 2, line.n - n - 2);
	drop(l, line);
	return ERR_NONE;
}

enum field { FORMAT, DOMAIN, VERSION, FROM, UNTIL, GUARD_NAME, FIELDS };

static int read_head(struct lines *l, struct policy_file *file, struct why *why)
{
	static const char *const names[FIELDS] = { "tao-policy", "domain",	"version",
						   "valid-from", "valid-until", "guard" };
	for (int i = 0; i < FIELDS; i++) {
		struct span value;
		drop_comments(l);
		int r = read_field(l, names[i], &value, why);
		unsigned line = l->line - 1;
		if (r < 0)
			return r;
		bool good = true;
		switch ((enum field)i) {
		case FORMAT:
			if (!span_equal(value, span_str("1")))
				return fail(why, ERR_BAD_VERSION, "line #: not a format that is known; 1 is", line,
					    "");
			break;
		case DOMAIN:
			file->domain = value;
			good = value.n > 0 && value.n <= POLICY_DOMAIN_MAX;
			break;
		case VERSION:
			good = read_decimal(value, &file->version) && file->version > 0;
			break;
		case FROM:
			good = policy_read_time(value, &file->from);
			break;
		case UNTIL:
			good = policy_read_time(value, &file->until) && file->until > file->from;
			break;
		case GUARD_NAME:
			file->guard = value;
			good = span_equal(value, span_str("acl")) || span_equal(value, span_str("datalog"));
			break;
		case FIELDS:
			break;
		}
		if (!good)
			return fail(why, ERR_MALFORMED,
				    i == UNTIL	      ? "line #: valid-until is no time after valid-from"
				    : i == FROM	      ? "line #: not a time such as 2026-01-31T12:00:00Z"
				    : i == GUARD_NAME ? "line #: the guard is acl or datalog"
						      : "line #: $ is out of range",
				    line, names[i]);
	}
	return ERR_NONE;
}

static int read_signature(struct lines *l, struct policy_file *file, struct why *why)
{
	struct span value;
	file->is_signed = true;
	int r = read_field(l, "signed-by", &value, why);
	if (r == ERR_NONE && read_hex(value, file->spki, POLICY_SPKI_SIZE, POLICY_SPKI_SIZE) == 0)
		r = fail(why, ERR_MALFORMED, "line #: signed-by is no public key (91 bytes of hex)",
			 file->signed_line, "");
	if (r == ERR_NONE)
		r = read_field(l, "signature", &value, why);
	if (r == ERR_NONE && (file->signature_n = read_hex(value, file->signature, 8, POLICY_SIGNATURE_MAX)) == 0)
		r = fail(why, ERR_MALFORMED, "line #: this is no signature (8 to 72 bytes of hex)",
			 file->signed_line + 1, "");
	if (r == ERR_NONE && l->rest.n > 0)
		r = fail(why, ERR_TRAILING, "line #: something stands after the signature", l->line, "");
	return r;
}

/* What an editor does not show must not be in what people sign. */
static int check_text(struct span text, struct why *why)
{
	unsigned line = 1;
	if (text.n > POLICY_FILE_MAX)
		return fail(why, ERR_TOO_LARGE, "longer than 1 MiB", 0, "");
	for (size_t i = 0; i < text.n; i++) {
		line += text.p[i] == '\n';
		if ((text.p[i] < ' ' && text.p[i] != '\n' && text.p[i] != '\t') || text.p[i] == 0x7f)
			return fail(why, ERR_MALFORMED, "line #: a control character (lines end with LF alone)",
				    line, "");
	}
	if (text.n == 0 || text.p[text.n - 1] != '\n')
		return fail(why, ERR_TRUNCATED, "line #: the file ends within a line", line, "");
	return ERR_NONE;
}

int policy_file_parse(struct span text, struct policy_file *file, struct why *why)
{
	struct lines l = { text, 1 };
	memset(file, 0, sizeof *file);
	int r = check_text(text, why);
	if (r == ERR_NONE)
		r = read_head(&l, file, why);
	if (r < 0)
		return r;
	file->policy.line = l.line;
	const uint8_t *from = l.rest.p;
	while (l.rest.n > 0 && !begins(l.rest, "signed-by:"))
		drop(&l, first_line(l.rest));
	file->policy.rules = span_of(from, (size_t)(l.rest.p - from));
	file->signed_part = span_of(text.p, text.n - l.rest.n);
	file->signed_line = l.line;
	return l.rest.n > 0 ? read_signature(&l, file, why) : ERR_NONE;
}

void policy_file_sign(struct wr *out, const uint8_t spki[static POLICY_SPKI_SIZE], struct span signature)
{
	wr_span_bytes(out, span_str("signed-by: "));
	wr_hex(out, span_of(spki, POLICY_SPKI_SIZE));
	wr_span_bytes(out, span_str("\nsignature: "));
	wr_hex(out, signature);
	wr_u8(out, '\n');
}
