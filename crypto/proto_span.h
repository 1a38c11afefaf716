/* SPDX-License-Identifier: MIT
 *
 * Protobuf messages whose strings and bytes are spans: a decoded message points into the bytes that it came
 * from, an encoded one is written straight into the caller's buffer or hash. An optional field that is absent
 * has a NULL pointer; a required or present one never has. Of a field that comes twice the last counts.
 */
#ifndef TAO_PROTO_SPAN_H
#define TAO_PROTO_SPAN_H

#include <pb.h>

#include "base.h"
#include "sha256.h"

/* No known attestation carries more than two endorsements; more is malformed. */
#define PROTO_SPANS_MAX 8

struct proto_spans {
	size_t n;
	struct span item[PROTO_SPANS_MAX];
};

/* What the .options files name as callback_function. */
bool proto_span_field(pb_istream_t *in, pb_ostream_t *out, const pb_field_iter_t *field);

/* The message must be zeroed before. ERR_MALFORMED: not a message of this type, or a required field is missing. */
int proto_decode(struct span bytes, const pb_msgdesc_t *type, void *message);
/* ERR_NO_SPACE; out then has what it had. */
int proto_encode(struct wr *out, const pb_msgdesc_t *type, const void *message);
/* SHA-256 of what proto_encode would write. ERR_INTERNAL. */
int proto_digest(const struct sha256_impl *impl, const pb_msgdesc_t *type, const void *message,
		 uint8_t digest[static SHA256_SIZE]);

#endif
