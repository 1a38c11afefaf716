/* SPDX-License-Identifier: MIT */
#include "gcm.h"
#include "hkdf.h"
#include "keys.h"
#include "selftest.h"

/* The longest known answer below. */
#define ANSWER_MAX 128

struct report {
	void (*line)(void *ctx, const char *text, bool ok);
	void *ctx;
	int failed;
};

static void check(struct report *report, const char *text, bool ok)
{
	report->failed += !ok;
	report->line(report->ctx, text, ok);
}

/* "name (implementation)" */
static void check_impl(struct report *report, const char *name, const char *impl, bool ok)
{
	char text[64] = { 0 };
	struct wr w = wr_to(text, sizeof text - 1);
	wr_span_bytes(&w, span_str(name));
	wr_span_bytes(&w, span_str(" ("));
	wr_span_bytes(&w, span_str(impl));
	wr_span_bytes(&w, span_str(")"));
	check(report, text, ok);
}

/* Lower-case hex; only ever of the constants below. */
static size_t unhex(const char *text, uint8_t dst[static ANSWER_MAX])
{
	size_t n = 0;
	for (; text[0] != '\0' && n < ANSWER_MAX; text += 2) {
		unsigned hi = text[0] <= '9' ? (unsigned)(text[0] - '0') : (unsigned)(text[0] - 'a' + 10);
		unsigned lo = text[1] <= '9' ? (unsigned)(text[1] - '0') : (unsigned)(text[1] - 'a' + 10);
		dst[n++] = (uint8_t)(hi << 4 | lo);
	}
	return n;
}

static bool is(const uint8_t *p, size_t n, const char *want)
{
	uint8_t bytes[ANSWER_MAX];
	return unhex(want, bytes) == n && memcmp(p, bytes, n) == 0;
}

/* FIPS 180-2, appendix B.1, and NIST's example of two blocks and a half. */
static void test_sha256(struct report *report, const struct sha256_impl *impl)
{
	static const char two_blocks[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
					 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
	uint8_t a[SHA256_SIZE], b[SHA256_SIZE];
	if (impl == NULL)
		return;
	sha256_of(impl, span_str("abc"), a);
	sha256_of(impl, span_str(two_blocks), b);
	check_impl(report, "SHA-256", impl->name,
		   is(a, sizeof a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") &&
			   is(b, sizeof b, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"));
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16. */
static void test_gcm(struct report *report, const struct gcm_impl *impl)
{
	static const char plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
				    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	static const char cipher[] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
				     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
	uint8_t key[ANSWER_MAX], nonce[ANSWER_MAX], aad[ANSWER_MAX], data[ANSWER_MAX], tag[GCM_TAG_SIZE];
	struct span none = span_of(NULL, 0);
	struct gcm gcm;
	if (impl == NULL)
		return;
	unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
	unhex("cafebabefacedbaddecaf888", nonce);
	struct span a = span_of(aad, unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad));
	size_t n = unhex(plain, data);
	gcm_init(&gcm, impl, key);
	gcm_encrypt(&gcm, nonce, a, none, data, n, tag);
	bool ok = is(data, n, cipher) && is(tag, sizeof tag, "76fc6ece0f4e1768cddf8853bb2d551b");
	ok = gcm_decrypt(&gcm, nonce, a, none, data, n, tag) && is(data, n, plain) && ok;
	tag[0] ^= 1;
	n = unhex(cipher, data);
	ok = !gcm_decrypt(&gcm, nonce, a, none, data, n, tag) && ok;
	check_impl(report, "AES-256-GCM", impl->name, ok);
}

/* RFC 6979, appendix A.2.5, SHA-256, message "sample". */
static void test_ecdsa(struct report *report)
{
	uint8_t scalar[ANSWER_MAX], spki[KEY_SPKI_SIZE], digest[SHA256_SIZE], der[KEY_SIGNATURE_MAX];
	const struct sha256_impl *impl = sha256_pick();
	unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", scalar);
	sha256_of(impl, span_str("sample"), digest);
	int n = key_sign(impl, scalar, digest, der);
	check(report, "ECDSA P-256 signature, RFC 6979",
	      n > 0 && is(der, (size_t)n,
			  "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
			  "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"));
	bool ok = key_spki(scalar, spki) == ERR_NONE &&
		  is(spki + 27, 64,
		     "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
		     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
	struct span key = span_of(spki, sizeof spki), signature = span_of(der, n > 0 ? (size_t)n : 0);
	ok = key_verify(key, digest, signature) == ERR_NONE && ok;
	digest[0] ^= 1;
	check(report, "ECDSA P-256 verification", key_verify(key, digest, signature) == ERR_BAD_SIGNATURE && ok);
}

/* RFC 5869, appendix A.1. */
static void test_hkdf(struct report *report)
{
	uint8_t key[22], salt[ANSWER_MAX], info[ANSWER_MAX], out[42];
	memset(key, 0x0b, sizeof key);
	struct span s = span_of(salt, unhex("000102030405060708090a0b0c", salt));
	struct span i = span_of(info, unhex("f0f1f2f3f4f5f6f7f8f9", info));
	int r = hkdf(sha256_pick(), span_of(key, sizeof key), s, i, out, sizeof out);
	check(report, "HKDF-SHA256",
	      r == ERR_NONE && is(out, sizeof out,
				  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
				  "34007208d5b887185865"));
}

int selftest_crypto(void (*line)(void *ctx, const char *text, bool ok), void *ctx)
{
	struct report report = { line, ctx, 0 };
	test_sha256(&report, sha256_bearssl());
	test_sha256(&report, sha256_ni());
	test_gcm(&report, gcm_portable());
	test_gcm(&report, gcm_ni());
	test_ecdsa(&report);
	test_hkdf(&report);
	return report.failed;
}
