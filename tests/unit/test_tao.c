/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl nanopb */
#include "../../crypto/attest.h"
#include "../../crypto/hkdf.h"
#include "../../crypto/proto/attestation.pb.h"
#include "../../crypto/selftest.h"
#include "../../crypto/tao_state.h"
#include "hex.h"
#include "test.h"

static struct tao tao, other;
static struct tao_seed seed;
static uint8_t buffer[1 << 20], buffer2[1 << 20];

/* A seed of known keys; salt tells seeds apart. */
static void fill_seed(struct tao_seed *s, uint8_t salt)
{
	memset(s, 0, sizeof *s);
	hex_to("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", s->sign_key, 32);
	for (size_t i = 0; i < 32; i++) {
		s->seal_key[i] = (uint8_t)(i + salt);
		s->derive_key[i] = (uint8_t)(2 * i + salt);
	}
	memset(s->drbg, salt, sizeof s->drbg);
}

static void begin(void)
{
	fill_seed(&seed, 1);
	CHECK_INT(tao_init(&tao, &seed), ERR_NONE);
}

static void count_line(void *ctx, const char *text, bool ok)
{
	printf("# %s: %s\n", text, ok ? "ok" : "wrong");
	*(int *)ctx += 1;
}

TEST(the_selftest_passes_and_says_what_it_did)
{
	int lines = 0;
	CHECK_INT(selftest_crypto(count_line, &lines), 0);
	CHECK_INT(lines, 5 + (sha256_ni() != NULL) + (gcm_ni() != NULL));
}

TEST(init_refuses_keys_out_of_range)
{
	static const struct {
		const char *scalar;
		int want;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", ERR_RANGE },
		{ "0000000000000000000000000000000000000000000000000000000000000001", ERR_NONE },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", ERR_NONE },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", ERR_RANGE },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552", ERR_RANGE },
		{ "ffffffff00000001000000000000000000000000000000000000000000000000", ERR_RANGE },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", ERR_RANGE },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fill_seed(&seed, 1);
		hex_to(cases[i].scalar, seed.sign_key, 32);
		CHECK_INT(tao_init(&tao, &seed), cases[i].want);
	}
	fill_seed(&seed, 1);
	seed.delegation_n = TAO_DELEGATION_MAX;
	CHECK_INT(tao_init(&tao, &seed), ERR_NONE);
	seed.delegation_n = TAO_DELEGATION_MAX + 1;
	CHECK_INT(tao_init(&tao, &seed), ERR_RANGE);
	/* What was not made cannot be used. */
	CHECK_INT(tao_random(&tao, buffer, 1), ERR_STATE);
}

TEST(random_bytes_follow_from_the_seed_and_reseeding)
{
	uint8_t a[64], b[64], c[64];
	begin();
	CHECK_INT(tao_init(&other, &seed), ERR_NONE);
	CHECK_INT(tao_random(&tao, a, sizeof a), ERR_NONE);
	CHECK_INT(tao_random(&other, b, sizeof b), ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) == 0);
	/* The sequence goes on. */
	CHECK_INT(tao_random(&tao, b, sizeof b), ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) != 0);
	/* A restored snapshot that is reseeded does not repeat. */
	uint8_t entropy[48] = { 7 };
	CHECK_INT(tao_reseed(&other, entropy), ERR_NONE);
	CHECK_INT(tao_random(&other, c, sizeof c), ERR_NONE);
	CHECK(memcmp(b, c, sizeof b) != 0);
	seed.drbg[47] ^= 1;
	CHECK_INT(tao_init(&other, &seed), ERR_NONE);
	CHECK_INT(tao_random(&other, c, sizeof c), ERR_NONE);
	CHECK(memcmp(a, c, sizeof a) != 0);
}

TEST(random_gives_any_length)
{
	begin();
	memset(buffer, 0, sizeof buffer);
	CHECK_INT(tao_random(&tao, buffer, 0), ERR_NONE);
	CHECK_INT(buffer[0], 0);
	size_t n = 200000;
	CHECK_INT(tao_random(&tao, buffer, n), ERR_NONE);
	for (size_t i = 0; i + 16 <= n; i += 16) {
		static const uint8_t zeros[16];
		CHECK(memcmp(buffer + i, zeros, 16) != 0);
	}
	CHECK_INT(buffer[n], 0);
}

