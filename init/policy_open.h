/* SPDX-License-Identifier: MIT
 *
 * May a policy file be in force? Its form (policy/), its signature (crypto/), and what the host knows: key, clock and
 * the last version. Pure; PID 1 and taopolicy both come through here.
 */
#ifndef TAO_POLICY_OPEN_H
#define TAO_POLICY_OPEN_H

#include "../crypto/sha256.h"
#include "../policy/policy_file.h"

struct policy_trust {
	const struct sha256_impl *sha256;
	const uint8_t *key_sha256; /* of the pinned key's SPKI, 32 bytes; NULL: any key */
	int64_t now;		   /* seconds since 1970 */
	uint64_t least_version;	   /* the last one accepted; 0: none */
	const char *guard;	   /* the class that the manifest names; NULL: either */
};

/* Then guard_load(guard, &file->policy, …). ERR_BAD_SIGNATURE (another key, broken, none), ERR_EXPIRED, ERR_STATE (an
 * older version), ERR_UNSUPPORTED (another guard), and those of policy_file_parse; why tells the line and the cause. */
int policy_open(struct span text, const struct policy_trust *trust, struct policy_file *file, struct why *why);

#endif
