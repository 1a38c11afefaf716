/* SPDX-License-Identifier: MIT */
#include <tss2/tss2_mu.h>

#include "tpm_enroll.h"
#include "tpm_nv.h"
#include "tpm_raw.h"

/* A TPM2B_PUBLIC of either kind, and what comes before its unique part. */
#define UNIQUE_AT_ECC 54
#define UNIQUE_AT_RSA 56
/* TCG EK Credential Profile, section 2.2.1.4: certificates. */
#define CERTIFICATE_RSA 0x01c00002
#define CERTIFICATE_ECC 0x01c0000a
/* What every TPM gives at once. */
#define NV_CHUNK 512

/* SHA-256, fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt; PolicySecret of the endorsement
 * hierarchy; AES-128-CFB, no scheme. */
static const uint8_t ek_common[] = {
	0x00, 0x0b, 0x00, 0x03, 0x00, 0xb2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
	0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
	0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10,
};

/* ---- What an endorsement key looks like ---- */

static void put_zeros(struct wr *out, uint16_t n)
{
	wr_be16(out, n);
	while (n-- > 0)
		wr_u8(out, 0);
}

static void write_template(enum tpm_ek_kind kind, struct wr *out)
{
	wr_be16(out, kind == TPM_EK_RSA ? TPM2_ALG_RSA : TPM2_ALG_ECC);
	wr_bytes(out, ek_common, sizeof ek_common);
	if (kind == TPM_EK_RSA) {
		wr_be16(out, 2048);
		wr_be32(out, 0); /* the usual exponent */
		put_zeros(out, 256);
	} else {
		wr_be16(out, TPM2_ECC_NIST_P256);
		wr_be16(out, TPM2_ALG_NULL);
		put_zeros(out, 32);
		put_zeros(out, 32);
	}
}

/* The unique part of a key that has the template's shape: x, y or the modulus. */
static int split(struct span ek, enum tpm_ek_kind *kind, struct span unique[static 2])
{
	uint8_t template[ENROLL_EK_MAX];
	struct wr w = wr_to(template, sizeof template);
	struct rd r = rd_from(ek);
	*kind = rd_be16(&r) == TPM2_ALG_RSA ? TPM_EK_RSA : TPM_EK_ECC;
	size_t at = *kind == TPM_EK_RSA ? UNIQUE_AT_RSA : UNIQUE_AT_ECC;
	write_template(*kind, &w);
	if (ek.n < at || memcmp(ek.p, template, at) != 0)
		return ERR_MALFORMED;
	r = rd_from(span_of(ek.p + at, ek.n - at));
	size_t n = *kind == TPM_EK_RSA ? 256 : 32;
	unique[0] = rd_bytes(&r, rd_be16(&r));
	unique[1] = *kind == TPM_EK_RSA ? unique[0] : rd_bytes(&r, rd_be16(&r));
	return rd_end(&r) == ERR_NONE && unique[0].n == n && unique[1].n == n ? ERR_NONE : ERR_MALFORMED;
}

int tpm_ek_spki(struct span ek, struct wr *spki)
{
	/* RFC 8017, A.1.1, in RFC 5280's frame: 2048 bits with the top one set, exponent 65537. */
	static const uint8_t rsa_head[] = { 0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
					    0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
					    0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00 };
	static const uint8_t rsa_tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
	uint8_t xy[64], ecc[KEY_SPKI_SIZE];
	enum tpm_ek_kind kind;
	struct span unique[2];
	if (split(ek, &kind, unique) < 0)
		return ERR_MALFORMED;
	if (kind == TPM_EK_RSA) {
		if (unique[0].p[0] < 0x80)
			return ERR_MALFORMED;
		wr_bytes(spki, rsa_head, sizeof rsa_head);
		wr_span_bytes(spki, unique[0]);
		wr_bytes(spki, rsa_tail, sizeof rsa_tail);
		return spki->err;
	}
	memcpy(xy, unique[0].p, 32);
	memcpy(xy + 32, unique[1].p, 32);
	key_spki_of_point(xy, ecc);
	if (!key_spki_on_curve(span_of(ecc, sizeof ecc)))
		return ERR_MALFORMED;
	wr_bytes(spki, ecc, sizeof ecc);
	return spki->err;
}

/* ---- The machine ---- */

static int make_ek(struct tpm *tpm, enum tpm_ek_kind kind, TPM2_HANDLE *key, struct wr *public)
{
	uint8_t template[ENROLL_EK_MAX];
	struct wr w = wr_to(template, sizeof template);
	write_template(kind, &w);
	return tpm_create_primary(tpm, TPM2_RH_ENDORSEMENT, wr_span(&w), key, public);
}

