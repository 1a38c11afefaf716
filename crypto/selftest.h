/* SPDX-License-Identifier: MIT
 *
 * Known answers of everything that the core computes with, in each implementation that this CPU runs; for
 * `taoinit --self-test`. Needs no keys, files or devices.
 */
#ifndef TAO_SELFTEST_H
#define TAO_SELFTEST_H

#include "base.h"

/* Calls line once a check; returns how many went wrong. */
int selftest_crypto(void (*line)(void *ctx, const char *text, bool ok), void *ctx);

#endif
