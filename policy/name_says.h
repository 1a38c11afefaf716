/* SPDX-License-Identifier: MIT
 *
 * A binary Says or Speaksfor taken apart and put together, and the TPM in a name, without a tree: parts point into the
 * input.
 */
#ifndef TAO_NAME_SAYS_H
#define TAO_NAME_SAYS_H

#include "name.h"

struct says {
	struct span speaker; /* a Term */
	bool has_from, has_until;
	int64_t from, until; /* ns since 1970 */
	struct span message; /* a Form */
};

/* ERR_MALFORMED: well-formed, but of another kind; else as name_check. */
int says_split(struct span form, struct says *says);
int speaksfor_split(struct span form, struct span *delegate, struct span *delegator);
/* The binary Says. Speaker and message are not looked at. */
int says_write(const struct says *says, struct wr *out);

/* The binary Prin tpm2([sha256]).PCRs(Str, Str) that a name is or begins with. ERR_MALFORMED if it does not, ERR_NO_SPACE. */
int name_write_tpm2_of(struct span prin, const uint8_t sha256[static 32], struct wr *out);

#endif
