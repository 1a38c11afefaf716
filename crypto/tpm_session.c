/* SPDX-License-Identifier: MIT */
#include "authorization.h"
#include "eventlog.h"
#include "tpm_raw.h"

/* The TCG's place for a storage root key (TPM 2.0 provisioning guidance, section 7.5.1). */
#define SRK_PERSISTENT 0x81000001
/* Of TPM_RC_HANDLE for the first handle: there is nothing at this place. */
#define RC_NO_SUCH_HANDLE (TPM2_RC_HANDLE | TPM2_RC_H | TPM2_RC_1)
/* The template up to the point, by which a key that is there already is recognised. */
#define SRK_SHAPE_SIZE 22
/* The point's two coordinates come on top, P-256's being the longest of a key of our shape. */
#define SRK_PUBLIC_MAX 90

/* TPM.md, section 2: ECC, SHA-256, fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA restricted decrypt, no
 * policy, AES-128-CFB, no scheme, P-256, no KDF, and an empty point: 32 zero bytes in it would make another key. */
static const uint8_t srk_template[26] = {
	0x00, 0x23, 0x00, 0x0b, 0x00, 0x03, 0x04, 0x72, 0x00, 0x00, 0x00, 0x06, 0x00,
	0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00,
};

static int error_of(const struct tpm *tpm, TSS2_RC rc)
{
	if (tpm->link.err != ERR_NONE)
		return tpm->link.err;
	switch (rc) {
	case TPM2_RC_OBJECT_MEMORY:
	case TPM2_RC_SESSION_MEMORY:
	case TPM2_RC_MEMORY:
	case TPM2_RC_SESSION_HANDLES:
		return ERR_BUSY;
	case TSS2_ESYS_RC_RSP_AUTH_FAILED:
		return ERR_BAD_SIGNATURE;
	case TSS2_ESYS_RC_MEMORY:
		return ERR_NO_SPACE;
	default:
		return rc >= 0x1000 ? ERR_MALFORMED : ERR_DENIED;
	}
}

int tpm_failed(struct tpm *tpm, const char *step, TSS2_RC rc, int err)
{
	tpm->step = step;
	tpm->rc = rc;
	tpm->err = err;
	return err;
}

/* What tpm2-tss returned. */
int tpm_result(struct tpm *tpm, const char *step, TSS2_RC rc)
{
	return rc == TSS2_RC_SUCCESS ? ERR_NONE : tpm_failed(tpm, step, rc, error_of(tpm, rc));
}

int tpm_open(struct tpm *tpm, const struct platform *platform)
{
	memset(tpm, 0, sizeof *tpm);
	tpm->srk = tpm->session = ESYS_TR_NONE;
	if (platform->transmit == NULL)
		return tpm_failed(tpm, "open", 0, ERR_UNSUPPORTED);
	tpm_link_init(&tpm->link, platform);
	tpm_crypto_init(&tpm->crypto, platform);
	int r = tpm_result(tpm, "Esys_Initialize",
			   Esys_Initialize(&tpm->esys, (TSS2_TCTI_CONTEXT *)&tpm->link.tcti, NULL));
	if (r < 0)
		return r;
	ESYS_CRYPTO_CALLBACKS callbacks = tpm_crypto_callbacks(&tpm->crypto);
	r = tpm_result(tpm, "Esys_SetCryptoCallbacks", Esys_SetCryptoCallbacks(tpm->esys, &callbacks));
	if (r < 0)
		return r;
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_Startup);
	wr_be16(&c.w, TPM2_SU_CLEAR);
	r = tpm_command_send(tpm, "Startup", &c);
	/* Mostly the firmware or the kernel has done it. */
	return r == ERR_NONE || tpm->rc != TPM2_RC_INITIALIZE ? r : tpm_failed(tpm, NULL, 0, ERR_NONE);
}

/* The key of our template that has this handle is the one from now on. */
static int use_srk(struct tpm *tpm, TPM2_HANDLE handle, struct span public)
{
	tpm_name(public, tpm->srk_name);
	return tpm_adopt(tpm, "name of the storage root key", handle, public, &tpm->srk);
}

static bool is_srk(struct span public)
{
	return public.n <= SRK_PUBLIC_MAX && public.n >= SRK_SHAPE_SIZE &&
	       memcmp(public.p, srk_template, SRK_SHAPE_SIZE) == 0;
}

