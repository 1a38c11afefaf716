/* SPDX-License-Identifier: MIT
 *
 * What the guards with a policy share: both ask Datalog; an access control list is one whose rules have no conditions.
 */
#ifndef TAO_GUARD_POLICY_H
#define TAO_GUARD_POLICY_H

#include "datalog.h"

int policy_load(const struct guard_policy *policy, struct span memory, bool ground, void **state, struct why *why);
enum verdict policy_decide(const struct guard *guard, const struct ask *ask, struct why *why);
/* .name(key([…])) */
int policy_identity(const struct guard *guard, const char *name, struct wr *subprin);
void policy_explain(const struct guard *guard, struct wr *text);
bool policy_names_verb(const struct guard *guard, const char *verb);

#endif
