/* SPDX-License-Identifier: MIT
 *
 * What PID 1 does around its services: the mounts, console and names that a system needs at its start, and its
 * end. Each step is tolerated where a container's runtime has done it or forbids it.
 */
#ifndef TAO_MACHINE_H
#define TAO_MACHINE_H

#include "environment.h"

/* Descriptors 0 to 2, umask, directory, session: before anything else. */
void machine_begin(void);
/* Which place is this? */
enum place machine_place(void);
/* Mounts, console, loopback, ctrl-alt-del; nothing as an ordinary process. */
void machine_set_up(enum place place);
void machine_set_hostname(const char *name);
/* Kills what is left, syncs, unmounts and turns the machine off; returns only if the kernel refused. */
void machine_end(enum ending ending);

#endif
