/* SPDX-License-Identifier: MIT */
#ifndef TAO_NAME_UTF8_H
#define TAO_NAME_UTF8_H

#include "../crypto/base.h"

/* The first code point of s and its length; 0 where s does not begin with well-formed UTF-8 (RFC 3629). */
static inline size_t utf8_next(struct span s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (s.n == 0)
		return 0;
	size_t n = s.p[0] < 0x80 ? 1 : s.p[0] >> 5 == 6 ? 2 : s.p[0] >> 4 == 14 ? 3 : s.p[0] >> 3 == 30 ? 4 : 0;
	if (n == 0 || n > s.n)
		return 0;
	*c = n == 1 ? s.p[0] : s.p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (s.p[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (s.p[i] & 63);
	}
	return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff) ? 0 : n;
}

/* Writes a code point. */
static inline void utf8_put(struct wr *out, uint32_t c)
{
	if (c < 0x80) {
		wr_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		wr_u8(out, (uint8_t)(0xc0 | c >> 6));
		wr_u8(out, (uint8_t)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		wr_u8(out, (uint8_t)(0xe0 | c >> 12));
		wr_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
		wr_u8(out, (uint8_t)(0x80 | (c & 63)));
	} else {
		wr_u8(out, (uint8_t)(0xf0 | c >> 18));
		wr_u8(out, (uint8_t)(0x80 | (c >> 12 & 63)));
		wr_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
		wr_u8(out, (uint8_t)(0x80 | (c & 63)));
	}
}

#endif
