/* SPDX-License-Identifier: MIT
 * The reader of names and formulas in text. The first byte chooses the class; the rest is the text.
 * Invariants: a fault lies in the text; the pool and the output that name.h promises to be enough are; what is read is
 * well-formed, and its canonical text reads back to the same bytes and prints as itself. */
/* link: policy crypto/base.c */
#include <stdlib.h>

#include "../../policy/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define TEXT_MAX ((size_t)2048)
#define BYTES_MAX (6 * TEXT_MAX + 2)

static struct node nodes[8 * BYTES_MAX + 1];
static uint8_t strings[8 * BYTES_MAX], binary[BYTES_MAX], again[BYTES_MAX], printed[8 * BYTES_MAX],
	twice[8 * BYTES_MAX];

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Text to binary, in no more room than is promised; an error. */
static int read_text(struct span text, enum name_class what, struct wr *out)
{
	struct node_pool pool = { nodes, 0, text.n + 1, strings, 0, text.n };
	struct node *root = NULL;
	size_t at = SIZE_MAX;
	int r = name_parse(text, what, &pool, &root, &at);
	must((r == ERR_NONE) == (root != NULL) && (r == ERR_NONE || at <= text.n));
	must(r != ERR_TOO_LARGE && (r == ERR_NONE || (pool.n == 0 && pool.text_n == 0)));
	if (r == ERR_NONE)
		must(name_encode(root, out) == ERR_NONE);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (size < 1 || size > TEXT_MAX)
		return 0;
	enum name_class what = (enum name_class)(input[0] % (NAME_EXT + 1));
	struct span text = span_of(input + 1, size - 1);
	struct wr a = wr_to(binary, 6 * text.n + 2), b = wr_to(again, sizeof again);
	if (read_text(text, what, &a) < 0)
		return 0;
	must(name_check(wr_span(&a), what) == ERR_NONE);
	struct wr p = wr_to(printed, 8 * a.n), q = wr_to(twice, 8 * a.n);
	must(name_print_binary(wr_span(&a), what, &p) == ERR_NONE);
	must(read_text(wr_span(&p), what, &b) == ERR_NONE && span_equal(wr_span(&a), wr_span(&b)));
	must(name_print_binary(wr_span(&b), what, &q) == ERR_NONE && span_equal(wr_span(&p), wr_span(&q)));
	return 0;
}
