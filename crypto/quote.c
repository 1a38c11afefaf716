/* SPDX-License-Identifier: MIT */
#include "proto/attestation.pb.h"
#include "proto_span.h"
#include "quote.h"

#define ALG_SHA256 0x000b
#define GENERATED 0xff544347
#define ATTEST_QUOTE 0x8018
#define SELECT_SIZE 3
#define COORDINATE 32

#define FIXED_TPM 0x00000002
#define FIXED_PARENT 0x00000010
#define SENSITIVE_DATA_ORIGIN 0x00000020
#define RESTRICTED 0x00010000
#define DECRYPT 0x00020000
#define SIGN 0x00040000

/* ---- Rule 1: the name ---- */

/* A decimal number below QUOTE_PCRS in its shortest form. */
static int read_index(struct rd *r)
{
	int n = 0, digits = 0;
	while (r->n > 0 && *r->p >= '0' && *r->p <= '9' && digits < 3) {
		n = n * 10 + (*r->p - '0');
		digits++;
		(void)rd_u8(r);
	}
	if (digits == 0 || digits > 2 || (digits == 2 && n < 10) || n >= QUOTE_PCRS)
		rd_fail(r, ERR_MALFORMED);
	return n;
}

/* Is there another? A comma stands before it. */
static bool another(struct rd *r)
{
	if (r->err != ERR_NONE || r->n == 0)
		return false;
	if (rd_u8(r) != ',')
		rd_fail(r, ERR_MALFORMED);
	return r->err == ERR_NONE;
}

static void read_value(struct rd *r, uint8_t value[static SHA256_SIZE])
{
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		unsigned hi = rd_hex_digit(r);
		value[i] = (uint8_t)(hi << 4 | rd_hex_digit(r));
	}
}

const char *quote_read_pcrs(struct span indices, struct span values, struct quote_facts *facts)
{
	struct rd i = rd_from(indices), v = rd_from(values);
	bool resettable = false;
	bool more;
	int last = -1;
	do {
		uint8_t value[SHA256_SIZE];
		int pcr = read_index(&i);
		read_value(&v, value);
		if (i.err != ERR_NONE || v.err != ERR_NONE || pcr <= last)
			return "bad-name";
		last = pcr;
		facts->pcrs |= (uint32_t)1 << pcr;
		if (pcr >= QUOTE_PCRS_TRUSTED)
			resettable = true;
		else
			memcpy(facts->value[pcr], value, sizeof value);
		more = another(&i);
		if (another(&v) != more)
			return "bad-name";
	} while (more);
	if (rd_end(&i) != ERR_NONE || rd_end(&v) != ERR_NONE)
		return "bad-name";
	return resettable ? "resettable-pcr" : NULL;
}

void quote_write_pcrs(const struct quote_facts *facts, struct wr *indices, struct wr *values)
{
	bool first = true;
	for (unsigned pcr = 0; pcr < QUOTE_PCRS_TRUSTED; pcr++) {
		if ((facts->pcrs >> pcr & 1) == 0)
			continue;
		if (!first) {
			wr_u8(indices, ',');
			wr_u8(values, ',');
		}
		first = false;
		if (pcr >= 10)
			wr_u8(indices, '1');
		wr_u8(indices, (uint8_t)('0' + pcr % 10));
		wr_hex(values, span_of(facts->value[pcr], SHA256_SIZE));
	}
}

/* ---- Rules 2 and 3: the key ---- */

/* A TPM2B of at most limit bytes. */
static struct span read_2b(struct rd *r, size_t limit)
{
	uint16_t n = rd_be16(r);
	if (n > limit)
		rd_fail(r, ERR_MALFORMED);
	return rd_bytes(r, n);
}

/* A TPM2B integer of 1 to 32 bytes: some TPMs pad, others drop leading zeros. */
static void read_integer(struct rd *r, uint8_t dst[static COORDINATE])
{
	struct span s = read_2b(r, COORDINATE);
	if (s.n == 0) {
		rd_fail(r, ERR_MALFORMED);
		return;
	}
	memset(dst, 0, COORDINATE - s.n);
	memcpy(dst + COORDINATE - s.n, s.p, s.n);
}

static const char *check_key(const struct sha256_impl *impl, const struct quote_claim *claim)
{
	uint8_t digest[SHA256_SIZE];
	if (!key_spki_on_curve(claim->spki))
		return "bad-key";
	sha256_of(impl, claim->spki, digest);
	return span_equal(span_of(digest, sizeof digest), claim->key_hash) ? NULL : "wrong-key";
}

