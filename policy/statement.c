/* SPDX-License-Identifier: MIT */
#include "statement.h"
#include "name.h"

int statement_write(struct span issuer, int64_t time, int64_t expiration, struct span form, struct wr *out)
{
	size_t from = out->n;
	/* Alone first: what is a Form only together with its surroundings is none. */
	int r = name_check(form, NAME_FORM);
	if (r < 0)
		return r;
	wr_varint(out, NODE_SAYS);
	wr_span_bytes(out, issuer);
	wr_varint(out, 1);
	wr_varint(out, (uint64_t)time);
	wr_varint(out, 1);
	wr_varint(out, (uint64_t)expiration);
	wr_span_bytes(out, form);
	return out->err != ERR_NONE ? (int)out->err : name_check(span_of(out->p + from, out->n - from), NAME_FORM);
}
