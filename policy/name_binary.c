/* SPDX-License-Identifier: MIT
 *
 * The binary form of names and formulas (PROTOCOL, section 2): one reader, which checks, and builds a tree where the
 * caller has given nodes for one; one writer.
 */
#include "name_shape.h"

struct reading {
	struct rd r;
	struct node_pool *pool; /* NULL: check only */
};

/* A node of the caller's, or where nothing is built the one given. */
static struct node *new_node(struct reading *in, struct node *local)
{
	if (in->pool == NULL)
		return local;
	if (in->pool->n == in->pool->cap) {
		rd_fail(&in->r, ERR_TOO_LARGE);
		return NULL;
	}
	return &in->pool->nodes[in->pool->n++];
}

/* Where the node goes: in *end, whose place it then gives to its next (NULL where nothing is built). Recursion ends at NAME_DEPTH_MAX. */
static void element(struct reading *in, uint32_t allowed, unsigned depth, struct node ***end)
{
	struct node local, *node = new_node(in, &local);
	if (depth > NAME_DEPTH_MAX)
		rd_fail(&in->r, ERR_TOO_DEEP);
	if (node == NULL || in->r.err != ERR_NONE)
		return;
	name_read_head(&in->r, allowed, node);
	struct node **kids = &node->kids;
	for (uint32_t i = 0; i < node->count && in->r.err == ERR_NONE; i++) {
		name_read_between(&in->r, node, i);
		element(in, name_kid_kinds(node->kind, i), depth + 1, end != NULL ? &kids : NULL);
	}
	if (end == NULL || node == &local)
		return;
	**end = node;
	*end = &node->next;
}

void name_check_element(struct rd *r, uint32_t allowed, unsigned depth)
{
	struct reading in = { *r, NULL };
	element(&in, allowed, depth, NULL);
	*r = in.r;
}

unsigned name_first_depth(enum name_class what)
{
	return name_depth(what == NAME_SUBPRIN ? NODE_SUBPRIN : what == NAME_EXT ? NODE_EXT : NODE_PRIN);
}

int name_decode(struct span binary, enum name_class what, struct node_pool *pool, struct node **root)
{
	struct reading in = { rd_from(binary), pool };
	size_t n = pool->n;
	struct node *node = NULL, **end = &node;
	element(&in, name_kinds(what), name_first_depth(what), &end);
	int r = rd_end(&in.r);
	if (r == ERR_NONE)
		*root = node;
	else
		pool->n = n;
	return r;
}

int name_check(struct span binary, enum name_class what)
{
	struct rd r = rd_from(binary);
	name_check_element(&r, name_kinds(what), name_first_depth(what));
	return rd_end(&r);
}

/* ---- writing ---- */

static void fail(struct wr *out, enum err err)
{
	if (out->err == ERR_NONE)
		out->err = err;
}

static void encode_time(struct wr *out, bool has, int64_t value)
{
	wr_varint(out, has ? 1 : 0);
	if (has)
		wr_varint(out, (uint64_t)value);
}

/* Recursion ends at NAME_DEPTH_MAX. */
static void encode(const struct node *node, uint32_t allowed, struct wr *out, unsigned depth)
{
	if (node == NULL || !name_is_legal_node(node, allowed)) {
		fail(out, ERR_MALFORMED);
		return;
	}
	if (depth > NAME_DEPTH_MAX)
		fail(out, ERR_TOO_DEEP);
	if (out->err != ERR_NONE)
		return;
	const struct name_shape *shape = &name_shapes[node->kind];
	const struct node *kid = node->kids;
	wr_varint(out, (uint64_t)node->kind);
	if (shape->text != TEXT_NONE)
		wr_var_bytes(out, node->text);
	if (shape->number)
		wr_varint(out, (uint64_t)node->number);
	if (shape->counted)
		wr_varint(out, node->count);
	for (uint32_t i = 0; i < node->count && out->err == ERR_NONE; i++, kid = kid->next) {
		if (node->kind == NODE_SAYS && i == 1) {
			encode_time(out, node->has_time, node->number);
			encode_time(out, node->has_expiration, node->expiration);
		}
		encode(kid, name_kid_kinds(node->kind, i), out, depth + 1);
		if (kid == NULL)
			return;
	}
}

int name_encode(const struct node *node, struct wr *out)
{
	/* Every kind but 0, which is none. */
	encode(node, ~KIND(0), out, node != NULL ? name_depth(node->kind) : 0);
	return out->err;
}
