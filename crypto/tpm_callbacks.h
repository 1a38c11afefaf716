/* SPDX-License-Identifier: MIT
 *
 * The cryptography that tpm2-tss asks for (ESYS_CRYPTO_CALLBACKS), over BearSSL: hashes, HMAC, ECDH, AES in CFB
 * mode, RSA-OAEP. No allocation: the hashes and HMACs in progress stand in slots. Randomness comes from the
 * platform; nothing here makes a syscall of its own.
 *
 * struct tpm_crypto belongs to the caller, stays where it is while ESYS may call, and serves one ESYS context.
 */
#ifndef TAO_TPM_CALLBACKS_H
#define TAO_TPM_CALLBACKS_H

#include <bearssl.h>
#include <tss2/tss2_esys.h>

#include "platform.h"
#include "sha256.h"

/* ESYS finishes each before it starts the next; the others are slack for whatever it may do one day. */
#define TPM_CRYPTO_SLOTS 4

/* The tag keeps a hash from being finished as an HMAC, and the other way round: one abort serves both, because
 * ESYS ends hashes by hmac_abort in some of its error paths. */
enum tpm_crypto_kind { TPM_CRYPTO_FREE = 0, TPM_CRYPTO_HASH, TPM_CRYPTO_HMAC };

struct tpm_crypto_slot {
	enum tpm_crypto_kind kind;
	union {
		br_sha256_context hash;
		br_hmac_context hmac;
	};
};

struct tpm_crypto {
	const struct platform *platform;
	const br_block_ctr_class *aes;
	struct tpm_crypto_slot slots[TPM_CRYPTO_SLOTS];
};

/* Needs platform->random. Asks CPUID. */
void tpm_crypto_init(struct tpm_crypto *crypto, const struct platform *platform);
/* With portable AES, whatever the CPU has; for tests. */
void tpm_crypto_init_portable(struct tpm_crypto *crypto, const struct platform *platform);
/* Wipes what is in progress. */
void tpm_crypto_wipe(struct tpm_crypto *crypto);
/* How many slots are taken: 0 whenever ESYS is not at work. */
int tpm_crypto_in_use(const struct tpm_crypto *crypto);
ESYS_CRYPTO_CALLBACKS tpm_crypto_callbacks(struct tpm_crypto *crypto);

#endif
