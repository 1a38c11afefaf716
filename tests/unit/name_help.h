/* SPDX-License-Identifier: MIT
 *
 * Names and formulas in tests: between text, hex and trees, with one pool for all. */
#ifndef NAME_HELP_H
#define NAME_HELP_H

#include "../../policy/name.h"
#include "hex.h"

static struct node pool_nodes[1 << 16];
static uint8_t pool_text[1 << 16];
static struct node_pool pool;
static uint8_t bytes_a[1 << 16];
static char text_a[1 << 17];

static inline struct node_pool *fresh(void)
{
	pool = (struct node_pool){ pool_nodes, 0, sizeof pool_nodes / sizeof pool_nodes[0],
				   pool_text,  0, sizeof pool_text };
	return &pool;
}

/* Hex to bytes in a buffer of its own for each of eight calls in a row. */
static inline struct span hex_span(const char *hex)
{
	static uint8_t buffers[8][4096];
	static unsigned next;
	uint8_t *b = buffers[next++ % 8];
	return span_of(b, hex_to(hex, b, sizeof buffers[0]));
}

/* What text stands for, in out; an error of the parser or the writer. */
static inline int text_to_binary(const char *text, enum name_class what, struct wr *out, size_t *at)
{
	struct node *root = NULL;
	int r = name_parse(span_str(text), what, fresh(), &root, at);
	return r < 0 ? r : name_encode(root, out);
}

/* The tree of a text in bytes_a. */
static inline struct span binary_of(const char *text, enum name_class what)
{
	struct wr w = wr_to(bytes_a, sizeof bytes_a);
	int r = text_to_binary(text, what, &w, NULL);
	if (r < 0)
		printf("# cannot read %s: %s\n", text, err_text(r));
	return r < 0 ? span_of(NULL, 0) : wr_span(&w);
}

/* Binary to text, by both ways, which must agree; NULL if it is refused. */
static inline const char *text_of(struct span binary, enum name_class what)
{
	static char other[sizeof text_a];
	struct node *root = NULL;
	struct wr a = wr_to(text_a, sizeof text_a - 1), b = wr_to(other, sizeof other);
	int r = name_decode(binary, what, fresh(), &root), checked = name_check(binary, what);
	if (r != checked) {
		printf("# name_decode says %s, name_check %s\n", err_text(r), err_text(checked));
		return NULL;
	}
	if (r < 0 || name_print(root, &a) < 0)
		return NULL;
	if (name_print_binary(binary, what, &b) < 0 || !span_equal(wr_span(&a), wr_span(&b))) {
		printf("# name_print_binary gives another text: %.*s\n", (int)b.n, other);
		return NULL;
	}
	text_a[a.n] = '\0';
	return text_a;
}

#endif
