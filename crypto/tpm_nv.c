/* SPDX-License-Identifier: MIT */
#include "tpm_nv.h"

#define COUNTER_BYTES 8

static void auth_of(TPM2B_AUTH *secret, const uint8_t auth[static 32])
{
	memset(secret, 0, sizeof *secret);
	secret->size = 32;
	memcpy(secret->buffer, auth, 32);
}

int tpm_nv_find(struct tpm *tpm, uint32_t index, ESYS_TR *nv)
{
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nv);
	if (rc == (TPM2_RC_HANDLE | TPM2_RC_H | TPM2_RC_1))
		return tpm_failed(tpm, "NV_ReadPublic", rc, ERR_NOT_FOUND);
	/* Its name is none that we compute: of another hash. */
	if (rc == TSS2_ESYS_RC_NOT_IMPLEMENTED)
		return tpm_failed(tpm, "NV_ReadPublic", rc, ERR_EXISTS);
	return tpm_result(tpm, "NV_ReadPublic", rc);
}

int tpm_nv_open(struct tpm *tpm, uint32_t index, const uint8_t auth[static 32], ESYS_TR *nv)
{
	TPM2B_AUTH secret;
	int r = tpm_nv_find(tpm, index, nv);
	if (r < 0)
		return r;
	auth_of(&secret, auth);
	r = tpm_result(tpm, "NV index", Esys_TR_SetAuth(tpm->esys, *nv, &secret));
	wipe(&secret, sizeof secret);
	return r;
}

int tpm_nv_define(struct tpm *tpm, uint32_t index, uint32_t attributes, const uint8_t *auth)
{
	static const char step[] = "NV_DefineSpace";
	const TPM2B_NV_PUBLIC public = { .nvPublic = { .nvIndex = index,
						       .nameAlg = TPM2_ALG_SHA256,
						       .attributes = attributes,
						       .dataSize = COUNTER_BYTES } };
	TPM2B_AUTH secret = { .size = 0 };
	ESYS_TR nv = ESYS_TR_NONE;
	if (auth != NULL)
		auth_of(&secret, auth);
	int r = tpm_prepare(tpm, step, TPMA_SESSION_DECRYPT);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step,
			       Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, tpm->session, ESYS_TR_NONE,
						   ESYS_TR_NONE, &secret, &public, &nv));
	wipe(&secret, sizeof secret);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step, Esys_TR_Close(tpm->esys, &nv));
	return r;
}

int tpm_nv_count(struct tpm *tpm, ESYS_TR nv)
{
	static const char step[] = "NV_Increment";
	int r = tpm_prepare(tpm, step, 0);
	return r < 0 ? r
		     : tpm_result(tpm, step,
				  Esys_NV_Increment(tpm->esys, nv, nv, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE));
}

int tpm_nv_bytes(struct tpm *tpm, ESYS_TR nv, uint16_t at, uint16_t n, uint8_t *dst)
{
	static const char step[] = "NV_Read";
	TPM2B_MAX_NV_BUFFER *data = NULL;
	int r = tpm_prepare(tpm, step, 0);
	if (r == ERR_NONE)
		r = tpm_result(
			tpm, step,
			Esys_NV_Read(tpm->esys, nv, nv, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, n, at, &data));
	if (r == ERR_NONE && data->size != n)
		r = tpm_failed(tpm, step, 0, ERR_MALFORMED);
	if (r == ERR_NONE)
		memcpy(dst, data->buffer, n);
	Esys_Free(data);
	return r;
}

int tpm_nv_read(struct tpm *tpm, ESYS_TR nv, uint64_t *n)
{
	uint8_t bytes[COUNTER_BYTES];
	int r = tpm_nv_bytes(tpm, nv, 0, sizeof bytes, bytes);
	struct rd b = rd_from(span_of(bytes, sizeof bytes));
	if (r == ERR_NONE)
		*n = rd_be64(&b);
	return r;
}

bool tpm_nv_is_foreign(const struct tpm *tpm)
{
	TPM2_RC bare = TPM_RC_BARE(tpm->rc);
	bool format_one = tpm->rc < 0x1000 && (tpm->rc & TPM2_RC_FMT1) != 0;
	return tpm->link.err == ERR_NONE &&
	       (tpm->err == ERR_EXISTS || tpm->rc == TPM2_RC_NV_AUTHORIZATION ||
		tpm->rc == TPM2_RC_NV_UNINITIALIZED ||
		(format_one && (bare == TPM2_RC_BAD_AUTH || bare == TPM2_RC_AUTH_FAIL ||
				bare == TPM2_RC_ATTRIBUTES || bare == TPM2_RC_SIZE)));
}
