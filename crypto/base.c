/* SPDX-License-Identifier: MIT */
#include "base.h"

const char *err_text(int err)
{
	switch (err) {
	case ERR_NONE:
		return "no error";
#define ERR(name, value, text)                                                                                    \
	case value:                                                                                               \
		return text;
#include "err.def"
#undef ERR
	default:
		return "unknown error";
	}
}

void wr_decimal(struct wr *w, uint64_t n)
{
	uint8_t digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	wr_bytes(w, digits + at, sizeof digits - at);
}

void wr_hex(struct wr *w, struct span s)
{
	for (size_t i = 0; i < 2 * s.n; i++)
		wr_u8(w, (uint8_t) "0123456789abcdef"[s.p[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15]);
}

char *text_find(const char *text, const char *what)
{
	size_t n = strlen(what);
	while (*text != '\0' && strncmp(text, what, n) != 0)
		text++;
	return *text != '\0' ? (char *)(uintptr_t)text : NULL;
}
