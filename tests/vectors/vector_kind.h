/* SPDX-License-Identifier: MIT
 *
 * The kinds of values in auth.json and auth-malformed.json. */
#ifndef VECTOR_KIND_H
#define VECTOR_KIND_H

#include <strings.h>

#include "../../policy/name.h"
#include "vector_file.h"

static inline enum name_class vector_kind(const char *kind)
{
	static const struct {
		const char *word;
		enum name_class what;
	} kinds[] = {
		{ "prin", NAME_PRIN },	     { "tail", NAME_TAIL },    { "printail", NAME_TAIL },
		{ "subprin", NAME_SUBPRIN }, { "term", NAME_TERM },    { "str", NAME_TERM },
		{ "bytes", NAME_TERM },	     { "int", NAME_TERM },     { "termvar", NAME_TERM },
		{ "var", NAME_TERM },	     { "pred", NAME_PRED },    { "form", NAME_FORM },
		{ "const", NAME_FORM },	     { "not", NAME_FORM },     { "and", NAME_FORM },
		{ "or", NAME_FORM },	     { "implies", NAME_FORM }, { "speaksfor", NAME_FORM },
		{ "says", NAME_FORM },	     { "forall", NAME_FORM },  { "exists", NAME_FORM },
		{ "ext", NAME_EXT },	     { "prinext", NAME_EXT },
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcasecmp(kind, kinds[i].word) == 0)
			return kinds[i].what;
	fprintf(stderr, "no such kind: %s\n", kind);
	exit(126);
}

#endif
