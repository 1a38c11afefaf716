/* SPDX-License-Identifier: MIT */
#include <tss2/tss2_mu.h>

#include "sha256.h"
#include "eventlog.h"
#include "tpm_session.h"

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
	/* Mostly the firmware or the kernel has done it; then this is TPM2_RC_INITIALIZE, which ESYS ignores. */
	return tpm_result(tpm, "Startup", Esys_Startup(tpm->esys, TPM2_SU_CLEAR));
}

/* Is the key of our template, and is its name, computed from these bytes, the one that ESYS knows it by? */
static int judge_srk(struct tpm *tpm, const TPM2B_PUBLIC *public, bool *ours)
{
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t n = 0;
	TPM2B_NAME *known = NULL;
	int r = tpm_result(tpm, "key", Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, bytes, sizeof bytes, &n));
	if (r == ERR_NONE)
		r = tpm_result(tpm, "key", Esys_TR_GetName(tpm->esys, tpm->srk, &known));
	if (r < 0 || known == NULL)
		return r < 0 ? r : ERR_INTERNAL;
	*ours = n <= SRK_PUBLIC_MAX && memcmp(bytes, srk_template, SRK_SHAPE_SIZE) == 0;
	tpm->srk_name[0] = TPM2_ALG_SHA256 >> 8;
	tpm->srk_name[1] = TPM2_ALG_SHA256 & 0xff;
	sha256_of(sha256_bearssl(), span_of(bytes, n), tpm->srk_name + 2);
	if (*ours && !span_equal(span_of(known->name, known->size), span_of(tpm->srk_name, TPM_NAME_SIZE)))
		r = tpm_failed(tpm, "name of the storage root key", 0, ERR_MALFORMED);
	Esys_Free(known);
	return r;
}

static int find_srk(struct tpm *tpm, bool *found)
{
	TPM2B_PUBLIC *public = NULL;
	*found = false;
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, SRK_PERSISTENT, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					   &tpm->srk);
	if (rc == RC_NO_SUCH_HANDLE)
		return ERR_NONE;
	int r = tpm_result(tpm, "ReadPublic", rc);
	if (r == ERR_NONE)
		r = tpm_result(tpm, "ReadPublic",
			       Esys_ReadPublic(tpm->esys, tpm->srk, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					       &public, NULL, NULL));
	if (r == ERR_NONE)
		r = judge_srk(tpm, public, found);
	Esys_Free(public);
	return r;
}

/* The key of our template in a hierarchy; *public belongs to the caller. */
static int make_primary(struct tpm *tpm, ESYS_TR hierarchy, ESYS_TR *key, TPM2B_PUBLIC **public)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_DATA no_data = { 0 };
	const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_PUBLIC template = { 0 };
	size_t at = 0;
	int r = tpm_result(
		tpm, "template",
		Tss2_MU_TPMT_PUBLIC_Unmarshal(srk_template, sizeof srk_template, &at, &template.publicArea));
	if (r == ERR_NONE)
		r = tpm_result(tpm, "CreatePrimary",
			       Esys_CreatePrimary(tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
						  ESYS_TR_NONE, &sensitive, &template, &no_data, &no_pcrs, key,
						  public, NULL, NULL, NULL));
	return r;
}

static int make_srk(struct tpm *tpm)
{
	TPM2B_PUBLIC *public = NULL;
	bool ours = false;
	int r = make_primary(tpm, ESYS_TR_RH_OWNER, &tpm->srk, &public);
	if (r == ERR_NONE)
		r = judge_srk(tpm, public, &ours);
	if (r == ERR_NONE && !ours)
		r = tpm_failed(tpm, "shape of the storage root key", 0, ERR_MALFORMED);
	Esys_Free(public);
	return r;
}

int tpm_endorsement_name(struct tpm *tpm, uint8_t name[static TPM_NAME_SIZE])
{
	ESYS_TR key = ESYS_TR_NONE;
	TPM2B_NAME *known = NULL;
	int r = make_primary(tpm, ESYS_TR_RH_ENDORSEMENT, &key, NULL);
	if (r == ERR_NONE)
		r = tpm_result(tpm, "name of the endorsement key", Esys_TR_GetName(tpm->esys, key, &known));
	if (r == ERR_NONE && (known == NULL || known->size != TPM_NAME_SIZE))
		r = tpm_failed(tpm, "name of the endorsement key", 0, ERR_MALFORMED);
	if (r == ERR_NONE)
		memcpy(name, known->name, TPM_NAME_SIZE);
	Esys_Free(known);
	tpm_drop(tpm, &key);
	return r;
}

