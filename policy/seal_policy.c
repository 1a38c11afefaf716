/* SPDX-License-Identifier: MIT */
#include "seal_policy.h"

static const struct seal_policy policies[] = {
#define SEAL_POLICY(name, by) { name, by },
#include "seal_policy.def"
#undef SEAL_POLICY
};

static bool is_called(const struct seal_policy *policy, struct span name)
{
	size_t n = strlen(policy->name);
	bool with_label = (policy->by & SEAL_BY_RULE) != 0;
	return (with_label ? name.n > n : name.n == n) && memcmp(name.p, policy->name, n) == 0;
}

const struct seal_policy *seal_policy_find(struct span name)
{
	for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
		if (is_called(&policies[i], name))
			return &policies[i];
	return NULL;
}

struct span seal_policy_label(const struct seal_policy *policy, struct span name)
{
	size_t n = strlen(policy->name);
	return span_of(name.p + n, name.n - n);
}

bool seal_policy_covers(const struct seal_policy *policy, const struct seal_party *sealer,
			const struct seal_party *opener)
{
	if ((policy->by & SEAL_BY_RULE) != 0)
		return false;
	if ((policy->by & SEAL_BY_NAME) != 0 && !span_equal(sealer->name, opener->name))
		return false;
	if ((policy->by & SEAL_BY_ENTRY) != 0 && !span_equal(sealer->entry, opener->entry))
		return false;
	return (policy->by & SEAL_BY_PROGRAM) == 0 || span_equal(sealer->program, opener->program);
}

void seal_policy_tag(const struct seal_policy *policy, const struct seal_party *party, struct wr *tag)
{
	/* Each part tells its length, so that no two lists of parts give the same bytes. */
	wr_var_bytes(tag, span_str(policy->name));
	if ((policy->by & SEAL_BY_NAME) != 0)
		wr_var_bytes(tag, party->name);
	if ((policy->by & SEAL_BY_ENTRY) != 0)
		wr_var_bytes(tag, party->entry);
	if ((policy->by & SEAL_BY_PROGRAM) != 0)
		wr_var_bytes(tag, party->program);
}
