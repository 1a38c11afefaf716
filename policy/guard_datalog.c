/* SPDX-License-Identifier: MIT */
#include "policy_guard.h"

static int load(const struct guard_policy *policy, struct span memory, void **state, struct why *why)
{
	return policy_load(policy, memory, false, state, why);
}

static int identity(const struct guard *guard, struct wr *subprin)
{
	return policy_identity(guard, "DatalogGuard", subprin);
}

const struct guard_class guard_datalog = { "datalog", load,	      policy_decide,
					   identity,  policy_explain, policy_names_verb };
