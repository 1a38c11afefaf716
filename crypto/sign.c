/* SPDX-License-Identifier: MIT
 *
 * ECDSA signing on P-256, out of BearSSL's parts. Its own br_ecdsa_i31_sign_raw inverts the nonce by Fermat's theorem,
 * which takes a quarter of the time; its br_i31_moddiv does the same, in constant time too, fifteen times as fast. */
#include "bearssl_inner.h"
#include "keys.h"

struct numbers {
	uint32_t n[I31_WORDS]; /* the order */
	uint32_t n0i;
	uint32_t d[I31_WORDS]; /* private key */
	uint32_t m[I31_WORDS]; /* digest */
	uint32_t k[I31_WORDS]; /* nonce */
	uint32_t r[I31_WORDS];
	uint32_t s[I31_WORDS];
	uint32_t room[3 * I31_WORDS];
	uint8_t bytes[2 * KEY_SCALAR_SIZE];
	uint8_t point[65];
	br_hmac_drbg_context drbg;
};

/* Any 256 bits are less than twice the order: one subtraction reduces them. */
static void decode_reduced(struct numbers *c, uint32_t *x, const uint8_t src[static KEY_SCALAR_SIZE])
{
	br_i31_decode(x, src, KEY_SCALAR_SIZE);
	x[0] = c->n[0];
	br_i31_sub(x, c->n, br_i31_sub(x, c->n, 0) ^ 1);
}

/* RFC 6979, section 3.2: the nonce follows from key and digest. */
static void make_nonce(struct numbers *c, const struct sha256_impl *impl)
{
	br_i31_encode(c->bytes, KEY_SCALAR_SIZE, c->d);
	br_i31_encode(c->bytes + KEY_SCALAR_SIZE, KEY_SCALAR_SIZE, c->m);
	br_hmac_drbg_init(&c->drbg, impl->class, c->bytes, sizeof c->bytes);
	/* A candidate is refused once in 2^32 times, which tells nothing of the one that is taken. */
	do {
		br_hmac_drbg_generate(&c->drbg, c->bytes, KEY_SCALAR_SIZE);
	} while (!key_scalar_valid(c->bytes));
	(void)br_i31_decode_mod(c->k, c->bytes, KEY_SCALAR_SIZE, c->n);
}

/* r, s as 64 bytes into c->bytes. */
static bool sign(struct numbers *c, const struct sha256_impl *impl, const uint8_t *scalar, const uint8_t *digest)
{
	br_i31_decode(c->n, key_order, KEY_SCALAR_SIZE);
	c->n0i = br_i31_ninv31(c->n[1]);
	if (br_i31_decode_mod(c->d, scalar, KEY_SCALAR_SIZE, c->n) != 1)
		return false;
	decode_reduced(c, c->m, digest);
	make_nonce(c, impl);

	/* r: the x coordinate of kG */
	if (br_ec_p256_m31.mulgen(c->point, c->bytes, KEY_SCALAR_SIZE, BR_EC_secp256r1) != sizeof c->point)
		return false;
	decode_reduced(c, c->r, c->point + 1);

	/* s = (m + dr) / k, with m, dr and k all divided by R, which cancels out. */
	br_i31_from_monty(c->m, c->n, c->n0i);
	br_i31_from_monty(c->k, c->n, c->n0i);
	br_i31_montymul(c->s, c->d, c->r, c->n, c->n0i);
	uint32_t over = br_i31_add(c->s, c->m, 1);
	over |= br_i31_sub(c->s, c->n, 0) ^ 1;
	br_i31_sub(c->s, c->n, over);
	if (br_i31_moddiv(c->s, c->k, c->n, c->n0i, c->room) != 1)
		return false;
	br_i31_encode(c->bytes, KEY_SCALAR_SIZE, c->r);
	br_i31_encode(c->bytes + KEY_SCALAR_SIZE, KEY_SCALAR_SIZE, c->s);
	return true;
}

int key_sign(const struct sha256_impl *impl, const uint8_t scalar[static KEY_SCALAR_SIZE],
	     const uint8_t digest[static SHA256_SIZE], uint8_t signature[static KEY_SIGNATURE_MAX])
{
	struct numbers c;
	size_t n = 0;
	if (!key_scalar_valid(scalar))
		return ERR_RANGE;
	if (sign(&c, impl, scalar, digest)) {
		/* In place: DER is at most eight bytes longer. */
		memcpy(signature, c.bytes, sizeof c.bytes);
		n = br_ecdsa_raw_to_asn1(signature, sizeof c.bytes);
	}
	wipe(&c, sizeof c);
	return n > 0 && n <= KEY_SIGNATURE_MAX ? (int)n : ERR_INTERNAL;
}