int tpm_srk(struct tpm *tpm)
{
	int r = find_srk(tpm, &tpm->srk_persistent);
	return r < 0 || tpm->srk_persistent ? r : make_srk(tpm);
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
	if (*handle != ESYS_TR_NONE)
		(void)Esys_FlushContext(tpm->esys, *handle); /* the link keeps count of what stays */
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

/* session: ESYS_TR_NONE, or the one that is prepared. */
static int pcr_read(struct tpm *tpm, ESYS_TR session, unsigned pcr, uint8_t value[static TPM_PCR_SIZE])
{
	TPML_PCR_SELECTION want = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } },
	};
	TPML_PCR_SELECTION *got = NULL;
	TPML_DIGEST *digests = NULL;
	want.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1 << pcr % 8);
	int r = tpm_result(
		tpm, "PCR_Read",
		Esys_PCR_Read(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, &want, NULL, &got, &digests));
	if (r == ERR_NONE && (digests->count != 1 || digests->digests[0].size != TPM_PCR_SIZE || got->count != 1 ||
			      got->pcrSelections[0].hash != TPM2_ALG_SHA256 ||
			      memcmp(got->pcrSelections[0].pcrSelect, want.pcrSelections[0].pcrSelect, 3) != 0))
		r = tpm_failed(tpm, "SHA-256 bank of PCRs", 0, ERR_UNSUPPORTED);
	if (r == ERR_NONE)
		memcpy(value, digests->digests[0].buffer, TPM_PCR_SIZE);
	Esys_Free(got);
	Esys_Free(digests);
	return r;
}

static int pcr_extend(struct tpm *tpm, ESYS_TR session, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE])
{
	TPML_DIGEST_VALUES values = { .count = 1, .digests = { { .hashAlg = TPM2_ALG_SHA256 } } };
	memcpy(values.digests[0].digest.sha256, digest, TPM_PCR_SIZE);
	return tpm_result(
		tpm, "PCR_Extend",
		Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + pcr, session, ESYS_TR_NONE, ESYS_TR_NONE, &values));
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
	/* An authorization is not asked for and the counter that comes first cannot be encrypted: audit is what makes
	 * the session take part, and its HMAC the answer true. */
	int r = tpm_prepare(tpm, step, TPMA_SESSION_AUDIT);
	return r == ERR_NONE ? pcr_read(tpm, tpm->session, pcr, value) : r;
}

int tpm_pcr_extend(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE],
		   const uint8_t expected[static TPM_PCR_SIZE])
{
	static const char step[] = "PCR_Extend";
	uint8_t value[TPM_PCR_SIZE];
	if (pcr > 23)
		return tpm_failed(tpm, step, 0, ERR_RANGE);
	int r = tpm_prepare(tpm, step, 0);
	if (r == ERR_NONE)
		r = pcr_extend(tpm, tpm->session, pcr, digest);
	if (r == ERR_NONE)
		r = tpm_pcr_read(tpm, pcr, value);
	return r == ERR_NONE ? pcr_compare(tpm, value, expected) : r;
}

int tpm_pcr_cap(struct tpm *tpm, unsigned pcr, const uint8_t digest[static TPM_PCR_SIZE],
		uint8_t before[static TPM_PCR_SIZE])
{
	uint8_t expected[TPM_PCR_SIZE], value[TPM_PCR_SIZE];
	int r = pcr_read(tpm, ESYS_TR_NONE, pcr, before);
	if (r == ERR_NONE)
		r = pcr_extend(tpm, ESYS_TR_PASSWORD, pcr, digest);
	if (r == ERR_NONE)
		r = pcr_read(tpm, ESYS_TR_NONE, pcr, value);
	if (r != ERR_NONE)
		return r;
	memcpy(expected, before, sizeof expected);
	eventlog_fold(expected, digest);
	return pcr_compare(tpm, value, expected);
}

/* The first that there is from property on. NULL if there is none, or on failure. */
static TPMS_CAPABILITY_DATA *capability(struct tpm *tpm, TPM2_CAP what, uint32_t property, int *r)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	*r = tpm_result(tpm, "GetCapability",
			Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, what, property, 1,
					   &more, &data));
	if (*r == ERR_NONE && data->capability != what)
		*r = tpm_failed(tpm, "GetCapability", 0, ERR_MALFORMED);
	return data;
}

int tpm_loaded(struct tpm *tpm, TPM2_HANDLE handle)
{
	int r;
	TPMS_CAPABILITY_DATA *data = capability(tpm, TPM2_CAP_HANDLES, handle, &r);
	if (r == ERR_NONE)
		r = data->data.handles.count > 0 && data->data.handles.handle[0] == handle;
	Esys_Free(data);
	return r;
}

int tpm_property(struct tpm *tpm, TPM2_PT property, uint32_t *value)
{
	int r;
	TPMS_CAPABILITY_DATA *data = capability(tpm, TPM2_CAP_TPM_PROPERTIES, property, &r);
	const TPML_TAGGED_TPM_PROPERTY *list = r == ERR_NONE ? &data->data.tpmProperties : NULL;
	if (list != NULL && (list->count == 0 || list->tpmProperty[0].property != property))
		r = tpm_failed(tpm, "GetCapability", 0, ERR_NOT_FOUND);
	else if (list != NULL)
		*value = list->tpmProperty[0].value;
	Esys_Free(data);
	return r;
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
