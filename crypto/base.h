/* SPDX-License-Identifier: MIT
 *
 * What every room shares: byte spans, a bounded reader and writer with a sticky error, the error enum.
 * Pure: no allocation, no syscall. The one header of crypto/ that policy/ may see.
 *
 * Errors are negative members of one enum; zero or positive is success. A reader or writer that has failed
 * stays failed and yields zeros, so a parser checks once, at the end, with rd_end() or wr->err.
 */
#ifndef TAO_BASE_H
#define TAO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum err {
	ERR_NONE = 0,
#define ERR(name, value, text) ERR_##name = (value),
#include "err.def"
#undef ERR
};

/* A static text for any value; unknown values give "unknown error". */
const char *err_text(int err);

/* Bytes that somebody else owns. */
struct span {
	const uint8_t *p;
	size_t n;
};

static inline struct span span_of(const void *p, size_t n)
{
	struct span s = { p, n };
	return s;
}

static inline struct span span_str(const char *text)
{
	return span_of(text, strlen(text));
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Writes into the caller's buffer. n counts what is there; nothing is ever written past cap. */
struct wr {
	uint8_t *p;
	size_t n;
	size_t cap;
	enum err err;
};

static inline struct wr wr_to(void *p, size_t cap)
{
	struct wr w = { p, 0, cap, ERR_NONE };
	return w;
}

static inline struct span wr_span(const struct wr *w)
{
	return span_of(w->p, w->n);
}

static inline void wr_bytes(struct wr *w, const void *p, size_t n)
{
	if (w->err != ERR_NONE)
		return;
	if (n > w->cap - w->n) {
		w->err = ERR_NO_SPACE;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static inline void wr_span_bytes(struct wr *w, struct span s)
{
	wr_bytes(w, s.p, s.n);
}

/* As strstr, for short texts: the C library's is nine hundred bytes of code for long ones. */
char *text_find(const char *text, const char *what);

/* A number in decimal. */
void wr_decimal(struct wr *w, uint64_t n);
/* In hexadecimal, in small letters. */
void wr_hex(struct wr *w, struct span s);

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

static inline void wr_be16(struct wr *w, uint16_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
	wr_bytes(w, b, sizeof b);
}

static inline void wr_be32(struct wr *w, uint32_t v)
{
	wr_be16(w, (uint16_t)(v >> 16));
	wr_be16(w, (uint16_t)v);
}

static inline void wr_be64(struct wr *w, uint64_t v)
{
	wr_be32(w, (uint32_t)(v >> 32));
	wr_be32(w, (uint32_t)v);
}

/* Unsigned LEB128 of a 64-bit pattern, minimal. */
static inline void wr_varint(struct wr *w, uint64_t v)
{
	while (v >= 0x80) {
		wr_u8(w, (uint8_t)(v | 0x80));
		v >>= 7;
	}
	wr_u8(w, (uint8_t)v);
}

/* A varint length, then the bytes: the form of strings and bytes in names (PROTOCOL, section 2). */
static inline void wr_var_bytes(struct wr *w, struct span s)
{
	wr_varint(w, s.n);
	wr_span_bytes(w, s);
}

/* Reads from the caller's bytes. n counts what is left. */
struct rd {
	const uint8_t *p;
	size_t n;
	enum err err;
};

static inline struct rd rd_from(struct span s)
{
	struct rd r = { s.p, s.n, ERR_NONE };
	return r;
}

static inline void rd_fail(struct rd *r, enum err err)
{
	if (r->err == ERR_NONE)
		r->err = err;
	r->n = 0;
}

static inline struct span rd_bytes(struct rd *r, size_t n)
{
	struct span s = { r->p, n };
	if (r->err != ERR_NONE || n > r->n) {
		rd_fail(r, ERR_TRUNCATED);
		return span_of(NULL, 0);
	}
	r->p += n;
	r->n -= n;
	return s;
}

static inline uint8_t rd_u8(struct rd *r)
{
	struct span s = rd_bytes(r, 1);
	return s.n == 1 ? s.p[0] : 0;
}

/* A hexadecimal digit, in small letters: its value. */
static inline uint8_t rd_hex_digit(struct rd *r)
{
	uint8_t c = rd_u8(r);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (uint8_t)(c - 'a' + 10);
	rd_fail(r, ERR_MALFORMED);
	return 0;
}

static inline uint16_t rd_be16(struct rd *r)
{
	uint16_t hi = rd_u8(r);
	return (uint16_t)(hi << 8 | rd_u8(r));
}

static inline uint32_t rd_be32(struct rd *r)
{
	uint32_t hi = rd_be16(r);
	return hi << 16 | rd_be16(r);
}

static inline uint64_t rd_be64(struct rd *r)
{
	uint64_t hi = rd_be32(r);
	return hi << 32 | rd_be32(r);
}

/* Refuses varints that are longer than they need to be, and more than 64 bits. */
static inline uint64_t rd_varint(struct rd *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = rd_u8(r);
		if (r->err != ERR_NONE)
			return 0;
		if ((shift > 0 && b == 0) || (shift == 63 && b > 1)) {
			rd_fail(r, ERR_MALFORMED);
			return 0;
		}
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	rd_fail(r, ERR_MALFORMED);
	return 0;
}

static inline struct span rd_var_bytes(struct rd *r)
{
	uint64_t n = rd_varint(r);
	if (n > r->n) {
		rd_fail(r, ERR_TRUNCATED);
		return span_of(NULL, 0);
	}
	return rd_bytes(r, (size_t)n);
}

/* ERR_NONE only if nothing failed and nothing is left. */
static inline enum err rd_end(struct rd *r)
{
	if (r->err == ERR_NONE && r->n != 0)
		rd_fail(r, ERR_TRAILING);
	return r->err;
}

/* Overwrites secrets; the compiler may not drop it. */
static inline void wipe(void *p, size_t n)
{
	if (n > 0)
		memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Equal in constant time. */
static inline bool equal_secret(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint8_t d = 0;
	for (size_t i = 0; i < n; i++)
		d = (uint8_t)(d | (a[i] ^ b[i]));
	return d == 0;
}

#endif
