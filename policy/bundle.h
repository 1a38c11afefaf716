/* SPDX-License-Identifier: MIT
 *
 * What stands inside sealed data: who sealed it, for whom, of what kind. The Tao encrypts and authenticates a bundle
 * as a whole; who may have its data is decided by what it says. Ours alone: no other host ever reads one. Pure.
 *
 *	version 1 (1), kind (1), policy, sealer's name, program (32), entry (32), [owner (32), label, counter (8),] data
 *
 * policy, name and label are varint lengths and bytes, counter is big-endian, data is the rest. A bundle of one kind
 * has no other reading as the other kind.
 */
#ifndef TAO_BUNDLE_H
#define TAO_BUNDLE_H

#include "seal_policy.h"

/* What the Tao authenticates besides, so that nothing else which it encrypts passes for a bundle. */
#define BUNDLE_CONTEXT "Tao Sealed Bundle V1"

#define BUNDLE_POLICY_MAX 255
#define BUNDLE_LABEL_MAX 255

enum bundle_kind {
	BUNDLE_PLAIN = 1,
	BUNDLE_ROLLBACK = 2, /* opens while the sealer's counter has the value in it */
};

struct bundle {
	enum bundle_kind kind;
	struct span policy;
	struct seal_party sealer;
	/* BUNDLE_ROLLBACK: whose counter (SEAL_HASH bytes), which, and its value. The sealer's, whoever opens. */
	struct span owner, label;
	int64_t counter;
	struct span data;
};

/* ERR_TOO_LARGE: policy or label; ERR_NO_SPACE; ERR_MALFORMED: a hash of another size. */
int bundle_write(const struct bundle *bundle, struct wr *out);
/* The spans point into bytes. ERR_BAD_VERSION, ERR_MALFORMED, ERR_TRUNCATED, ERR_TOO_LARGE and those of name_check. */
int bundle_read(struct span bytes, struct bundle *bundle);

#endif
