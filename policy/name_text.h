/* SPDX-License-Identifier: MIT
 *
 * The pieces of the text form: which words are legal (in the binary form, too), and quoted strings.
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

/* Writes s as Go's %q does. */
void name_put_quoted(struct wr *out, struct span s);
/* Reads a quoted string, from its first quote to behind its last, into out; the text must be UTF-8 (other bytes are
 * written \x…). ERR_MALFORMED, ERR_TRUNCATED, ERR_TOO_LARGE (out is full); r then stands at or behind the fault. */
int name_read_quoted(struct rd *r, struct wr *out);
/* Reads so many hex digits; false, standing at the fault, if there are fewer. */
bool name_read_hex(struct rd *r, int digits, uint32_t *value);

#endif