static int find_srk(struct tpm *tpm)
{
	static const char step[] = "ReadPublic";
	uint8_t public[SRK_PUBLIC_MAX];
	struct wr w = wr_to(public, sizeof public);
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_ReadPublic);
	wr_be32(&c.w, SRK_PERSISTENT);
	int r = tpm_command_send(tpm, step, &c);
	if (r < 0)
		return tpm->rc == RC_NO_SUCH_HANDLE ? ERR_NONE : r;
	struct span found = rd_bytes(&c.answer, rd_be16(&c.answer));
	if (c.answer.err != ERR_NONE)
		return tpm_failed(tpm, step, 0, ERR_MALFORMED);
	tpm->srk_persistent = is_srk(found);
	if (!tpm->srk_persistent)
		return ERR_NONE;
	wr_span_bytes(&w, found); /* out of the way of the next answer */
	return use_srk(tpm, SRK_PERSISTENT, wr_span(&w));
}

/* The key of our template in a hierarchy. */
static int make_primary(struct tpm *tpm, TPM2_HANDLE hierarchy, TPM2_HANDLE *handle, struct wr *public)
{
	int r = tpm_create_primary(tpm, hierarchy, span_of(srk_template, sizeof srk_template), handle, public);
	if (r == ERR_NONE && !is_srk(wr_span(public)))
		r = tpm_failed(tpm, "shape of the storage root key", 0, ERR_MALFORMED);
	return r;
}

int tpm_endorsement_name(struct tpm *tpm, uint8_t name[static TPM_NAME_SIZE])
{
	uint8_t public[SRK_PUBLIC_MAX];
	struct wr w = wr_to(public, sizeof public);
	TPM2_HANDLE key;
	int r = make_primary(tpm, TPM2_RH_ENDORSEMENT, &key, &w);
	tpm_link_drop(&tpm->link, key);
	tpm_name(wr_span(&w), name);
	return r;
}

int tpm_srk(struct tpm *tpm)
{
	uint8_t public[SRK_PUBLIC_MAX];
	struct wr w = wr_to(public, sizeof public);
	TPM2_HANDLE key;
	int r = find_srk(tpm);
	if (r < 0 || tpm->srk_persistent)
		return r;
	r = make_primary(tpm, TPM2_RH_OWNER, &key, &w);
	return r < 0 ? r : use_srk(tpm, key, wr_span(&w));
}

int tpm_start_session(struct tpm *tpm, TPM2_SE kind, ESYS_TR *session)
{
	const TPMT_SYM_DEF aes_128_cfb = {
		.algorithm = TPM2_ALG_AES,
		.keyBits.aes = 128,
		.mode.aes = TPM2_ALG_CFB,
	};
	if (tpm->srk == ESYS_TR_NONE)
		return tpm_failed(tpm, "StartAuthSession", 0, ERR_STATE);
	return tpm_result(tpm, "StartAuthSession",
			  Esys_StartAuthSession(tpm->esys, tpm->srk, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
						ESYS_TR_NONE, NULL, kind, &aes_128_cfb, TPM2_ALG_SHA256, session));
}

int tpm_session(struct tpm *tpm, const uint8_t name[static TPM_NAME_SIZE])
{
	if (tpm->srk != ESYS_TR_NONE && memcmp(tpm->srk_name, name, TPM_NAME_SIZE) != 0)
		return tpm_failed(tpm, "name of the storage root key", 0, ERR_DENIED);
	return tpm_start_session(tpm, TPM2_SE_HMAC, &tpm->session);
}

void tpm_drop(struct tpm *tpm, ESYS_TR *handle)
{
	if (*handle != ESYS_TR_NONE) {
		tpm_link_drop(&tpm->link, tpm_handle_of(tpm, *handle));
		(void)Esys_TR_Close(tpm->esys, handle);
	}
	*handle = ESYS_TR_NONE;
}

/* What the session does for the next command, besides authenticating. */
int tpm_prepare(struct tpm *tpm, const char *step, TPMA_SESSION attributes)
{
	if (tpm->session == ESYS_TR_NONE)
		return tpm_failed(tpm, step, 0, ERR_STATE);
	return tpm_result(tpm, step,
			  Esys_TRSess_SetAttributes(tpm->esys, tpm->session,
						    TPMA_SESSION_CONTINUESESSION | attributes, 0xff));
}

int tpm_random(struct tpm *tpm, uint8_t *dst, size_t n)
{
	static const char step[] = "GetRandom";
	TPM2B_DIGEST *bytes = NULL;
	if (n > TPM_RANDOM_MAX)
		return tpm_failed(tpm, step, 0, ERR_RANGE);
	int r = tpm_prepare(tpm, step, TPMA_SESSION_ENCRYPT);
	if (r == ERR_NONE)
		r = tpm_result(
			tpm, step,
			Esys_GetRandom(tpm->esys, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, (UINT16)n, &bytes));
	if (r == ERR_NONE && bytes->size != n)
		r = tpm_failed(tpm, step, 0, ERR_MALFORMED);
	if (r == ERR_NONE)
		memcpy(dst, bytes->buffer, n);
	if (bytes != NULL)
		wipe(bytes, sizeof *bytes);
	Esys_Free(bytes);
	return r;
}

