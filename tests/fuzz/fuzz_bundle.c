/* SPDX-License-Identifier: MIT
 * The reader of sealed bundles, as if the Tao had decrypted the input. Invariants: what is read stands within the input
 * and is written back as the same bytes; data of one kind is not there as the other's; a policy covers its sealer, but for a rule, which the guard decides by. */
/* link: policy crypto/base.c */
#include <stdlib.h>

#include "../../policy/bundle.h"
#include "../../policy/name.h"
#include "../../policy/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static uint8_t out[1 << 16], tag[1 << 16];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void within(struct span s, const uint8_t *input, size_t size)
{
	must(s.n == 0 || (s.p >= input && s.n <= size && (size_t)(s.p - input) <= size - s.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct bundle bundle, other;
	struct wr w = wr_to(out, sizeof out), t = wr_to(tag, sizeof tag);
	if (size > sizeof out / 2 || bundle_read(span_of(input, size), &bundle) < 0)
		return 0;
	within(bundle.policy, input, size);
	within(bundle.sealer.name, input, size);
	within(bundle.owner, input, size);
	within(bundle.label, input, size);
	within(bundle.data, input, size);
	must(name_check(bundle.sealer.name, NAME_PRIN) == 0);
	must(bundle_write(&bundle, &w) == 0 && span_equal(wr_span(&w), span_of(input, size)));
	const struct seal_policy *policy = seal_policy_find(bundle.policy);
	if (policy != NULL) {
		must(seal_policy_covers(policy, &bundle.sealer, &bundle.sealer) ==
		     ((policy->by & SEAL_BY_RULE) == 0));
		seal_policy_tag(policy, &bundle.sealer, &t);
		must(t.err == ERR_NONE);
	}
	out[1] = bundle.kind == BUNDLE_PLAIN ? BUNDLE_ROLLBACK : BUNDLE_PLAIN;
	if (bundle_read(wr_span(&w), &other) == 0)
		must(other.data.n != bundle.data.n);
	/* A statement made of the name and any data is a formula or refused. */
	w = wr_to(out, sizeof out);
	if (statement_write(bundle.sealer.name, bundle.counter, 0, bundle.data, &w) == 0)
		must(name_check(wr_span(&w), NAME_FORM) == 0);
	return 0;
}
