/* SPDX-License-Identifier: MIT */
#include "gcm.h"
#include "policy_key.h"

#define SEALED_SIZE (GCM_NONCE_SIZE + KEY_SCALAR_SIZE + GCM_TAG_SIZE)

/* RFC 8018, section 5.2, one block: as long as an AES key. */
static void pbkdf2(const struct sha256_impl *impl, struct span passphrase, const uint8_t *salt,
		   uint64_t iterations, uint8_t key[static GCM_KEY_SIZE])
{
	static const uint8_t first_block[4] = { 0, 0, 0, 1 };
	uint8_t u[SHA256_SIZE];
	br_hmac_key_context hmac_key;
	br_hmac_context hmac;
	br_hmac_key_init(&hmac_key, impl->class, passphrase.p, passphrase.n);
	br_hmac_init(&hmac, &hmac_key, 0);
	br_hmac_update(&hmac, salt, POLICY_KEY_SALT_SIZE);
	br_hmac_update(&hmac, first_block, sizeof first_block);
	br_hmac_out(&hmac, u);
	memcpy(key, u, sizeof u);
	while (--iterations > 0) {
		br_hmac_init(&hmac, &hmac_key, 0);
		br_hmac_update(&hmac, u, sizeof u);
		br_hmac_out(&hmac, u);
		for (size_t i = 0; i < sizeof u; i++)
			key[i] ^= u[i];
	}
	wipe(u, sizeof u);
	wipe(&hmac_key, sizeof hmac_key);
	wipe(&hmac, sizeof hmac);
}

/* ---- text ---- */

static void put(struct wr *out, const char *text)
{
	wr_span_bytes(out, span_str(text));
}

static void put_hex(struct wr *out, const uint8_t *p, size_t n, const char *after)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		wr_u8(out, (uint8_t)digits[p[i] >> 4]);
		wr_u8(out, (uint8_t)digits[p[i] & 15]);
	}
	put(out, after);
}

static void put_number(struct wr *out, uint64_t n)
{
	uint8_t digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	wr_bytes(out, digits + at, sizeof digits - at);
}

static void expect(struct rd *r, const char *text)
{
	struct span s = rd_bytes(r, strlen(text));
	if (!span_equal(s, span_str(text)))
		rd_fail(r, ERR_MALFORMED);
}

static void read_hex(struct rd *r, uint8_t *dst, size_t n, const char *after)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t high = rd_hex_digit(r);
		dst[i] = (uint8_t)(high << 4 | rd_hex_digit(r));
	}
	expect(r, after);
}

static uint64_t read_number(struct rd *r)
{
	uint64_t v = 0;
	while (r->n > 0 && r->p[0] >= '0' && r->p[0] <= '9' && v <= POLICY_KEY_ITERATIONS_MAX)
		v = v * 10 + (uint64_t)(rd_u8(r) - '0');
	if (v == 0 || v > POLICY_KEY_ITERATIONS_MAX)
		rd_fail(r, ERR_RANGE);
	return v;
}

static void read_head(struct rd *r, uint8_t spki[static KEY_SPKI_SIZE])
{
	expect(r, "tao-policy-key: 1\npublic: ");
	read_hex(r, spki, KEY_SPKI_SIZE, "\n");
	if (r->err == ERR_NONE && !key_spki_valid(span_of(spki, KEY_SPKI_SIZE)))
		rd_fail(r, ERR_MALFORMED);
}

/* ---- the file ---- */

