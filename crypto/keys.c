/* SPDX-License-Identifier: MIT */
#include "keys.h"

#define POINT_SIZE 65
#define RAW_SIGNATURE_SIZE 64

/* Only this curve is linked; br_ec_get_default() would bring all. */
static const br_ec_impl *const curve = &br_ec_p256_m31;

/* RFC 5480: SEQUENCE { SEQUENCE { id-ecPublicKey, secp256r1 }, BIT STRING of no unused bits }. */
static const uint8_t spki_prefix[KEY_SPKI_SIZE - POINT_SIZE] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

const uint8_t key_order[KEY_SCALAR_SIZE] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

bool key_scalar_valid(const uint8_t scalar[static KEY_SCALAR_SIZE])
{
	unsigned any = 0, borrow = 0;
	for (size_t i = KEY_SCALAR_SIZE; i-- > 0;) {
		any |= scalar[i];
		borrow = ((unsigned)scalar[i] - key_order[i] - borrow) >> 8 & 1;
	}
	return any != 0 && borrow == 1;
}

int key_spki(const uint8_t scalar[static KEY_SCALAR_SIZE], uint8_t spki[static KEY_SPKI_SIZE])
{
	if (!key_scalar_valid(scalar))
		return ERR_RANGE;
	memcpy(spki, spki_prefix, sizeof spki_prefix);
	size_t n = curve->mulgen(spki + sizeof spki_prefix, scalar, KEY_SCALAR_SIZE, BR_EC_secp256r1);
	return n == POINT_SIZE ? ERR_NONE : ERR_INTERNAL;
}

bool key_spki_valid(struct span spki)
{
	return spki.n == KEY_SPKI_SIZE && memcmp(spki.p, spki_prefix, sizeof spki_prefix) == 0 &&
	       spki.p[sizeof spki_prefix] == 0x04;
}

bool key_spki_on_curve(struct span spki)
{
	static const uint8_t one[1] = { 1 };
	uint8_t point[POINT_SIZE];
	if (!key_spki_valid(spki))
		return false;
	memcpy(point, spki.p + sizeof spki_prefix, sizeof point);
	return curve->mul(point, sizeof point, one, sizeof one, BR_EC_secp256r1) == 1;
}

void key_spki_of_point(const uint8_t xy[static 64], uint8_t spki[static KEY_SPKI_SIZE])
{
	memcpy(spki, spki_prefix, sizeof spki_prefix);
	spki[sizeof spki_prefix] = 0x04;
	memcpy(spki + sizeof spki_prefix + 1, xy, 64);
}

/* One positive INTEGER of at most 256 bits in its shortest form, left-padded. */
static void read_integer(struct rd *r, uint8_t dst[static 32])
{
	if (rd_u8(r) != 0x02)
		rd_fail(r, ERR_MALFORMED);
	struct span s = rd_bytes(r, rd_u8(r));
	if (s.n == 0 || s.p[0] >= 0x80 || (s.n > 1 && s.p[0] == 0 && s.p[1] < 0x80)) {
		rd_fail(r, ERR_MALFORMED);
		return;
	}
	if (s.p[0] == 0)
		s = span_of(s.p + 1, s.n - 1);
	if (s.n > 32) {
		rd_fail(r, ERR_MALFORMED);
		return;
	}
	memset(dst, 0, 32 - s.n);
	memcpy(dst + 32 - s.n, s.p, s.n);
}

int key_signature_raw(struct span der, uint8_t raw[static RAW_SIGNATURE_SIZE])
{
	struct rd r = rd_from(der);
	if (rd_u8(&r) != 0x30 || rd_u8(&r) != r.n) /* never above 70: the short form of a length */
		rd_fail(&r, ERR_MALFORMED);
	read_integer(&r, raw);
	read_integer(&r, raw + 32);
	return rd_end(&r) == ERR_NONE ? ERR_NONE : ERR_MALFORMED;
}

int key_verify_raw(struct span spki, const uint8_t digest[static SHA256_SIZE],
		   const uint8_t raw[static RAW_SIGNATURE_SIZE])
{
	uint8_t point[POINT_SIZE];
	if (!key_spki_valid(spki))
		return ERR_MALFORMED;
	memcpy(point, spki.p + sizeof spki_prefix, sizeof point);
	br_ec_public_key key = { .curve = BR_EC_secp256r1, .q = point, .qlen = sizeof point };
	bool right = br_ecdsa_i31_vrfy_raw(curve, digest, SHA256_SIZE, &key, raw, RAW_SIGNATURE_SIZE) == 1;
	return right ? ERR_NONE : ERR_BAD_SIGNATURE;
}

int key_verify(struct span spki, const uint8_t digest[static SHA256_SIZE], struct span signature)
{
	uint8_t raw[RAW_SIGNATURE_SIZE];
	if (!key_spki_valid(spki) || key_signature_raw(signature, raw) != ERR_NONE)
		return ERR_MALFORMED;
	return key_verify_raw(spki, digest, raw);
}
