/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl nanopb */
#include "../../crypto/quote.h"
#include "hex.h"
#include "test.h"

/* What a TPM would say of PCRs 0 and 15, by a key of ours. */
struct made {
	uint8_t scalar[32], spki[KEY_SPKI_SIZE], key_hash[SHA256_SIZE];
	char indices[64], values[16 * 65];
	uint8_t attest[256], signature[128], public[256];
	struct wr attest_w, signature_w, public_w;
	struct quote_claim claim;
};

static struct made m;
static struct quote_facts facts;
static const char statement[] = "any bytes";

static void put_2b(struct wr *w, const uint8_t *p, size_t n)
{
	wr_be16(w, (uint16_t)n);
	wr_bytes(w, p, n);
}

static void sign(void)
{
	uint8_t digest[SHA256_SIZE], der[KEY_SIGNATURE_MAX];
	sha256_of(sha256_pick(), wr_span(&m.attest_w), digest);
	int n = key_sign(sha256_pick(), m.scalar, digest, der);
	CHECK(n > 0);
	m.signature_w = wr_to(m.signature, sizeof m.signature);
	wr_be32(&m.signature_w, 0x0018000b);
	/* DER's integers, less the zero byte that keeps them positive. */
	const uint8_t *p = der + 2;
	for (int i = 0; i < 2; i++) {
		size_t k = p[1], skip = p[2] == 0;
		put_2b(&m.signature_w, p + 2 + skip, k - skip);
		p += 2 + k;
	}
	m.claim.signature = wr_span(&m.signature_w);
	m.claim.attest = wr_span(&m.attest_w);
}

static void make_public(uint32_t attributes)
{
	m.public_w = wr_to(m.public, sizeof m.public);
	wr_be32(&m.public_w, 0x0023000b);
	wr_be32(&m.public_w, attributes);
	wr_be32(&m.public_w, 0x00000010);
	wr_be32(&m.public_w, 0x0018000b);
	wr_be32(&m.public_w, 0x00030010);
	put_2b(&m.public_w, m.spki + KEY_SPKI_SIZE - 64, 32);
	put_2b(&m.public_w, m.spki + KEY_SPKI_SIZE - 32, 32);
	m.claim.ak_public = wr_span(&m.public_w);
}

static void make_attest(uint8_t select0, uint8_t select1, uint8_t select2)
{
	uint8_t digest[SHA256_SIZE], name[34] = { 0, 0x0b };
	struct wr *w = &m.attest_w;
	*w = wr_to(m.attest, sizeof m.attest);
	wr_be32(w, 0xff544347);
	wr_be16(w, 0x8018);
	put_2b(w, name, sizeof name);
	CHECK_INT(quote_extra_data(sha256_pick(), span_str(statement), digest), ERR_NONE);
	put_2b(w, digest, sizeof digest);
	wr_be64(w, 1234);
	wr_be32(w, 5);
	wr_be32(w, 6);
	wr_u8(w, 1);
	wr_be64(w, 7);
	wr_be32(w, 1);
	wr_be16(w, 0x000b);
	wr_u8(w, 3);
	wr_u8(w, select0);
	wr_u8(w, select1);
	wr_u8(w, select2);
	quote_pcr_digest(sha256_pick(), &facts, digest);
	put_2b(w, digest, sizeof digest);
}

static void make(void)
{
	memset(&m, 0, sizeof m);
	memset(&facts, 0, sizeof facts);
	memset(m.scalar, 0x42, sizeof m.scalar);
	CHECK_INT(key_spki(m.scalar, m.spki), ERR_NONE);
	sha256_of(sha256_pick(), span_of(m.spki, sizeof m.spki), m.key_hash);
	facts.pcrs = 1 | 1 << 15;
	memset(facts.value[0], 0xa0, SHA256_SIZE);
	memset(facts.value[15], 0x0f, SHA256_SIZE);
	struct wr indices = wr_to(m.indices, sizeof m.indices), values = wr_to(m.values, sizeof m.values);
	quote_write_pcrs(&facts, &indices, &values);
	m.claim = (struct quote_claim){
		.key_hash = span_of(m.key_hash, sizeof m.key_hash),
		.indices = wr_span(&indices),
		.values = wr_span(&values),
		.spki = span_of(m.spki, sizeof m.spki),
		.statement = span_str(statement),
	};
	make_attest(0x01, 0x80, 0);
	make_public(0x00050472);
	sign();
}

static const char *verify(void)
{
	const char *why = quote_verify(sha256_pick(), &m.claim, &facts);
	return why == NULL ? "good" : why;
}

static const char *verify_pcrs(const char *indices, const char *values)
{
	make();
	m.claim.indices = span_str(indices);
	m.claim.values = span_str(values);
	return verify();
}

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(a_good_quote_is_good)
{
	make();
	CHECK_STR(verify(), "good");
	CHECK_INT(facts.pcrs, 0x8001);
	CHECK_INT(facts.clock, 1234);
	CHECK_INT(facts.resets, 5);
	CHECK_INT(facts.restarts, 6);
	CHECK(facts.clock_safe);
	CHECK_INT(facts.firmware, 7);
	CHECK_INT(facts.value[15][31], 0x0f);
	m.claim.ak_public = span_of(NULL, 0);
	CHECK_STR(verify(), "good");
}

