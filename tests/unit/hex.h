/* SPDX-License-Identifier: MIT
 *
 * Hex for test vectors. Spaces are skipped. */
#ifndef HEX_H
#define HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* How many bytes the text stands for; at most cap are written. A text that is not hex gives 0. */
static inline size_t hex_to(const char *text, uint8_t *dst, size_t cap)
{
	size_t n = 0;
	while (*text != '\0') {
		if (*text == ' ') {
			text++;
			continue;
		}
		int hi = hex_digit(text[0]), lo = hi < 0 ? -1 : hex_digit(text[1]);
		if (lo < 0)
			return 0;
		if (n < cap)
			dst[n] = (uint8_t)(hi * 16 + lo);
		n++;
		text += 2;
	}
	return n;
}

static inline bool hex_is(const uint8_t *p, size_t n, const char *text)
{
	size_t i = 0;
	for (; *text != '\0'; text += 2, i++) {
		while (*text == ' ')
			text++;
		if (i >= n || hex_digit(text[0]) * 16 + hex_digit(text[1]) != p[i])
			break;
	}
	if (i == n && *text == '\0')
		return true;
	printf("# got ");
	for (i = 0; i < n; i++)
		printf("%02x", p[i]);
	printf("\n");
	return false;
}

#endif