/* Under the session that is prepared, or as raw. What both want: the selection again, one digest. */
static int pcr_judge(struct tpm *tpm, int r, struct rd answer, unsigned pcr, uint8_t value[static TPM_PCR_SIZE])
{
	uint8_t bytes[16];
	struct wr w = wr_to(bytes, sizeof bytes);
	tpm_pcr_selection(&w, (uint32_t)1 << pcr);
	wr_be32(&w, 1);
	wr_be16(&w, TPM_PCR_SIZE);
	(void)rd_be32(&answer); /* how often PCRs were extended */
	struct span shape = rd_bytes(&answer, w.n), digest = rd_bytes(&answer, TPM_PCR_SIZE);
	if (r == ERR_NONE && (rd_end(&answer) != ERR_NONE || !span_equal(shape, wr_span(&w))))
		r = tpm_failed(tpm, "SHA-256 bank of PCRs", 0, ERR_UNSUPPORTED);
	if (r == ERR_NONE)
		memcpy(value, digest.p, TPM_PCR_SIZE);
	return r;
}

static int pcr_read_raw(struct tpm *tpm, unsigned pcr, uint8_t value[static TPM_PCR_SIZE])
{
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_PCR_Read);
	tpm_pcr_selection(&c.w, (uint32_t)1 << pcr);
	int r = tpm_command_send(tpm, "PCR_Read", &c);
	return pcr_judge(tpm, r, c.answer, pcr, value);
}

/* Whether it has happened its reader finds out. */
static int pcr_extend(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE])
{
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_PCR_Extend);
	wr_be32(&c.w, pcr);
	tpm_command_empty_auth(&c);
	wr_be32(&c.w, 1);
	wr_be16(&c.w, TPM2_ALG_SHA256);
	wr_bytes(&c.w, digest, TPM_PCR_SIZE);
	return tpm_command_send(tpm, "PCR_Extend", &c);
}

static int pcr_compare(struct tpm *tpm, const uint8_t value[static TPM_PCR_SIZE],
		       const uint8_t expected[static TPM_PCR_SIZE])
{
	return memcmp(value, expected, TPM_PCR_SIZE) == 0
		       ? ERR_NONE
		       : tpm_failed(tpm, "PCR after it was extended", 0, ERR_CHECKSUM);
}

int tpm_pcr_read(struct tpm *tpm, unsigned pcr, uint8_t value[static TPM_PCR_SIZE])
{
	static const char step[] = "PCR_Read";
	if (pcr > 23)
		return tpm_failed(tpm, step, 0, ERR_RANGE);
	TPML_PCR_SELECTION want = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } },
	};
	want.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1 << pcr % 8);
	/* An authorization is not asked for and the counter that comes first cannot be encrypted: audit is what makes
	 * the session take part, and its HMAC the answer true. */
	int r = tpm_prepare(tpm, step, TPMA_SESSION_AUDIT);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step,
			       Esys_PCR_Read(tpm->esys, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, &want, NULL,
					     NULL, NULL));
	return pcr_judge(tpm, r, tpm_parameters(tpm), pcr, value);
}

int tpm_pcr_extend(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE],
		   const uint8_t expected[static TPM_PCR_SIZE])
{
	uint8_t value[TPM_PCR_SIZE];
	if (pcr > 23)
		return tpm_failed(tpm, "PCR_Extend", 0, ERR_RANGE);
	int r = pcr_extend(tpm, pcr, digest);
	if (r == ERR_NONE)
		r = tpm_pcr_read(tpm, pcr, value);
	return r == ERR_NONE ? pcr_compare(tpm, value, expected) : r;
}

int tpm_pcr_cap(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE],
		uint8_t before[static TPM_PCR_SIZE])
{
	uint8_t expected[TPM_PCR_SIZE], value[TPM_PCR_SIZE];
	int r = pcr_read_raw(tpm, pcr, before);
	if (r == ERR_NONE)
		r = pcr_extend(tpm, pcr, digest);
	if (r == ERR_NONE)
		r = pcr_read_raw(tpm, pcr, value);
	if (r != ERR_NONE)
		return r;
	memcpy(expected, before, sizeof expected);
	eventlog_fold(expected, digest);
	return pcr_compare(tpm, value, expected);
}

size_t tpm_flush(struct tpm *tpm)
{
	/* Not by ESYS, which may be past all commands. Its own notes of these go with it. */
	tpm->srk = tpm->session = ESYS_TR_NONE;
	return tpm_link_flush(&tpm->link);
}

size_t tpm_close(struct tpm *tpm)
{
	size_t left = tpm_flush(tpm);
	Esys_Finalize(&tpm->esys);
	tpm_crypto_wipe(&tpm->crypto);
	return left;
}
