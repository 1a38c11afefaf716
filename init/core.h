/* SPDX-License-Identifier: MIT
 *
 * The Tao where it lives: its state, and the stack that it runs on, stand in pages that are locked, left out of
 * core dumps and wiped in every child. The calls are those of crypto/tao.h; those that draw randomness are
 * preceded by a reseed with fresh kernel entropy, because a restored VM snapshot would otherwise repeat nonces.
 */
#ifndef TAO_CORE_H
#define TAO_CORE_H

#include "../crypto/tao.h"

struct core;

/* NULL if the kernel cannot give such pages. locked: whether they cannot be swapped out. */
struct core *core_open(bool *locked);
/* Room for a seed in the same pages, to be filled in by whoever has it; core_init wipes it. */
struct tao_seed *core_seed(struct core *core);
int core_init(struct core *core);
int core_wipe(struct core *core);
bool core_ready(const struct core *core);

void core_added(struct core *core, struct span child);
void core_removed(struct core *core, struct span child);
int core_random(struct core *core, uint8_t *dst, size_t n);

#endif
