/* SPDX-License-Identifier: MIT
 *
 * The policy file: tao.policy(5). Only its form is judged here; whether the signature is right is crypto/'s, and
 * whether it may be in force init/policy_open.c's.
 */
#ifndef TAO_POLICY_FILE_H
#define TAO_POLICY_FILE_H

#include "guard.h"

#define POLICY_SPKI_SIZE 91
#define POLICY_SIGNATURE_MAX 72
/* Head and signature besides the rules. */
#define POLICY_FILE_MAX (GUARD_RULES_MAX + 4096)
#define POLICY_DOMAIN_MAX 255

/* All spans point into the text. */
struct policy_file {
	struct span domain;
	uint64_t version;
	int64_t from, until; /* seconds since 1970; until is the first at which it is not valid */
	struct span guard;   /* the class's name */
	struct guard_policy policy;
	struct span signed_part;
	bool is_signed;
	unsigned signed_line; /* of "signed-by", or the line after the last */
	uint8_t spki[POLICY_SPKI_SIZE];
	uint8_t signature[POLICY_SIGNATURE_MAX];
	size_t signature_n;
};

/* ERR_MALFORMED, ERR_TOO_LARGE, ERR_BAD_VERSION; why tells the line and the cause. A file without a signature is
 * well-formed: it is what taopolicy sign reads. */
int policy_file_parse(struct span text, struct policy_file *file, struct why *why);
/* The two lines of a signature. */
void policy_file_sign(struct wr *out, const uint8_t spki[static POLICY_SPKI_SIZE], struct span signature);

/* A time as YYYY-MM-DDThh:mm:ssZ. False if it is none. */
bool policy_read_time(struct span text, int64_t *seconds);

#endif
