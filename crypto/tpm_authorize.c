/* SPDX-License-Identifier: MIT */
#include "tpm_authorize.h"
#include "tpm_nv.h"
#include "tpm_raw.h"

/* ---- Policies ---- */

static int load_key(struct tpm *tpm, const struct authorization *a, TPM2_HANDLE *key)
{
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_LoadExternal);
	wr_be16(&c.w, 0); /* no private part */
	wr_be16(&c.w, AUTHORIZATION_KEY_PUBLIC_SIZE);
	authorization_key_public(a->spki, &c.w);
	wr_be32(&c.w, TPM2_RH_OWNER); /* the null hierarchy gives no tickets */
	int r = tpm_command_send(tpm, "LoadExternal, of the domain's key", &c);
	*key = rd_be32(&c.answer);
	return r;
}

/* A ticket's beginning: of which hierarchy it is. */
static const uint8_t verified[] = { TPM2_ST_VERIFIED >> 8, TPM2_ST_VERIFIED & 0xff, 0x40, 0, 0, 1 /* owner */ };

static int verify(struct tpm *tpm, TPM2_HANDLE key, const struct authorization *a, struct tpm_approval *approval)
{
	static const char step[] = "VerifySignature, of the authorization";
	struct tpm_command c;
	uint8_t digest[SHA256_SIZE], raw[64];
	if (key_signature_raw(span_of(a->signature, a->signature_n), raw) < 0)
		return tpm_failed(tpm, step, 0, ERR_MALFORMED);
	authorization_digest(a, digest);
	tpm_command(&c, TPM2_CC_VerifySignature);
	wr_be32(&c.w, key);
	tpm_command_sized(&c, digest, sizeof digest);
	wr_be16(&c.w, TPM2_ALG_ECDSA);
	wr_be16(&c.w, TPM2_ALG_SHA256);
	tpm_command_sized(&c, raw, 32);
	tpm_command_sized(&c, raw + 32, 32);
	int r = tpm_command_send(tpm, step, &c);
	if (r < 0)
		return r;
	if (!span_equal(rd_bytes(&c.answer, sizeof verified), span_of(verified, sizeof verified)) ||
	    c.answer.n > sizeof approval->hmac)
		return tpm_failed(tpm, step, 0, ERR_MALFORMED);
	approval->hmac_n = c.answer.n;
	memcpy(approval->hmac, c.answer.p, c.answer.n);
	return ERR_NONE;
}

int tpm_approve(struct tpm *tpm, const struct authorization *a, struct tpm_approval *approval)
{
	TPM2_HANDLE key;
	int r = load_key(tpm, a, &key);
	if (r < 0)
		return r;
	r = verify(tpm, key, a, approval);
	tpm_link_drop(&tpm->link, key);
	approval->authorization = r < 0 ? NULL : a;
	return r;
}

int tpm_satisfy(struct tpm *tpm, ESYS_TR session, const struct tpm_approval *approval)
{
	const struct authorization *a = approval->authorization;
	uint8_t approved[SHA256_SIZE], name[AUTHORIZATION_NAME_SIZE];
	struct tpm_command c;
	uint32_t handle = tpm_handle_of(tpm, session);
	tpm_command(&c, TPM2_CC_PolicyNV);
	wr_be32(&c.w, a->index);
	wr_be32(&c.w, a->index);
	wr_be32(&c.w, handle);
	tpm_command_empty_auth(&c);
	wr_be16(&c.w, 8);
	wr_be64(&c.w, a->version);
	wr_be16(&c.w, 0);
	wr_be16(&c.w, TPM2_EO_UNSIGNED_LE);
	int r = tpm_command_send(tpm, "PolicyNV", &c);
	if (r < 0)
		return r;
	authorization_approved(a, approved);
	authorization_key_name(a->spki, name);
	tpm_command(&c, TPM2_CC_PolicyAuthorize);
	wr_be32(&c.w, handle);
	tpm_command_sized(&c, approved, sizeof approved);
	tpm_command_sized(&c, AUTHORIZATION_REF, sizeof AUTHORIZATION_REF - 1);
	tpm_command_sized(&c, name, sizeof name);
	wr_bytes(&c.w, verified, sizeof verified);
	wr_bytes(&c.w, approval->hmac, approval->hmac_n);
	return tpm_command_send(tpm, "PolicyAuthorize", &c);
}

int tpm_policy_endorsement(struct tpm *tpm, ESYS_TR session)
{
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_PolicySecret);
	wr_be32(&c.w, TPM2_RH_ENDORSEMENT);
	wr_be32(&c.w, tpm_handle_of(tpm, session));
	tpm_command_empty_auth(&c);
	wr_be32(&c.w, 0); /* nonceTPM, cpHash */
	wr_be16(&c.w, 0); /* policyRef */
	wr_be32(&c.w, 0); /* never expires */
	return tpm_command_send(tpm, "PolicySecret, of the endorsement hierarchy", &c);
}

/* ---- The version ---- */

/* 1: it has been incremented; 0: not yet. */
static int judge(struct tpm *tpm, uint32_t index, ESYS_TR counter)
{
	static const char step[] = "version counter";
	uint8_t name[AUTHORIZATION_NAME_SIZE];
	TPM2B_NAME *known = NULL;
	int r = tpm_result(tpm, step, Esys_TR_GetName(tpm->esys, counter, &known));
	if (r < 0)
		return r;
	r = tpm_failed(tpm, step, 0, ERR_EXISTS);
	for (int written = 0; written < 2; written++) {
		authorization_index_name(index, written != 0, name);
		if (span_equal(span_of(known->name, known->size), span_of(name, sizeof name)))
			r = written;
	}
	Esys_Free(known);
	return r;
}

int tpm_version_open(struct tpm *tpm, uint32_t index, bool make, ESYS_TR *counter)
{
	int r = tpm_nv_find(tpm, index, counter);
	if (r == ERR_NOT_FOUND && make) {
		r = tpm_nv_define(tpm, index, AUTHORIZATION_INDEX_ATTRIBUTES, NULL);
		if (r == ERR_NONE)
			r = tpm_nv_find(tpm, index, counter);
	}
	if (r == ERR_NONE)
		r = judge(tpm, index, *counter);
	/* Made by somebody who did not live to increment it, or by us. */
	if (r == 0)
		r = tpm_nv_count(tpm, *counter);
	return r < 0 ? r : ERR_NONE;
}
