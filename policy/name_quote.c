/* SPDX-License-Identifier: MIT
 *
 * Strings in the text form: quoted as Go's %q does it.
 */
#include "name_text.h"
#include "name_utf8.h"

static void put_hex(struct wr *out, uint32_t value, int digits)
{
	while (digits-- > 0)
		wr_u8(out, (uint8_t) "0123456789abcdef"[value >> (4 * digits) & 15]);
}

/* Code points without a picture of their own, which a terminal or a reader could be fooled with: controls, spaces but
 * ' ', format characters, surrogates, private use, noncharacters. Go escapes unassigned ones as well; both forms
 * read back the same. */
static bool is_printable(uint32_t c)
{
	/* clang-format off */
	static const uint32_t ranges[][2] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x00a0 }, { 0x00ad, 0x00ad }, { 0x0600, 0x0605 }, { 0x061c, 0x061c },
		{ 0x06dd, 0x06dd }, { 0x070f, 0x070f }, { 0x0890, 0x0891 }, { 0x08e2, 0x08e2 }, { 0x1680, 0x1680 },
		{ 0x180e, 0x180e }, { 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 },
		{ 0xd800, 0xf8ff }, { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
		{ 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe00ff }, { 0xe01f0, 0x10ffff },
	};
	/* clang-format on */
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return false;
	return true;
}

static void put_escaped(struct wr *out, uint32_t c)
{
	static const char letters[] = "\a\b\f\n\r\t\v\"\\";
	const char *at = c != 0 && c < 0x80 ? strchr(letters, (int)c) : NULL;
	wr_u8(out, '\\');
	if (at != NULL) {
		wr_u8(out, (uint8_t) "abfnrtv\"\\"[at - letters]);
	} else if (c < 0x80) {
		wr_u8(out, 'x');
		put_hex(out, c, 2);
	} else if (c < 0x10000) {
		wr_u8(out, 'u');
		put_hex(out, c, 4);
	} else {
		wr_u8(out, 'U');
		put_hex(out, c, 8);
	}
}

void name_put_quoted(struct wr *out, struct span s)
{
	wr_u8(out, '"');
	for (size_t i = 0; i < s.n && out->err == ERR_NONE;) {
		uint32_t c;
		size_t n = utf8_next(span_of(s.p + i, s.n - i), &c);
		if (n == 0) { /* not UTF-8: the byte itself */
			wr_bytes(out, "\\x", 2);
			put_hex(out, s.p[i], 2);
			n = 1;
		} else if (c == '"' || c == '\\' || !is_printable(c)) {
			put_escaped(out, c);
		} else {
			wr_bytes(out, s.p + i, n);
		}
		i += n;
	}
	wr_u8(out, '"');
}

static int hex_digit(int c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool name_read_hex(struct rd *r, int digits, uint32_t *value)
{
	*value = 0;
	for (; digits > 0 && r->n > 0; digits--) {
		int d = hex_digit(r->p[0]);
		if (d < 0)
			break;
		rd_u8(r);
		*value = *value << 4 | (uint32_t)d;
	}
	return digits == 0;
}

/* Three octal digits, the first of which has been read. */
static bool read_octal(struct rd *r, uint8_t first, uint32_t *value)
{
	*value = (uint32_t)(first - '0');
	for (int i = 0; i < 2; i++) {
		uint8_t c = rd_u8(r);
		if (c < '0' || c > '7')
			return false;
		*value = *value << 3 | (uint32_t)(c - '0');
	}
	return *value <= 0xff;
}

static bool read_escape(struct rd *r, struct wr *out)
{
	static const char letters[] = "abfnrtv\"\\", values[] = "\a\b\f\n\r\t\v\"\\";
	uint8_t c = rd_u8(r);
	uint32_t code;
	const char *at = c != 0 ? strchr(letters, c) : NULL;
	if (at != NULL) {
		wr_u8(out, (uint8_t)values[at - letters]);
	} else if (c == 'x' || (c >= '0' && c <= '7')) {
		if (!(c == 'x' ? name_read_hex(r, 2, &code) : read_octal(r, c, &code)))
			return false;
		wr_u8(out, (uint8_t)code);
	} else if (c == 'u' || c == 'U') {
		if (!name_read_hex(r, c == 'u' ? 4 : 8, &code) || code > 0x10ffff ||
		    (code >= 0xd800 && code <= 0xdfff))
			return false;
		utf8_put(out, code);
	} else {
		return false;
	}
	return true;
}

int name_read_quoted(struct rd *r, struct wr *out)
{
	uint32_t c;
	rd_u8(r);
	while (r->n > 0 && out->err == ERR_NONE) {
		size_t n = utf8_next(span_of(r->p, r->n), &c);
		if (n == 0 || c == '\n')
			return ERR_MALFORMED;
		struct span s = rd_bytes(r, n);
		if (c == '"')
			return ERR_NONE;
		if (c != '\\')
			wr_span_bytes(out, s);
		else if (!read_escape(r, out))
			return r->err != ERR_NONE ? ERR_TRUNCATED : ERR_MALFORMED;
	}
	return out->err != ERR_NONE ? ERR_TOO_LARGE : ERR_TRUNCATED;
}
