/* SPDX-License-Identifier: MIT
 *
 * Endorsement keys and credentials (TPM.md, section 7): what a machine asks its TPM, and what a domain computes without
 * one.
 *
 * Two kinds of endorsement key are known, the ones that the TCG's templates L-1 and L-2 give (EK Credential Profile,
 * annex B): RSA-2048 and ECC P-256. Every TPM that taoinit runs on has the second; some have a certificate for the first
 * alone.
 */
#ifndef TAO_TPM_ENROLL_H
#define TAO_TPM_ENROLL_H

#include "enroll.h"
#include "tpm_objects.h"

enum tpm_ek_kind { TPM_EK_ECC, TPM_EK_RSA };

/* DER SubjectPublicKeyInfo of the larger. */
#define TPM_EK_SPKI_MAX 294

/* The endorsement key and its certificate into the request: that kind which there is a certificate for, else ECC.
 * certificate_n is 0 where there is none. */
int tpm_ek_request(struct tpm *tpm, struct enroll_request *request);
/* The DER SubjectPublicKeyInfo of a TPMT_PUBLIC, if that is an endorsement key of a known kind; ERR_MALFORMED. */
int tpm_ek_spki(struct span ek, struct wr *spki);

/* A credential that only the TPM with both keys gives out, into answer->credential and secret, for answer->ak_name.
 * Needs platform->random alone. ERR_MALFORMED: the key is no endorsement key. */
int tpm_credential_make(const struct platform *platform, struct span ek, const uint8_t credential[static 32],
			struct enroll_answer *answer);
/* And back, in the TPM. */
int tpm_credential_activate(struct tpm *tpm, const struct tpm_blob *ak, const uint8_t ak_auth[static 32],
			    const struct enroll_answer *answer, uint8_t credential[static 32]);

#endif
