/* SPDX-License-Identifier: MIT
 *
 * What the guards without a policy share: their identity (PROTOCOL, section 1).
 */
#ifndef TAO_GUARD_TRIVIAL_H
#define TAO_GUARD_TRIVIAL_H

#include "name.h"

/* .TrivialGuard("word") */
static inline int guard_write_trivial(struct wr *subprin, const char *word)
{
	wr_varint(subprin, NODE_SUBPRIN);
	wr_varint(subprin, 1);
	wr_varint(subprin, NODE_EXT);
	wr_var_bytes(subprin, span_str("TrivialGuard"));
	wr_varint(subprin, 1);
	wr_varint(subprin, NODE_STR);
	wr_var_bytes(subprin, span_str(word));
	return subprin->err;
}

#endif
