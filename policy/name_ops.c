/* SPDX-License-Identifier: MIT
 *
 * What is done with names in their binary form, without a tree: extending, joining, comparing, and the names
 * that the host itself makes.
 */
#include "name_shape.h"
#include "name_text.h"

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool name_is_reserved(struct span word)
{
	static const char *const words[] = { "from", "until", "says", "speaksfor", "forall", "exists", "implies",
					     "or",   "and",   "not",  "false",	   "true",   "ext" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (span_equal(word, span_str(words[i])))
			return true;
	return false;
}

bool name_is_type(struct span word)
{
	if (word.n == 0 || !is_lower(word.p[0]))
		return false;
	for (size_t i = 1; i < word.n; i++)
		if (!is_lower(word.p[i]) && !is_digit(word.p[i]))
			return false;
	return !name_is_reserved(word);
}

bool name_is_identifier(struct span word)
{
	if (word.n == 0 || !is_upper(word.p[0]))
		return false;
	for (size_t i = 1; i < word.n; i++)
		if (!is_lower(word.p[i]) && !is_upper(word.p[i]) && !is_digit(word.p[i]) && word.p[i] != '_')
			return false;
	return true;
}

/* ---- the parts of a binary form ---- */

/* A Prin as what stands before its SubPrin, the number of its extensions, and their bytes. A SubPrin has no head. */
struct parts {
	struct span head;
	uint64_t count;
	struct span exts;
};

static void split_subprin(struct rd *r, struct parts *parts)
{
	struct node subprin;
	name_read_head(r, KIND(NODE_SUBPRIN), &subprin);
	const uint8_t *from = r->p;
	for (uint32_t i = 0; i < subprin.count && r->err == ERR_NONE; i++)
		name_check_element(r, KIND(NODE_EXT), name_depth(NODE_EXT));
	parts->count = subprin.count;
	parts->exts = span_of(from, (size_t)(r->p - from));
}

static int split_prin(struct span prin, struct parts *parts)
{
	struct rd r = rd_from(prin);
	struct node head;
	name_read_head(&r, KIND(NODE_PRIN), &head);
	name_check_element(&r, KINDS_TERM, 1);
	parts->head = span_of(prin.p, (size_t)(r.p - prin.p));
	split_subprin(&r, parts);
	return rd_end(&r);
}

static int split_sub(struct span subprin, struct parts *parts)
{
	struct rd r = rd_from(subprin);
	parts->head = span_of(NULL, 0);
	split_subprin(&r, parts);
	return rd_end(&r);
}

static int put_together(const struct parts *a, const struct parts *b, struct wr *out)
{
	wr_span_bytes(out, a->head);
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, a->count + b->count);
	wr_span_bytes(out, a->exts);
	wr_span_bytes(out, b->exts);
	return out->err;
}

int name_extend(struct span prin, struct span subprin, struct wr *out)
{
	struct parts a, b;
	int r = split_prin(prin, &a);
	if (r == ERR_NONE)
		r = split_sub(subprin, &b);
	return r != ERR_NONE ? r : put_together(&a, &b, out);
}

int name_join(struct span first, struct span second, struct wr *out)
{
	struct parts a, b;
	int r = split_sub(first, &a);
	if (r == ERR_NONE)
		r = split_sub(second, &b);
	return r != ERR_NONE ? r : put_together(&a, &b, out);
}

bool name_ends_with(struct span prin, struct span subprin)
{
	struct parts a, b;
	if (split_prin(prin, &a) != ERR_NONE || split_sub(subprin, &b) != ERR_NONE || a.count < b.count)
		return false;
	struct rd r = rd_from(a.exts);
	for (uint64_t i = b.count; i < a.count; i++)
		name_check_element(&r, KIND(NODE_EXT), name_depth(NODE_EXT));
	return span_equal(span_of(r.p, r.n), b.exts);
}

size_t name_head_size(struct span prin)
{
	struct parts parts;
	return split_prin(prin, &parts) == ERR_NONE ? parts.head.n : 0;
}

