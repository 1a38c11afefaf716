/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl */
#include "../../crypto/keys.h"
#include "hex.h"
#include "test.h"

/* RFC 6979, appendix A.2.5. */
#define SCALAR "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define SPKI                                                                                                      \
	"3059301306072a8648ce3d020106082a8648ce3d03010703420004"                                                  \
	"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                        \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define SAMPLE_R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define SAMPLE_S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"

static uint8_t scalar[32], spki[KEY_SPKI_SIZE], digest[32];

static void begin(void)
{
	hex_to(SCALAR, scalar, sizeof scalar);
	CHECK_INT(key_spki(scalar, spki), ERR_NONE);
	sha256_of(sha256_bearssl(), span_str("sample"), digest);
}

TEST(public_keys_have_the_known_form)
{
	begin();
	CHECK(hex_is(spki, sizeof spki, SPKI));
	CHECK(key_spki_valid(span_of(spki, sizeof spki)));
	CHECK(!key_spki_valid(span_of(spki, sizeof spki - 1)));
	for (size_t i = 0; i < 27; i++) {
		spki[i] ^= 1;
		CHECK(!key_spki_valid(span_of(spki, sizeof spki)));
		spki[i] ^= 1;
	}
	memset(scalar, 0, sizeof scalar);
	CHECK_INT(key_spki(scalar, spki), ERR_RANGE);
}

