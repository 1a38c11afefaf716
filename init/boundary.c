/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "../policy/name.h"
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

enum verdict boundary_may_issue(struct span program, struct span issuer, struct why *why)
{
	bool below = name_is_subprin(issuer, program);
	snprintf(why->rule, sizeof why->rule, "built in: the issuer is %s",
		 below ? "the program or a part of it" : "neither the program nor a part of it");
	return below ? ALLOW : DENY;
}

enum verdict boundary_may_open(const struct env *env, const struct bundle *bundle, const struct seal_party *opener,
			       struct why *why)
{
	const struct seal_policy *policy = seal_policy_find(bundle->policy);
	(void)env; /* its guard, for policies that ask one */
	bool covers = policy != NULL && seal_policy_covers(policy, &bundle->sealer, opener);
	snprintf(why->rule, sizeof why->rule, "the sealer's policy %s %s this program",
		 policy != NULL ? policy->name : "(an unknown one)", covers ? "covers" : "does not cover");
	return covers ? ALLOW : DENY;
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
