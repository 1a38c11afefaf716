/* SPDX-License-Identifier: MIT
 *
 * Signatures of policies (tao.policy(5)): DER ECDSA on P-256 over SHA-256 of the serialized ContextualizedData of
 * POLICY_CONTEXT and the signed bytes, as attestations are signed in a context of their own.
 */
#ifndef TAO_POLICY_SIGN_H
#define TAO_POLICY_SIGN_H

#include "keys.h"

#define POLICY_CONTEXT "Tao Policy Signing Context V1"

/* The signature's size; ERR_RANGE if the scalar is not valid. */
int policy_sign(const struct sha256_impl *impl, const uint8_t scalar[static KEY_SCALAR_SIZE], struct span bytes,
		uint8_t signature[static KEY_SIGNATURE_MAX]);
/* ERR_NONE, ERR_BAD_SIGNATURE, ERR_MALFORMED: see key_verify. */
int policy_verify(const struct sha256_impl *impl, struct span spki, struct span bytes, struct span signature);

#endif
