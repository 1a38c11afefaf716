/* SPDX-License-Identifier: MIT
 *
 * What the root's identity means in names: the host's own, and the statement by which a root endorses the signing key.
 */
#ifndef TAO_ROOT_NAME_H
#define TAO_ROOT_NAME_H

#include "../crypto/root.h"

/* key([…]).PCRs of all PCRs, and guard, is what a host's name takes at most. */
#define HOST_PRIN_MAX 1536

/* The binary Prin of the host. */
void root_name_write(const struct root_identity *who, struct wr *out);
/* "host from now until a year later says key([signing key]) speaksfor host" (TPM.md, section 4), binary. */
void root_statement_write(const struct root_identity *who, int64_t now, struct wr *out);

#endif
