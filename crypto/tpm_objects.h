/* SPDX-License-Identifier: MIT
 *
 * What the TPM root keeps in a TPM's custody (TPM.md, section 2): an attestation key, and a key-encryption key that
 * opens at certain PCR values only. Both are children of the storage root key, kept as blobs that mean nothing to another
 * TPM. All needs the salted session of tpm_session.h, blocks, and returns 0 or a negative enum err.
 */
#ifndef TAO_TPM_OBJECTS_H
#define TAO_TPM_OBJECTS_H

#include "tpm_authorize.h"

#define TPM_KEK_SIZE 32
/* What the TPM is asked to hash with a quote. */
#define TPM_ATTEST_MAX 256
#define TPM_SIGNATURE_MAX 80

/* An object as the TPM gives it out. Of ours the largest, the sealed key, takes 46 and about 170 bytes. */
struct tpm_blob {
	uint16_t public_n, private_n;
	uint8_t public[128]; /* TPMT_PUBLIC */
	uint8_t private[256];
};

/* A new attestation key that obeys who knows auth. */
int tpm_ak_make(struct tpm *tpm, const uint8_t auth[static 32], struct tpm_blob *blob);
/* Seals the key to a policy. The empty password does not open it. */
int tpm_kek_seal(struct tpm *tpm, const uint8_t policy[static SHA256_SIZE], const uint8_t kek[static TPM_KEK_SIZE],
		 struct tpm_blob *blob);
bool tpm_kek_is_sealed_to(const struct tpm_blob *blob, const uint8_t policy[static SHA256_SIZE]);
/* Opens it with the PCRs as they are, and an authorization (NULL: it needs none). tpm->rc tells what was wrong: TPM2_RC_INTEGRITY (0x1df), TPM2_RC_POLICY_FAIL
 * (0x99d). */
int tpm_kek_unseal(struct tpm *tpm, const struct tpm_blob *blob, uint32_t pcrs,
		   const struct tpm_approval *approval, uint8_t kek[static TPM_KEK_SIZE]);
/* Into the TPM, ready to be used; the caller drops it. */
int tpm_ak_load(struct tpm *tpm, const struct tpm_blob *ak, const uint8_t auth[static 32], ESYS_TR *key);
/* A quote over these PCRs, by that key. */
int tpm_quote(struct tpm *tpm, const struct tpm_blob *ak, const uint8_t auth[static 32], uint32_t pcrs,
	      const uint8_t extra_data[static SHA256_SIZE], struct wr *attest, struct wr *signature);
/* The key's DER SubjectPublicKeyInfo. ERR_MALFORMED if the blob is no key of our template. */
int tpm_ak_spki(const struct tpm_blob *ak, uint8_t spki[static KEY_SPKI_SIZE]);

#endif
