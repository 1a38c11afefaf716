/* SPDX-License-Identifier: MIT
 *
 * The Tao: what makes statements, secrets and sealed data. It knows keys and bytes, nothing else: no process,
 * descriptor, path, socket, signal, policy or clock, and it calls nothing of its environment. All checks of
 * who may do what stand in the environment, before or after these calls.
 *
 * Nothing here blocks, allocates or keeps static state. One struct tao may be used by one thread at a time.
 * The caller keeps struct tao in memory that is locked and not inherited by children, and runs these calls
 * on a stack that is, too.
 */
#ifndef TAO_TAO_H
#define TAO_TAO_H

#include "base.h"

/* HKDF-SHA256 gives at most 255 blocks (RFC 5869, section 2.3). */
#define TAO_SECRET_MAX 8160
/* What encryption adds: version 1, nonce 12, tag 16. */
#define TAO_ENCRYPT_OVERHEAD 29
/* … and how much of it stands in front of the data. */
#define TAO_ENCRYPT_HEAD 13
/* The largest delegation that a seed may bring: an Attestation with a TPM quote of eight PCRs is about 1700 bytes, and each
 * Tao on it adds some 500 and twice its name: four of them about 11800. */
#define TAO_DELEGATION_MAX 12288

/* Copied by tao_init; the caller wipes it. delegation: the serialized Attestation by which the root says that
 * our signing key speaks for the host, empty where the key is itself the root. */
struct tao_seed {
	uint8_t sign_key[32];	/* P-256 private scalar, big-endian, in [1, n-1] */
	uint8_t seal_key[32];	/* AES-256 */
	uint8_t derive_key[32]; /* HKDF input */
	uint8_t drbg[48];	/* fresh entropy */
	size_t delegation_n;
	uint8_t delegation[TAO_DELEGATION_MAX];
};

struct tao; /* defined in tao_state.h, for whoever makes room for one */

/* ERR_RANGE: the signing key is not in [1, n-1], or the delegation too large. */
int tao_init(struct tao *tao, const struct tao_seed *seed);
/* Wipes everything; returns the number of children not removed. */
int tao_wipe(struct tao *tao);
/* Mixes fresh entropy into the generator. */
int tao_reseed(struct tao *tao, const uint8_t entropy[static 48]);

/* Notifications: counted, nothing else. Name: binary SubPrin of the child below the host. */
void tao_added(struct tao *tao, struct span child);
void tao_removed(struct tao *tao, struct span child);

/* n random bytes. */
int tao_random(struct tao *tao, uint8_t *dst, size_t n);
/* n bytes that depend on the host's secret and the tag only; ERR_RANGE if n is 0 or above TAO_SECRET_MAX. */
int tao_shared_secret(const struct tao *tao, struct span tag, uint8_t *dst, size_t n);
/* AES-256-GCM with a random nonce. aad is authenticated, not carried. plain is encrypted where it is if it stands
 * TAO_ENCRYPT_HEAD bytes behind the end of out, and else may not overlap out. */
int tao_encrypt(struct tao *tao, struct span aad, struct span plain, struct wr *out);
/* ERR_BAD_SEAL, ERR_BAD_VERSION, ERR_TRUNCATED; on failure nothing of the plaintext stays in out. */
int tao_decrypt(const struct tao *tao, struct span aad, struct span sealed, struct wr *out);
/* Signs a binary Says as an Attestation (PROTOCOL, section 5), with the delegation where there is one. */
int tao_attest(struct tao *tao, struct span statement, struct wr *attestation);

#endif
