/* SPDX-License-Identifier: MIT */
#include "policy_open.h"

#include "../crypto/policy_sign.h"

static int check_signature(const struct policy_trust *trust, const struct policy_file *file, struct why *why)
{
	uint8_t key[SHA256_SIZE];
	const struct span none = { NULL, 0 };
	if (!file->is_signed) {
		why_say(why, "line #: there is no signature", file->signed_line, none);
		return ERR_BAD_SIGNATURE;
	}
	sha256_of(trust->sha256, span_of(file->spki, sizeof file->spki), key);
	if (trust->key_sha256 != NULL && memcmp(key, trust->key_sha256, sizeof key) != 0) {
		why_say(why, "line #: signed by another key than the one that is trusted", file->signed_line,
			none);
		return ERR_BAD_SIGNATURE;
	}
	int r = policy_verify(trust->sha256, span_of(file->spki, sizeof file->spki), file->signed_part,
			      span_of(file->signature, file->signature_n));
	if (r == ERR_NONE)
		return r;
	why_say(why, "line #: the signature does not verify: what stands above it was changed, or it was",
		file->signed_line + 1, none);
	return ERR_BAD_SIGNATURE;
}

int policy_open(struct span text, const struct policy_trust *trust, struct policy_file *file, struct why *why)
{
	int r = policy_file_parse(text, file, why);
	if (r == ERR_NONE)
		r = check_signature(trust, file, why);
	if (r < 0)
		return r;
	const struct span none = { NULL, 0 };
	if (trust->now < file->from || trust->now >= file->until) {
		why_say(why,
			trust->now < file->from ? "not valid yet (valid-from)"
						: "not valid any more (valid-until)",
			0, none);
		return ERR_EXPIRED;
	}
	if (file->version < trust->least_version) {
		why_say(why, "an older version than the one that was in force, #", trust->least_version, none);
		return ERR_STATE;
	}
	if (trust->guard != NULL && !span_equal(file->guard, span_str(trust->guard))) {
		why_say(why, "the policy is for the guard $", 0, file->guard);
		return ERR_UNSUPPORTED;
	}
	return ERR_NONE;
}
