/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "boundary.h"
#include "environment.h"

enum verdict boundary_may_execute(const struct env *env, struct span program, struct why *why)
{
	struct ask ask = { .principal = program, .verb = "Execute" };
	return guard_decide(&env->guard, &ask, why);
}

enum verdict boundary_may_call(const struct env *env, struct span program, const char *verb, struct why *why)
{
	struct ask ask = { .principal = program, .verb = verb };
	return guard_decide(&env->guard, &ask, why);
}

/* The guards of this version (allow, deny) have no rules about users; the built-in decides: root, and whoever
 * taoinit itself runs as. */
enum verdict boundary_may_admin(const struct env *env, uint32_t uid, uint32_t gid, const char *verb,
				const char *service, struct why *why)
{
	(void)gid, (void)service;
	if (uid == 0 || uid == env->own_uid) {
		snprintf(why->rule, sizeof why->rule, "built in: the owner of the host may %s", verb);
		return ALLOW;
	}
	snprintf(why->rule, sizeof why->rule, "built in: only root may %s", verb);
	return DENY;
}
