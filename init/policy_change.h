/* SPDX-License-Identifier: MIT
 *
 * The policy of an acl or datalog guard: read by a worker, checked, loaded beside the old one, and swapped. A bad one
 * leaves the old in force. Without a good one nothing is booted: a policy that is put in place and a reload mend that.
 *
 * Its version is stored by the root worker before it is in force: otherwise a power cut would make a host forget what it
 * had acted upon, and take an older policy afterwards. So one whose version cannot be stored, or which is older than what
 * is stored, is refused, and none is read before the root is open. Only a higher version is written. PID 1 goes on under
 * the old policy meanwhile. An ephemeral root stores it in memory.
 */
#ifndef TAO_POLICY_CHANGE_H
#define TAO_POLICY_CHANGE_H

#include "../policy/policy_file.h"
#include "environment.h"

/* Begins to read it; whoever waits for a policy_generation hears of it. ERR_UNSUPPORTED if the guard has none, ERR_STATE
 * before the root is open and while the host ends. */
int policy_reload(struct env *env);
/* True once something is known about it: services may be started, or never. */
bool policy_is_settled(const struct env *env);

/* What to do about one that policy_open or policy_load_rules refused with err. */
const char *policy_remedy(int err);
/* The rules into memory of their own, which the caller unmaps; guard has its class and key. What guard_load says. */
int policy_load_rules(const struct policy_file *file, struct guard *guard, struct span *memory, struct why *why);

/* For the environment. */
int policy_worker(int socket, void *arg); /* the worker's whole life */
void policy_answered(struct env *env);
void policy_worker_ended(struct env *env);
void policy_timer(struct env *env);
void policy_stored(struct env *env, int err); /* the answer to counter_ask_policy() */
/* Asks of a few running programs whether the policy would start them still. */
void policy_turn(struct env *env);
bool policy_is_busy(const struct env *env);

#endif
