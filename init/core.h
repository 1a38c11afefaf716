/* SPDX-License-Identifier: MIT
 *
 * The Tao where it lives: its state, and the stack that it runs on, stand in pages that are locked, left out of
 * core dumps and wiped in every child. The calls are those of crypto/tao.h; those that draw randomness are
 * preceded by a reseed with fresh kernel entropy, because a restored VM snapshot would otherwise repeat nonces. Signing
 * draws none (RFC 6979). After each call the stack is wiped: pieces of keys and of plaintext stood on it.
 */
#ifndef TAO_CORE_H
#define TAO_CORE_H

#include "../crypto/tao.h"

struct core;

/* NULL if the kernel cannot give such pages. locked: whether they cannot be swapped out. */
struct core *core_open(bool *locked);
/* Room in the same pages for a message that carries a seed; core_init wipes it. */
#define CORE_ROOM 20480
void *core_room(struct core *core);
/* seed: within that room. */
int core_init(struct core *core, const struct tao_seed *seed);
int core_wipe(struct core *core);
/* 32 bytes each, for the root workers to come: the key of what the root stores, and that of its key file. */
void core_keep_keks(struct core *core, const uint8_t kek[static 32], const uint8_t file_key[static 32]);
struct span core_kek(const struct core *core);
struct span core_file_key(const struct core *core);
bool core_ready(const struct core *core);

void core_added(struct core *core, struct span child);
void core_removed(struct core *core, struct span child);
int core_random(struct core *core, uint8_t *dst, size_t n);
int core_shared_secret(struct core *core, struct span tag, uint8_t *dst, size_t n);
int core_encrypt(struct core *core, struct span aad, struct span plain, struct wr *out);
int core_decrypt(struct core *core, struct span aad, struct span sealed, struct wr *out);
int core_attest(struct core *core, struct span statement, struct wr *attestation);

#endif