/* The DER that begins in an index: how much; 0 if there is none, or it is no DER of up to cap bytes. */
static size_t read_certificate(struct tpm *tpm, uint32_t index, uint8_t *dst, size_t cap)
{
	ESYS_TR nv;
	size_t n = 4, at = 0, more;
	if (tpm_nv_find(tpm, index, &nv) < 0)
		return 0;
	for (; at < n; at += more) {
		more = n - at < NV_CHUNK ? n - at : NV_CHUNK;
		if (tpm_nv_bytes(tpm, nv, (uint16_t)at, (uint16_t)more, dst + at) < 0)
			break;
		if (at == 0)
			n += (size_t)(dst[2] << 8 | dst[3]);
		if (dst[0] != 0x30 || dst[1] != 0x82 || n > cap)
			break;
	}
	(void)Esys_TR_Close(tpm->esys, &nv);
	return at == n ? n : 0;
}

int tpm_ek_request(struct tpm *tpm, struct enroll_request *request)
{
	struct wr w = wr_to(request->ek, sizeof request->ek);
	size_t cap = sizeof request->certificate;
	enum tpm_ek_kind kind = TPM_EK_ECC;
	TPM2_HANDLE key;
	request->certificate_n = read_certificate(tpm, CERTIFICATE_ECC, request->certificate, cap);
	if (request->certificate_n == 0) {
		request->certificate_n = read_certificate(tpm, CERTIFICATE_RSA, request->certificate, cap);
		kind = request->certificate_n > 0 ? TPM_EK_RSA : TPM_EK_ECC;
	}
	int r = tpm->link.err != ERR_NONE ? tpm_failed(tpm, "certificate of the endorsement key", 0, tpm->link.err)
					  : make_ek(tpm, kind, &key, &w);
	request->ek_n = w.n;
	return r;
}

static int activate(struct tpm *tpm, ESYS_TR ak, ESYS_TR ek, ESYS_TR policy, const struct enroll_answer *answer,
		    uint8_t *credential)
{
	static const char step[] = "ActivateCredential";
	TPM2B_ID_OBJECT blob = { .size = ENROLL_CREDENTIAL_SIZE };
	TPM2B_ENCRYPTED_SECRET secret = { .size = (UINT16)answer->secret_n };
	TPM2B_DIGEST *out = NULL;
	memcpy(blob.credential, answer->credential, sizeof answer->credential);
	memcpy(secret.secret, answer->secret, answer->secret_n);
	int r = tpm_policy_endorsement(tpm, policy);
	if (r == ERR_NONE)
		r = tpm_prepare(tpm, step, TPMA_SESSION_ENCRYPT);
	if (r == ERR_NONE)
		r = tpm_result(tpm, step,
			       Esys_ActivateCredential(tpm->esys, ak, ek, tpm->session, policy, ESYS_TR_NONE,
						       &blob, &secret, &out));
	if (r == ERR_NONE && out->size != 32)
		r = tpm_failed(tpm, step, 0, ERR_MALFORMED);
	if (r == ERR_NONE)
		memcpy(credential, out->buffer, 32);
	if (out != NULL)
		wipe(out, sizeof *out);
	Esys_Free(out);
	return r;
}

int tpm_credential_activate(struct tpm *tpm, const struct tpm_blob *ak, const uint8_t ak_auth[static 32],
			    const struct enroll_answer *answer, uint8_t credential[static 32])
{
	ESYS_TR key = ESYS_TR_NONE, ek = ESYS_TR_NONE, policy = ESYS_TR_NONE;
	uint8_t public[ENROLL_EK_MAX];
	struct wr w = wr_to(public, sizeof public);
	TPM2_HANDLE handle;
	int r = make_ek(tpm, answer->secret_n == ENROLL_SECRET_MAX ? TPM_EK_RSA : TPM_EK_ECC, &handle, &w);
	if (r == ERR_NONE)
		r = tpm_adopt(tpm, "endorsement key", handle, wr_span(&w), &ek);
	if (r == ERR_NONE)
		r = tpm_ak_load(tpm, ak, ak_auth, &key);
	if (r == ERR_NONE)
		r = tpm_start_session(tpm, TPM2_SE_POLICY, &policy);
	if (r == ERR_NONE)
		r = activate(tpm, key, ek, policy, answer, credential);
	/* After a failure, too: the boot goes on, and needs the room. */
	tpm_drop(tpm, &policy);
	tpm_drop(tpm, &key);
	tpm_drop(tpm, &ek);
	return r;
}

/* ---- The domain: TPM 2.0 part 1, sections 11.4.10 and 24, annexes B.10 and C.6 ---- */

#define SEED_SIZE SHA256_SIZE

/* One block of KDFa: HMAC(key, 1, label, NUL, context, bits). */
static void kdfa(const uint8_t *key, const char *label, struct span context, size_t size,
		 uint8_t dst[static SHA256_SIZE])
{
	uint8_t bytes[64];
	struct wr w = wr_to(bytes, sizeof bytes);
	br_hmac_key_context k;
	br_hmac_context hmac;
	wr_be32(&w, 1);
	wr_bytes(&w, label, strlen(label) + 1);
	wr_span_bytes(&w, context);
	wr_be32(&w, (uint32_t)(8 * size));
	br_hmac_key_init(&k, &br_sha256_vtable, key, SEED_SIZE);
	br_hmac_init(&hmac, &k, 0);
	br_hmac_update(&hmac, w.p, w.n);
	br_hmac_out(&hmac, dst);
	wipe(&k, sizeof k);
	wipe(&hmac, sizeof hmac);
}

