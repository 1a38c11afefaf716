/* SPDX-License-Identifier: MIT
 *
 * Commands straight over the link, for those that need no secret and whose answer nothing is believed of, or nothing that
 * matters: what tpm2-tss adds is authentication. A fifth of the code, too.
 *
 *	struct tpm_command c;
 *	tpm_command(&c, TPM2_CC_…);
 *	wr_be32(&c.w, …);                      handles; tpm_command_empty_auth, if it takes one; parameters
 *	r = tpm_command_send(tpm, "step", &c);
 *	x = rd_be32(&c.answer);
 */
#ifndef TAO_TPM_RAW_H
#define TAO_TPM_RAW_H

#include "tpm_session.h"

/* Load, of the largest blob of ours. */
#define TPM_COMMAND_MAX 448

struct tpm_command {
	struct wr w;
	struct rd answer; /* what stands behind the response code, until the next command; empty after a failure */
	uint8_t bytes[TPM_COMMAND_MAX];
};

void tpm_command(struct tpm_command *c, TPM2_CC code);
/* The authorization area of the empty password. */
void tpm_command_empty_auth(struct tpm_command *c);
/* A TPM2B. */
void tpm_command_sized(struct tpm_command *c, const void *p, size_t n);
/* 0 or a negative enum err, noted in tpm. */
int tpm_command_send(struct tpm *tpm, const char *step, struct tpm_command *c);
/* A command that is its code and a handle: of a session or object of ESYS. */
int tpm_command_on(struct tpm *tpm, const char *step, TPM2_CC code, ESYS_TR object);
/* The parameters of the last response, if they came behind no handle, but under a session: of what tpm2-tss has verified,
 * the bytes. */
struct rd tpm_parameters(const struct tpm *tpm);
/* The TPM's own handle of a session or object. */
uint32_t tpm_handle_of(struct tpm *tpm, ESYS_TR object);

/* The primary key of a template (TPMT_PUBLIC): its handle, and its TPMT_PUBLIC. */
int tpm_create_primary(struct tpm *tpm, TPM2_HANDLE hierarchy, struct span shape, TPM2_HANDLE *handle,
		       struct wr *public);
/* What has this handle becomes an object of ESYS, if it has this TPMT_PUBLIC: what is said under a session then is said
 * to no other key. */
int tpm_adopt(struct tpm *tpm, const char *step, TPM2_HANDLE handle, struct span public, ESYS_TR *object);

#endif
