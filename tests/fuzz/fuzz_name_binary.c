/* SPDX-License-Identifier: MIT
 * The reader of binary names. The first byte chooses the class; the rest is the name.
 * Invariants: name_check and name_decode agree; the pool that name.h promises to be enough is; what is decoded encodes
 * to the same bytes and prints, both ways alike, within the promised size, a text that reads back to them; a name is
 * below itself and above each of its extensions. */
/* link: policy crypto/base.c */
#include <stdlib.h>

#include "../../policy/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define BYTES_MAX ((size_t)4096)
#define TEXT_MAX (8 * BYTES_MAX)

static struct node nodes[TEXT_MAX + 1];
static uint8_t encoded[BYTES_MAX], text[TEXT_MAX], other[TEXT_MAX], strings[TEXT_MAX], longer[2 * BYTES_MAX];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void encodes(const struct node *root, struct span binary)
{
	struct wr w = wr_to(encoded, binary.n);
	must(name_encode(root, &w) == ERR_NONE && span_equal(wr_span(&w), binary));
}

static void prints(const struct node *root, struct span binary, enum name_class what)
{
	struct wr a = wr_to(text, 8 * binary.n), b = wr_to(other, 8 * binary.n);
	must(name_print(root, &a) == ERR_NONE && name_print_binary(binary, what, &b) == ERR_NONE);
	must(span_equal(wr_span(&a), wr_span(&b)));
	for (size_t i = 0; i < a.n; i++)
		must(a.p[i] >= 0x20 && a.p[i] != 0x7f);
	struct node_pool pool = { nodes, 0, a.n + 1, strings, 0, a.n };
	struct node *again = NULL;
	must(name_parse(wr_span(&a), what, &pool, &again, NULL) == ERR_NONE);
	encodes(again, binary);
}

static void extends(struct span prin)
{
	static const uint8_t extension[] = { 0x11, 1, 0x12, 1, 'A', 0 };
	struct wr w = wr_to(longer, sizeof longer);
	must(name_is_subprin(prin, prin));
	must(name_extend(prin, span_of(extension, sizeof extension), &w) == ERR_NONE);
	must(name_check(wr_span(&w), NAME_PRIN) == ERR_NONE);
	must(name_is_subprin(wr_span(&w), prin) && !name_is_subprin(prin, wr_span(&w)));
}

static void joins(struct span subprin)
{
	struct wr w = wr_to(longer, sizeof longer);
	must(name_join(subprin, subprin, &w) == ERR_NONE);
	must(name_check(wr_span(&w), NAME_SUBPRIN) == ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (size < 1 || size > BYTES_MAX)
		return 0;
	enum name_class what = (enum name_class)(input[0] % (NAME_EXT + 1));
	struct span binary = span_of(input + 1, size - 1);
	struct node_pool pool = { nodes, 0, binary.n, NULL, 0, 0 };
	struct node *root = NULL;
	int r = name_decode(binary, what, &pool, &root), checked = name_check(binary, what);
	must((r == ERR_NONE) == (root != NULL) && pool.text_n == 0);
	if (r < 0) {
		/* Only where both faults stand may the one be named before the other. */
		must(pool.n == 0 && (checked == r || (r == ERR_TOO_LARGE && checked < 0)));
		must(!name_is_subprin(binary, binary) || what != NAME_PRIN);
		return 0;
	}
	must(checked == ERR_NONE);
	encodes(root, binary);
	prints(root, binary, what);
	if (what == NAME_PRIN)
		extends(binary);
	if (what == NAME_SUBPRIN)
		joins(binary);
	return 0;
}
