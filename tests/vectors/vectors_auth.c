/* SPDX-License-Identifier: MIT
 * Names and formulas as CloudProxy writes them, bytes and text. Its text is ours where it reads its own back; where it
 * does not (formulas within formulas, no bytes), ours must read back to the bytes. */
/* link: policy crypto/base.c */
#include "vector_kind.h"

#include "../unit/name_help.h"
#include "../unit/test.h"

static uint8_t bytes_b[sizeof bytes_a];

static bool same(const char *what, struct span got, struct span want)
{
	if (span_equal(got, want))
		return true;
	printf("# %s: %zu bytes, not the %zu of the vector, or others\n", what, got.n, want.n);
	return false;
}

static bool reads_as(const char *text, enum name_class what, struct span binary)
{
	struct wr w = wr_to(bytes_b, sizeof bytes_b);
	size_t at = 0;
	int r = text_to_binary(text, what, &w, &at);
	if (r < 0)
		printf("# %s at %zu of: %s\n", err_text(r), at, text);
	return r == ERR_NONE && same(text, wr_span(&w), binary);
}

static bool holds(const cJSON *at)
{
	enum name_class what = vector_kind(vector_text(at, "Kind"));
	const char *theirs = vector_text(at, "Text");
	struct span binary = vector_bytes(at, "Binary");
	struct node *root = NULL;
	struct wr w = wr_to(bytes_a, sizeof bytes_a);
	int r = name_decode(binary, what, fresh(), &root);
	if (r < 0 || name_encode(root, &w) < 0) {
		printf("# not decoded, or not encoded again: %s\n", err_text(r < 0 ? r : (int)w.err));
		return false;
	}
	const char *ours = text_of(binary, what);
	if (!same("decoded and encoded", wr_span(&w), binary) || ours == NULL || !reads_as(ours, what, binary))
		return false;
	if (!vector_bool(at, "TextRoundTrips"))
		return true;
	if (strcmp(ours, theirs) != 0)
		printf("# ours:   %s\n# theirs: %s\n", ours, theirs);
	return strcmp(ours, theirs) == 0 && reads_as(theirs, what, binary);
}

int main(int argc, char **argv)
{
	const cJSON *at, *cases = vector_cases(argc, argv);
	cJSON_ArrayForEach(at, cases)
	{
		test_bad = !holds(at);
		test_n++;
		test_failed += (unsigned)test_bad;
		printf("%sok %u - %.80s\n", test_bad ? "not " : "", test_n, vector_text(at, "Text"));
	}
	return test_end();
}
