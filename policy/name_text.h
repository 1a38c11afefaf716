/* SPDX-License-Identifier: MIT
 *
 * What the binary and the text form share: which words are legal.
 */
#ifndef TAO_NAME_TEXT_H
#define TAO_NAME_TEXT_H

#include "../crypto/base.h"

/* The type of a Prin: a lower-case letter, then lower-case letters and digits; no reserved word. */
bool name_is_type(struct span word);
/* [A-Z][A-Za-z0-9_]*: names of extensions and predicates, variables. */
bool name_is_identifier(struct span word);
/* from until says speaksfor forall exists implies or and not false true ext */
bool name_is_reserved(struct span word);

#endif
