/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl nanopb */
#include "../../crypto/attest.h"
#include "../../crypto/proto/attestation.pb.h"
#include "../../crypto/verify.h"
#include "attestation_cases.h"
#include "hex.h"
#include "test.h"

static uint8_t buffer[16384], buffer2[16384];
static struct verify_chain chain;

static int verify(struct span attestation)
{
	return verify_attestation(sha256_pick(), attestation, &chain);
}

static bool inside(struct span part, struct span whole)
{
	return part.p == NULL || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

TEST(cloudproxys_attestations_verify_as_they_should)
{
	for (size_t i = 0; i < sizeof attestation_cases / sizeof attestation_cases[0]; i++) {
		const char *name = attestation_cases[i].name;
		struct span a = span_of(buffer, hex_to(attestation_cases[i].hex, buffer, sizeof buffer));
		/* These two were changed after signing; with the others it is belief that may be lacking. */
		bool bad = strcmp(name, "bad-signature") == 0 || strcmp(name, "bad-statement") == 0;
		int r = verify(a);
		if (r != (bad ? ERR_BAD_SIGNATURE : ERR_NONE))
			printf("# case %zu, %s: %s\n", i, name, err_text(r));
		CHECK_INT(r, bad ? ERR_BAD_SIGNATURE : ERR_NONE);
		CHECK_INT(chain.n, strncmp(name, "chain", 5) == 0 ? 2 : 1);
		for (size_t k = 0; k < chain.n; k++) {
			uint8_t digest[SHA256_SIZE];
			const struct verify_link *link = &chain.link[k];
			CHECK(inside(link->statement, a) && inside(link->signer_key, a));
			CHECK(link->statement.n > 0 && link->statement.p[0] == 14); /* Says */
			CHECK_INT(link->signer, VERIFY_KEY);
			CHECK_INT(link->result, bad && k == 0 ? ERR_BAD_SIGNATURE : ERR_NONE);
			sha256_of(sha256_bearssl(), link->signer_key, digest);
			CHECK(memcmp(digest, link->signer_sha256, sizeof digest) == 0);
		}
	}
}

TEST(attestations_are_written_as_cloudproxy_writes_them)
{
	for (size_t i = 0; i < sizeof attestation_cases / sizeof attestation_cases[0]; i++) {
		struct span a = span_of(buffer, hex_to(attestation_cases[i].hex, buffer, sizeof buffer));
		tao_Attestation message = tao_Attestation_init_zero;
		tao_SignedData data = tao_SignedData_init_zero;
		CHECK_INT(proto_decode(a, tao_Attestation_fields, &message), ERR_NONE);
		struct wr w = wr_to(buffer2, sizeof buffer2);
		CHECK_INT(proto_encode(&w, tao_Attestation_fields, &message), ERR_NONE);
		CHECK(span_equal(wr_span(&w), a));
		CHECK_INT(proto_decode(message.signature, tao_SignedData_fields, &data), ERR_NONE);
		w = wr_to(buffer2, sizeof buffer2);
		CHECK_INT(proto_encode(&w, tao_SignedData_fields, &data), ERR_NONE);
		CHECK(span_equal(wr_span(&w), message.signature));
	}
}

/* One of our own, over a statement, with a delegation. */
static struct span attest(uint8_t who, struct span statement, struct span delegation, uint8_t *dst, size_t cap)
{
	uint8_t scalar[32] = { 0 }, spki[KEY_SPKI_SIZE];
	scalar[31] = who;
	CHECK_INT(key_spki(scalar, spki), ERR_NONE);
	const struct attest_signer signer = {
		.sha256 = sha256_pick(),
		.scalar = scalar,
		.spki = span_of(spki, sizeof spki),
		.delegation = delegation,
	};
	struct wr w = wr_to(dst, cap);
	CHECK_INT(attest_sign(&signer, statement, &w), ERR_NONE);
	return wr_span(&w);
}

TEST(chains_are_followed_to_a_cap)
{
	struct span a = { NULL, 0 };
	for (uint8_t n = 1; n <= VERIFY_LINKS_MAX + 2; n++) {
		uint8_t statement[1] = { n };
		/* Back and forth between two buffers. */
		a = attest(n, span_of(statement, 1), a, n % 2 ? buffer : buffer2, sizeof buffer);
		CHECK_INT(verify(a), n <= VERIFY_LINKS_MAX ? ERR_NONE : ERR_TOO_DEEP);
		CHECK_INT(chain.n, n <= VERIFY_LINKS_MAX ? n : VERIFY_LINKS_MAX);
		for (size_t k = 0; k < chain.n; k++) {
			CHECK_INT(chain.link[k].statement.n, 1);
			CHECK_INT(chain.link[k].statement.p[0], n - k);
			CHECK_INT(chain.link[k].result, ERR_NONE);
		}
	}
}

TEST(a_bad_link_anywhere_is_an_error)
{
	struct span inner = attest(1, span_str("inner statement"), span_of(NULL, 0), buffer2, sizeof buffer2);
	struct span outer = attest(2, span_str("outer"), inner, buffer, sizeof buffer);
	CHECK_INT(verify(outer), ERR_NONE);
	for (size_t i = 0; i + 15 <= outer.n; i++) {
		if (memcmp(buffer + i, "inner statement", 15) != 0)
			continue;
		buffer[i] ^= 1;
		CHECK_INT(verify(outer), ERR_BAD_SIGNATURE);
		CHECK_INT(chain.link[0].result, ERR_NONE);
		CHECK_INT(chain.link[1].result, ERR_BAD_SIGNATURE);
	}
}

TEST(no_changed_byte_goes_unnoticed)
{
	struct span a = attest(1, span_str("statement"), span_of(NULL, 0), buffer, sizeof buffer);
	static const char *const may_change[] = { "Anonymous_signer", "signing", "active" };
	unsigned noticed = 0, names = 0;
	for (size_t i = 0; i < a.n; i++) {
		bool name = false;
		for (size_t k = 0; k < 3; k++) {
			size_t n = strlen(may_change[k]);
			for (size_t at = i >= n ? i - n + 1 : 0; at <= i && at + n <= a.n; at++)
				name |= memcmp(buffer + at, may_change[k], n) == 0;
		}
		buffer[i] ^= 1;
		int r = verify(a);
		buffer[i] ^= 1;
		/* The header's names, purpose and epoch are not signed and mean nothing. */
		if (name || (i > 0 && r == ERR_NONE && buffer[i - 1] == 0x18))
			names++;
		else
			noticed += r != ERR_NONE;
	}
	CHECK_INT(noticed, a.n - names);
	CHECK_INT(names, 16 + 7 + 6 + 1);
	for (size_t n = 0; n < a.n; n++)
		CHECK(verify(span_of(a.p, n)) != ERR_NONE);
	CHECK_INT(verify(span_of(NULL, 0)), ERR_MALFORMED);
	CHECK_INT(verify(a), ERR_NONE);
}

/* An attestation whose message is edited before it is written. */
static struct span edited(void (*edit)(tao_Attestation *))
{
	tao_Attestation message = tao_Attestation_init_zero;
	struct span a = attest(1, span_str("statement"), span_of(NULL, 0), buffer2, sizeof buffer2);
	CHECK_INT(proto_decode(a, tao_Attestation_fields, &message), ERR_NONE);
	edit(&message);
	struct wr w = wr_to(buffer, sizeof buffer);
	CHECK_INT(proto_encode(&w, tao_Attestation_fields, &message), ERR_NONE);
	return wr_span(&w);
}

static void by_tpm2(tao_Attestation *a)
{
	a->signer_type = span_str("tpm2");
	a->tpm2_quote_structure = span_str("quote");
}

static void by_tpm1(tao_Attestation *a)
{
	a->signer_type = span_str("tpm");
}

static void with_endorsements(tao_Attestation *a)
{
	a->serialized_endorsements.n = 2;
	a->serialized_endorsements.item[0] = span_str("one");
	a->serialized_endorsements.item[1] = span_str("two");
	a->root_endorsement = span_str("root");
}

static void with_empty_delegation(tao_Attestation *a)
{
	a->serialized_delegation = span_str("");
}

TEST(tpm_links_are_handed_on_unjudged)
{
	CHECK_INT(verify(edited(by_tpm2)), ERR_UNSUPPORTED);
	CHECK_INT(chain.n, 1);
	CHECK_INT(chain.link[0].signer, VERIFY_TPM2);
	CHECK_INT(chain.link[0].result, ERR_UNSUPPORTED);
	CHECK(span_equal(chain.link[0].quote, span_str("quote")));
	CHECK(chain.link[0].signature.n > 0);
	CHECK_INT(verify(edited(by_tpm1)), ERR_UNSUPPORTED);
	CHECK_INT(chain.link[0].signer, VERIFY_NOBODY);
}

TEST(endorsements_are_handed_on)
{
	CHECK_INT(verify(edited(with_endorsements)), ERR_NONE);
	CHECK_INT(chain.link[0].endorsements.n, 2);
	CHECK(span_equal(chain.link[0].endorsements.item[1], span_str("two")));
	CHECK(span_equal(chain.link[0].root_endorsement, span_str("root")));
	CHECK(chain.link[0].quote.p == NULL);
	/* Nine of them are more than there is room for. */
	struct span a = attest(1, span_str("statement"), span_of(NULL, 0), buffer, sizeof buffer - 100);
	size_t n = a.n;
	for (size_t i = 1; i <= PROTO_SPANS_MAX + 1; i++) {
		buffer[n++] = 0x32; /* field 6 */
		buffer[n++] = 1;
		buffer[n++] = 'e';
		CHECK_INT(verify(span_of(buffer, n)), i <= PROTO_SPANS_MAX ? ERR_NONE : ERR_MALFORMED);
	}
}

TEST(an_empty_delegation_is_malformed)
{
	CHECK_INT(verify(edited(with_empty_delegation)), ERR_MALFORMED);
	CHECK_INT(chain.n, 1);
}

/* A SignedData by the right key, but not of the kind that there is. */
static int with_header(const char *type, int version)
{
	uint8_t scalar[32] = { 0 }, spki[KEY_SPKI_SIZE], digest[SHA256_SIZE], der[KEY_SIGNATURE_MAX];
	scalar[31] = 1;
	CHECK_INT(key_spki(scalar, spki), ERR_NONE);
	CHECK_INT(attest_digest(sha256_pick(), span_str("x"), digest), ERR_NONE);
	int n = key_sign(sha256_pick(), scalar, digest, der);
	const tao_SignedData data = {
		.header = { .version = (tao_CryptoVersion)version, .key_type = span_str(type) },
		.signature = span_of(der, (size_t)n),
	};
	struct wr w = wr_to(buffer2, sizeof buffer2);
	CHECK_INT(proto_encode(&w, tao_SignedData_fields, &data), ERR_NONE);
	const tao_Attestation a = {
		.serialized_statement = span_str("x"),
		.signer_type = span_str("key"),
		.signer_key = span_of(spki, sizeof spki),
		.signature = wr_span(&w),
	};
	w = wr_to(buffer, sizeof buffer);
	CHECK_INT(proto_encode(&w, tao_Attestation_fields, &a), ERR_NONE);
	return verify(wr_span(&w));
}

TEST(only_the_one_kind_of_signature_is_taken)
{
	CHECK_INT(with_header("ecdsap256-public", 2), ERR_NONE);
	CHECK_INT(with_header("ecdsap256-public", 1), ERR_UNSUPPORTED);
	CHECK_INT(with_header("ecdsap256-public", 3), ERR_UNSUPPORTED);
	CHECK_INT(with_header("ecdsap256", 2), ERR_UNSUPPORTED);
	CHECK_INT(with_header("", 2), ERR_UNSUPPORTED);
}

TEST(malformed_protobuf_is_refused)
{
	static const char *const bad[] = {
		"0801",			  /* bytes field 1 as a varint */
		"0d01020304",		  /* … as a 32-bit number */
		"0a",			  /* no length */
		"0a05",			  /* no bytes */
		"0affffffff0f",		  /* a length of 4 GiB */
		"0affffffffffffffffff01", /* of 2^64 - 1 */
		"00",			  /* tag 0 */
		"0b0c",			  /* a group */
		"0a0178",		  /* nothing that is required but the statement */
		"0a01781203"
		"6b6579"
		"1a00",			  /* no signature */
		"ffffffffffffffffffffff", /* a tag that does not end */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		size_t n = hex_to(bad[i], buffer, sizeof buffer);
		CHECK(n > 0);
		CHECK_INT(verify(span_of(buffer, n)), ERR_MALFORMED);
		CHECK_INT(chain.n, 0);
	}
}

/* Fields that we do not know are for others. */
TEST(unknown_fields_are_skipped)
{
	struct span a = attest(1, span_str("statement"), span_of(NULL, 0), buffer, sizeof buffer);
	memcpy(buffer + a.n, "\xfa\x01\x03xyz", 6); /* field 31 */
	CHECK_INT(verify(span_of(a.p, a.n + 6)), ERR_NONE);
	CHECK_INT(verify(span_of(a.p, a.n + 5)), ERR_MALFORMED);
}

int main(void)
{
	RUN(cloudproxys_attestations_verify_as_they_should);
	RUN(attestations_are_written_as_cloudproxy_writes_them);
	RUN(chains_are_followed_to_a_cap);
	RUN(a_bad_link_anywhere_is_an_error);
	RUN(no_changed_byte_goes_unnoticed);
	RUN(tpm_links_are_handed_on_unjudged);
	RUN(endorsements_are_handed_on);
	RUN(an_empty_delegation_is_malformed);
	RUN(only_the_one_kind_of_signature_is_taken);
	RUN(malformed_protobuf_is_refused);
	RUN(unknown_fields_are_skipped);
	return test_end();
}
