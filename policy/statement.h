/* SPDX-License-Identifier: MIT
 *
 * The statement of an attestation: "issuer from time until expiration says form" (PROTOCOL, section 5). Pure.
 */
#ifndef TAO_STATEMENT_H
#define TAO_STATEMENT_H

#include "../crypto/base.h"

/* issuer: binary Prin; form: binary Form, not in out; times: ns since 1970. The errors of name_check, for the form alone
 * and for the whole, which is one level deeper; ERR_NO_SPACE. */
int statement_write(struct span issuer, int64_t time, int64_t expiration, struct span form, struct wr *out);

#endif
