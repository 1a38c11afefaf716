/* SPDX-License-Identifier: MIT
 *
 * P-256 keys: scalars, public keys as DER SubjectPublicKeyInfo, ECDSA over a SHA-256 digest. Constant-time in
 * everything secret.
 */
#ifndef TAO_KEYS_H
#define TAO_KEYS_H

#include "sha256.h"

#define KEY_SCALAR_SIZE 32
/* 26 bytes that are the same for every uncompressed P-256 key, then 04, x, y. */
#define KEY_SPKI_SIZE 91
/* Of a DER ECDSA-Sig-Value: two integers of at most 33 bytes. */
#define KEY_SIGNATURE_MAX 72

/* The order n of the group, big-endian. */
extern const uint8_t key_order[KEY_SCALAR_SIZE];

/* Is it in [1, n-1]? */
bool key_scalar_valid(const uint8_t scalar[static KEY_SCALAR_SIZE]);
/* The public key of a scalar. ERR_RANGE if that is not valid. */
int key_spki(const uint8_t scalar[static KEY_SCALAR_SIZE], uint8_t spki[static KEY_SPKI_SIZE]);
/* Has it the form that key_spki gives? Whether the point is on the curve is not asked: key_verify does. */
bool key_spki_valid(struct span spki);
/* Is it such a key, and its point on the curve? */
bool key_spki_on_curve(struct span spki);
/* The same form from a point's two coordinates, x then y. */
void key_spki_of_point(const uint8_t xy[static 64], uint8_t spki[static KEY_SPKI_SIZE]);

/* Deterministic ECDSA (RFC 6979), as DER: its size. ERR_RANGE if the scalar is not valid. */
int key_sign(const struct sha256_impl *impl, const uint8_t scalar[static KEY_SCALAR_SIZE],
	     const uint8_t digest[static SHA256_SIZE], uint8_t signature[static KEY_SIGNATURE_MAX]);
/* ERR_NONE, ERR_BAD_SIGNATURE; ERR_MALFORMED if the key is not a P-256 SPKI or the signature not strict DER. */
int key_verify(struct span spki, const uint8_t digest[static SHA256_SIZE], struct span signature);
/* A strict DER ECDSA-Sig-Value as r and s, 32 bytes each. ERR_MALFORMED. */
int key_signature_raw(struct span der, uint8_t raw[static 64]);
/* key_verify of those. */
int key_verify_raw(struct span spki, const uint8_t digest[static SHA256_SIZE], const uint8_t raw[static 64]);

#endif
