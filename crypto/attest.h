/* SPDX-License-Identifier: MIT
 *
 * Attestations signed by a key, as bytes (PROTOCOL, section 5). */
#ifndef TAO_ATTEST_H
#define TAO_ATTEST_H

#include "keys.h"

#define ATTEST_CONTEXT "Tao Attestation Signing Context V1"
#define ATTEST_KEY_TYPE "ecdsap256-public"
#define ATTEST_SIGNER_KEY "key"
#define ATTEST_SIGNER_TPM2 "tpm2"

struct attest_signer {
	const struct sha256_impl *sha256;
	const uint8_t *scalar;
	struct span spki;
	struct span delegation; /* empty: none */
};

/* SHA-256 of the ContextualizedData that a signature of this statement is over. */
int attest_digest(const struct sha256_impl *impl, struct span statement, uint8_t digest[static SHA256_SIZE]);
/* Appends an Attestation to out; on failure out has what it had. */
int attest_sign(const struct attest_signer *signer, struct span statement, struct wr *out);

#endif
