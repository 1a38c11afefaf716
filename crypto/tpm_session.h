/* SPDX-License-Identifier: MIT
 *
 * A conversation with a TPM over tpm2-tss (ESYS): storage root key, one salted session, and what is asked under it.
 * For the root worker and commands: every call may block for as long as the platform's deadline lets it.
 *
 *	struct tpm tpm;
 *	tpm_open(&tpm, platform);
 *	tpm_srk(&tpm);                          tpm.srk_name: compare it with the one on record
 *	tpm_session(&tpm, name_on_record);      refuses another
 *	tpm_pcr_read(&tpm, 15, value);
 *	tpm_close(&tpm);                        always; also after a failure of any of these
 *
 * All return 0 or a negative enum err; tpm_explain says what happened.
 */
#ifndef TAO_TPM_SESSION_H
#define TAO_TPM_SESSION_H

#include "tpm_callbacks.h"
#include "tpm_link.h"

/* nameAlg SHA-256, digest. */
#define TPM_NAME_SIZE 34
#define TPM_PCR_SIZE 32
/* What one GetRandom gives at most: the largest digest that every TPM has. */
#define TPM_RANDOM_MAX 32
/* Of a format-one code (below 0x1000): without the number of the session. */
#define TPM_RC_BARE(rc) ((rc)&0xbf)

/* Points into itself: it stays where it is between open and close. */
struct tpm {
	struct tpm_link link;
	struct tpm_crypto crypto;
	ESYS_CONTEXT *esys;
	ESYS_TR srk, session;
	uint8_t srk_name[TPM_NAME_SIZE];
	bool srk_persistent; /* 0x81000001, not made by us */
	/* Of the last failure. */
	const char *step;
	TSS2_RC rc; /* 0 where tpm2-tss did not fail */
	int err;
};

/* Starts the TPM if nobody has. */
int tpm_open(struct tpm *tpm, const struct platform *platform);
/* The storage root key of TPM.md, section 2: the persistent one if it is of our template, else made anew, which gives
 * the same key until the TPM is cleared. The name is computed from the key that a session would be salted to. */
int tpm_srk(struct tpm *tpm);
/* A session whose secret only the TPM with that storage root key knows; it authenticates and encrypts from now on.
 * ERR_DENIED if the key has another name: then somebody else's key would be talked to in confidence. */
int tpm_session(struct tpm *tpm, const uint8_t name[static TPM_NAME_SIZE]);
/* The name of a key like the storage root key in the endorsement hierarchy: it outlives a TPM2_Clear, so that it tells
 * a TPM that was cleared from another one. */
int tpm_endorsement_name(struct tpm *tpm, uint8_t name[static TPM_NAME_SIZE]);
/* n bytes, at most TPM_RANDOM_MAX, encrypted on their way. */
int tpm_random(struct tpm *tpm, uint8_t *dst, size_t n);
/* One PCR of the SHA-256 bank; the answer is authenticated. ERR_UNSUPPORTED: the bank is off, or there is no such PCR. */
int tpm_pcr_read(struct tpm *tpm, unsigned pcr, uint8_t value[static TPM_PCR_SIZE]);
/* v = SHA-256(v, digest) for this PCR, and reads it back: an extend of a bank that is off succeeds and does nothing
 * (TPM.md, section 1). ERR_CHECKSUM if the PCR has not become expected. */
int tpm_pcr_extend(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE],
		   const uint8_t expected[static TPM_PCR_SIZE]);
/* The same without keys and sessions, from whatever the PCR has, which is returned as before. */
int tpm_pcr_cap(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE],
		uint8_t before[static TPM_PCR_SIZE]);
/* Is this object or session loaded? 1 or 0. */
int tpm_loaded(struct tpm *tpm, TPM2_HANDLE handle);
/* A fixed property, as its manufacturer (TPM2_PT_…). */
int tpm_property(struct tpm *tpm, TPM2_PT property, uint32_t *value);
/* Takes everything that we made out of the TPM: how much could not be. The key and the session are gone then. */
size_t tpm_flush(struct tpm *tpm);
/* Flushes and ends. What tpm_flush returns. */
size_t tpm_close(struct tpm *tpm);

/* "CreatePrimary: 0x9a2 BAD_AUTH: wrong authorization …" of the last failure. */
void tpm_explain(const struct tpm *tpm, struct wr *text);

/* ---- For crypto/tpm_*.c ---- */

/* Notes the failure, for tpm_explain; returns err. */
int tpm_failed(struct tpm *tpm, const char *step, TSS2_RC rc, int err);
/* Of what tpm2-tss returned: 0 or noted. */
int tpm_result(struct tpm *tpm, const char *step, TSS2_RC rc);
/* What the session does for the next command, besides authenticating: TPMA_SESSION_… */
int tpm_prepare(struct tpm *tpm, const char *step, TPMA_SESSION attributes);
/* A session of a kind (TPM2_SE_…) that is salted with the storage root key. */
int tpm_start_session(struct tpm *tpm, TPM2_SE kind, ESYS_TR *session);
/* Flushes an object or session and forgets it. */
void tpm_drop(struct tpm *tpm, ESYS_TR *handle);

#endif
