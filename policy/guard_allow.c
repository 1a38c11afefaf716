/* SPDX-License-Identifier: MIT */
#include "guard.h"
#include "guard_trivial.h"

static enum verdict allow_decide(const struct guard *guard, const struct ask *ask, struct why *why)
{
	(void)guard, (void)ask;
	strcpy(why->rule, "TrivialGuard(\"Liberal\") allows everything");
	return ALLOW;
}

static int allow_identity(const struct guard *guard, struct wr *subprin)
{
	(void)guard;
	return guard_write_trivial(subprin, "Liberal");
}

const struct guard_class guard_allow = { "allow", NULL, allow_decide, allow_identity, NULL, NULL };
