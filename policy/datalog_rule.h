/* SPDX-License-Identifier: MIT
 *
 * Between datalog_load.c and datalog_rule.c. */
#ifndef TAO_DATALOG_RULE_H
#define TAO_DATALOG_RULE_H

#include "datalog_inner.h"

/* Adds the rule or fact of one text. */
int datalog_rule(struct datalog *d, struct span text, unsigned line, struct why *why);
/* The column, made if there is none; NULL: no room. */
struct column *column_of(struct datalog *d, const struct pred *pred, unsigned at, const struct term *term);

#endif
