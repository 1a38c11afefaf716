/* SPDX-License-Identifier: MIT
 *
 * A TPM's quote: does a TPM with this key say that its PCRs are those of the name tpm2([key]).PCRs("i,j", "hex,hex"),
 * and is it about this statement? (TPM.md, section 4, rules 1 to 6.)
 *
 * Pure, bounded. Three things are not judged here: whether the statement's speaker is that name (rule 0, which needs
 * policy/), whether the log replays (rule 7, eventlog.h), and whether anybody vouches for the key: a key in software
 * passes all of this.
 */
#ifndef TAO_QUOTE_H
#define TAO_QUOTE_H

#include "keys.h"

#define QUOTE_CONTEXT "Tao TPM2 Quote Context V1"
#define QUOTE_PCRS 24
/* PCRs from here on are reset or belong to a later start (TPM.md, section 3): no evidence. */
#define QUOTE_PCRS_TRUSTED 16
#define QUOTE_AK_PUBLIC_SIZE 88

struct quote_claim {
	/* Of the name, in the order there. */
	struct span key_hash; /* SHA-256 of spki */
	struct span indices;  /* "0,4,7,15" */
	struct span values;   /* as many values in lower-case hex, by commas */

	struct span spki;      /* DER SubjectPublicKeyInfo of the attestation key */
	struct span ak_public; /* its TPMT_PUBLIC, empty where it is not given */
	struct span statement; /* a binary Says, whole */
	struct span attest;    /* TPMS_ATTEST */
	struct span signature; /* TPMT_SIGNATURE */
};

/* What else a good quote says. Of keys of the owner hierarchy the counts and the version are offset by a secret
 * constant for each key: only differences mean something. */
struct quote_facts {
	uint32_t pcrs; /* bit i: PCR i is in the name */
	uint8_t value[QUOTE_PCRS_TRUSTED][SHA256_SIZE];
	uint64_t clock; /* ms */
	uint32_t resets, restarts;
	bool clock_safe;
	uint64_t firmware;
};

/* NULL if all of it is so. Else the first rule that is broken, in the words of the vectors: bad-name, resettable-pcr;
 * bad-key, wrong-key; bad-ak-public, ak-attributes, ak-mismatch; bad-signature-scheme, bad-signature-structure,
 * bad-signature; bad-magic, bad-type; wrong-selection, wrong-bank, bad-attest, wrong-qualifying-data,
 * pcr-digest-mismatch. */
const char *quote_verify(const struct sha256_impl *impl, const struct quote_claim *claim,
			 struct quote_facts *facts);

/* What a quote about the statement carries as extraData. */
int quote_extra_data(const struct sha256_impl *impl, struct span statement, uint8_t digest[static SHA256_SIZE]);
/* The two strings of a name: which PCRs, and their values. NULL, bad-name, resettable-pcr. */
const char *quote_read_pcrs(struct span indices, struct span values, struct quote_facts *facts);
/* And back, for those of bits pcrs in facts->value. */
void quote_write_pcrs(const struct quote_facts *facts, struct wr *indices, struct wr *values);
/* SHA-256 of the values in ascending order. */
void quote_pcr_digest(const struct sha256_impl *impl, const struct quote_facts *facts,
		      uint8_t digest[static SHA256_SIZE]);

#endif
