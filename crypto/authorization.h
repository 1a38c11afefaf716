/* SPDX-License-Identifier: MIT
 *
 * What a domain signs so that a TPM gives out a host's keys in another state than before (TPM.md, section 5 B): these
 * PCR values, while the TPM's version counter is not above this version. The keys are sealed to the domain's key once
 * (PolicyAuthorize), and not again.
 *
 * The file is text, one field a line:
 *
 *	tao-authorization: 1
 *	key: SPKI of the domain's key, hex
 *	version: 1 or more, decimal
 *	index: NV index of the version counter, 8 digits of hex
 *	pcr: NUMBER VALUE				once for each PCR, ascending
 *	signature: DER ECDSA over SHA-256 of (approved policy, "taoinit seal v1"), hex
 *
 * Pure.
 */
#ifndef TAO_AUTHORIZATION_H
#define TAO_AUTHORIZATION_H

#include "quote.h"

#define AUTHORIZATION_FILE_MAX 2048
/* What a policy is for besides its key: the TPM's policyRef. */
#define AUTHORIZATION_REF "taoinit seal v1"
/* More than a counter ever reaches; few enough for any integer. */
#define AUTHORIZATION_VERSION_MAX INT32_MAX
/* Behind those of rollback counters. Owners' indices are those of 0x018xxxxx to 0x01bfxxxx. */
#define AUTHORIZATION_INDEX 0x01817480
#define AUTHORIZATION_INDEX_VALID(index) ((index) >= 0x01800000 && (index) < 0x01c00000)
/* A counter of 8 bytes: anybody may read and increment it, without authorization; no DA. (TPM.md, section 6.) */
#define AUTHORIZATION_INDEX_ATTRIBUTES 0x02060016
/* nvIndex, nameAlg, attributes, no policy, size. */
#define AUTHORIZATION_INDEX_PUBLIC_SIZE 14
/* TPMT_PUBLIC of the domain's key. */
#define AUTHORIZATION_KEY_PUBLIC_SIZE 86
#define AUTHORIZATION_NAME_SIZE 34

struct authorization {
	uint8_t spki[KEY_SPKI_SIZE];
	uint32_t version, index;
	struct quote_facts pcrs; /* only pcrs and value */
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_n;
};

/* ERR_TRUNCATED, ERR_MALFORMED, ERR_RANGE, ERR_TRAILING. The signature is not looked at. */
int authorization_read(struct authorization *a, struct span file);
void authorization_write(const struct authorization *a, struct wr *out);

/* Makes key and signature. */
int authorization_sign(const struct sha256_impl *impl, struct authorization *a,
		       const uint8_t scalar[static KEY_SCALAR_SIZE]);
/* Has the key that it names signed it? ERR_NONE, ERR_BAD_SIGNATURE, ERR_MALFORMED. */
int authorization_verify(const struct authorization *a);

/* ---- As a TPM computes them ---- */

/* The name of what has this public area: nameAlg SHA-256, digest. */
void tpm_name(struct span public, uint8_t name[static AUTHORIZATION_NAME_SIZE]);
/* TPML_PCR_SELECTION of these, of the SHA-256 bank. */
void tpm_pcr_selection(struct wr *out, uint32_t pcrs);
/* The digest of PolicyPCR over these PCRs and values. */
void tpm_policy_pcr(const struct quote_facts *pcrs, uint8_t policy[static SHA256_SIZE]);
/* What the domain approves: PolicyPCR, PolicyNV(index, version, not above). */
void authorization_approved(const struct authorization *a, uint8_t policy[static SHA256_SIZE]);
/* SHA-256 of (approved, AUTHORIZATION_REF): what is signed. */
void authorization_digest(const struct authorization *a, uint8_t digest[static SHA256_SIZE]);
/* The policy that keys are sealed to: PolicyAuthorize of the key. */
void authorization_sealed_to(const uint8_t spki[static KEY_SPKI_SIZE], uint8_t policy[static SHA256_SIZE]);
/* The key as tpm2_loadexternal loads one, and its name. */
void authorization_key_public(const uint8_t spki[static KEY_SPKI_SIZE], struct wr *out);
void authorization_key_name(const uint8_t spki[static KEY_SPKI_SIZE],
			    uint8_t name[static AUTHORIZATION_NAME_SIZE]);
/* TPMS_NV_PUBLIC of the counter; after its first increment the name has another attribute. */
void authorization_index_public(uint32_t index, bool written, struct wr *out);
void authorization_index_name(uint32_t index, bool written, uint8_t name[static AUTHORIZATION_NAME_SIZE]);

#endif
