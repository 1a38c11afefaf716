/* SPDX-License-Identifier: MIT
 *
 * Keys sealed to a domain's authorizations instead of to PCR values (authorization.h): what the TPM is asked for. Nothing
 * of what it answers is believed here, but by the TPM itself, in the policy session that unseals. */
#ifndef TAO_TPM_AUTHORIZE_H
#define TAO_TPM_AUTHORIZE_H

#include "authorization.h"
#include "tpm_session.h"

/* An authorization that the TPM has verified, for as long as it runs. */
struct tpm_approval {
	const struct authorization *authorization; /* NULL: none */
	uint8_t hmac[2 + 64];			   /* of the ticket, a TPM2B */
	size_t hmac_n;
};

/* The domain's key into the TPM, its signature verified there, the key out again. */
int tpm_approve(struct tpm *tpm, const struct authorization *a, struct tpm_approval *approval);
/* After PolicyPCR in this policy session: PolicyNV, PolicyAuthorize. tpm->rc: TPM2_RC_POLICY (0x126): an old version;
 * 0x1c4: other PCRs. */
int tpm_satisfy(struct tpm *tpm, ESYS_TR session, const struct tpm_approval *approval);
/* PolicySecret of the endorsement hierarchy, whose authorization is empty. */
int tpm_policy_endorsement(struct tpm *tpm, ESYS_TR session);

/* The version counter, for tpm_nv.h: *index is made, if it is not there and make says so. ERR_EXISTS: something else
 * stands there. */
int tpm_version_open(struct tpm *tpm, uint32_t index, bool make, ESYS_TR *counter);

#endif
