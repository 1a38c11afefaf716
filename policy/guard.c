/* SPDX-License-Identifier: MIT */
#include "guard.h"

static const struct guard_class *const classes[] = {
#define GUARD(id) &guard_##id,
#include "guard.def"
#undef GUARD
};

const struct guard_class *guard_find(const char *name)
{
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	return NULL;
}

enum verdict guard_decide(const struct guard *guard, const struct ask *ask, struct why *why)
{
	if (guard->class == NULL) {
		strcpy(why->rule, "there is no guard");
		return DENY;
	}
	return guard->class->decide(guard, ask, why) == ALLOW ? ALLOW : DENY;
}
