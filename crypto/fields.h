/* SPDX-License-Identifier: MIT
 *
 * The small files that go between people and machines are text, one "name: value" a line, in a fixed order: these write
 * and read their pieces. Numbers are decimal, bytes hexadecimal in small letters. A reader that has failed stays failed
 * (base.h).
 */
#ifndef TAO_FIELDS_H
#define TAO_FIELDS_H

#include "base.h"

void field_put(struct wr *out, const char *text);
void field_put_hex(struct wr *out, struct span bytes, const char *after);

/* Exactly this text comes next. */
void field_expect(struct rd *r, const char *text);
/* n bytes, then the text. */
void field_hex(struct rd *r, uint8_t *dst, size_t n, const char *after);
/* As many as there are, at most cap: how many. */
size_t field_hex_some(struct rd *r, uint8_t *dst, size_t cap);
/* At most most, which is far from what a uint64_t holds. */
uint64_t field_number(struct rd *r, uint64_t most);

/* A file whose fields are all bytes, in a struct: for each what stands before it, where it is, its size, and, where that
 * may be less, where the size_t is that says so (0: it may not). The last row has what stands at the end. */
struct field {
	const char *before;
	uint16_t at, size, n_at;
};
void fields_write(const struct field *fields, const void *from, struct wr *out);
/* ERR_TRUNCATED, ERR_MALFORMED, ERR_TRAILING. */
int fields_read(const struct field *fields, void *to, struct span file);

#endif
