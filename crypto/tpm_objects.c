/* SPDX-License-Identifier: MIT */
#include <tss2/tss2_mu.h>

#include "tpm_objects.h"
#include "tpm_raw.h"

/* A PCR that others extend meanwhile makes the TPM start over. */
#define UNSEAL_TRIES 8
/* The attestation key up to its point. */
#define AK_SHAPE_SIZE 20

/* TPM.md, section 2, as the storage root key but: sign for decrypt; ECDSA with SHA-256. */
static const uint8_t ak_template[24] = {
	0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x04, 0x72, 0x00, 0x00, 0x00, 0x10,
	0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00,
};

/* KEYEDHASH, SHA-256: fixedTPM fixedParent adminWithPolicy noDA, and not userWithAuth, which would open it to the empty
 * password. The policy stands in between. */
static const uint8_t kek_template_head[] = { 0x00, 0x08, 0x00, 0x0b, 0x00, 0x00, 0x04, 0x92, 0x00, 0x20 };
static const uint8_t kek_template_tail[] = { 0x00, 0x10, 0x00, 0x00 };

/* ---- Blobs ---- */

static uint16_t take(struct rd *r, uint8_t *dst, size_t cap)
{
	struct span s = rd_bytes(r, rd_be16(r));
	if (s.n > cap) {
		rd_fail(r, ERR_TOO_LARGE);
		return 0;
	}
	if (s.n > 0)
		memcpy(dst, s.p, s.n);
	return (uint16_t)s.n;
}

/* Under the storage root key; what goes in is encrypted on its way. */
static int create(struct tpm *tpm, const char *step, struct span template, struct span auth, struct span data,
		  struct tpm_blob *blob)
{
	const TPM2B_DATA no_data = { 0 };
	const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_SENSITIVE_CREATE secret = { 0 };
	TPM2B_PUBLIC wanted = { 0 };
	size_t at = 0;
	secret.sensitive.userAuth.size = (UINT16)auth.n;
	if (auth.n > 0)
		memcpy(secret.sensitive.userAuth.buffer, auth.p, auth.n);
	secret.sensitive.data.size = (UINT16)data.n;
	if (data.n > 0)
		memcpy(secret.sensitive.data.buffer, data.p, data.n);
	int r = tpm_result(tpm, step,
			   Tss2_MU_TPMT_PUBLIC_Unmarshal(template.p, template.n, &at, &wanted.publicArea));
	if (r == ERR_NONE)
		r = tpm_prepare(tpm, step, TPMA_SESSION_DECRYPT);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step,
			       Esys_Create(tpm->esys, tpm->srk, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, &secret,
					   &wanted, &no_data, &no_pcrs, NULL, NULL, NULL, NULL, NULL));
	wipe(&secret, sizeof secret);
	if (r < 0)
		return r;
	struct rd answer = tpm_parameters(tpm);
	blob->private_n = take(&answer, blob->private, sizeof blob->private);
	blob->public_n = take(&answer, blob->public, sizeof blob->public);
	return answer.err != ERR_NONE ? tpm_failed(tpm, step, 0, answer.err) : ERR_NONE;
}

/* That the TPM has what the blob says is in its name, which every command under a session is bound to. */
static int load(struct tpm *tpm, const char *step, const struct tpm_blob *blob, ESYS_TR *object)
{
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_Load);
	wr_be32(&c.w, tpm_handle_of(tpm, tpm->srk));
	tpm_command_empty_auth(&c);
	tpm_command_sized(&c, blob->private, blob->private_n);
	tpm_command_sized(&c, blob->public, blob->public_n);
	int r = tpm_command_send(tpm, step, &c);
	return r < 0 ? r : tpm_adopt(tpm, step, rd_be32(&c.answer), span_of(blob->public, blob->public_n), object);
}

/* ---- The key-encryption key ---- */

int tpm_kek_seal(struct tpm *tpm, const uint8_t policy[static SHA256_SIZE], const uint8_t kek[static TPM_KEK_SIZE],
		 struct tpm_blob *blob)
{
	uint8_t template[46];
	struct wr w = wr_to(template, sizeof template);
	wr_bytes(&w, kek_template_head, sizeof kek_template_head);
	wr_bytes(&w, policy, SHA256_SIZE);
	wr_bytes(&w, kek_template_tail, sizeof kek_template_tail);
	return create(tpm, "Create, of the sealed key", wr_span(&w), span_of(NULL, 0), span_of(kek, TPM_KEK_SIZE),
		      blob);
}

/* With the PCRs as they are. */
static int policy_pcr(struct tpm *tpm, ESYS_TR policy, uint32_t pcrs)
{
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_PolicyPCR);
	wr_be32(&c.w, tpm_handle_of(tpm, policy));
	wr_be16(&c.w, 0);
	tpm_pcr_selection(&c.w, pcrs);
	return tpm_command_send(tpm, "PolicyPCR", &c);
}

static int unseal_once(struct tpm *tpm, ESYS_TR object, ESYS_TR policy, uint32_t pcrs,
		       const struct tpm_approval *approval, uint8_t *kek)
{
	TPM2B_SENSITIVE_DATA *data = NULL;
	int r = policy_pcr(tpm, policy, pcrs);
	if (r == ERR_NONE && approval != NULL)
		r = tpm_satisfy(tpm, policy, approval);
	if (r == ERR_NONE)
		r = tpm_result(tpm, "Unseal",
			       Esys_Unseal(tpm->esys, object, policy, ESYS_TR_NONE, ESYS_TR_NONE, &data));
	if (r == ERR_NONE && data->size != TPM_KEK_SIZE)
		r = tpm_failed(tpm, "Unseal", 0, ERR_MALFORMED);
	if (r == ERR_NONE)
		memcpy(kek, data->buffer, TPM_KEK_SIZE);
	if (data != NULL)
		wipe(data, sizeof *data);
	Esys_Free(data);
	return r;
}

