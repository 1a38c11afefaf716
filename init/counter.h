/* SPDX-License-Identifier: MIT
 *
 * Rollback counters of hosted programs, as PID 1 sees them: questions from channels go to the root worker, which is
 * started for them, and its answers go back. Others are served meanwhile. The counters of an ephemeral root live and
 * die with PID 1, in its memory.
 *
 * A counter belongs to a program and a label: the SHA-256 of the binary subprincipal under which the host started it,
 * without what it added to its name, and that of the label.
 */
#ifndef TAO_COUNTER_H
#define TAO_COUNTER_H

#include "../crypto/counters.h"
#include "environment.h"

/* Asks the root worker for a counter of unit u's program. label: as the program gave it. One question a channel at a
 * time. 0, or an enum err at once (then nothing follows). The answer comes as channel_counter_answered(env, u, err,
 * value), never from within this call: value is the counter's (after INIT and NEXT, too).
 *
 * err: those of counters_answer(); why the root cannot be used (ERR_LOST, ERR_CHECKSUM, ERR_IO …; the log says more); ERR_TIMEOUT
 * and ERR_IO, where the root worker hung or died with the question: then a change may hold that nobody has heard
 * of. The question is not asked again, because a NEXT asked twice would count twice: who gets an error from NEXT asks
 * GET what holds. */
int counter_ask(struct env *env, uint16_t u, enum counter_op op, struct span label, int64_t value);
/* The same of another program's counter: owner is what counter_owner() gave for it. */
int counter_ask_of(struct env *env, uint16_t u, const uint8_t owner[static 32], enum counter_op op,
		   struct span label, int64_t value);
/* To whom the counters of unit u's program belong. ERR_NO_SPACE. */
int counter_owner(const struct env *env, uint16_t u, uint8_t owner[static 32]);
/* The host's own: asks that the version of the policy that waits be stored, if it is not below what is. The answer comes
 * as policy_stored(env, err). 0, or an enum err at once. */
int counter_ask_policy(struct env *env, uint64_t version);
/* At the end of the host: true when the time has been stored, or cannot be; until then it is to be asked again each
 * turn. A disk that hangs holds that up for 30 s at most. */
bool counter_keep_time(struct env *env);
/* Forgets a question whose asker is gone. */
void counter_forget(struct env *env, uint16_t u);

/* For the environment. Memory for the questions of all units: 0 or -ENOMEM. */
int counter_open(struct env *env);
void counter_worker_started(struct env *env);
void counter_worker_ended(struct env *env); /* before worker_ended(), which may close its socket */
void counter_reply(struct env *env);
void counter_timer(struct env *env);
int counter_go_ephemeral(struct env *env);   /* before anybody has asked; 0 or -ENOMEM */
void counter_turn(struct env *env);	     /* an ephemeral root's answers */
bool counter_is_busy(const struct env *env); /* there are some */
bool counter_wants_worker(const struct env *env);

#endif
