/* SPDX-License-Identifier: MIT
 *
 * The file of a policy key (taopolicy(1)): a P-256 scalar, plain or encrypted with a passphrase (PBKDF2-HMAC-SHA256,
 * AES-256-GCM). Text of one "name: value" a line:
 *
 *	tao-policy-key: 1
 *	public: SPKI, hex
 *	private: scalar, hex				plain, or
 *	pbkdf2-sha256: ITERATIONS SALT			salt of 16 bytes, hex; and
 *	sealed: NONCE CIPHERTEXT TAG			12, 32 and 16 bytes, hex; all that stands above is authenticated
 */
#ifndef TAO_POLICY_KEY_H
#define TAO_POLICY_KEY_H

#include "keys.h"

#define POLICY_KEY_FILE_MAX 1024
/* OWASP's number for PBKDF2-HMAC-SHA256 in 2023: half a second here. */
#define POLICY_KEY_ITERATIONS 600000
/* What reading accepts: a file must not stop its reader for hours. */
#define POLICY_KEY_ITERATIONS_MAX 10000000
#define POLICY_KEY_SALT_SIZE 16
#define POLICY_KEY_RANDOM_SIZE (POLICY_KEY_SALT_SIZE + 12)

struct policy_key {
	uint8_t spki[KEY_SPKI_SIZE];
	uint8_t scalar[KEY_SCALAR_SIZE];
};

/* Without a passphrase (n == 0) in plain. random: fresh, not used before; it becomes salt and nonce. */
int policy_key_write(const struct sha256_impl *impl, const struct policy_key *key, struct span passphrase,
		     const uint8_t random[static POLICY_KEY_RANDOM_SIZE], struct wr *out);
/* Does the file want a passphrase? */
bool policy_key_is_sealed(struct span file);
/* The public key of a key file, or of one that has only the first two lines. ERR_MALFORMED. */
int policy_key_public(struct span file, uint8_t spki[static KEY_SPKI_SIZE]);
/* ERR_MALFORMED; ERR_BAD_SEAL: another passphrase, or the file was changed. */
int policy_key_read(const struct sha256_impl *impl, struct span file, struct span passphrase,
		    struct policy_key *key);

#endif