bool tpm_kek_is_sealed_to(const struct tpm_blob *blob, const uint8_t policy[static SHA256_SIZE])
{
	return blob->public_n >= sizeof kek_template_head + SHA256_SIZE &&
	       memcmp(blob->public + sizeof kek_template_head, policy, SHA256_SIZE) == 0;
}

int tpm_kek_unseal(struct tpm *tpm, const struct tpm_blob *blob, uint32_t pcrs,
		   const struct tpm_approval *approval, uint8_t kek[static TPM_KEK_SIZE])
{
	ESYS_TR object = ESYS_TR_NONE, policy = ESYS_TR_NONE;
	int r = load(tpm, "Load, of the sealed key", blob, &object);
	if (r == ERR_NONE)
		r = tpm_start_session(tpm, TPM2_SE_POLICY, &policy);
	if (r == ERR_NONE)
		r = tpm_result(tpm, "Unseal",
			       Esys_TRSess_SetAttributes(tpm->esys, policy,
							 TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT,
							 0xff));
	for (int i = 0; r == ERR_NONE && i < UNSEAL_TRIES; i++) {
		r = unseal_once(tpm, object, policy, pcrs, approval, kek);
		if (r == ERR_NONE || tpm->rc != TPM2_RC_PCR_CHANGED)
			break;
		r = tpm_command_on(tpm, "PolicyRestart", TPM2_CC_PolicyRestart, policy);
	}
	if (tpm->esys != NULL && r == ERR_NONE) {
		tpm_drop(tpm, &policy);
		tpm_drop(tpm, &object);
	}
	return r;
}

/* ---- The attestation key ---- */

int tpm_ak_make(struct tpm *tpm, const uint8_t auth[static 32], struct tpm_blob *blob)
{
	return create(tpm, "Create, of the attestation key", span_of(ak_template, sizeof ak_template),
		      span_of(auth, 32), span_of(NULL, 0), blob);
}

int tpm_ak_spki(const struct tpm_blob *ak, uint8_t spki[static KEY_SPKI_SIZE])
{
	uint8_t xy[64] = { 0 };
	struct rd r = rd_from(span_of(ak->public, ak->public_n));
	bool shape = span_equal(rd_bytes(&r, AK_SHAPE_SIZE), span_of(ak_template, AK_SHAPE_SIZE));
	for (size_t i = 0; i < 2; i++) {
		struct span c = rd_bytes(&r, rd_be16(&r));
		if (c.n == 0 || c.n > 32)
			return ERR_MALFORMED;
		memcpy(xy + 32 * (i + 1) - c.n, c.p, c.n);
	}
	if (!shape || rd_end(&r) != ERR_NONE)
		return ERR_MALFORMED;
	key_spki_of_point(xy, spki);
	return ERR_NONE;
}

static int quote_with(struct tpm *tpm, ESYS_TR ak, uint32_t pcrs, const uint8_t *extra_data, struct wr *attest,
		      struct wr *signature)
{
	static const char step[] = "Quote";
	const TPMT_SIG_SCHEME of_the_key = { .scheme = TPM2_ALG_NULL };
	TPML_PCR_SELECTION selection = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } },
	};
	TPM2B_DATA data = { .size = SHA256_SIZE };
	for (unsigned i = 0; i < 3; i++)
		selection.pcrSelections[0].pcrSelect[i] = (BYTE)(pcrs >> 8 * i);
	memcpy(data.buffer, extra_data, SHA256_SIZE);
	int r = tpm_prepare(tpm, step, 0);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step,
			       Esys_Quote(tpm->esys, ak, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, &data,
					  &of_the_key, &selection, NULL, NULL));
	if (r < 0)
		return r;
	struct rd answer = tpm_parameters(tpm);
	wr_span_bytes(attest, rd_bytes(&answer, rd_be16(&answer)));
	wr_span_bytes(signature, rd_bytes(&answer, answer.n));
	return answer.err != ERR_NONE || attest->err != ERR_NONE || signature->err != ERR_NONE
		       ? tpm_failed(tpm, step, 0, ERR_TOO_LARGE)
		       : ERR_NONE;
}

int tpm_ak_load(struct tpm *tpm, const struct tpm_blob *ak, const uint8_t auth[static 32], ESYS_TR *key)
{
	static const char step[] = "Load, of the attestation key";
	TPM2B_AUTH secret = { .size = 32 };
	memcpy(secret.buffer, auth, 32);
	int r = load(tpm, step, ak, key);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step, Esys_TR_SetAuth(tpm->esys, *key, &secret));
	wipe(&secret, sizeof secret);
	return r;
}

int tpm_quote(struct tpm *tpm, const struct tpm_blob *ak, const uint8_t auth[static 32], uint32_t pcrs,
	      const uint8_t extra_data[static SHA256_SIZE], struct wr *attest, struct wr *signature)
{
	ESYS_TR handle = ESYS_TR_NONE;
	int r = tpm_ak_load(tpm, ak, auth, &handle);
	if (r == ERR_NONE)
		r = quote_with(tpm, handle, pcrs, extra_data, attest, signature);
	if (r == ERR_NONE)
		tpm_drop(tpm, &handle);
	return r;
}
