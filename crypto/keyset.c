/* SPDX-License-Identifier: MIT */
#include "hkdf.h"
#include "keyset.h"

#define VERSION 1
#define SALT "Tao Key Set V1"

static const uint8_t magic[8] = "TAOKEYS";

int keyset_make(struct keyset *keys, const uint8_t entropy[static KEYSET_ENTROPY_SIZE])
{
	br_hmac_drbg_context drbg;
	br_hmac_drbg_init(&drbg, sha256_bearssl()->class, entropy, KEYSET_ENTROPY_SIZE);
	/* One candidate in 2^32 is no scalar; four in a row mean that the entropy is none. */
	int tries = 4;
	do {
		br_hmac_drbg_generate(&drbg, keys->sign, sizeof keys->sign);
	} while (!key_scalar_valid(keys->sign) && --tries > 0);
	br_hmac_drbg_generate(&drbg, keys->seal, sizeof keys->seal);
	br_hmac_drbg_generate(&drbg, keys->derive, sizeof keys->derive);
	wipe(&drbg, sizeof drbg);
	if (tries > 0)
		return ERR_NONE;
	wipe(keys, sizeof *keys);
	return ERR_INTERNAL;
}

void keyset_derive(const struct keyset *keys, const char *label, uint8_t dst[static KEYSET_KEY_SIZE])
{
	(void)hkdf(sha256_bearssl(), span_of(keys->derive, sizeof keys->derive), span_str(SALT), span_str(label),
		   dst, KEYSET_KEY_SIZE);
}

void keyset_write(const struct keyset *keys, struct wr *out)
{
	uint8_t sum[SHA256_SIZE];
	size_t before = out->n;
	wr_bytes(out, magic, sizeof magic);
	wr_be16(out, VERSION);
	wr_be32(out, 3 * KEYSET_KEY_SIZE);
	wr_bytes(out, keys->sign, sizeof keys->sign);
	wr_bytes(out, keys->seal, sizeof keys->seal);
	wr_bytes(out, keys->derive, sizeof keys->derive);
	sha256_of(sha256_bearssl(), span_of(out->p + before, out->n - before), sum);
	wr_bytes(out, sum, sizeof sum);
}

static bool all_zero(struct span bytes)
{
	size_t i = 0;
	while (i < bytes.n && bytes.p[i] == 0)
		i++;
	return i == bytes.n;
}

static void read_key(struct rd *r, uint8_t key[static KEYSET_KEY_SIZE])
{
	struct span s = rd_bytes(r, KEYSET_KEY_SIZE);
	if (s.n == KEYSET_KEY_SIZE)
		memcpy(key, s.p, s.n);
}

static int check(struct span file)
{
	struct rd r = rd_from(file);
	uint8_t sum[SHA256_SIZE];
	size_t head = file.n < sizeof magic ? file.n : sizeof magic;
	/* Some file systems give zeros for what was not written before the power failed. */
	if (file.n > 0 && all_zero(file))
		return ERR_CHECKSUM;
	if (head > 0 && memcmp(file.p, magic, head) != 0)
		return ERR_MALFORMED;
	(void)rd_bytes(&r, sizeof magic);
	uint16_t version = rd_be16(&r);
	if (r.err != ERR_NONE)
		return r.err;
	if (version == 0) /* never written; zeros again */
		return ERR_CHECKSUM;
	if (version != VERSION)
		return ERR_BAD_VERSION;
	if (file.n != KEYSET_FILE_SIZE)
		return file.n < KEYSET_FILE_SIZE ? ERR_TRUNCATED : ERR_TRAILING;
	sha256_of(sha256_bearssl(), span_of(file.p, file.n - SHA256_SIZE), sum);
	if (!equal_secret(sum, file.p + file.n - SHA256_SIZE, SHA256_SIZE))
		return ERR_CHECKSUM;
	return rd_be32(&r) == 3 * KEYSET_KEY_SIZE ? ERR_NONE : ERR_MALFORMED;
}

int keyset_read(struct keyset *keys, struct span file)
{
	int e = check(file);
	if (e == ERR_NONE) {
		struct rd r = rd_from(span_of(file.p + 14, 3 * KEYSET_KEY_SIZE));
		read_key(&r, keys->sign);
		read_key(&r, keys->seal);
		read_key(&r, keys->derive);
		e = rd_end(&r);
	}
	if (e == ERR_NONE && !key_scalar_valid(keys->sign))
		e = ERR_RANGE;
	if (e != ERR_NONE)
		wipe(keys, sizeof *keys);
	return e;
}
