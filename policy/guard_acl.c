/* SPDX-License-Identifier: MIT */
#include "policy_guard.h"

static int load(const struct guard_policy *policy, struct span memory, void **state, struct why *why)
{
	return policy_load(policy, memory, true, state, why);
}

static int identity(const struct guard *guard, struct wr *subprin)
{
	return policy_identity(guard, "ACLGuard", subprin);
}

const struct guard_class guard_acl = { "acl", load, policy_decide, identity, policy_explain, policy_names_verb };
