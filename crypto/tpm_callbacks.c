/* SPDX-License-Identifier: MIT */
#include <tss2/tss2_mu.h>

#include "bearssl_inner.h"
#include "keys.h"
#include "tpm_callbacks.h"

/* Of BearSSL's generator; as tao_reseed takes. */
#define SEED_SIZE 48
#define AES_BLOCK 16

/* ---- Hashes and HMACs in progress: all that is ours is SHA-256 ---- */

static struct tpm_crypto_slot *take(struct tpm_crypto *crypto, enum tpm_crypto_kind kind)
{
	for (size_t i = 0; i < TPM_CRYPTO_SLOTS; i++) {
		struct tpm_crypto_slot *slot = &crypto->slots[i];
		if (slot->kind == TPM_CRYPTO_FREE) {
			slot->kind = kind;
			return slot;
		}
	}
	return NULL;
}

/* NULL if this is no slot of ours, or of another kind. */
static struct tpm_crypto_slot *find(struct tpm_crypto *crypto, const ESYS_CRYPTO_CONTEXT_BLOB *context,
				    enum tpm_crypto_kind kind)
{
	for (size_t i = 0; i < TPM_CRYPTO_SLOTS; i++) {
		struct tpm_crypto_slot *slot = &crypto->slots[i];
		if ((const void *)slot == (const void *)context && slot->kind == kind)
			return slot;
	}
	return NULL;
}

static void give_back(struct tpm_crypto_slot *slot)
{
	wipe(slot, sizeof *slot);
	slot->kind = TPM_CRYPTO_FREE;
}

