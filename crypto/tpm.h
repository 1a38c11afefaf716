/* SPDX-License-Identifier: MIT
 *
 * The TPM's half of `taoinit --self-test`; needs no tpm2-tss to be included. */
#ifndef TAO_TPM_H
#define TAO_TPM_H

#include "platform.h"

/* Starts a salted session with the TPM behind platform->transmit, draws random bytes whose transport is encrypted,
 * reads PCRs 0 and 15, and sees that nothing of ours stays in the TPM. Changes nothing there. Calls line once a
 * check; returns how many went wrong, and stops early where nothing further can be said. Blocks. */
int tpm_selftest(const struct platform *platform, void (*line)(void *ctx, const char *text, bool ok), void *ctx);

#endif
