/* SPDX-License-Identifier: MIT
 *
 * The host's clock, for what it states and for the validity of policies: the latest of the kernel's clock, the day of
 * this version, and the last time that the root has stored, each of the last two with the time since then. So a machine
 * whose clock has no battery, or was set back, is never before a time that it has seen.
 *
 * The time is stored with each change of what the root stores, and at the end of the host (counter.h); nothing wakes up
 * for it. A clock that was too far ahead when it was stored stays so: to set it back, the counters have to be given up.
 */
#ifndef TAO_CLOCK_H
#define TAO_CLOCK_H

#include "environment.h"

/* ns since 1970. */
int64_t clock_now(const struct env *env);
/* The root has stored this time, seconds since 1970; 0: none. */
void clock_learn(struct env *env, int64_t seconds);
/* Not below seconds, the kernel's clock nor the day of this version; ns. */
int64_t clock_latest(int64_t seconds);

#endif