TEST(names_are_strict)
{
	CHECK_STR(verify_pcrs("", ""), "bad-name");
	CHECK_STR(verify_pcrs("15", ""), "bad-name");
	CHECK_STR(verify_pcrs("", A), "bad-name");
	CHECK_STR(verify_pcrs("15", A "," A), "bad-name");
	CHECK_STR(verify_pcrs("0,15", A), "bad-name");
	CHECK_STR(verify_pcrs("15,", A), "bad-name");
	CHECK_STR(verify_pcrs("15", A ","), "bad-name");
	CHECK_STR(verify_pcrs("15,", A ","), "bad-name");
	CHECK_STR(verify_pcrs("15,0", A "," A), "bad-name");
	CHECK_STR(verify_pcrs("15,15", A "," A), "bad-name");
	CHECK_STR(verify_pcrs("015", A), "bad-name");
	CHECK_STR(verify_pcrs("00", A), "bad-name");
	CHECK_STR(verify_pcrs("24", A), "bad-name");
	CHECK_STR(verify_pcrs("150", A), "bad-name");
	CHECK_STR(verify_pcrs(" 15", A), "bad-name");
	CHECK_STR(verify_pcrs("+15", A), "bad-name");
	CHECK_STR(verify_pcrs("15,", A ","), "bad-name");
	CHECK_STR(verify_pcrs("0, 15", A "," A), "bad-name");
	CHECK_STR(verify_pcrs("0,15", A ", " A), "bad-name");
	CHECK_STR(verify_pcrs("15", A "a"), "bad-name");
	CHECK_STR(verify_pcrs("15", "A" A), "bad-name");
	CHECK_STR(verify_pcrs("16", A), "resettable-pcr");
	CHECK_STR(verify_pcrs("0,23", A "," A), "resettable-pcr");
	CHECK_STR(verify_pcrs("16,1", A "," A), "bad-name");
	CHECK_STR(verify_pcrs("15", A), "wrong-selection");
	CHECK_STR(verify_pcrs("0,15", A "," A), "pcr-digest-mismatch");
}

TEST(keys_are_of_the_name_and_on_the_curve)
{
	make();
	m.spki[90] ^= 1;
	CHECK_STR(verify(), "bad-key");
	make();
	m.claim.spki.n--;
	CHECK_STR(verify(), "bad-key");
	make();
	m.key_hash[0] ^= 1;
	CHECK_STR(verify(), "wrong-key");
	make();
	m.claim.key_hash.n--;
	CHECK_STR(verify(), "wrong-key");
}

TEST(public_areas_are_those_of_attestation_keys)
{
	static const uint32_t wrong[] = { 0x00040472, 0x00010472, 0x00070472, 0x00050470, 0x00050462, 0x00050452 };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		make();
		make_public(wrong[i]);
		CHECK_STR(verify(), "ak-attributes");
	}
	make();
	m.claim.ak_public.n--;
	CHECK_STR(verify(), "bad-ak-public");
	for (size_t i = 0; i < m.public_w.n; i++) {
		make();
		m.public[i] ^= 0x40;
		/* Other attributes, as userWithAuth, are as they like. */
		CHECK_STR(verify(), i >= 4 && i < 8	      ? "good"
				    : i < 22 || (i / 2) == 27 ? "bad-ak-public"
							      : "ak-mismatch");
	}
}

TEST(signatures_are_strict)
{
	make();
	for (size_t i = 0; i < m.signature_w.n; i++) {
		make();
		m.signature[i] ^= 0x80;
		CHECK(strcmp(verify(), "good") != 0);
	}
	for (size_t n = 0; n < m.signature_w.n; n++) {
		make();
		m.claim.signature.n = n;
		CHECK_STR(verify(), n < 4 ? "bad-signature-scheme" : "bad-signature-structure");
	}
	make();
	wr_u8(&m.signature_w, 0);
	m.claim.signature = wr_span(&m.signature_w);
	CHECK_STR(verify(), "bad-signature-structure");
	make();
	memset(m.signature + 6, 0, 32);
	CHECK_STR(verify(), "bad-signature");
}

/* Signed again after each change, so that it is the content that is refused. */
TEST(what_is_signed_is_a_quote_of_this)
{
	make();
	const size_t n = m.attest_w.n;
	for (size_t i = 0; i < n; i++) {
		make();
		m.attest[i] ^= 0x01;
		sign();
		/* Who the signer is called, the clock and the counts may be anything. */
		bool free_choice = (i >= 8 && i < 42) || (i >= 76 && i < 101);
		/* A wrong length moves all that follows. */
		if (i == 6 || i == 7 || i == 42 || i == 43) {
			CHECK(strcmp(verify(), "good") != 0);
			continue;
		}
		CHECK_STR(verify(), i < 4	  ? "bad-magic"
				    : i < 6	  ? "bad-type"
				    : free_choice ? "good"
				    : i < 76	  ? "wrong-qualifying-data"
				    : i < 105	  ? "wrong-selection"
				    : i < 107	  ? "wrong-bank"
				    : i < 111	  ? "wrong-selection"
				    : i < 113	  ? "bad-attest"
						  : "pcr-digest-mismatch");
	}
	for (size_t k = 0; k < n; k++) {
		make();
		m.attest_w.n = k;
		sign();
		CHECK_STR(verify(), k < 4 ? "bad-magic" : k < 6 ? "bad-type" : "bad-attest");
	}
	make();
	m.claim.statement = span_str("other bytes");
	CHECK_STR(verify(), "wrong-qualifying-data");
}

int main(void)
{
	RUN(a_good_quote_is_good);
	RUN(names_are_strict);
	RUN(keys_are_of_the_name_and_on_the_curve);
	RUN(public_areas_are_those_of_attestation_keys);
	RUN(signatures_are_strict);
	RUN(what_is_signed_is_a_quote_of_this);
	return test_end();
}