TEST(hkdf_gives_the_answers_of_rfc_5869)
{
	uint8_t ikm[80], salt[80], info[80], okm[82];
	struct span none = span_of(NULL, 0);
	for (size_t i = 0; i < 80; i++) {
		ikm[i] = (uint8_t)i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	const struct sha256_impl *impls[2] = { sha256_bearssl(), sha256_pick() };
	for (int i = 0; i < 2; i++) {
		CHECK_INT(hkdf(impls[i], span_of(ikm, 80), span_of(salt, 80), span_of(info, 80), okm, 82), 0);
		CHECK(hex_is(okm, 82,
			     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
			     "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
			     "cc30c58179ec3e87c14c01d5c1f3434f1d87"));
		uint8_t key[22];
		memset(key, 0x0b, sizeof key);
		CHECK_INT(hkdf(impls[i], span_of(key, 22), none, none, okm, 42), 0);
		CHECK(hex_is(okm, 42,
			     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
			     "9d201395faa4b61a96c8"));
		CHECK_INT(hkdf(impls[i], span_of(key, 22), none, none, buffer, HKDF_MAX), ERR_NONE);
		CHECK_INT(hkdf(impls[i], span_of(key, 22), none, none, buffer, HKDF_MAX + 1), ERR_RANGE);
	}
}

TEST(shared_secrets_depend_on_host_and_tag_only)
{
	uint8_t a[100], b[100];
	begin();
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), a, sizeof a), ERR_NONE);
	CHECK_INT(tao_random(&tao, b, sizeof b), ERR_NONE);
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), b, sizeof b), ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) == 0);
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), b, 10), ERR_NONE);
	CHECK(memcmp(a, b, 10) == 0);
	CHECK_INT(hkdf(sha256_bearssl(), span_of(seed.derive_key, 32), span_str("Tao Shared Secret V1"),
		       span_str("x"), b, sizeof b),
		  ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) == 0);
	CHECK_INT(tao_shared_secret(&tao, span_str("y"), b, sizeof b), ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) != 0);
	CHECK_INT(tao_shared_secret(&tao, span_of(NULL, 0), b, sizeof b), ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) != 0);
	seed.derive_key[31] ^= 1;
	CHECK_INT(tao_init(&other, &seed), ERR_NONE);
	CHECK_INT(tao_shared_secret(&other, span_str("x"), b, sizeof b), ERR_NONE);
	CHECK(memcmp(a, b, sizeof a) != 0);
}

TEST(shared_secrets_have_a_largest_size)
{
	begin();
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), buffer, 0), ERR_RANGE);
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), buffer, TAO_SECRET_MAX), ERR_NONE);
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), buffer, TAO_SECRET_MAX + 1), ERR_RANGE);
}

