/* SPDX-License-Identifier: MIT
 *
 * What the root's identity means in names: the host's own, and the statement by which a root endorses the signing key.
 */
#ifndef TAO_ROOT_NAME_H
#define TAO_ROOT_NAME_H

#include "../crypto/root.h"

#define HOST_PRIN_MAX ROOT_NAME_MAX

/* The binary Prin of the host; of one with a parent, with its guard. */
void root_name_write(const struct root_identity *who, struct wr *out);
/* What the root is to state, binary: "host from now until a year later says key([signing key]) speaksfor host" (TPM.md,
 * section 4); to a parent, which says who says it and when, only what is said. */
void root_statement_write(const struct root_identity *who, int64_t now, struct wr *out);
/* The binary SubPrin by which such a host makes its name there longer: .Manifest([SHA-256]) and its guard's. */
int root_extension_write(const struct root_config *config, struct wr *out);

#endif
