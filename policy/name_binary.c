/* SPDX-License-Identifier: MIT
 *
 * The binary form of names and formulas (PROTOCOL, section 2): one reader that checks, and builds a tree where
 * the caller has given nodes for one; one writer.
 */
#include "name.h"
#include "name_text.h"

#define TERMS                                                                                                     \
	(1u << NODE_PRIN | 1u << NODE_TAIL | 1u << NODE_STR | 1u << NODE_BYTES | 1u << NODE_INT | 1u << NODE_VAR)
#define FORMS                                                                                                     \
	(1u << NODE_PRED | 1u << NODE_CONST | 1u << NODE_NOT | 1u << NODE_AND | 1u << NODE_OR |                   \
	 1u << NODE_IMPLIES | 1u << NODE_SPEAKSFOR | 1u << NODE_SAYS | 1u << NODE_FORALL | 1u << NODE_EXISTS)

/* Which kinds an entry point takes. */
static unsigned kinds_of(enum name_class what)
{
	switch (what) {
	case NAME_PRIN:
		return 1u << NODE_PRIN;
	case NAME_TAIL:
		return 1u << NODE_TAIL;
	case NAME_SUBPRIN:
		return 1u << NODE_SUBPRIN;
	case NAME_TERM:
		return TERMS;
	case NAME_PRED:
		return 1u << NODE_PRED;
	case NAME_FORM:
		return FORMS;
	case NAME_EXT:
		return 1u << NODE_EXT;
	}
	return 0;
}

/* Where the tree is being built; pool NULL: only checked. */
struct build {
	struct rd r;
	struct node_pool *pool;
};

static struct node *new_node(struct build *b, enum node_kind kind)
{
	if (b->pool == NULL || b->r.err != ERR_NONE)
		return NULL;
	if (b->pool->n == b->pool->cap) {
		rd_fail(&b->r, ERR_TOO_LARGE);
		return NULL;
	}
	struct node *node = &b->pool->nodes[b->pool->n++];
	memset(node, 0, sizeof *node);
	node->kind = kind;
	return node;
}

static struct node *element(struct build *b, unsigned allowed, unsigned depth);

/* count elements of the allowed kinds, as the kids of node. */
static void elements(struct build *b, struct node *node, uint64_t count, unsigned allowed, unsigned depth)
{
	struct node *last = NULL;
	/* Each takes at least two bytes: a count beyond that is a lie, and must not become a loop. */
	if (count > b->r.n / 2) {
		rd_fail(&b->r, ERR_TRUNCATED);
		return;
	}
	for (uint64_t i = 0; i < count && b->r.err == ERR_NONE; i++) {
		struct node *kid = element(b, allowed, depth + 1);
		if (node == NULL || kid == NULL)
			continue;
		if (last == NULL)
			node->kids = kid;
		else
			last->next = kid;
		last = kid;
		node->count++;
	}
}

static void append(struct node *node, struct node *kid)
{
	if (node == NULL || kid == NULL)
		return;
	struct node **at = &node->kids;
	while (*at != NULL)
		at = &(*at)->next;
	*at = kid;
	node->count++;
}

static void text(struct build *b, struct node *node, bool (*legal)(struct span))
{
	struct span s = rd_var_bytes(&b->r);
	if (b->r.err == ERR_NONE && legal != NULL && !legal(s))
		rd_fail(&b->r, ERR_MALFORMED);
	if (node != NULL)
		node->text = s;
}

static void optional_time(struct build *b, bool *has, int64_t *value)
{
	uint64_t flag = rd_varint(&b->r);
	if (flag > 1)
		rd_fail(&b->r, ERR_MALFORMED);
	*has = flag == 1;
	*value = *has ? (int64_t)rd_varint(&b->r) : 0;
}

static void says(struct build *b, struct node *node, unsigned depth)
{
	bool has_time, has_expiration;
	int64_t time, expiration;
	append(node, element(b, TERMS, depth + 1));
	optional_time(b, &has_time, &time);
	optional_time(b, &has_expiration, &expiration);
	if (node != NULL) {
		node->has_time = has_time;
		node->number = time;
		node->has_expiration = has_expiration;
		node->expiration = expiration;
	}
	append(node, element(b, FORMS, depth + 1));
}