void name_put(struct wr *out, struct span head, const struct span *subprins, unsigned n)
{
	struct rd r[NAME_PUT_MAX];
	uint64_t count = 0;
	if (n > NAME_PUT_MAX)
		out->err = ERR_INTERNAL;
	for (unsigned i = 0; i < n && i < NAME_PUT_MAX; i++) {
		r[i] = rd_from(subprins[i]);
		rd_varint(&r[i]);
		count += rd_varint(&r[i]);
	}
	wr_span_bytes(out, head);
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, count);
	for (unsigned i = 0; i < n && i < NAME_PUT_MAX; i++)
		wr_bytes(out, r[i].p, r[i].n);
}

bool name_is_subprin(struct span child, struct span parent)
{
	struct parts c, p;
	if (split_prin(child, &c) < 0 || split_prin(parent, &p) < 0)
		return false;
	/* A value has one binary form, so equal bytes are equal structures; and where both lists begin alike, p's
	 * end is the end of an extension of c, because each extension tells its own length. */
	return span_equal(c.head, p.head) && c.count >= p.count && c.exts.n >= p.exts.n &&
	       span_equal(span_of(c.exts.p, p.exts.n), p.exts);
}

/* ---- the host's own names ---- */

static void write_text(struct wr *out, const char *text)
{
	wr_var_bytes(out, span_str(text));
}

static void begin_ext(struct wr *out, const char *name, uint64_t n_args)
{
	wr_varint(out, NODE_EXT);
	write_text(out, name);
	wr_varint(out, n_args);
}

static void write_digest(struct wr *out, const uint8_t *digest)
{
	wr_varint(out, NODE_BYTES);
	wr_var_bytes(out, span_of(digest, 32));
}

void name_write_key_prin(struct wr *out, const uint8_t spki_sha256[static 32], bool ephemeral)
{
	wr_varint(out, NODE_PRIN);
	write_text(out, "key");
	write_digest(out, spki_sha256);
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, ephemeral ? 1 : 0);
	if (ephemeral)
		begin_ext(out, "Ephemeral", 0);
}

void name_write_tpm2_prin(struct wr *out, const uint8_t spki_sha256[static 32], struct span indices,
			  struct span values)
{
	wr_varint(out, NODE_PRIN);
	write_text(out, "tpm2");
	write_digest(out, spki_sha256);
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, indices.n > 0 ? 1 : 0);
	if (indices.n == 0)
		return;
	begin_ext(out, "PCRs", 2);
	wr_varint(out, NODE_STR);
	wr_var_bytes(out, indices);
	wr_varint(out, NODE_STR);
	wr_var_bytes(out, values);
}

static void write_parts(struct wr *out, const struct program_name *p)
{
	if (p->n_args >= 0) {
		begin_ext(out, "Args", (uint64_t)p->n_args);
		for (int i = 0; i < p->n_args; i++) {
			wr_varint(out, NODE_STR);
			wr_var_bytes(out, p->args[i]);
		}
	}
	if (p->files_sha256 != NULL) {
		begin_ext(out, p->verity ? "Verity" : "Files", 1);
		write_digest(out, p->files_sha256);
	}
	if (p->entry_sha256 != NULL) {
		begin_ext(out, "Entry", 1);
		write_digest(out, p->entry_sha256);
	}
	if (p->trust_rootfs)
		begin_ext(out, "TrustRootfs", 0);
	if (p->privileged)
		begin_ext(out, "Privileged", 0);
}

void name_write_program(struct wr *out, const struct program_name *p)
{
	uint64_t parts = (uint64_t)(p->n_args >= 0) + (p->files_sha256 != NULL) + (p->entry_sha256 != NULL) +
			 p->trust_rootfs + p->privileged;
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, 1);
	begin_ext(out, p->ext, (p->machine != NULL ? 4u : 1u) + (parts > 0));
	write_digest(out, p->machine != NULL ? p->machine : p->sha256);
	if (p->machine != NULL) {
		write_digest(out, p->machine + 32);
		wr_varint(out, NODE_STR);
		wr_var_bytes(out, p->command_line);
		write_digest(out, p->machine + 64);
	}
	if (parts == 0)
		return;
	wr_varint(out, NODE_TAIL);
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, parts);
	write_parts(out, p);
}
