/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "attest.h"
#include "hkdf.h"
#include "tao_state.h"

/* First byte of what tao_encrypt makes; authenticated. */
#define SEAL_VERSION 1
/* Keeps shared secrets apart from whatever else is derived from the same key. */
#define SECRET_SALT "Tao Shared Secret V1"
/* SP 800-90A, table 2: the most that HMAC_DRBG gives between two changes of its state. */
#define DRBG_REQUEST_MAX 65536

int tao_init(struct tao *tao, const struct tao_seed *seed)
{
	wipe(tao, sizeof *tao);
	if (seed->delegation_n > TAO_DELEGATION_MAX)
		return ERR_RANGE;
	int r = key_spki(seed->sign_key, tao->spki);
	if (r < 0)
		return r;
	tao->sha256 = sha256_pick();
	gcm_init(&tao->seal, gcm_pick(), seed->seal_key);
	br_hmac_drbg_init(&tao->drbg, tao->sha256->class, seed->drbg, sizeof seed->drbg);
	memcpy(tao->sign_key, seed->sign_key, sizeof tao->sign_key);
	memcpy(tao->derive_key, seed->derive_key, sizeof tao->derive_key);
	memcpy(tao->delegation, seed->delegation, seed->delegation_n);
	tao->delegation_n = seed->delegation_n;
	tao->ready = true;
	return ERR_NONE;
}

int tao_wipe(struct tao *tao)
{
	uint64_t added = tao->added, removed = tao->removed;
	wipe(tao, sizeof *tao);
	if (removed > added)
		return ERR_STATE;
	return added - removed > INT_MAX ? INT_MAX : (int)(added - removed);
}

int tao_reseed(struct tao *tao, const uint8_t entropy[static 48])
{
	if (!tao->ready)
		return ERR_STATE;
	br_hmac_drbg_update(&tao->drbg, entropy, 48);
	return ERR_NONE;
}

void tao_added(struct tao *tao, struct span child)
{
	(void)child;
	tao->added++;
}

void tao_removed(struct tao *tao, struct span child)
{
	(void)child;
	tao->removed++;
}

int tao_random(struct tao *tao, uint8_t *dst, size_t n)
{
	if (!tao->ready)
		return ERR_STATE;
	while (n > 0) {
		size_t piece = n < DRBG_REQUEST_MAX ? n : DRBG_REQUEST_MAX;
		br_hmac_drbg_generate(&tao->drbg, dst, piece);
		dst += piece;
		n -= piece;
	}
	return ERR_NONE;
}

int tao_shared_secret(const struct tao *tao, struct span tag, uint8_t *dst, size_t n)
{
	if (!tao->ready)
		return ERR_STATE;
	if (n == 0 || n > TAO_SECRET_MAX)
		return ERR_RANGE;
	return hkdf(tao->sha256, span_of(tao->derive_key, sizeof tao->derive_key), span_str(SECRET_SALT), tag, dst,
		    n);
}

int tao_encrypt(struct tao *tao, struct span aad, struct span plain, struct wr *out)
{
	static const uint8_t version = SEAL_VERSION;
	uint8_t nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];
	size_t before = out->n;
	if (!tao->ready)
		return ERR_STATE;
	if (plain.n > GCM_DATA_MAX)
		return ERR_TOO_LARGE;
	int r = tao_random(tao, nonce, sizeof nonce);
	if (r < 0)
		return r;
	wr_u8(out, version);
	wr_bytes(out, nonce, sizeof nonce);
	size_t body = out->n;
	if (plain.n > 0 && plain.p == out->p + body && plain.n <= out->cap - body)
		out->n += plain.n;
	else
		wr_span_bytes(out, plain);
	if (out->err == ERR_NONE && out->cap - out->n < sizeof tag)
		out->err = ERR_NO_SPACE;
	if (out->err != ERR_NONE) {
		wipe(out->p + before, out->n - before); /* the plaintext is in it */
		out->n = before;
		return out->err;
	}
	gcm_encrypt(&tao->seal, nonce, span_of(&version, 1), aad, out->p + body, plain.n, tag);
	wr_bytes(out, tag, sizeof tag);
	return ERR_NONE;
}

int tao_decrypt(const struct tao *tao, struct span aad, struct span sealed, struct wr *out)
{
	struct rd r = rd_from(sealed);
	uint8_t version = rd_u8(&r);
	if (!tao->ready)
		return ERR_STATE;
	if (sealed.n > 0 && version != SEAL_VERSION)
		return ERR_BAD_VERSION;
	if (sealed.n < TAO_ENCRYPT_OVERHEAD)
		return ERR_TRUNCATED;
	struct span nonce = rd_bytes(&r, GCM_NONCE_SIZE);
	struct span body = rd_bytes(&r, r.n - GCM_TAG_SIZE);
	struct span tag = rd_bytes(&r, GCM_TAG_SIZE);
	if (body.n > GCM_DATA_MAX)
		return ERR_TOO_LARGE;
	size_t before = out->n;
	wr_span_bytes(out, body);
	if (out->err != ERR_NONE)
		return out->err;
	if (!gcm_decrypt(&tao->seal, nonce.p, span_of(&version, 1), aad, out->p + before, body.n, tag.p)) {
		out->n = before;
		return ERR_BAD_SEAL;
	}
	return ERR_NONE;
}

int tao_attest(struct tao *tao, struct span statement, struct wr *attestation)
{
	struct attest_signer signer = {
		.sha256 = tao->sha256,
		.scalar = tao->sign_key,
		.spki = span_of(tao->spki, sizeof tao->spki),
		.delegation = span_of(tao->delegation, tao->delegation_n),
	};
	if (!tao->ready)
		return ERR_STATE;
	return attest_sign(&signer, statement, attestation);
}
