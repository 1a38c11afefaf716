/* SPDX-License-Identifier: MIT
 *
 * Confinement of a service, as its child does it to itself between fork and exec. Nothing here allocates. 0, or
 * -errno with the step that failed.
 */
#ifndef TAO_CONFINE_H
#define TAO_CONFINE_H

#include "factory.h"

/* Namespaces, what the scheduler and the OOM killer are to know: while there are the rights, and before /proc may
 * become read-only. */
int confine_place(const struct confinement *confinement, char step[static START_STEP_MAX]);
/* Does it have a view of its own, which wants a mount namespace? */
bool confine_has_view(const struct confinement *confinement);
/* The view; in a mount namespace of its own, after the measured copies are in place. */
int confine_view(const struct confinement *confinement, char step[static START_STEP_MAX]);
/* From here on it can do no more than its program may; the last thing before that. */
int confine_syscalls(const struct confinement *confinement);

#endif
