/* SPDX-License-Identifier: MIT
 *
 * The ordered end: everything is told to stop, in its order, and there is one deadline for all of it.
 */
#include "environment.h"
#include "log.h"
#include "sys.h"

/* All of a shutdown: after this everything is killed. Services have 7 s each by default and stop in parallel. */
#define SHUTDOWN_TIMEOUT (60 * NS_PER_S)
/* Rounds of killing, a second each, before we leave what the kernel does not let go of. */
#define SHUTDOWN_ROUNDS 10

void environment_stop(struct env *env, enum ending ending, int exit_code)
{
	if (env->stopping) {
		if (ending > env->ending)
			env->ending = ending;
		return;
	}
	env->stopping = true;
	env->ending = ending;
	env->exit_code = exit_code;
	log_info("stopping all services");
	loop_timer(&env->loop, TIMER_SHUTDOWN(env), sys_now() + SHUTDOWN_TIMEOUT);
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		env->units[u].wanted = false;
		env->units[u].again = false;
	}
	for (uint16_t u = env->manifest.n_services; u-- > 0;)
		unit_event(env, u, ON_STOP);
}

static bool all_at_rest(const struct env *env)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (!unit_at_rest(&env->units[u]))
			return false;
	return true;
}

void shutdown_kill(struct env *env)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (!unit_at_rest(&env->units[u]))
			reaper_kill_all(env, u);
}

void shutdown_timer(struct env *env)
{
	if (env->stop_rounds == 0)
		log_warning("not everything stopped within %lld s: killing it",
			    (long long)(SHUTDOWN_TIMEOUT / NS_PER_S));
	env->stop_rounds++;
	shutdown_kill(env);
	loop_timer(&env->loop, TIMER_SHUTDOWN(env), sys_now() + NS_PER_S);
}

bool shutdown_is_over(const struct env *env)
{
	return env->stopping && (all_at_rest(env) || env->stop_rounds >= SHUTDOWN_ROUNDS);
}
