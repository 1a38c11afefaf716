/* SPDX-License-Identifier: MIT
 *
 * Seal policies: who may open what a program has sealed, or shares a secret with it (PROTOCOL, section 4). A policy is
 * a set of what both parties must have in common. Pure.
 *
 * There is nothing in a policy that the host's key does not hold for anyway: whoever opens runs on the host that
 * sealed, on a TPM host under the same PCRs.
 */
#ifndef TAO_SEAL_POLICY_H
#define TAO_SEAL_POLICY_H

#include "../crypto/base.h"

/* A hosted program as its host knows it. */
struct seal_party {
	struct span name;    /* binary Prin, with what it has extended its name by */
	struct span program; /* SHA-256 of what runs, SEAL_HASH bytes */
	struct span entry;   /* hash of its entry in the manifest, SEAL_HASH bytes */
};

#define SEAL_HASH 32

#define SEAL_BY_NAME 1u
#define SEAL_BY_ENTRY 2u
#define SEAL_BY_PROGRAM 4u
/* Whoever the guard lets: the name is followed by a label. Not for shared secrets. */
#define SEAL_BY_RULE 8u

struct seal_policy {
	const char *name;
	unsigned by;
};

/* NULL if there is none of this name: which methods answer with an error. */
const struct seal_policy *seal_policy_find(struct span name);
/* What follows the name of a policy with SEAL_BY_RULE. */
struct span seal_policy_label(const struct seal_policy *policy, struct span name);
/* Is the opener one whom the sealer's policy covers? Names are compared as structures: by their one binary form. Where
 * a rule decides, it is the guard who is to be asked, and this is false. */
bool seal_policy_covers(const struct seal_policy *policy, const struct seal_party *sealer,
			const struct seal_party *opener);
/* What a shared secret is derived from: equal for whom the policy covers, different for everybody else and under
 * every other policy. */
void seal_policy_tag(const struct seal_policy *policy, const struct seal_party *party, struct wr *tag);

#endif
