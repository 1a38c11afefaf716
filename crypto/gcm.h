/* SPDX-License-Identifier: MIT
 *
 * AES-256-GCM over BearSSL: AES-NI and PCLMULQDQ where the CPU has them, constant-time portable C otherwise.
 * The caller never uses a nonce twice with one key.
 */
#ifndef TAO_GCM_H
#define TAO_GCM_H

#include <bearssl.h>

#include "base.h"

#define GCM_KEY_SIZE 32
#define GCM_NONCE_SIZE 12
#define GCM_TAG_SIZE 16
/* SP 800-38D, section 5.2.1.1: a 32-bit block counter, two of whose values are taken. */
#define GCM_DATA_MAX (((uint64_t)1 << 36) - 32)

struct gcm_impl {
	const char *name; /* "aes-ni", "constant-time" */
	const br_block_ctr_class *ctr;
	br_ghash ghash;
};

/* An expanded key. It points into itself and must stay where it is; wiping it is enough to end it. */
struct gcm {
	br_aes_gen_ctr_keys ctr;
	br_gcm_context gcm;
};

/* The fastest that this CPU runs. Asks CPUID, which traps in a virtual machine: call once and keep the answer. */
const struct gcm_impl *gcm_pick(void);
/* Each by itself, for tests and the self-test; NULL where the CPU lacks the instructions. */
const struct gcm_impl *gcm_portable(void);
const struct gcm_impl *gcm_ni(void);

void gcm_init(struct gcm *gcm, const struct gcm_impl *impl, const uint8_t key[static GCM_KEY_SIZE]);
/* Encrypts data[n] in place and gives the tag. The authenticated bytes are a, then b. */
void gcm_encrypt(const struct gcm *gcm, const uint8_t nonce[static GCM_NONCE_SIZE], struct span a, struct span b,
		 uint8_t *data, size_t n, uint8_t tag[static GCM_TAG_SIZE]);
/* Decrypts data[n] in place. If the tag is not right, data is wiped and false is returned. */
bool gcm_decrypt(const struct gcm *gcm, const uint8_t nonce[static GCM_NONCE_SIZE], struct span a, struct span b,
		 uint8_t *data, size_t n, const uint8_t tag[static GCM_TAG_SIZE]);

#endif
