/* SPDX-License-Identifier: MIT */
#include "authorization.h"
#include "fields.h"

/* Of the TPM's specification, part 2: command codes, algorithms, an attribute, an operation. */
#define CC_POLICY_NV 0x149
#define CC_POLICY_AUTHORIZE 0x16a
#define CC_POLICY_PCR 0x17f
#define ALG_SHA256 0x000b
#define NV_WRITTEN 0x20000000
#define EO_UNSIGNED_LE 0x0009

/* ---- The file ---- */

static void read_pcrs(struct rd *r, struct quote_facts *pcrs)
{
	static const char key[] = "pcr: ";
	memset(pcrs, 0, sizeof *pcrs);
	while (r->err == ERR_NONE && r->n > 0 && r->p[0] == 'p') {
		field_expect(r, key);
		uint64_t pcr = field_number(r, QUOTE_PCRS_TRUSTED - 1);
		if (r->err != ERR_NONE || pcrs->pcrs >> pcr != 0) {
			rd_fail(r, ERR_MALFORMED);
			return;
		}
		pcrs->pcrs |= (uint32_t)1 << pcr;
		field_expect(r, " ");
		field_hex(r, pcrs->value[pcr], SHA256_SIZE, "\n");
	}
	if (pcrs->pcrs == 0)
		rd_fail(r, ERR_MALFORMED);
}

int authorization_read(struct authorization *a, struct span file)
{
	struct rd r = rd_from(file);
	uint8_t index[4] = { 0 };
	field_expect(&r, "tao-authorization: 1\nkey: ");
	field_hex(&r, a->spki, sizeof a->spki, "\nversion: ");
	a->version = (uint32_t)field_number(&r, AUTHORIZATION_VERSION_MAX);
	field_expect(&r, "\nindex: ");
	field_hex(&r, index, sizeof index, "\n");
	struct rd number = rd_from(span_of(index, sizeof index));
	a->index = rd_be32(&number);
	read_pcrs(&r, &a->pcrs);
	field_expect(&r, "signature: ");
	a->signature_n = field_hex_some(&r, a->signature, sizeof a->signature);
	field_expect(&r, "\n");
	if (a->version == 0 || !AUTHORIZATION_INDEX_VALID(a->index))
		rd_fail(&r, ERR_RANGE);
	if (r.err == ERR_NONE && !key_spki_valid(span_of(a->spki, sizeof a->spki)))
		rd_fail(&r, ERR_MALFORMED);
	return rd_end(&r);
}

void authorization_write(const struct authorization *a, struct wr *out)
{
	uint8_t index[4];
	struct wr w = wr_to(index, sizeof index);
	wr_be32(&w, a->index);
	field_put(out, "tao-authorization: 1\nkey: ");
	field_put_hex(out, span_of(a->spki, sizeof a->spki), "\nversion: ");
	wr_decimal(out, a->version);
	field_put(out, "\nindex: ");
	field_put_hex(out, wr_span(&w), "\n");
	for (unsigned i = 0; i < QUOTE_PCRS_TRUSTED; i++) {
		if ((a->pcrs.pcrs >> i & 1) == 0)
			continue;
		field_put(out, "pcr: ");
		wr_decimal(out, i);
		field_put(out, " ");
		field_put_hex(out, span_of(a->pcrs.value[i], SHA256_SIZE), "\n");
	}
	field_put(out, "signature: ");
	field_put_hex(out, span_of(a->signature, a->signature_n), "\n");
}