static TSS2_RC hash_start(ESYS_CRYPTO_CONTEXT_BLOB **context, TPM2_ALG_ID alg, void *userdata)
{
	*context = NULL;
	if (alg != TPM2_ALG_SHA256)
		return TSS2_ESYS_RC_NOT_IMPLEMENTED;
	struct tpm_crypto_slot *slot = take(userdata, TPM_CRYPTO_HASH);
	if (slot == NULL)
		return TSS2_ESYS_RC_MEMORY;
	br_sha256_init(&slot->hash);
	*context = (ESYS_CRYPTO_CONTEXT_BLOB *)slot;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC hash_update(ESYS_CRYPTO_CONTEXT_BLOB *context, const uint8_t *p, size_t n, void *userdata)
{
	struct tpm_crypto_slot *slot = find(userdata, context, TPM_CRYPTO_HASH);
	if (slot == NULL)
		return TSS2_ESYS_RC_BAD_REFERENCE;
	if (n > 0)
		br_sha256_update(&slot->hash, p, n);
	return TSS2_RC_SUCCESS;
}

static TSS2_RC hash_finish(ESYS_CRYPTO_CONTEXT_BLOB **context, uint8_t *dst, size_t *size, void *userdata)
{
	struct tpm_crypto_slot *slot = find(userdata, *context, TPM_CRYPTO_HASH);
	if (slot == NULL)
		return TSS2_ESYS_RC_BAD_REFERENCE;
	if (*size < SHA256_SIZE)
		return TSS2_ESYS_RC_BAD_SIZE;
	br_sha256_out(&slot->hash, dst);
	*size = SHA256_SIZE;
	give_back(slot);
	*context = NULL;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC hmac_start(ESYS_CRYPTO_CONTEXT_BLOB **context, TPM2_ALG_ID alg, const uint8_t *key, size_t size,
			  void *userdata)
{
	br_hmac_key_context expanded;
	*context = NULL;
	if (alg != TPM2_ALG_SHA256)
		return TSS2_ESYS_RC_NOT_IMPLEMENTED;
	struct tpm_crypto_slot *slot = take(userdata, TPM_CRYPTO_HMAC);
	if (slot == NULL)
		return TSS2_ESYS_RC_MEMORY;
	br_hmac_key_init(&expanded, &br_sha256_vtable, size > 0 ? key : (const uint8_t *)"", size);
	br_hmac_init(&slot->hmac, &expanded, 0);
	wipe(&expanded, sizeof expanded);
	*context = (ESYS_CRYPTO_CONTEXT_BLOB *)slot;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC hmac_update(ESYS_CRYPTO_CONTEXT_BLOB *context, const uint8_t *p, size_t n, void *userdata)
{
	struct tpm_crypto_slot *slot = find(userdata, context, TPM_CRYPTO_HMAC);
	if (slot == NULL)
		return TSS2_ESYS_RC_BAD_REFERENCE;
	if (n > 0)
		br_hmac_update(&slot->hmac, p, n);
	return TSS2_RC_SUCCESS;
}

static TSS2_RC hmac_finish(ESYS_CRYPTO_CONTEXT_BLOB **context, uint8_t *dst, size_t *size, void *userdata)
{
	struct tpm_crypto_slot *slot = find(userdata, *context, TPM_CRYPTO_HMAC);
	if (slot == NULL)
		return TSS2_ESYS_RC_BAD_REFERENCE;
	if (*size < SHA256_SIZE)
		return TSS2_ESYS_RC_BAD_SIZE;
	*size = br_hmac_out(&slot->hmac, dst);
	give_back(slot);
	*context = NULL;
	return TSS2_RC_SUCCESS;
}

static void abort_either(ESYS_CRYPTO_CONTEXT_BLOB **context, void *userdata)
{
	struct tpm_crypto *crypto = userdata;
	for (size_t i = 0; context != NULL && i < TPM_CRYPTO_SLOTS; i++)
		if ((void *)&crypto->slots[i] == (void *)*context)
			give_back(&crypto->slots[i]);
	if (context != NULL)
		*context = NULL;
}

/* ---- Randomness ---- */

static TSS2_RC get_random2b(TPM2B_NONCE *nonce, size_t n, void *userdata)
{
	const struct tpm_crypto *crypto = userdata;
	if (n > sizeof nonce->buffer)
		return TSS2_ESYS_RC_BAD_SIZE;
	nonce->size = 0;
	if (crypto->platform->random(crypto->platform->ctx, nonce->buffer, n) < 0)
		return TSS2_ESYS_RC_GENERAL_FAILURE;
	nonce->size = (UINT16)n;
	return TSS2_RC_SUCCESS;
}

/* A generator for one call of BearSSL, whose interface has no way to say that there is no randomness: so all that
 * it needs is drawn before. (br_prng_seeder_system would take RDRAND alone, or open a file.) */
static bool seed(const struct tpm_crypto *crypto, br_hmac_drbg_context *rng)
{
	uint8_t entropy[SEED_SIZE];
	if (crypto->platform->random(crypto->platform->ctx, entropy, sizeof entropy) < 0)
		return false;
	br_hmac_drbg_init(rng, &br_sha256_vtable, entropy, sizeof entropy);
	wipe(entropy, sizeof entropy);
	return true;
}

/* ---- ECDH ---- */

/* Sessions are salted to the storage root key, which is on P-256; the code of the larger curves stays out. */
#define COORDINATE 32
static const br_ec_impl *const curve = &br_ec_p256_m31;

/* TPMs may leave out leading zeros. */
static bool put_coordinate(uint8_t dst[static COORDINATE], const TPM2B_ECC_PARAMETER *from)
{
	if (from->size > COORDINATE)
		return false;
	memset(dst, 0, COORDINATE - from->size);
	memcpy(dst + (COORDINATE - from->size), from->buffer, from->size);
	return true;
}

static void get_coordinate(TPM2B_ECC_PARAMETER *to, const uint8_t p[static COORDINATE])
{
	memcpy(to->buffer, p, COORDINATE);
	to->size = COORDINATE;
}

static TSS2_RC exchange(br_hmac_drbg_context *rng, const TPMS_ECC_POINT *theirs, TPM2B_ECC_PARAMETER *z,
			TPMS_ECC_POINT *ours)
{
	uint8_t scalar[KEY_SCALAR_SIZE], point[1 + 2 * COORDINATE];
	TSS2_RC r = TSS2_ESYS_RC_GENERAL_FAILURE;
	do {
		br_hmac_drbg_generate(rng, scalar, sizeof scalar);
	} while (!key_scalar_valid(scalar)); /* once in 2^32 times */
	if (curve->mulgen(point, scalar, sizeof scalar, BR_EC_secp256r1) != sizeof point)
		goto out;
	get_coordinate(&ours->x, point + 1);
	get_coordinate(&ours->y, point + 1 + COORDINATE);
	point[0] = 4;
	r = TSS2_ESYS_RC_BAD_VALUE;
	if (!put_coordinate(point + 1, &theirs->x) || !put_coordinate(point + 1 + COORDINATE, &theirs->y))
		goto out;
	/* 0: the point is not on the curve. Using it would give our scalar away, and the secret with it. */
	if (curve->mul(point, sizeof point, scalar, sizeof scalar, BR_EC_secp256r1) != 1)
		goto out;
	get_coordinate(z, point + 1);
	r = TSS2_RC_SUCCESS;
out:
	wipe(scalar, sizeof scalar);
	wipe(point, sizeof point);
	return r;
}

static TSS2_RC get_ecdh_point(TPM2B_PUBLIC *key, size_t max, TPM2B_ECC_PARAMETER *z, TPMS_ECC_POINT *ours,
			      BYTE *dst, size_t *size, void *userdata)
{
	const TPMT_PUBLIC *public = &key->publicArea;
	br_hmac_drbg_context rng;
	if (public->type != TPM2_ALG_ECC || public->parameters.eccDetail.curveID != TPM2_ECC_NIST_P256)
		return TSS2_ESYS_RC_NOT_IMPLEMENTED;
	if (!seed(userdata, &rng))
		return TSS2_ESYS_RC_GENERAL_FAILURE;
	TSS2_RC r = exchange(&rng, &public->unique.ecc, z, ours);
	wipe(&rng, sizeof rng);
	*size = 0;
	if (r == TSS2_RC_SUCCESS)
		r = Tss2_MU_TPMS_ECC_POINT_Marshal(ours, dst, max, size);
	if (r != TSS2_RC_SUCCESS)
		wipe(z, sizeof *z);
	return r;
}

/* ---- AES-CFB ---- */

/* BearSSL has no CFB. CTR over a single block, with the feedback register as counter block, is the same. */
static TSS2_RC cfb(const struct tpm_crypto *crypto, bool encrypt, const uint8_t *key, TPMI_AES_KEY_BITS bits,
		   uint8_t *p, size_t n, const uint8_t *iv)
{
	br_aes_gen_ctr_keys expanded;
	uint8_t feedback[AES_BLOCK], cipher[AES_BLOCK];
	if (key == NULL || p == NULL || iv == NULL)
		return TSS2_ESYS_RC_BAD_REFERENCE;
	if (bits != 128 && bits != 192 && bits != 256)
		return TSS2_ESYS_RC_BAD_VALUE;
	crypto->aes->init(&expanded.vtable, key, bits / 8);
	memcpy(feedback, iv, sizeof feedback);
	while (n > 0) {
		size_t k = n < AES_BLOCK ? n : AES_BLOCK;
		struct rd counter = rd_from(span_of(feedback + 12, 4));
		memcpy(cipher, p, k);
		crypto->aes->run(&expanded.vtable, feedback, rd_be32(&counter), p, k);
		memcpy(feedback, encrypt ? p : cipher, k);
		p += k;
		n -= k;
	}
	wipe(&expanded, sizeof expanded);
	return TSS2_RC_SUCCESS;
}

static TSS2_RC aes_encrypt(uint8_t *key, TPM2_ALG_ID alg, TPMI_AES_KEY_BITS bits, TPM2_ALG_ID mode, uint8_t *p,
			   size_t n, uint8_t *iv, void *userdata)
{
	if (alg != TPM2_ALG_AES || mode != TPM2_ALG_CFB)
		return TSS2_ESYS_RC_NOT_IMPLEMENTED;
	return cfb(userdata, true, key, bits, p, n, iv);
}

static TSS2_RC aes_decrypt(uint8_t *key, TPM2_ALG_ID alg, TPMI_AES_KEY_BITS bits, TPM2_ALG_ID mode, uint8_t *p,
			   size_t n, uint8_t *iv, void *userdata)
{
	if (alg != TPM2_ALG_AES || mode != TPM2_ALG_CFB)
		return TSS2_ESYS_RC_NOT_IMPLEMENTED;
	return cfb(userdata, false, key, bits, p, n, iv);
}

/* ---- RSA-OAEP ---- */

#define RSA_SIZE 256
/* Header, and one more than 2048 bits take. */
#define RSA_WORDS 68

size_t br_rsa_oaep_pad(const br_prng_class **random, const br_hash_class *hash, const void *label, size_t label_n,
		       const br_rsa_public_key *key, void *dst, size_t max, const void *src, size_t n);

/* x to the power of 65537, by the modulus. BearSSL's way for any exponent takes 3 KiB. */
static bool rsa_public(uint8_t x[static RSA_SIZE], const uint8_t modulus[static RSA_SIZE])
{
	uint32_t m[RSA_WORDS], plain[RSA_WORDS], a[RSA_WORDS], b[RSA_WORDS];
	br_i31_decode(m, modulus, RSA_SIZE);
	uint32_t m0i = br_i31_ninv31(m[1]), odd = m[1] & 1;
	if (odd == 0 || br_i31_decode_mod(plain, x, RSA_SIZE, m) != 1)
		return false;
	/* Times R, as Montgomery's multiplication takes it: doubled once a bit. */
	memcpy(a, plain, sizeof a);
	for (uint32_t i = 0; i < 31 * ((m[0] + 31) >> 5); i++) {
		uint32_t over = br_i31_add(a, a, 1);
		br_i31_sub(a, m, over | (br_i31_sub(a, m, 0) ^ 1));
	}
	for (int i = 0; i < 8; i++) {
		br_i31_montymul(b, a, a, m, m0i);
		br_i31_montymul(a, b, b, m, m0i);
	}
	br_i31_montymul(b, a, plain, m, m0i); /* and out of Montgomery's form */
	br_i31_encode(x, RSA_SIZE, b);
	wipe(plain, sizeof plain);
	wipe(a, sizeof a);
	wipe(b, sizeof b);
	return true;
}

static TSS2_RC rsa_pk_encrypt(TPM2B_PUBLIC *key, size_t n, BYTE *p, size_t max, BYTE *dst, size_t *size,
			      const char *label, void *userdata)
{
	const TPMT_PUBLIC *public = &key->publicArea;
	const TPMS_RSA_PARMS *parms = &public->parameters.rsaDetail;
	TPM2B_PUBLIC_KEY_RSA *modulus = &key->publicArea.unique.rsa;
	br_hmac_drbg_context rng;
	*size = 0;
	if (public->type != TPM2_ALG_RSA || public->nameAlg != TPM2_ALG_SHA256 ||
	    parms->scheme.scheme != TPM2_ALG_OAEP || (parms->exponent != 0 && parms->exponent != 65537))
		return TSS2_ESYS_RC_NOT_IMPLEMENTED;
	if (modulus->size != RSA_SIZE)
		return TSS2_ESYS_RC_BAD_VALUE;
	const br_rsa_public_key room = { modulus->buffer, RSA_SIZE, NULL, 0 };
	if (!seed(userdata, &rng))
		return TSS2_ESYS_RC_GENERAL_FAILURE;
	/* The label's NUL belongs to it (TPM 2.0 part 1, annex B.4). */
	if (br_rsa_oaep_pad(&rng.vtable, &br_sha256_vtable, label, label != NULL ? strlen(label) + 1 : 0, &room,
			    dst, max, p, n) == RSA_SIZE &&
	    rsa_public(dst, modulus->buffer))
		*size = RSA_SIZE;
	wipe(&rng, sizeof rng);
	return *size > 0 ? TSS2_RC_SUCCESS : TSS2_ESYS_RC_BAD_VALUE;
}

/* ---- */

void tpm_crypto_init_portable(struct tpm_crypto *crypto, const struct platform *platform)
{
	memset(crypto, 0, sizeof *crypto);
	crypto->platform = platform;
	crypto->aes = &br_aes_ct64_ctr_vtable;
}

void tpm_crypto_init(struct tpm_crypto *crypto, const struct platform *platform)
{
	tpm_crypto_init_portable(crypto, platform);
	const br_block_ctr_class *ni = br_aes_x86ni_ctr_get_vtable();
	if (ni != NULL)
		crypto->aes = ni;
}

void tpm_crypto_wipe(struct tpm_crypto *crypto)
{
	wipe(crypto->slots, sizeof crypto->slots);
}

int tpm_crypto_in_use(const struct tpm_crypto *crypto)
{
	int n = 0;
	for (size_t i = 0; i < TPM_CRYPTO_SLOTS; i++)
		n += crypto->slots[i].kind != TPM_CRYPTO_FREE;
	return n;
}

ESYS_CRYPTO_CALLBACKS tpm_crypto_callbacks(struct tpm_crypto *crypto)
{
	return (ESYS_CRYPTO_CALLBACKS){
		.rsa_pk_encrypt = rsa_pk_encrypt,
		.hash_start = hash_start,
		.hash_update = hash_update,
		.hash_finish = hash_finish,
		.hash_abort = abort_either,
		.hmac_start = hmac_start,
		.hmac_update = hmac_update,
		.hmac_finish = hmac_finish,
		.hmac_abort = abort_either,
		.get_random2b = get_random2b,
		.get_ecdh_point = get_ecdh_point,
		.aes_encrypt = aes_encrypt,
		.aes_decrypt = aes_decrypt,
		.userdata = crypto,
	};
}
