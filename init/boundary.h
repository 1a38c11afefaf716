/* SPDX-License-Identifier: MIT
 *
 * The boundary: every policy decision of the environment is made here, by asking the guard.
 */
#ifndef TAO_BOUNDARY_H
#define TAO_BOUNDARY_H

#include "../policy/bundle.h"
#include "../policy/guard.h"

struct env;

/* May the program of this name run? */
enum verdict boundary_may_execute(const struct env *env, struct span program, struct why *why);
/* May the hosted program of this name do what verb says? */
enum verdict boundary_may_call(const struct env *env, struct span program, const char *verb, struct why *why);
/* May the hosted program let the host say something in the name of issuer? Both are binary Prins; issuer as it was
 * sent. */
enum verdict boundary_may_issue(struct span program, struct span issuer, struct why *why);
/* May the opener have what stands in the bundle? */
enum verdict boundary_may_open(const struct env *env, const struct bundle *bundle, const struct seal_party *opener,
			       struct why *why);
/* May this user do what verb says, to the named service (NULL: to the host)? */
enum verdict boundary_may_admin(const struct env *env, uint32_t uid, uint32_t gid, const char *verb,
				const char *service, struct why *why);

#endif