/* McGrew and Viega, test cases 13 to 15, each implementation. */
TEST(gcm_gives_known_answers)
{
	const struct gcm_impl *impls[2] = { gcm_portable(), gcm_pick() };
	struct span none = span_of(NULL, 0);
	for (int i = 0; i < 2; i++) {
		struct gcm gcm;
		uint8_t key[32] = { 0 }, nonce[12] = { 0 }, data[64] = { 0 }, tag[16];
		gcm_init(&gcm, impls[i], key);
		gcm_encrypt(&gcm, nonce, none, none, NULL, 0, tag);
		CHECK(hex_is(tag, 16, "530f8afbc74536b9a963b4f1c4cb738b"));
		gcm_encrypt(&gcm, nonce, none, none, data, 16, tag);
		CHECK(hex_is(data, 16, "cea7403d4d606b6e074ec5d3baf39d18"));
		CHECK(hex_is(tag, 16, "d0d1c8a799996bf0265b98b5d48ab919"));
		hex_to("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key, 32);
		hex_to("cafebabefacedbaddecaf888", nonce, 12);
		hex_to("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		       "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		       data, 64);
		gcm_init(&gcm, impls[i], key);
		gcm_encrypt(&gcm, nonce, none, none, data, 64, tag);
		CHECK(hex_is(tag, 16, "b094dac5d93471bdec1a502270e3cc6c"));
	}
}

TEST(gcm_implementations_agree)
{
	const struct gcm_impl *impls[2] = { gcm_portable(), gcm_pick() };
	begin();
	for (size_t n = 0; n < 300; n++) {
		uint8_t key[32], nonce[12], aad[40], data[2][300], tag[2][16];
		tao_random(&tao, key, sizeof key);
		tao_random(&tao, nonce, sizeof nonce);
		tao_random(&tao, aad, sizeof aad);
		tao_random(&tao, data[0], n);
		memcpy(data[1], data[0], n);
		for (int i = 0; i < 2; i++) {
			struct gcm gcm;
			/* Where the authenticated bytes are split makes no difference. */
			size_t split = i == 0 ? 0 : n % sizeof aad;
			gcm_init(&gcm, impls[i], key);
			gcm_encrypt(&gcm, nonce, span_of(aad, split), span_of(aad + split, sizeof aad - split),
				    data[i], n, tag[i]);
		}
		CHECK(memcmp(data[0], data[1], n) == 0);
		CHECK(memcmp(tag[0], tag[1], 16) == 0);
	}
}

static struct span sealed_of(const char *aad, const void *plain, size_t n)
{
	struct wr w = wr_to(buffer, sizeof buffer);
	CHECK_INT(tao_encrypt(&tao, span_str(aad), span_of(plain, n), &w), ERR_NONE);
	return wr_span(&w);
}

TEST(what_was_encrypted_decrypts)
{
	static uint8_t plain[70000];
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, sizeof plain };
	begin();
	tao_random(&tao, plain, sizeof plain);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct span sealed = sealed_of("about", plain, sizes[i]);
		CHECK_INT(sealed.n, sizes[i] + TAO_ENCRYPT_OVERHEAD);
		/* It is appended to what the writer has. */
		struct wr w = wr_to(buffer2, sizeof buffer2);
		wr_u8(&w, 0xaa);
		CHECK_INT(tao_decrypt(&tao, span_str("about"), sealed, &w), ERR_NONE);
		CHECK_INT(w.n, sizes[i] + 1);
		CHECK_INT(buffer2[0], 0xaa);
		CHECK(memcmp(buffer2 + 1, plain, sizes[i]) == 0);
	}
}

TEST(no_two_encryptions_are_alike)
{
	uint8_t first[TAO_ENCRYPT_OVERHEAD + 4];
	begin();
	struct span a = sealed_of("", "same", 4);
	memcpy(first, a.p, sizeof first);
	struct span b = sealed_of("", "same", 4);
	CHECK(memcmp(first + 1, b.p + 1, 12) != 0);
	CHECK(memcmp(first + 13, b.p + 13, 4) != 0);
}

/* Decrypts what must not decrypt; nothing of the plaintext may be anywhere in the output's room. */
static int refused(struct span aad, struct span sealed, const char *secret)
{
	uint8_t room[256];
	memset(room, 0x55, sizeof room);
	struct wr w = wr_to(room, sizeof room);
	int r = tao_decrypt(&tao, aad, sealed, &w);
	CHECK_INT(w.n, 0);
	for (size_t i = 0; i + 8 <= sizeof room; i++)
		CHECK(memcmp(room + i, secret, 8) != 0);
	return r;
}

