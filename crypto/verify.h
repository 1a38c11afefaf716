/* SPDX-License-Identifier: MIT
 *
 * The cryptographic half of verifying an Attestation (PROTOCOL, section 5): its parts, and whether each was
 * signed by the key it names. Whether a statement is believed (who speaks for whom, from when until when) is
 * judged by policy/ over what this gives; init/verify.c puts the two together.
 *
 * Pure, bounded, no recursion; all spans point into the attestation's bytes, which must outlive them.
 */
#ifndef TAO_VERIFY_H
#define TAO_VERIFY_H

#include "keys.h"
#include "proto_span.h"

/* An attestation, the delegation it rests on, the one that rests on, … : one for each Tao that stands on another,
 * machine, VM, container, and as many again for keys that were replaced. Each costs a signature check. */
#define VERIFY_LINKS_MAX 8

enum verify_signer {
	VERIFY_NOBODY = 0,
	VERIFY_KEY,
	VERIFY_TPM2, /* its quote is not judged here: that needs the PCRs of the speaker's name */
};

struct verify_link {
	int result; /* ERR_NONE: signed by signer. ERR_BAD_SIGNATURE, ERR_MALFORMED, ERR_UNSUPPORTED: not shown */
	enum verify_signer signer;
	uint8_t signer_sha256[SHA256_SIZE]; /* of signer_key: what stands in the name key([…]) */
	struct span signer_key;		    /* DER SubjectPublicKeyInfo */
	struct span statement;		    /* a binary Says, not looked at */
	struct span signature;		    /* VERIFY_TPM2: TPMT_SIGNATURE over quote */
	struct span quote;		    /* TPMS_ATTEST; NULL where there is none */
	struct proto_spans endorsements;
	struct span root_endorsement;
};

struct verify_chain {
	size_t n;
	struct verify_link link[VERIFY_LINKS_MAX]; /* the attestation, then each delegation below it */
};

/* ERR_NONE only if every link is well-formed and signed by the key that it names. Otherwise the first link's error
 * that is not so; ERR_TOO_DEEP for a longer chain. ERR_UNSUPPORTED with a link of VERIFY_TPM2 means that the caller
 * has its quote to check still (and the results of all links to look at).
 * chain->n links were parsed; nothing but their results may be used if this fails. */
int verify_attestation(const struct sha256_impl *impl, struct span attestation, struct verify_chain *chain);

#endif