/* The seed that the credential's keys are made of, and what gives it to the TPM that has the endorsement key. */
static int share_seed(const ESYS_CRYPTO_CALLBACKS *crypto, enum tpm_ek_kind kind, TPM2B_PUBLIC *ek,
		      const struct platform *platform, uint8_t seed[static SEED_SIZE],
		      struct enroll_answer *answer)
{
	static const char identity[] = "IDENTITY";
	const TPMS_ECC_POINT *theirs = &ek->publicArea.unique.ecc;
	uint8_t bytes[4 + 32 + sizeof identity + 64];
	struct wr w = wr_to(bytes, sizeof bytes);
	TPM2B_ECC_PARAMETER z;
	TPMS_ECC_POINT ours;
	if (kind == TPM_EK_RSA) {
		ek->publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_OAEP;
		if (platform->random(platform->ctx, seed, SEED_SIZE) < 0)
			return ERR_IO;
		return crypto->rsa_pk_encrypt(ek, SEED_SIZE, seed, sizeof answer->secret, answer->secret,
					      &answer->secret_n, identity, crypto->userdata) == TSS2_RC_SUCCESS
			       ? ERR_NONE
			       : ERR_MALFORMED;
	}
	if (crypto->get_ecdh_point(ek, sizeof answer->secret, &z, &ours, answer->secret, &answer->secret_n,
				   crypto->userdata) != TSS2_RC_SUCCESS)
		return ERR_MALFORMED;
	/* KDFe: SHA-256(1, z, label, NUL, x, x). */
	wr_be32(&w, 1);
	wr_bytes(&w, z.buffer, z.size);
	wr_bytes(&w, identity, sizeof identity);
	wr_bytes(&w, ours.x.buffer, ours.x.size);
	wr_bytes(&w, theirs->x.buffer, theirs->x.size);
	sha256_of(sha256_bearssl(), wr_span(&w), seed);
	wipe(&z, sizeof z);
	wipe(bytes, sizeof bytes);
	return w.err;
}

/* TPMS_ID_OBJECT: TPM2B HMAC(encrypted, name), encrypted = AES-128-CFB(TPM2B credential). */
static void wrap(const ESYS_CRYPTO_CALLBACKS *crypto, const uint8_t *seed, const uint8_t *credential,
		 struct enroll_answer *answer)
{
	uint8_t key[SHA256_SIZE], iv[16] = { 0 }, *encrypted = answer->credential + 2 + SHA256_SIZE;
	struct wr w = wr_to(answer->credential, sizeof answer->credential);
	br_hmac_key_context k;
	br_hmac_context hmac;
	wr_be16(&w, SHA256_SIZE);
	w.n += SHA256_SIZE;
	wr_be16(&w, 32);
	wr_bytes(&w, credential, 32);
	kdfa(seed, "STORAGE", span_of(answer->ak_name, sizeof answer->ak_name), 16, key);
	(void)crypto->aes_encrypt(key, TPM2_ALG_AES, 128, TPM2_ALG_CFB, encrypted, 2 + 32, iv, crypto->userdata);
	kdfa(seed, "INTEGRITY", span_of(NULL, 0), SHA256_SIZE, key);
	br_hmac_key_init(&k, &br_sha256_vtable, key, sizeof key);
	br_hmac_init(&hmac, &k, 0);
	br_hmac_update(&hmac, encrypted, 2 + 32);
	br_hmac_update(&hmac, answer->ak_name, sizeof answer->ak_name);
	br_hmac_out(&hmac, answer->credential + 2);
	wipe(key, sizeof key);
	wipe(&k, sizeof k);
	wipe(&hmac, sizeof hmac);
}

int tpm_credential_make(const struct platform *platform, struct span ek, const uint8_t credential[static 32],
			struct enroll_answer *answer)
{
	uint8_t seed[SEED_SIZE];
	TPM2B_PUBLIC public = { 0 };
	struct tpm_crypto crypto;
	struct span unique[2];
	enum tpm_ek_kind kind;
	size_t at = 0;
	if (split(ek, &kind, unique) < 0 ||
	    Tss2_MU_TPMT_PUBLIC_Unmarshal(ek.p, ek.n, &at, &public.publicArea) != TSS2_RC_SUCCESS)
		return ERR_MALFORMED;
	tpm_crypto_init(&crypto, platform);
	const ESYS_CRYPTO_CALLBACKS callbacks = tpm_crypto_callbacks(&crypto);
	int r = share_seed(&callbacks, kind, &public, platform, seed, answer);
	if (r == ERR_NONE)
		wrap(&callbacks, seed, credential, answer);
	wipe(seed, sizeof seed);
	tpm_crypto_wipe(&crypto);
	return r;
}
