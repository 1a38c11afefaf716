/* SPDX-License-Identifier: MIT */
#include "fields.h"

void field_put(struct wr *out, const char *text)
{
	wr_span_bytes(out, span_str(text));
}

void field_put_hex(struct wr *out, struct span bytes, const char *after)
{
	wr_hex(out, bytes);
	field_put(out, after);
}

void field_expect(struct rd *r, const char *text)
{
	struct span s = rd_bytes(r, strlen(text));
	if (!span_equal(s, span_str(text)))
		rd_fail(r, ERR_MALFORMED);
}

void field_hex(struct rd *r, uint8_t *dst, size_t n, const char *after)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t high = rd_hex_digit(r);
		dst[i] = (uint8_t)(high << 4 | rd_hex_digit(r));
	}
	field_expect(r, after);
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

size_t field_hex_some(struct rd *r, uint8_t *dst, size_t cap)
{
	size_t n = 0;
	while (n < cap && r->n > 0 && is_hex(r->p[0]))
		field_hex(r, dst + n++, 1, "");
	return n;
}

void fields_write(const struct field *fields, const void *from, struct wr *out)
{
	for (;; fields++) {
		size_t n = fields->size;
		if (fields->n_at > 0)
			memcpy(&n, (const uint8_t *)from + fields->n_at, sizeof n);
		field_put(out, fields->before);
		field_put_hex(out, span_of((const uint8_t *)from + fields->at, n), "");
		if (fields->size == 0)
			return;
	}
}

int fields_read(const struct field *fields, void *to, struct span file)
{
	struct rd r = rd_from(file);
	for (;; fields++) {
		field_expect(&r, fields->before);
		if (fields->size == 0)
			return rd_end(&r);
		size_t n = field_hex_some(&r, (uint8_t *)to + fields->at, fields->size);
		if (fields->n_at > 0)
			memcpy((uint8_t *)to + fields->n_at, &n, sizeof n);
		else if (n != fields->size)
			rd_fail(&r, ERR_MALFORMED);
	}
}

uint64_t field_number(struct rd *r, uint64_t most)
{
	uint64_t v = 0;
	if (r->n == 0 || r->p[0] < '0' || r->p[0] > '9')
		rd_fail(r, ERR_MALFORMED);
	while (r->n > 0 && r->p[0] >= '0' && r->p[0] <= '9' && v <= most)
		v = v * 10 + (uint64_t)(rd_u8(r) - '0');
	if (v > most)
		rd_fail(r, ERR_RANGE);
	return v;
}
