/* SPDX-License-Identifier: MIT */
#include "attest.h"
#include "proto/attestation.pb.h"

/* A header of 57 bytes, a signature of at most 72, and what frames them. */
#define SIGNED_DATA_MAX 160

int attest_digest(const struct sha256_impl *impl, struct span statement, uint8_t digest[static SHA256_SIZE])
{
	const tao_ContextualizedData signed_data = { .context = span_str(ATTEST_CONTEXT), .data = statement };
	return proto_digest(impl, tao_ContextualizedData_fields, &signed_data, digest);
}

/* CloudProxy writes these into every header; only version and type mean something to a verifier. */
static tao_CryptoHeader header_of_ours(void)
{
	tao_CryptoHeader header = {
		.version = tao_CryptoVersion_CRYPTO_VERSION_2,
		.key_name = span_str("Anonymous_signer"),
		.key_epoch = 1,
		.key_type = span_str(ATTEST_KEY_TYPE),
		.key_purpose = span_str("signing"),
		.key_status = span_str("active"),
	};
	return header;
}

int attest_sign(const struct attest_signer *signer, struct span statement, struct wr *out)
{
	uint8_t digest[SHA256_SIZE], der[KEY_SIGNATURE_MAX], signature[SIGNED_DATA_MAX];
	int r = attest_digest(signer->sha256, statement, digest);
	if (r < 0)
		return r;
	int n = key_sign(signer->sha256, signer->scalar, digest, der);
	if (n < 0)
		return n;
	const tao_SignedData data = { .header = header_of_ours(), .signature = span_of(der, (size_t)n) };
	struct wr w = wr_to(signature, sizeof signature);
	r = proto_encode(&w, tao_SignedData_fields, &data);
	if (r < 0)
		return r;
	tao_Attestation attestation = {
		.serialized_statement = statement,
		.signer_type = span_str(ATTEST_SIGNER_KEY),
		.signer_key = signer->spki,
		.signature = wr_span(&w),
	};
	if (signer->delegation.n > 0)
		attestation.serialized_delegation = signer->delegation;
	return proto_encode(out, tao_Attestation_fields, &attestation);
}