TEST(every_changed_bit_is_refused)
{
	static const char secret[] = "the secret of the house";
	begin();
	struct span sealed = sealed_of("about", secret, sizeof secret);
	for (size_t bit = 0; bit < 8 * sealed.n; bit++) {
		buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_INT(refused(span_str("about"), sealed, secret), bit < 8 ? ERR_BAD_VERSION : ERR_BAD_SEAL);
		buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK_INT(refused(span_str("abouT"), sealed, secret), ERR_BAD_SEAL);
	CHECK_INT(refused(span_of(NULL, 0), sealed, secret), ERR_BAD_SEAL);
	for (size_t n = 0; n < sealed.n; n++) {
		int want = n < TAO_ENCRYPT_OVERHEAD ? ERR_TRUNCATED : ERR_BAD_SEAL;
		CHECK_INT(refused(span_str("about"), span_of(sealed.p, n), secret), want);
	}
	CHECK_INT(refused(span_str("about"), span_of(sealed.p, sealed.n + 1), secret), ERR_BAD_SEAL);
}

TEST(another_key_opens_nothing)
{
	begin();
	struct span sealed = sealed_of("", "the secret", 10);
	fill_seed(&seed, 2);
	CHECK_INT(tao_init(&tao, &seed), ERR_NONE);
	CHECK_INT(refused(span_str(""), sealed, "the secret"), ERR_BAD_SEAL);
}

TEST(a_small_buffer_gets_nothing)
{
	static const char secret[] = "the secret of the house";
	uint8_t room[TAO_ENCRYPT_OVERHEAD + sizeof secret];
	begin();
	for (size_t cap = 0; cap <= sizeof room; cap++) {
		memset(room, 0x55, sizeof room);
		struct wr w = wr_to(room, cap);
		int r = tao_encrypt(&tao, span_str(""), span_of(secret, sizeof secret), &w);
		CHECK_INT(r, cap < sizeof room ? ERR_NO_SPACE : ERR_NONE);
		CHECK_INT(w.n, cap < sizeof room ? 0 : sizeof room);
		CHECK_INT(w.err, r);
		for (size_t i = 0; i + 8 <= sizeof room; i++)
			CHECK(memcmp(room + i, secret, 8) != 0);
	}
	struct span sealed = sealed_of("", secret, sizeof secret);
	struct wr w = wr_to(buffer2, sizeof secret - 1);
	CHECK_INT(tao_decrypt(&tao, span_str(""), sealed, &w), ERR_NO_SPACE);
	CHECK_INT(w.n, 0);
}

/* The attestation's fields, its signature checked. */
static void check_attestation(struct span bytes, struct span statement, tao_Attestation *a)
{
	uint8_t digest[SHA256_SIZE], context[512];
	memset(a, 0, sizeof *a);
	CHECK_INT(proto_decode(bytes, tao_Attestation_fields, a), ERR_NONE);
	CHECK(span_equal(a->serialized_statement, statement));
	CHECK(span_equal(a->signer_type, span_str("key")));
	CHECK(span_equal(a->signer_key, span_of(tao.spki, sizeof tao.spki)));
	tao_SignedData s = { 0 };
	CHECK_INT(proto_decode(a->signature, tao_SignedData_fields, &s), ERR_NONE);
	CHECK_INT(s.header.version, 2);
	CHECK(span_equal(s.header.key_type, span_str("ecdsap256-public")));
	/* What is signed, written by hand: field 1 the context, field 2 the statement. */
	struct wr w = wr_to(context, sizeof context);
	wr_u8(&w, 0x0a);
	wr_var_bytes(&w, span_str("Tao Attestation Signing Context V1"));
	wr_u8(&w, 0x12);
	wr_var_bytes(&w, statement);
	sha256_of(sha256_bearssl(), wr_span(&w), digest);
	CHECK_INT(key_verify(a->signer_key, digest, s.signature), ERR_NONE);
}

TEST(attestations_are_signed_and_carry_the_delegation)
{
	tao_Attestation a;
	struct span statement = span_str("pretend that this is a Says");
	begin();
	struct wr w = wr_to(buffer, sizeof buffer);
	CHECK_INT(tao_attest(&tao, statement, &w), ERR_NONE);
	check_attestation(wr_span(&w), statement, &a);
	CHECK(a.serialized_delegation.p == NULL);
	/* Deterministic: nothing is drawn. */
	struct wr w2 = wr_to(buffer2, sizeof buffer2);
	CHECK_INT(tao_attest(&tao, statement, &w2), ERR_NONE);
	CHECK(span_equal(wr_span(&w), wr_span(&w2)));

	memset(seed.delegation, 'd', TAO_DELEGATION_MAX);
	seed.delegation_n = TAO_DELEGATION_MAX;
	CHECK_INT(tao_init(&tao, &seed), ERR_NONE);
	w = wr_to(buffer, sizeof buffer);
	CHECK_INT(tao_attest(&tao, statement, &w), ERR_NONE);
	check_attestation(wr_span(&w), statement, &a);
	CHECK(span_equal(a.serialized_delegation, span_of(seed.delegation, TAO_DELEGATION_MAX)));
}

TEST(attestations_have_no_largest_statement)
{
	static uint8_t big[300000];
	uint8_t digest[2][SHA256_SIZE];
	begin();
	struct wr w = wr_to(buffer, sizeof buffer);
	CHECK_INT(tao_attest(&tao, span_of(big, sizeof big), &w), ERR_NONE);
	tao_Attestation a = { 0 };
	CHECK_INT(proto_decode(wr_span(&w), tao_Attestation_fields, &a), ERR_NONE);
	CHECK(span_equal(a.serialized_statement, span_of(big, sizeof big)));
	/* Empty statements are the environment's business. */
	CHECK_INT(attest_digest(sha256_bearssl(), span_of(NULL, 0), digest[0]), ERR_NONE);
	CHECK_INT(attest_digest(sha256_bearssl(), span_of(big, 1), digest[1]), ERR_NONE);
	CHECK(memcmp(digest[0], digest[1], SHA256_SIZE) != 0);
}

TEST(an_attestation_that_does_not_fit_leaves_nothing)
{
	begin();
	struct wr all = wr_to(buffer, sizeof buffer);
	CHECK_INT(tao_attest(&tao, span_str("statement"), &all), ERR_NONE);
	for (size_t cap = 3; cap < all.n + 3; cap += 7) {
		struct wr w = wr_to(buffer2, cap);
		wr_bytes(&w, "abc", 3);
		CHECK_INT(tao_attest(&tao, span_str("statement"), &w), ERR_NO_SPACE);
		CHECK_INT(w.n, 3);
	}
}

TEST(children_are_counted)
{
	begin();
	CHECK_INT(tao_wipe(&tao), 0);
	begin();
	tao_added(&tao, span_str("a"));
	tao_added(&tao, span_str("b"));
	tao_removed(&tao, span_str("a"));
	CHECK_INT(tao_wipe(&tao), 1);
	begin();
	tao_added(&tao, span_str("a"));
	tao_removed(&tao, span_str("a"));
	CHECK_INT(tao_wipe(&tao), 0);
	begin();
	tao_removed(&tao, span_str("a"));
	CHECK_INT(tao_wipe(&tao), ERR_STATE);
}

TEST(a_wiped_tao_has_nothing_and_does_nothing)
{
	static const struct tao nothing;
	uint8_t entropy[48] = { 0 };
	begin();
	struct span sealed = sealed_of("", "secret", 6);
	CHECK_INT(tao_wipe(&tao), 0);
	CHECK(memcmp(&tao, &nothing, sizeof tao) == 0);
	struct wr w = wr_to(buffer2, sizeof buffer2);
	CHECK_INT(tao_random(&tao, buffer2, 1), ERR_STATE);
	CHECK_INT(tao_reseed(&tao, entropy), ERR_STATE);
	CHECK_INT(tao_shared_secret(&tao, span_str("x"), buffer2, 1), ERR_STATE);
	CHECK_INT(tao_encrypt(&tao, span_str(""), span_str("x"), &w), ERR_STATE);
	CHECK_INT(tao_decrypt(&tao, span_str(""), sealed, &w), ERR_STATE);
	CHECK_INT(tao_attest(&tao, span_str("x"), &w), ERR_STATE);
	CHECK_INT(w.n, 0);
}

int main(void)
{
	RUN(the_selftest_passes_and_says_what_it_did);
	RUN(init_refuses_keys_out_of_range);
	RUN(random_bytes_follow_from_the_seed_and_reseeding);
	RUN(random_gives_any_length);
	RUN(hkdf_gives_the_answers_of_rfc_5869);
	RUN(shared_secrets_depend_on_host_and_tag_only);
	RUN(shared_secrets_have_a_largest_size);
	RUN(gcm_gives_known_answers);
	RUN(gcm_implementations_agree);
	RUN(what_was_encrypted_decrypts);
	RUN(no_two_encryptions_are_alike);
	RUN(every_changed_bit_is_refused);
	RUN(another_key_opens_nothing);
	RUN(a_small_buffer_gets_nothing);
	RUN(attestations_are_signed_and_carry_the_delegation);
	RUN(attestations_have_no_largest_statement);
	RUN(an_attestation_that_does_not_fit_leaves_nothing);
	RUN(children_are_counted);
	RUN(a_wiped_tao_has_nothing_and_does_nothing);
	return test_end();
}
