/* SPDX-License-Identifier: MIT */
#include "root.h"

const struct root_class *root_find(const char *name)
{
	static const struct root_class *const classes[] = {
#define ROOT(id) &root_##id,
#include "root.def"
#undef ROOT
	};
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	}
	return NULL;
}