TEST(signatures_are_those_of_rfc_6979)
{
	static const struct {
		const char *message, *der;
	} cases[] = {
		{ "sample", "3046022100" SAMPLE_R "022100" SAMPLE_S },
		{ "test", "3045022100f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
			  "0220019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
	};
	const struct sha256_impl *impls[2] = { sha256_bearssl(), sha256_pick() };
	begin();
	for (size_t i = 0; i < 4; i++) {
		uint8_t der[KEY_SIGNATURE_MAX];
		sha256_of(sha256_bearssl(), span_str(cases[i / 2].message), digest);
		int n = key_sign(impls[i % 2], scalar, digest, der);
		CHECK(n > 0);
		CHECK(hex_is(der, (size_t)n, cases[i / 2].der));
		CHECK_INT(key_verify(span_of(spki, sizeof spki), digest, span_of(der, (size_t)n)), ERR_NONE);
	}
	memset(scalar, 0xff, sizeof scalar);
	uint8_t der[KEY_SIGNATURE_MAX];
	CHECK_INT(key_sign(impls[0], scalar, digest, der), ERR_RANGE);
}

/* Sanitized code is ten times as slow; the same comparisons are made without. */
#if defined(__SANITIZE_ADDRESS__)
#define ROUNDS 500
#else
#define ROUNDS 10000
#endif

/* Signing is our own arrangement of BearSSL's parts; BearSSL's own must give the same. TAO_SOAK makes it a
 * million keys and digests. */
TEST(signatures_are_those_of_bearssl)
{
	const struct sha256_impl *impl = sha256_pick();
	long rounds = getenv("TAO_SOAK") != NULL ? 1000000 : ROUNDS;
	br_hmac_drbg_context drbg;
	br_hmac_drbg_init(&drbg, &br_sha256_vtable, "signatures", 10);
	for (long i = 0; i < rounds && !test_bad; i++) {
		uint8_t ours[KEY_SIGNATURE_MAX], theirs[KEY_SIGNATURE_MAX];
		br_hmac_drbg_generate(&drbg, scalar, sizeof scalar);
		br_hmac_drbg_generate(&drbg, digest, sizeof digest);
		/* The ends of the ranges, too: short scalars, digests above the order. */
		if (i % 8 == 1)
			memset(scalar, 0, 31);
		if (i % 8 == 2)
			memset(digest, 0xff, 24);
		if (i % 8 == 3)
			memset(digest, 0, 31);
		br_ec_private_key key = { .curve = BR_EC_secp256r1, .x = scalar, .xlen = sizeof scalar };
		size_t want = br_ecdsa_i31_sign_asn1(&br_ec_p256_m31, &br_sha256_vtable, digest, &key, theirs);
		int n = key_sign(impl, scalar, digest, ours);
		if (want == 0) {
			CHECK_INT(n, ERR_RANGE);
			continue;
		}
		CHECK_INT(n, want);
		CHECK(memcmp(ours, theirs, want) == 0);
	}
}

/* Verifies a signature given in hex. */
static int verify(const char *der)
{
	uint8_t bytes[200];
	size_t n = hex_to(der, bytes, sizeof bytes);
	return key_verify(span_of(spki, sizeof spki), digest, span_of(bytes, n));
}

TEST(every_changed_bit_is_refused)
{
	uint8_t der[KEY_SIGNATURE_MAX];
	begin();
	int n = key_sign(sha256_pick(), scalar, digest, der);
	struct span key = span_of(spki, sizeof spki), signature = span_of(der, (size_t)n);
	for (size_t bit = 0; bit < 8 * signature.n; bit += 3) {
		der[bit / 8] ^= (uint8_t)(1u << bit % 8);
		int r = key_verify(key, digest, signature);
		CHECK(r == ERR_BAD_SIGNATURE || r == ERR_MALFORMED);
		der[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof spki; bit += 5) {
		spki[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_INT(key_verify(key, digest, signature), bit < 8 * 27 ? ERR_MALFORMED : ERR_BAD_SIGNATURE);
		spki[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	digest[31] ^= 1;
	CHECK_INT(key_verify(key, digest, signature), ERR_BAD_SIGNATURE);
	digest[31] ^= 1;
	for (size_t k = 0; k < signature.n; k++)
		CHECK_INT(key_verify(key, digest, span_of(der, k)), ERR_MALFORMED);
	CHECK_INT(key_verify(key, digest, signature), ERR_NONE);
}

TEST(signatures_are_strict_der)
{
	begin();
	CHECK_INT(verify("3046022100" SAMPLE_R "022100" SAMPLE_S), ERR_NONE);
	/* negative integers */
	CHECK_INT(verify("3045 0220" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3044 0220" SAMPLE_R "0220" SAMPLE_S), ERR_MALFORMED);
	/* a zero too many */
	CHECK_INT(verify("3047 02220000" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	/* more than 256 bits */
	CHECK_INT(verify("3047 022201" SAMPLE_R "00022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3046 022101" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	/* long form of a length, wrong lengths, something after it, other tags */
	CHECK_INT(verify("308146 022100" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3045 022100" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3047 022100" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3046 022100" SAMPLE_R "022100" SAMPLE_S "00"), ERR_MALFORMED);
	CHECK_INT(verify("3047 022100" SAMPLE_R "022100" SAMPLE_S "00"), ERR_MALFORMED);
	CHECK_INT(verify("3146 022100" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3046 032100" SAMPLE_R "022100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3046 022100" SAMPLE_R "042100" SAMPLE_S), ERR_MALFORMED);
	CHECK_INT(verify("3023 022100" SAMPLE_R), ERR_MALFORMED);
	CHECK_INT(verify(""), ERR_MALFORMED);
	/* a needless zero before a byte below 0x80 */
	CHECK_INT(verify("3009 02 02 00 01 02 03 00 80 00"), ERR_MALFORMED);
	CHECK_INT(verify("3008 02 02 00 01 02 02 00 80"), ERR_MALFORMED);
}

TEST(degenerate_signatures_are_refused)
{
	begin();
	/* r or s zero, r or s the order, empty integers */
	CHECK_INT(verify("3006 020100 020100"), ERR_BAD_SIGNATURE);
	CHECK_INT(verify("3006 020101 020100"), ERR_BAD_SIGNATURE);
	CHECK_INT(verify("3006 020100 020101"), ERR_BAD_SIGNATURE);
	CHECK_INT(verify("3004 0200 0200"), ERR_MALFORMED);
	CHECK_INT(verify("3046 022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
			 "022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
		  ERR_BAD_SIGNATURE);
	/* a key that is no point of the curve, and the point at infinity's encodings */
	memset(spki + 27, 0, 64);
	CHECK_INT(verify("3046022100" SAMPLE_R "022100" SAMPLE_S), ERR_BAD_SIGNATURE);
	memset(spki + 27, 0xff, 64);
	CHECK_INT(verify("3046022100" SAMPLE_R "022100" SAMPLE_S), ERR_BAD_SIGNATURE);
}

int main(void)
{
	RUN(public_keys_have_the_known_form);
	RUN(signatures_are_those_of_rfc_6979);
	RUN(signatures_are_those_of_bearssl);
	RUN(every_changed_bit_is_refused);
	RUN(signatures_are_strict_der);
	RUN(degenerate_signatures_are_refused);
	return test_end();
}
