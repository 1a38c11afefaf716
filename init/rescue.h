/* SPDX-License-Identifier: MIT
 *
 * The rescue shell: asked for on the kernel's command line, it runs on the console instead of everything else. The
 * root of trust stays closed, so that who stands at the console gets none of the host's keys.
 */
#ifndef TAO_RESCUE_H
#define TAO_RESCUE_H

#include "environment.h"

/* After the root was capped. */
void rescue_shell(struct env *env);
/* The shell has ended: the machine reboots. */
void rescue_ended(struct env *env);

#endif
