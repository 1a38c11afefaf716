/* SPDX-License-Identifier: MIT
 *
 * The compression function of SHA-256 in SHA-NI instructions; used by sha256.c alone. */
#ifndef TAO_SHA256_NI_H
#define TAO_SHA256_NI_H

#include "base.h"

/* Does this CPU have them? Asks CPUID. */
bool sha256_ni_available(void);
/* Takes n_blocks blocks of 64 bytes into the state. Only where available. */
void sha256_ni_blocks(uint32_t state[static 8], const uint8_t *p, size_t n_blocks);

#endif