int authorization_sign(const struct sha256_impl *impl, struct authorization *a,
		       const uint8_t scalar[static KEY_SCALAR_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	int n = key_spki(scalar, a->spki);
	if (n < 0)
		return n;
	authorization_digest(a, digest);
	n = key_sign(impl, scalar, digest, a->signature);
	a->signature_n = n > 0 ? (size_t)n : 0;
	return n < 0 ? n : ERR_NONE;
}

int authorization_verify(const struct authorization *a)
{
	uint8_t digest[SHA256_SIZE];
	authorization_digest(a, digest);
	return key_verify(span_of(a->spki, sizeof a->spki), digest, span_of(a->signature, a->signature_n));
}

/* ---- Digests ---- */

/* What a policy becomes by a command (0: by what stands behind it alone) with this in it. */
static void go_on(uint8_t policy[static SHA256_SIZE], uint32_t command, struct span first, struct span then)
{
	uint8_t bytes[SHA256_SIZE + 4 + SHA256_SIZE + AUTHORIZATION_NAME_SIZE];
	struct wr w = wr_to(bytes, sizeof bytes);
	wr_bytes(&w, policy, SHA256_SIZE);
	if (command != 0)
		wr_be32(&w, command);
	wr_span_bytes(&w, first);
	wr_span_bytes(&w, then);
	sha256_of(sha256_bearssl(), wr_span(&w), policy);
}

void tpm_name(struct span public, uint8_t name[static AUTHORIZATION_NAME_SIZE])
{
	name[0] = ALG_SHA256 >> 8;
	name[1] = ALG_SHA256 & 0xff;
	sha256_of(sha256_bearssl(), public, name + 2);
}

void authorization_key_public(const uint8_t spki[static KEY_SPKI_SIZE], struct wr *out)
{
	/* ECC, SHA-256; userWithAuth decrypt sign; no policy, no symmetric algorithm, no scheme, P-256, no KDF. */
	static const uint8_t head[] = { 0x00, 0x23, 0x00, 0x0b, 0x00, 0x06, 0x00, 0x40, 0x00,
					0x00, 0x00, 0x10, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10 };
	const uint8_t *xy = spki + (KEY_SPKI_SIZE - 64);
	wr_bytes(out, head, sizeof head);
	wr_be16(out, 32);
	wr_bytes(out, xy, 32);
	wr_be16(out, 32);
	wr_bytes(out, xy + 32, 32);
}

void authorization_key_name(const uint8_t spki[static KEY_SPKI_SIZE], uint8_t name[static AUTHORIZATION_NAME_SIZE])
{
	uint8_t public[AUTHORIZATION_KEY_PUBLIC_SIZE];
	struct wr w = wr_to(public, sizeof public);
	authorization_key_public(spki, &w);
	tpm_name(wr_span(&w), name);
}

void authorization_index_public(uint32_t index, bool written, struct wr *out)
{
	wr_be32(out, index);
	wr_be16(out, ALG_SHA256);
	wr_be32(out, AUTHORIZATION_INDEX_ATTRIBUTES | (written ? NV_WRITTEN : 0));
	wr_be16(out, 0);
	wr_be16(out, 8);
}

void authorization_index_name(uint32_t index, bool written, uint8_t name[static AUTHORIZATION_NAME_SIZE])
{
	uint8_t public[AUTHORIZATION_INDEX_PUBLIC_SIZE];
	struct wr w = wr_to(public, sizeof public);
	authorization_index_public(index, written, &w);
	tpm_name(wr_span(&w), name);
}

void tpm_pcr_selection(struct wr *out, uint32_t pcrs)
{
	wr_be32(out, 1);
	wr_be16(out, ALG_SHA256);
	wr_u8(out, 3);
	for (unsigned i = 0; i < 3; i++)
		wr_u8(out, (uint8_t)(pcrs >> 8 * i));
}

void tpm_policy_pcr(const struct quote_facts *pcrs, uint8_t policy[static SHA256_SIZE])
{
	uint8_t selection[10], values[SHA256_SIZE];
	struct wr w = wr_to(selection, sizeof selection);
	tpm_pcr_selection(&w, pcrs->pcrs);
	quote_pcr_digest(sha256_bearssl(), pcrs, values);
	memset(policy, 0, SHA256_SIZE);
	go_on(policy, CC_POLICY_PCR, wr_span(&w), span_of(values, sizeof values));
}

void authorization_approved(const struct authorization *a, uint8_t policy[static SHA256_SIZE])
{
	uint8_t bytes[12], args[SHA256_SIZE], name[AUTHORIZATION_NAME_SIZE];
	struct wr w = wr_to(bytes, sizeof bytes);
	wr_be64(&w, a->version);
	wr_be16(&w, 0); /* from the index's beginning on */
	wr_be16(&w, EO_UNSIGNED_LE);
	sha256_of(sha256_bearssl(), wr_span(&w), args);
	authorization_index_name(a->index, true, name);
	tpm_policy_pcr(&a->pcrs, policy);
	go_on(policy, CC_POLICY_NV, span_of(args, sizeof args), span_of(name, sizeof name));
}

void authorization_digest(const struct authorization *a, uint8_t digest[static SHA256_SIZE])
{
	authorization_approved(a, digest);
	go_on(digest, 0, span_str(AUTHORIZATION_REF), span_of(NULL, 0));
}

void authorization_sealed_to(const uint8_t spki[static KEY_SPKI_SIZE], uint8_t policy[static SHA256_SIZE])
{
	uint8_t name[AUTHORIZATION_NAME_SIZE];
	authorization_key_name(spki, name);
	memset(policy, 0, SHA256_SIZE);
	go_on(policy, CC_POLICY_AUTHORIZE, span_of(name, sizeof name), span_of(NULL, 0));
	go_on(policy, 0, span_str(AUTHORIZATION_REF), span_of(NULL, 0));
}
