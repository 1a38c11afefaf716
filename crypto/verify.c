/* SPDX-License-Identifier: MIT */
#include "attest.h"
#include "proto/attestation.pb.h"
#include "verify.h"

/* A signature by a key is a SignedData of the one kind that there is. */
static int check_key_signature(const struct sha256_impl *impl, const struct verify_link *link)
{
	uint8_t digest[SHA256_SIZE];
	tao_SignedData data = tao_SignedData_init_zero;
	int r = proto_decode(link->signature, tao_SignedData_fields, &data);
	if (r < 0)
		return r;
	if (data.header.version != tao_CryptoVersion_CRYPTO_VERSION_2 ||
	    !span_equal(data.header.key_type, span_str(ATTEST_KEY_TYPE)))
		return ERR_UNSUPPORTED;
	r = attest_digest(impl, link->statement, digest);
	return r < 0 ? r : key_verify(link->signer_key, digest, data.signature);
}

static int check_link(const struct sha256_impl *impl, const tao_Attestation *a, struct verify_link *link)
{
	link->statement = a->serialized_statement;
	link->signer_key = a->signer_key;
	link->signature = a->signature;
	link->quote = a->tpm2_quote_structure;
	link->endorsements = a->serialized_endorsements;
	link->root_endorsement = a->root_endorsement;
	sha256_of(impl, link->signer_key, link->signer_sha256);
	if (span_equal(a->signer_type, span_str(ATTEST_SIGNER_TPM2))) {
		link->signer = VERIFY_TPM2;
		return ERR_UNSUPPORTED;
	}
	if (!span_equal(a->signer_type, span_str(ATTEST_SIGNER_KEY)))
		return ERR_UNSUPPORTED;
	link->signer = VERIFY_KEY;
	return check_key_signature(impl, link);
}

int verify_attestation(const struct sha256_impl *impl, struct span attestation, struct verify_chain *chain)
{
	int first = ERR_NONE;
	memset(chain, 0, sizeof *chain);
	/* A delegation is shorter than what it came in, so that this ends even without the cap. */
	while (attestation.p != NULL) {
		if (chain->n == VERIFY_LINKS_MAX)
			return first != ERR_NONE ? first : ERR_TOO_DEEP;
		tao_Attestation a = tao_Attestation_init_zero;
		int r = proto_decode(attestation, tao_Attestation_fields, &a);
		if (r < 0)
			return first != ERR_NONE ? first : r;
		struct verify_link *link = &chain->link[chain->n++];
		link->result = check_link(impl, &a, link);
		if (first == ERR_NONE)
			first = link->result;
		attestation = a.serialized_delegation;
	}
	return chain->n > 0 ? first : ERR_MALFORMED;
}
