/* SPDX-License-Identifier: MIT */
#include "fields.h"
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

static void read_head(struct rd *r, uint8_t spki[static KEY_SPKI_SIZE])
{
	field_expect(r, "tao-policy-key: 1\npublic: ");
	field_hex(r, spki, KEY_SPKI_SIZE, "\n");
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
	field_put(out, "pbkdf2-sha256: ");
	wr_decimal(out, POLICY_KEY_ITERATIONS);
	field_put(out, " ");
	field_put_hex(out, span_of(random, POLICY_KEY_SALT_SIZE), "\n");
	pbkdf2(impl, passphrase, random, POLICY_KEY_ITERATIONS, aes);
	gcm_init(&gcm, gcm_pick(), aes);
	memcpy(sealed, key->scalar, sizeof sealed);
	gcm_encrypt(&gcm, nonce, wr_span(out), span_of(NULL, 0), sealed, sizeof sealed, tag);
	field_put(out, "sealed: ");
	field_put_hex(out, span_of(nonce, GCM_NONCE_SIZE), " ");
	field_put_hex(out, span_of(sealed, sizeof sealed), " ");
	field_put_hex(out, span_of(tag, sizeof tag), "\n");
	wipe(&gcm, sizeof gcm);
	wipe(aes, sizeof aes);
}

int policy_key_write(const struct sha256_impl *impl, const struct policy_key *key, struct span passphrase,
		     const uint8_t random[static POLICY_KEY_RANDOM_SIZE], struct wr *out)
{
	field_put(out, "tao-policy-key: 1\npublic: ");
	field_put_hex(out, span_of(key->spki, sizeof key->spki), "\n");
	if (passphrase.n > 0) {
		seal(impl, key, passphrase, random, out);
	} else {
		field_put(out, "private: ");
		field_put_hex(out, span_of(key->scalar, sizeof key->scalar), "\n");
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
	field_expect(r, "pbkdf2-sha256: ");
	uint64_t iterations = field_number(r, POLICY_KEY_ITERATIONS_MAX);
	if (iterations == 0)
		rd_fail(r, ERR_RANGE);
	field_expect(r, " ");
	field_hex(r, salt, sizeof salt, "\n");
	struct span above = span_of(file.p, (size_t)(r->p - file.p));
	field_expect(r, "sealed: ");
	field_hex(r, nonce, sizeof nonce, " ");
	field_hex(r, key->scalar, sizeof key->scalar, " ");
	field_hex(r, tag, sizeof tag, "\n");
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
		field_expect(&r, "private: ");
		field_hex(&r, key->scalar, sizeof key->scalar, "\n");
	}
	/* Of a plain file nothing else tells that it is whole. */
	if (rd_end(&r) == ERR_NONE &&
	    (key_spki(key->scalar, spki) < 0 || memcmp(spki, key->spki, sizeof spki) != 0))
		rd_fail(&r, ERR_MALFORMED);
	if (r.err != ERR_NONE)
		wipe(key, sizeof *key);
	return r.err;
}