static void seal(const struct sha256_impl *impl, const struct policy_key *key, struct span passphrase,
		 const uint8_t *random, struct wr *out)
{
	uint8_t aes[GCM_KEY_SIZE], sealed[KEY_SCALAR_SIZE], tag[GCM_TAG_SIZE];
	const uint8_t *nonce = random + POLICY_KEY_SALT_SIZE;
	struct gcm gcm;
	put(out, "pbkdf2-sha256: ");
	put_number(out, POLICY_KEY_ITERATIONS);
	put(out, " ");
	put_hex(out, random, POLICY_KEY_SALT_SIZE, "\n");
	pbkdf2(impl, passphrase, random, POLICY_KEY_ITERATIONS, aes);
	gcm_init(&gcm, gcm_pick(), aes);
	memcpy(sealed, key->scalar, sizeof sealed);
	gcm_encrypt(&gcm, nonce, wr_span(out), span_of(NULL, 0), sealed, sizeof sealed, tag);
	put(out, "sealed: ");
	put_hex(out, nonce, GCM_NONCE_SIZE, " ");
	put_hex(out, sealed, sizeof sealed, " ");
	put_hex(out, tag, sizeof tag, "\n");
	wipe(&gcm, sizeof gcm);
	wipe(aes, sizeof aes);
}

int policy_key_write(const struct sha256_impl *impl, const struct policy_key *key, struct span passphrase,
		     const uint8_t random[static POLICY_KEY_RANDOM_SIZE], struct wr *out)
{
	put(out, "tao-policy-key: 1\npublic: ");
	put_hex(out, key->spki, sizeof key->spki, "\n");
	if (passphrase.n > 0) {
		seal(impl, key, passphrase, random, out);
	} else {
		put(out, "private: ");
		put_hex(out, key->scalar, sizeof key->scalar, "\n");
	}
	return out->err;
}

bool policy_key_is_sealed(struct span file)
{
	static const char mark[] = "\npbkdf2-sha256: ";
	const uint8_t *at = file.n > 30 ? memchr(file.p + 18, '\n', file.n - 18) : NULL;
	return at != NULL && (size_t)(file.p + file.n - at) >= sizeof mark - 1 &&
	       memcmp(at, mark, sizeof mark - 1) == 0;
}

int policy_key_public(struct span file, uint8_t spki[static KEY_SPKI_SIZE])
{
	struct rd r = rd_from(file);
	read_head(&r, spki);
	return r.err;
}

static void unseal(const struct sha256_impl *impl, struct span file, struct rd *r, struct span passphrase,
		   struct policy_key *key)
{
	uint8_t aes[GCM_KEY_SIZE], salt[POLICY_KEY_SALT_SIZE], nonce[GCM_NONCE_SIZE], tag[GCM_TAG_SIZE];
	struct gcm gcm;
	expect(r, "pbkdf2-sha256: ");
	uint64_t iterations = read_number(r);
	expect(r, " ");
	read_hex(r, salt, sizeof salt, "\n");
	struct span above = span_of(file.p, (size_t)(r->p - file.p));
	expect(r, "sealed: ");
	read_hex(r, nonce, sizeof nonce, " ");
	read_hex(r, key->scalar, sizeof key->scalar, " ");
	read_hex(r, tag, sizeof tag, "\n");
	if (rd_end(r) != ERR_NONE)
		return;
	pbkdf2(impl, passphrase, salt, iterations, aes);
	gcm_init(&gcm, gcm_pick(), aes);
	if (!gcm_decrypt(&gcm, nonce, above, span_of(NULL, 0), key->scalar, sizeof key->scalar, tag))
		rd_fail(r, ERR_BAD_SEAL);
	wipe(&gcm, sizeof gcm);
	wipe(aes, sizeof aes);
}

int policy_key_read(const struct sha256_impl *impl, struct span file, struct span passphrase,
		    struct policy_key *key)
{
	struct rd r = rd_from(file);
	uint8_t spki[KEY_SPKI_SIZE];
	read_head(&r, key->spki);
	if (policy_key_is_sealed(file)) {
		unseal(impl, file, &r, passphrase, key);
	} else {
		expect(&r, "private: ");
		read_hex(&r, key->scalar, sizeof key->scalar, "\n");
	}
	/* Of a plain file nothing else tells that it is whole. */
	if (rd_end(&r) == ERR_NONE &&
	    (key_spki(key->scalar, spki) < 0 || memcmp(spki, key->spki, sizeof spki) != 0))
		rd_fail(&r, ERR_MALFORMED);
	if (r.err != ERR_NONE)
		wipe(key, sizeof *key);
	return r.err;
}