static void contents(struct build *b, struct node *node, enum node_kind kind, unsigned depth)
{
	int64_t number = 0;
	switch (kind) {
	case NODE_PRIN:
		text(b, node, name_is_type);
		append(node, element(b, TERMS, depth + 1));
		append(node, element(b, 1u << NODE_SUBPRIN, depth + 1));
		break;
	case NODE_TAIL:
		append(node, element(b, 1u << NODE_SUBPRIN, depth + 1));
		break;
	case NODE_STR:
	case NODE_BYTES:
		text(b, node, NULL);
		break;
	case NODE_VAR:
		text(b, node, name_is_identifier);
		break;
	case NODE_INT:
	case NODE_CONST:
		number = (int64_t)rd_varint(&b->r);
		if (kind == NODE_CONST && (number < 0 || number > 1))
			rd_fail(&b->r, ERR_MALFORMED);
		break;
	case NODE_PRED:
	case NODE_EXT:
		text(b, node, name_is_identifier);
		elements(b, node, rd_varint(&b->r), TERMS, depth);
		break;
	case NODE_AND:
	case NODE_OR:
		elements(b, node, rd_varint(&b->r), FORMS, depth);
		break;
	case NODE_NOT:
		append(node, element(b, FORMS, depth + 1));
		break;
	case NODE_IMPLIES:
		append(node, element(b, FORMS, depth + 1));
		append(node, element(b, FORMS, depth + 1));
		break;
	case NODE_SPEAKSFOR:
		append(node, element(b, TERMS, depth + 1));
		append(node, element(b, TERMS, depth + 1));
		break;
	case NODE_SAYS:
		says(b, node, depth);
		break;
	case NODE_FORALL:
	case NODE_EXISTS:
		text(b, node, name_is_identifier);
		append(node, element(b, FORMS, depth + 1));
		break;
	case NODE_SUBPRIN:
		elements(b, node, rd_varint(&b->r), 1u << NODE_EXT, depth);
		break;
	}
	if (node != NULL && (kind == NODE_INT || kind == NODE_CONST))
		node->number = number;
}

static struct node *element(struct build *b, unsigned allowed, unsigned depth)
{
	uint64_t tag = rd_varint(&b->r);
	if (b->r.err != ERR_NONE)
		return NULL;
	if (depth > NAME_DEPTH_MAX) {
		rd_fail(&b->r, ERR_TOO_DEEP);
		return NULL;
	}
	if (tag < NODE_PRIN || tag > NODE_EXT || (allowed >> tag & 1) == 0) {
		rd_fail(&b->r, ERR_MALFORMED);
		return NULL;
	}
	struct node *node = new_node(b, (enum node_kind)tag);
	if (b->r.err == ERR_NONE)
		contents(b, node, (enum node_kind)tag, depth);
	return node;
}

int name_decode(struct span binary, enum name_class what, struct node_pool *pool, struct node **root)
{
	struct build b = { rd_from(binary), pool };
	struct node *node = element(&b, kinds_of(what), 0);
	int r = rd_end(&b.r);
	if (r == ERR_NONE)
		*root = node;
	return r;
}

int name_check(struct span binary, enum name_class what)
{
	struct build b = { rd_from(binary), NULL };
	element(&b, kinds_of(what), 0);
	return rd_end(&b.r);
}

/* ---- writing ---- */

static void encode_time(struct wr *out, bool has, int64_t value)
{
	wr_varint(out, has ? 1 : 0);
	if (has)
		wr_varint(out, (uint64_t)value);
}

static void encode(const struct node *node, struct wr *out, unsigned depth)
{
	const struct node *kid = node->kids;
	if (depth > NAME_DEPTH_MAX && out->err == ERR_NONE)
		out->err = ERR_TOO_DEEP;
	if (out->err != ERR_NONE)
		return;
	wr_varint(out, (uint64_t)node->kind);
	switch (node->kind) {
	case NODE_PRIN:
	case NODE_STR:
	case NODE_BYTES:
	case NODE_VAR:
	case NODE_FORALL:
	case NODE_EXISTS:
		wr_var_bytes(out, node->text);
		break;
	case NODE_INT:
	case NODE_CONST:
		wr_varint(out, (uint64_t)node->number);
		break;
	case NODE_PRED:
	case NODE_EXT:
		wr_var_bytes(out, node->text);
		wr_varint(out, node->count);
		break;
	case NODE_AND:
	case NODE_OR:
	case NODE_SUBPRIN:
		wr_varint(out, node->count);
		break;
	case NODE_SAYS:
		if (kid != NULL) {
			encode(kid, out, depth + 1);
			kid = kid->next;
		}
		encode_time(out, node->has_time, node->number);
		encode_time(out, node->has_expiration, node->expiration);
		break;
	case NODE_TAIL:
	case NODE_NOT:
	case NODE_IMPLIES:
	case NODE_SPEAKSFOR:
		break;
	}
	for (; kid != NULL; kid = kid->next)
		encode(kid, out, depth + 1);
}

int name_encode(const struct node *node, struct wr *out)
{
	encode(node, out, 0);
	return out->err;
}
