/* SPDX-License-Identifier: MIT
 * link: policy crypto/base.c
 *
 * The policy file, its rules, and a question to whatever they are. */
#include <stdint.h>
#include <stdlib.h>
#include "../../policy/policy_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* key([70]) extended by Program([01]), binary. */
static const uint8_t principal[] = { 1,	  3,   'k', 'e', 'y', 4,   1,	0x70, 17, 1, 18,  7,
				     'P', 'r', 'o', 'g', 'r', 'a', 'm', 1,    4,  1, 0x01 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *memory, text[8192];
	const size_t room = guard_memory(GUARD_RULES_MAX);
	struct policy_file file;
	struct guard guard = { NULL, NULL, { 0 } };
	struct why why = { .rule = "" };
	if (memory == NULL && (memory = aligned_alloc(16, room)) == NULL)
		abort();
	if (policy_file_parse(span_of(data, size), &file, &why) < 0) {
		if (why.rule[0] == '\0')
			abort();
		/* The rules alone, so that not every input needs a head. */
		file.policy = (struct guard_policy){ span_of(data, size), 1 };
		file.guard = span_str("datalog");
	}
	guard.class = file.guard.n == 3 ? &guard_acl : &guard_datalog;
	if (guard_load(&guard, &file.policy, span_of(memory, guard_memory(file.policy.rules.n)), &why) < 0) {
		if (why.rule[0] == '\0' || guard.state != NULL)
			abort();
		return 0;
	}
	struct ask ask = { .principal = span_of(principal, sizeof principal), .verb = "Execute" };
	enum verdict verdict = guard_decide(&guard, &ask, &why);
	struct wr w = wr_to(text, sizeof text);
	guard_explain(&guard, &why, &w);
	(void)guard_names_verb(&guard, "Execute");
	if (w.n == 0 || guard_decide(&guard, &ask, &why) != verdict)
		abort();
	return 0;
}