/* TPMT_PUBLIC of an ECDSA key with SHA-256 on P-256, as TPM.md, section 2 has it but for the attributes. */
static const char *check_ak_public(struct span public, struct span spki)
{
	static const uint8_t type[] = { 0x00, 0x23, 0x00, 0x0b };
	/* No policy, no symmetric cipher, ECDSA, SHA-256, P-256, no KDF. */
	static const uint8_t shape[] = { 0, 0, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10 };
	static const uint32_t must = RESTRICTED | SIGN | FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN;
	uint8_t xy[2 * COORDINATE], expected[KEY_SPKI_SIZE];
	struct rd r = rd_from(public);
	bool right = span_equal(rd_bytes(&r, sizeof type), span_of(type, sizeof type));
	uint32_t attributes = rd_be32(&r);
	right &= span_equal(rd_bytes(&r, sizeof shape), span_of(shape, sizeof shape));
	if (!right)
		return "bad-ak-public";
	if ((attributes & (must | DECRYPT)) != must)
		return "ak-attributes";
	read_integer(&r, xy);
	read_integer(&r, xy + COORDINATE);
	if (rd_end(&r) != ERR_NONE)
		return "bad-ak-public";
	key_spki_of_point(xy, expected);
	return span_equal(span_of(expected, sizeof expected), spki) ? NULL : "ak-mismatch";
}

/* ---- Rule 4: the signature ---- */

static const char *check_signature(const struct sha256_impl *impl, const struct quote_claim *claim)
{
	static const uint8_t scheme[] = { 0x00, 0x18, 0x00, 0x0b }; /* ECDSA, SHA-256 */
	uint8_t raw[2 * COORDINATE], digest[SHA256_SIZE];
	struct rd r = rd_from(claim->signature);
	if (!span_equal(rd_bytes(&r, sizeof scheme), span_of(scheme, sizeof scheme)))
		return "bad-signature-scheme";
	read_integer(&r, raw);
	read_integer(&r, raw + COORDINATE);
	if (rd_end(&r) != ERR_NONE)
		return "bad-signature-structure";
	sha256_of(impl, claim->attest, digest);
	return key_verify_raw(claim->spki, digest, raw) == ERR_NONE ? NULL : "bad-signature";
}

/* ---- Rules 5 and 6: what was signed ---- */

int quote_extra_data(const struct sha256_impl *impl, struct span statement, uint8_t digest[static SHA256_SIZE])
{
	const tao_ContextualizedData data = { .context = span_str(QUOTE_CONTEXT), .data = statement };
	return proto_digest(impl, tao_ContextualizedData_fields, &data, digest);
}

void quote_pcr_digest(const struct sha256_impl *impl, const struct quote_facts *facts,
		      uint8_t digest[static SHA256_SIZE])
{
	struct sha256 hash;
	sha256_init(&hash, impl);
	for (unsigned pcr = 0; pcr < QUOTE_PCRS_TRUSTED; pcr++) {
		if (facts->pcrs >> pcr & 1)
			sha256_update(&hash, span_of(facts->value[pcr], SHA256_SIZE));
	}
	sha256_out(&hash, digest);
}

/* From the number of selections on. */
static const char *check_selection(const struct sha256_impl *impl, const struct quote_claim *claim,
				   const struct quote_facts *facts, struct span extra_data, struct rd *r)
{
	uint8_t digest[SHA256_SIZE];
	uint32_t count = rd_be32(r);
	uint16_t bank = rd_be16(r);
	uint8_t size = rd_u8(r);
	if (r->err == ERR_NONE && (count != 1 || size != SELECT_SIZE))
		return "wrong-selection";
	if (r->err == ERR_NONE && bank != ALG_SHA256)
		return "wrong-bank";
	uint32_t selected = rd_u8(r);
	selected |= (uint32_t)rd_u8(r) << 8;
	selected |= (uint32_t)rd_u8(r) << 16;
	struct span pcr_digest = rd_bytes(r, rd_be16(r));
	if (rd_end(r) != ERR_NONE)
		return "bad-attest";
	if (quote_extra_data(impl, claim->statement, digest) < 0 ||
	    !span_equal(extra_data, span_of(digest, sizeof digest)))
		return "wrong-qualifying-data";
	if (selected != facts->pcrs)
		return "wrong-selection";
	quote_pcr_digest(impl, facts, digest);
	return span_equal(pcr_digest, span_of(digest, sizeof digest)) ? NULL : "pcr-digest-mismatch";
}

static const char *check_attest(const struct sha256_impl *impl, const struct quote_claim *claim,
				struct quote_facts *facts)
{
	struct rd r = rd_from(claim->attest);
	if (rd_be32(&r) != GENERATED)
		return "bad-magic";
	if (rd_be16(&r) != ATTEST_QUOTE)
		return "bad-type";
	(void)rd_bytes(&r, rd_be16(&r)); /* the signer's name, qualified by its ancestors' */
	struct span extra_data = rd_bytes(&r, rd_be16(&r));
	facts->clock = rd_be64(&r);
	facts->resets = rd_be32(&r);
	facts->restarts = rd_be32(&r);
	facts->clock_safe = rd_u8(&r) == 1;
	facts->firmware = rd_be64(&r);
	return check_selection(impl, claim, facts, extra_data, &r);
}

const char *quote_verify(const struct sha256_impl *impl, const struct quote_claim *claim,
			 struct quote_facts *facts)
{
	memset(facts, 0, sizeof *facts);
	const char *why = quote_read_pcrs(claim->indices, claim->values, facts);
	if (why == NULL)
		why = check_key(impl, claim);
	if (why == NULL && claim->ak_public.n > 0)
		why = check_ak_public(claim->ak_public, claim->spki);
	if (why == NULL)
		why = check_signature(impl, claim);
	if (why == NULL)
		why = check_attest(impl, claim, facts);
	return why;
}
