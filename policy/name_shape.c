/* SPDX-License-Identifier: MIT
 *
 * The shapes of nodes (PROTOCOL, section 2), and reading one node by its shape.
 */
#include "name_shape.h"
#include "name_text.h"

#define SUB KIND(NODE_SUBPRIN)
#define EXT KIND(NODE_EXT)

/* clang-format off */
const struct name_shape name_shapes[NODE_EXT + 1] = {
	/*                   text             number counted n  first       rest */
	[NODE_PRIN]      = { TEXT_TYPE,       false, false, 2, KINDS_TERM, SUB },
	[NODE_TAIL]      = { TEXT_NONE,       false, false, 1, SUB,        0 },
	[NODE_STR]       = { TEXT_ANY,        false, false, 0, 0,          0 },
	[NODE_BYTES]     = { TEXT_ANY,        false, false, 0, 0,          0 },
	[NODE_INT]       = { TEXT_NONE,       true,  false, 0, 0,          0 },
	[NODE_VAR]       = { TEXT_IDENTIFIER, false, false, 0, 0,          0 },
	[NODE_PRED]      = { TEXT_IDENTIFIER, false, true,  0, KINDS_TERM, KINDS_TERM },
	[NODE_CONST]     = { TEXT_NONE,       true,  false, 0, 0,          0 },
	[NODE_NOT]       = { TEXT_NONE,       false, false, 1, KINDS_FORM, 0 },
	[NODE_AND]       = { TEXT_NONE,       false, true,  0, KINDS_FORM, KINDS_FORM },
	[NODE_OR]        = { TEXT_NONE,       false, true,  0, KINDS_FORM, KINDS_FORM },
	[NODE_IMPLIES]   = { TEXT_NONE,       false, false, 2, KINDS_FORM, KINDS_FORM },
	[NODE_SPEAKSFOR] = { TEXT_NONE,       false, false, 2, KINDS_TERM, KINDS_TERM },
	[NODE_SAYS]      = { TEXT_NONE,       false, false, 2, KINDS_TERM, KINDS_FORM },
	[NODE_FORALL]    = { TEXT_IDENTIFIER, false, false, 1, KINDS_FORM, 0 },
	[NODE_EXISTS]    = { TEXT_IDENTIFIER, false, false, 1, KINDS_FORM, 0 },
	[NODE_SUBPRIN]   = { TEXT_NONE,       false, true,  0, EXT,        EXT },
	[NODE_EXT]       = { TEXT_IDENTIFIER, false, true,  0, KINDS_TERM, KINDS_TERM },
};
/* clang-format on */

uint32_t name_kinds(enum name_class what)
{
	switch (what) {
	case NAME_PRIN:
		return KIND(NODE_PRIN);
	case NAME_TAIL:
		return KIND(NODE_TAIL);
	case NAME_SUBPRIN:
		return KIND(NODE_SUBPRIN);
	case NAME_TERM:
		return KINDS_TERM;
	case NAME_PRED:
		return KIND(NODE_PRED);
	case NAME_FORM:
		return KINDS_FORM;
	case NAME_EXT:
		return KIND(NODE_EXT);
	}
	return 0;
}

static bool is_legal(struct span text, uint8_t rule)
{
	return rule == TEXT_TYPE ? name_is_type(text) : rule == TEXT_IDENTIFIER ? name_is_identifier(text) : true;
}

void name_read_head(struct rd *r, uint32_t allowed, struct node *head)
{
	memset(head, 0, sizeof *head);
	uint64_t tag = rd_varint(r);
	if (tag > NODE_EXT || (allowed >> tag & 1) == 0) {
		rd_fail(r, ERR_MALFORMED);
		return;
	}
	const struct name_shape *shape = &name_shapes[tag];
	head->kind = (enum node_kind)tag;
	if (shape->text != TEXT_NONE) {
		head->text = rd_var_bytes(r);
		if (!is_legal(head->text, shape->text))
			rd_fail(r, ERR_MALFORMED);
	}
	if (shape->number)
		head->number = (int64_t)rd_varint(r);
	if (tag == NODE_CONST && (head->number & ~INT64_C(1)) != 0)
		rd_fail(r, ERR_MALFORMED);
	/* The tail of a principal has an extension: no SubPrin of none may follow. */
	if (tag == NODE_TAIL && r->n >= 2 && r->p[0] == NODE_SUBPRIN && r->p[1] == 0)
		rd_fail(r, ERR_MALFORMED);
	uint64_t count = shape->counted ? rd_varint(r) : shape->n;
	/* Every element takes two bytes at least: a count beyond that is a lie, and must not become a loop. */
	if (count > r->n / 2 || count > UINT32_MAX)
		rd_fail(r, ERR_TRUNCATED);
	head->count = r->err == ERR_NONE ? (uint32_t)count : 0;
}

bool name_is_legal_node(const struct node *node, uint32_t allowed)
{
	if (node == NULL || (unsigned)node->kind > NODE_EXT || (allowed >> node->kind & 1) == 0)
		return false;
	const struct name_shape *shape = &name_shapes[node->kind];
	if (!is_legal(node->text, shape->text) || (!shape->counted && node->count != shape->n))
		return false;
	if (node->kind == NODE_CONST && (node->number & ~INT64_C(1)) != 0)
		return false;
	return node->kind != NODE_TAIL || (node->kids != NULL && node->kids->count > 0);
}

static int64_t read_time(struct rd *r, bool *has)
{
	uint64_t flag = rd_varint(r);
	if (flag > 1)
		rd_fail(r, ERR_MALFORMED);
	*has = flag == 1;
	return *has ? (int64_t)rd_varint(r) : 0;
}

void name_read_between(struct rd *r, struct node *head, uint32_t i)
{
	if (head->kind != NODE_SAYS || i != 1)
		return;
	head->number = read_time(r, &head->has_time);
	head->expiration = read_time(r, &head->has_expiration);
}
