/* SPDX-License-Identifier: MIT */
#include "bundle.h"
#include "name.h"

#define BUNDLE_VERSION 1

int bundle_write(const struct bundle *bundle, struct wr *out)
{
	if (bundle->policy.n > BUNDLE_POLICY_MAX || bundle->label.n > BUNDLE_LABEL_MAX)
		return ERR_TOO_LARGE;
	bool rollback = bundle->kind == BUNDLE_ROLLBACK;
	if (bundle->sealer.program.n != SEAL_HASH || bundle->sealer.entry.n != SEAL_HASH ||
	    (rollback && bundle->owner.n != SEAL_HASH))
		return ERR_MALFORMED;
	wr_u8(out, BUNDLE_VERSION);
	wr_u8(out, (uint8_t)bundle->kind);
	wr_var_bytes(out, bundle->policy);
	wr_var_bytes(out, bundle->sealer.name);
	wr_span_bytes(out, bundle->sealer.program);
	wr_span_bytes(out, bundle->sealer.entry);
	if (rollback) {
		wr_span_bytes(out, bundle->owner);
		wr_var_bytes(out, bundle->label);
		wr_be64(out, (uint64_t)bundle->counter);
	}
	wr_span_bytes(out, bundle->data);
	return out->err;
}

int bundle_read(struct span bytes, struct bundle *bundle)
{
	struct rd r = rd_from(bytes);
	uint8_t version = rd_u8(&r), kind = rd_u8(&r);
	memset(bundle, 0, sizeof *bundle);
	if (r.err != ERR_NONE)
		return r.err;
	if (version != BUNDLE_VERSION)
		return ERR_BAD_VERSION;
	if (kind != BUNDLE_PLAIN && kind != BUNDLE_ROLLBACK)
		return ERR_MALFORMED;
	bundle->kind = (enum bundle_kind)kind;
	bundle->policy = rd_var_bytes(&r);
	bundle->sealer.name = rd_var_bytes(&r);
	bundle->sealer.program = rd_bytes(&r, SEAL_HASH);
	bundle->sealer.entry = rd_bytes(&r, SEAL_HASH);
	if (bundle->kind == BUNDLE_ROLLBACK) {
		bundle->owner = rd_bytes(&r, SEAL_HASH);
		bundle->label = rd_var_bytes(&r);
		bundle->counter = (int64_t)rd_be64(&r);
	}
	bundle->data = rd_bytes(&r, r.n);
	if (r.err != ERR_NONE)
		return r.err;
	if (bundle->policy.n > BUNDLE_POLICY_MAX || bundle->label.n > BUNDLE_LABEL_MAX)
		return ERR_TOO_LARGE;
	/* Whoever compares names by their bytes relies on it. */
	return name_check(bundle->sealer.name, NAME_PRIN);
}
