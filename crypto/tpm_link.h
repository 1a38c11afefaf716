/* SPDX-License-Identifier: MIT
 *
 * How tpm2-tss reaches the TPM: a TCTI over platform->transmit. It checks the frame of every response, and writes
 * down what each command left in the TPM, so that all of it can be flushed whatever became of the software above:
 * ESYS takes no more commands after a response that it did not believe.
 */
#ifndef TAO_TPM_LINK_H
#define TAO_TPM_LINK_H

#include <tss2/tss2_esys.h>

#include "platform.h"

/* Tag, size, response code. */
#define TPM_HEADER_SIZE 10
/* TPM2_MAX_RESPONSE_SIZE, less what tpm2-tss reads beyond the end of a response whose sizes lie (a TPM2B's). */
#define TPM_RESPONSE_MAX (4096 - 64)
/* A TPM without a resource manager holds three objects and three sessions. */
#define TPM_MADE_MAX 16

struct tpm_link {
	TSS2_TCTI_CONTEXT_COMMON_V2 tcti; /* first: tpm2-tss knows the link by it */
	const struct platform *platform;
	enum err err;  /* why the last command got no response; ERR_NONE if it got one */
	TPM2_RC code;  /* of the last response */
	size_t n;      /* bytes of it that wait to be received */
	size_t n_made; /* objects and sessions that are in the TPM because of us */
	TPM2_HANDLE made[TPM_MADE_MAX];
	uint8_t response[TPM_RESPONSE_MAX];
};

/* One command and its response, in link->response and link->code; for those that tpm2-tss has no part in. */
int tpm_link_exchange(struct tpm_link *link, struct span command);
void tpm_link_init(struct tpm_link *link, const struct platform *platform);
/* Flushes this, if it was made, and the link works; else tpm_link_flush will. */
void tpm_link_drop(struct tpm_link *link, TPM2_HANDLE handle);
/* Flushes all that was made, newest first. Returns how many are left. */
size_t tpm_link_flush(struct tpm_link *link);

#endif
