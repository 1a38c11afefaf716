/* SPDX-License-Identifier: MIT */
#include "factory.h"

static const struct factory_class *const classes[] = {
#define FACTORY(id) &factory_##id,
#include "factory.def"
#undef FACTORY
};

const struct factory_class *factory_find(const char *name)
{
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	return NULL;
}
