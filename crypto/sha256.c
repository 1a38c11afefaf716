/* SPDX-License-Identifier: MIT */
#include "sha256.h"
#include "sha256_ni.h"

/* FIPS 180-4, section 5.3.3. */
static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static const br_hash_class ni_class;

/* The methods of a br_hash_class over BearSSL's own context, whose first member is the class. */

static void ni_init(const br_hash_class **ctx)
{
	br_sha256_context *c = (br_sha256_context *)ctx;
	c->vtable = &ni_class;
	memcpy(c->val, initial, sizeof c->val);
	c->count = 0;
}

static void ni_update(const br_hash_class **ctx, const void *data, size_t n)
{
	br_sha256_context *c = (br_sha256_context *)ctx;
	const uint8_t *p = data;
	size_t have = c->count % 64;
	if (n == 0)
		return;
	c->count += n;
	if (have > 0) {
		size_t want = 64 - have < n ? 64 - have : n;
		memcpy(c->buf + have, p, want);
		if (have + want < 64)
			return;
		sha256_ni_blocks(c->val, c->buf, 1);
		p += want;
		n -= want;
	}
	sha256_ni_blocks(c->val, p, n / 64);
	if (n % 64 > 0)
		memcpy(c->buf, p + n - n % 64, n % 64);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	struct wr w = wr_to(p, 4);
	wr_be32(&w, v);
}

static void ni_out(const br_hash_class *const *ctx, void *dst)
{
	const br_sha256_context *c = (const br_sha256_context *)ctx;
	uint8_t last[128] = { 0 };
	uint32_t val[8];
	size_t have = c->count % 64, blocks = have < 56 ? 1 : 2;
	memcpy(val, c->val, sizeof val);
	memcpy(last, c->buf, have);
	last[have] = 0x80;
	put_be32(last + 64 * blocks - 8, (uint32_t)(c->count >> 29));
	put_be32(last + 64 * blocks - 4, (uint32_t)(c->count << 3));
	sha256_ni_blocks(val, last, blocks);
	for (size_t i = 0; i < 8; i++)
		put_be32((uint8_t *)dst + 4 * i, val[i]);
}

static uint64_t ni_state(const br_hash_class *const *ctx, void *dst)
{
	const br_sha256_context *c = (const br_sha256_context *)ctx;
	for (size_t i = 0; i < 8; i++)
		put_be32((uint8_t *)dst + 4 * i, c->val[i]);
	return c->count;
}

static void ni_set_state(const br_hash_class **ctx, const void *state, uint64_t count)
{
	br_sha256_context *c = (br_sha256_context *)ctx;
	struct rd r = rd_from(span_of(state, 32));
	for (size_t i = 0; i < 8; i++)
		c->val[i] = rd_be32(&r);
	c->count = count;
}

static const br_hash_class ni_class = {
	.context_size = sizeof(br_sha256_context),
	.desc = BR_HASHDESC_ID(br_sha256_ID) | BR_HASHDESC_OUT(32) | BR_HASHDESC_STATE(32) | BR_HASHDESC_LBLEN(6) |
		BR_HASHDESC_MD_PADDING | BR_HASHDESC_MD_PADDING_BE,
	.init = ni_init,
	.update = ni_update,
	.out = ni_out,
	.state = ni_state,
	.set_state = ni_set_state,
};

static const struct sha256_impl impl_ni = { "sha-ni", &ni_class };
static const struct sha256_impl impl_bearssl = { "bearssl", &br_sha256_vtable };

const struct sha256_impl *sha256_ni(void)
{
	return sha256_ni_available() ? &impl_ni : NULL;
}

const struct sha256_impl *sha256_bearssl(void)
{
	return &impl_bearssl;
}

const struct sha256_impl *sha256_pick(void)
{
	const struct sha256_impl *fast = sha256_ni();
	return fast != NULL ? fast : &impl_bearssl;
}

void sha256_of(const struct sha256_impl *impl, struct span bytes, uint8_t digest[static SHA256_SIZE])
{
	struct sha256 hash;
	sha256_init(&hash, impl);
	sha256_update(&hash, bytes);
	sha256_out(&hash, digest);
}
