/* SPDX-License-Identifier: MIT
 *
 * Another manifest while the host runs (taoctl reload manifest). A worker reads and checks the file of the one in force
 * and says what differs; services that are gone or run otherwise are stopped, with what requires them; when all of them are
 * at rest the new manifest takes the old one's place, and what is new or was up is started. Services whose entries differ in
 * nothing but when they start, stop and restart go on running. What the host is (the keys below "host") stays as it was at
 * boot: a manifest in which that differs is refused, as is one with an error, and the old one stays in force.
 *
 * A host whose root is a TPM has measured its manifest before anything else: there, the worker seals the keys to the new
 * one, of which the host's part may differ too, and the next boot puts it in force.
 */
#ifndef TAO_MANIFEST_CHANGE_H
#define TAO_MANIFEST_CHANGE_H

#include "environment.h"

/* Begins it; env->manifest_next is NULL when it has ended, and then env->manifest_problem has the reason against it, or
 * nothing. ERR_STATE: the host begins or ends. ERR_BUSY: another one is under way.
 * ERR_NO_SPACE: no memory or process for it. */
int manifest_reload(struct env *env);

/* For the environment. */
void manifest_worker_ended(struct env *env);
void manifest_timer(struct env *env); /* the worker's time is up */
void manifest_turn(struct env *env);

#endif
