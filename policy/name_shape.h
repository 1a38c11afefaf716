/* SPDX-License-Identifier: MIT
 *
 * The shape of every kind of node, in one place: what stands in it, and what may stand below it. The binary reader,
 * the writer and the printer all follow this table. Private to name_*.c.
 */
#ifndef TAO_NAME_SHAPE_H
#define TAO_NAME_SHAPE_H

#include "name.h"

/* Sets of kinds. */
#define KIND(k) (1u << (k))
#define KINDS_TERM                                                                                                \
	(KIND(NODE_PRIN) | KIND(NODE_TAIL) | KIND(NODE_STR) | KIND(NODE_BYTES) | KIND(NODE_INT) | KIND(NODE_VAR))
#define KINDS_FORM                                                                                                \
	(KIND(NODE_PRED) | KIND(NODE_CONST) | KIND(NODE_NOT) | KIND(NODE_AND) | KIND(NODE_OR) |                   \
	 KIND(NODE_IMPLIES) | KIND(NODE_SPEAKSFOR) | KIND(NODE_SAYS) | KIND(NODE_FORALL) | KIND(NODE_EXISTS))

enum shape_text { TEXT_NONE, TEXT_ANY, TEXT_TYPE, TEXT_IDENTIFIER };

struct name_shape {
	uint8_t text; /* enum shape_text */
	bool number;  /* an int64 stands in it */
	bool counted; /* the number of kids is written; else it is n */
	uint8_t n;
	uint32_t first; /* which kinds the first kid may be */
	uint32_t rest;	/* and the others */
};

extern const struct name_shape name_shapes[NODE_EXT + 1];

/* Which kinds an entry point takes. */
uint32_t name_kinds(enum name_class what);

/* The depth at which a node of this kind stands in the smallest value that holds it: a SubPrin stands in a Prin, an
 * extension in a SubPrin. Counting from there, whatever is well-formed alone is so in a name as well. */
static inline unsigned name_depth(enum node_kind kind)
{
	return kind == NODE_EXT ? 2 : kind == NODE_SUBPRIN ? 1 : 0;
}

/* The same for an entry point. */
unsigned name_first_depth(enum name_class what);

/* Reads a node without its kids: kind (one of allowed), text, number, count. Refuses what is not legal. */
void name_read_head(struct rd *r, uint32_t allowed, struct node *head);
/* Reads what stands in front of kid i of the node: only a Says has anything there, its times. */
void name_read_between(struct rd *r, struct node *head, uint32_t i);

/* Is a node of somebody's tree, but for what is below its kids, one that name_read_head would read? */
bool name_is_legal_node(const struct node *node, uint32_t allowed);

/* Steps over one whole element of the allowed kinds, and checks it. */
void name_check_element(struct rd *r, uint32_t allowed, unsigned depth);

/* The kinds that kid i of a node may have. */
static inline uint32_t name_kid_kinds(enum node_kind kind, uint32_t i)
{
	return i == 0 ? name_shapes[kind].first : name_shapes[kind].rest;
}

#endif
