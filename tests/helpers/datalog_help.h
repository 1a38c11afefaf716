/* SPDX-License-Identifier: MIT
 *
 * Datalog in tests: rules and questions as text. */
#ifndef DATALOG_HELP_H
#define DATALOG_HELP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../policy/datalog.h"

#define HELP_ROOM ((size_t)64 << 20)

static const struct datalog_options help_options = {
	.line = 1, .steps = DATALOG_STEPS, .facts = DATALOG_FACTS, .query_room = GUARD_QUERY_ROOM
};

/* One memory for all: the last loaded is gone. */
static inline struct datalog *help_load(const char *text, const struct datalog_options *options, int *error,
					struct why *why)
{
	static void *memory;
	struct datalog *d = NULL;
	if (memory == NULL)
		memory = malloc(HELP_ROOM);
	if (memory == NULL)
		abort();
	why->rule[0] = '\0';
	*error = datalog_load(&d, span_of(memory, guard_memory(strlen(text))), span_str(text), options, why);
	return *error < 0 ? NULL : d;
}

/* Asks a predicate in text; an argument that is a bare variable is free. */
static inline enum datalog_result help_ask(struct datalog *d, const char *text, bool whole)
{
	static struct node nodes[8192];
	static uint8_t strings[8192], binary[8192];
	struct node_pool pool = { nodes, 0, 8192, strings, 0, sizeof strings };
	const struct term *args[DATALOG_ARITY_MAX] = { NULL };
	struct node *root = NULL;
	if (name_parse(span_str(text), NAME_PRED, &pool, &root, NULL) < 0 || root->count > DATALOG_ARITY_MAX) {
		printf("# not a question: %s\n", text);
		abort();
	}
	unsigned n = 0;
	for (const struct node *kid = root->kids; kid != NULL; kid = kid->next, n++) {
		struct wr w = wr_to(binary, sizeof binary);
		if (kid->kind != NODE_VAR && name_encode(kid, &w) == ERR_NONE)
			args[n] = datalog_term(d, wr_span(&w));
	}
	return datalog_ask(d, root->text, n, args, whole);
}

static inline enum datalog_result help_query(struct datalog *d, const char *text)
{
	datalog_begin(d);
	return help_ask(d, text, false);
}

#endif
