/* SPDX-License-Identifier: MIT */
#include "policy_sign.h"
#include "proto/attestation.pb.h"

static int digest_of(const struct sha256_impl *impl, struct span bytes, uint8_t digest[static SHA256_SIZE])
{
	const tao_ContextualizedData data = { .context = span_str(POLICY_CONTEXT), .data = bytes };
	return proto_digest(impl, tao_ContextualizedData_fields, &data, digest);
}

int policy_sign(const struct sha256_impl *impl, const uint8_t scalar[static KEY_SCALAR_SIZE], struct span bytes,
		uint8_t signature[static KEY_SIGNATURE_MAX])
{
	uint8_t digest[SHA256_SIZE];
	int r = digest_of(impl, bytes, digest);
	return r < 0 ? r : key_sign(impl, scalar, digest, signature);
}

int policy_verify(const struct sha256_impl *impl, struct span spki, struct span bytes, struct span signature)
{
	uint8_t digest[SHA256_SIZE];
	int r = digest_of(impl, bytes, digest);
	return r < 0 ? r : key_verify(spki, digest, signature);
}
