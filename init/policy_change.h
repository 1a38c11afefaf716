/* SPDX-License-Identifier: MIT
 *
 * The policy of an acl or datalog guard: read by a worker, checked, put in force beside the old one, and swapped. A
 * bad one leaves the old in force. Without a good one nothing is booted: a policy that is put in place and a reload mend
 * that.
 */
#ifndef TAO_POLICY_CHANGE_H
#define TAO_POLICY_CHANGE_H

#include "environment.h"

/* Begins to read it; whoever waits for a policy_generation hears of it. ERR_UNSUPPORTED if the guard has none, ERR_STATE
 * before its file system is mounted and while the host ends. */
int policy_reload(struct env *env);
/* True once something is known about it: services may be started, or never. */
bool policy_is_settled(const struct env *env);

/* Seconds since 1970, as policies are judged by; what to do about one that policy_open or guard_load refused with err. */
int64_t policy_clock(void);
const char *policy_remedy(int err);

/* For the environment. */
int policy_worker(int socket, void *arg); /* the worker's whole life */
void policy_answered(struct env *env);
void policy_worker_ended(struct env *env);
void policy_timer(struct env *env);
/* Asks of a few running programs whether the policy would start them still. */
void policy_turn(struct env *env);
bool policy_is_busy(const struct env *env);

#endif
