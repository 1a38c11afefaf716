/* SPDX-License-Identifier: MIT */
#include <pb_decode.h>
#include <pb_encode.h>

#include "proto_span.h"

static bool read_rd(pb_istream_t *in, pb_byte_t *dst, size_t n)
{
	struct span bytes = rd_bytes(in->state, n);
	if (bytes.n != n)
		return false;
	if (n > 0)
		memcpy(dst, bytes.p, n);
	return true;
}

static bool write_wr(pb_ostream_t *out, const pb_byte_t *p, size_t n)
{
	struct wr *w = out->state;
	wr_bytes(w, p, n);
	return w->err == ERR_NONE;
}

static bool write_sha256(pb_ostream_t *out, const pb_byte_t *p, size_t n)
{
	sha256_update(out->state, span_of(p, n));
	return true;
}

static bool field_in(pb_istream_t *in, const pb_field_iter_t *field)
{
	/* A field of the wrong wire type comes in a stream of nanopb's own, whose state is another. */
	if (in->callback != read_rd)
		return false;
	struct span bytes = rd_bytes(in->state, in->bytes_left);
	if (bytes.n != in->bytes_left)
		return false;
	in->bytes_left = 0;
	if (PB_HTYPE(field->type) != PB_HTYPE_REPEATED) {
		*(struct span *)field->pData = bytes;
		return true;
	}
	struct proto_spans *all = field->pData;
	if (all->n == PROTO_SPANS_MAX)
		return false;
	all->item[all->n++] = bytes;
	return true;
}

static bool span_out(pb_ostream_t *out, const pb_field_iter_t *field, struct span bytes)
{
	return pb_encode_tag_for_field(out, field) && pb_encode_string(out, bytes.p, bytes.n);
}

static bool field_out(pb_ostream_t *out, const pb_field_iter_t *field)
{
	if (PB_HTYPE(field->type) != PB_HTYPE_REPEATED) {
		const struct span *bytes = field->pData;
		if (bytes->p == NULL && PB_HTYPE(field->type) == PB_HTYPE_OPTIONAL)
			return true;
		return span_out(out, field, *bytes);
	}
	const struct proto_spans *all = field->pData;
	for (size_t i = 0; i < all->n; i++) {
		if (!span_out(out, field, all->item[i]))
			return false;
	}
	return true;
}

bool proto_span_field(pb_istream_t *in, pb_ostream_t *out, const pb_field_iter_t *field)
{
	return in != NULL ? field_in(in, field) : field_out(out, field);
}

int proto_decode(struct span bytes, const pb_msgdesc_t *type, void *message)
{
	struct rd rd = rd_from(bytes);
	pb_istream_t in = PB_ISTREAM_EMPTY;
	in.callback = read_rd;
	in.state = &rd;
	in.bytes_left = bytes.n;
	if (!pb_decode(&in, type, message) || rd_end(&rd) != ERR_NONE)
		return ERR_MALFORMED;
	return ERR_NONE;
}

static bool encode(pb_ostream_t *out, const pb_msgdesc_t *type, const void *message)
{
	out->max_size = SIZE_MAX; /* what limits is the writer below */
	return pb_encode(out, type, message);
}

int proto_encode(struct wr *w, const pb_msgdesc_t *type, const void *message)
{
	size_t before = w->n;
	pb_ostream_t out = PB_OSTREAM_SIZING;
	out.callback = write_wr;
	out.state = w;
	if (encode(&out, type, message))
		return ERR_NONE;
	if (w->err == ERR_NONE)
		w->err = ERR_INTERNAL;
	w->n = before;
	return w->err;
}

int proto_digest(const struct sha256_impl *impl, const pb_msgdesc_t *type, const void *message,
		 uint8_t digest[static SHA256_SIZE])
{
	struct sha256 hash;
	pb_ostream_t out = PB_OSTREAM_SIZING;
	sha256_init(&hash, impl);
	out.callback = write_sha256;
	out.state = &hash;
	if (!encode(&out, type, message))
		return ERR_INTERNAL;
	sha256_out(&hash, digest);
	return ERR_NONE;
}
