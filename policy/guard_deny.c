/* SPDX-License-Identifier: MIT */
#include "guard.h"
#include "guard_trivial.h"

static enum verdict deny_decide(const struct guard *guard, const struct ask *ask, struct why *why)
{
	(void)guard, (void)ask;
	strcpy(why->rule, "TrivialGuard(\"Conservative\") denies everything");
	return DENY;
}

static int deny_identity(const struct guard *guard, struct wr *subprin)
{
	(void)guard;
	return guard_write_trivial(subprin, "Conservative");
}

const struct guard_class guard_deny = { "deny", NULL, deny_decide, deny_identity, NULL, NULL };
