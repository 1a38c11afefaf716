/* SPDX-License-Identifier: MIT
 * Names and formulas in text: what is read, where faults are, that what is printed reads back. */
/* link: policy crypto/base.c */
#include "name_help.h"
#include "test.h"

/* text is read, and printed as canonical. */
static void prints(const char *text, enum name_class what, const char *canonical)
{
	static uint8_t copy[4096];
	struct span binary = binary_of(text, what);
	CHECK(binary.p != NULL && binary.n <= sizeof copy);
	if (binary.p == NULL)
		return;
	memcpy(copy, binary.p, binary.n);
	binary.p = copy;
	const char *printed = text_of(binary, what);
	CHECK(printed != NULL);
	if (printed == NULL)
		return;
	CHECK_STR(printed, canonical);
	CHECK(span_equal(binary_of(canonical, what), binary));
}

static void same(const char *text, enum name_class what)
{
	prints(text, what, text);
}

static void fault(const char *text, enum name_class what, int err, size_t at)
{
	struct node *root = NULL;
	size_t where = 9999;
	int r = name_parse(span_str(text), what, fresh(), &root, &where);
	if (r != err || where != at) {
		printf("# %s: %s at %zu, not %s at %zu\n", text, err_text(r), where, err_text(err), at);
		test_bad = 1;
	}
	CHECK(root == NULL && pool.n == 0 && pool.text_n == 0);
	CHECK_INT(name_parse(span_str(text), what, fresh(), &root, NULL), err);
}

TEST(terms)
{
	same("key([])", NAME_PRIN);
	same("tpm2([ab]).PCRs(\"17,18\", \"00,11\")", NAME_PRIN);
	same("key(\"x\")", NAME_PRIN);
	same("", NAME_SUBPRIN);
	prints(" \n", NAME_SUBPRIN, "");
	same("ext.A().B_2c(ext.C(), X)", NAME_TAIL);
	same("A(1, -1, 9223372036854775807, -9223372036854775808)", NAME_EXT);
	prints("[ AB cd\tEF ]", NAME_TERM, "[abcdef]");
	prints("{}", NAME_TERM, "[]");
	prints("{_-8=}", NAME_TERM, "[ffef]");
	prints("{_-8}", NAME_TERM, "[ffef]");
	prints("{_w==}", NAME_TERM, "[ff]");
	prints("007", NAME_TERM, "7");
	prints("-0", NAME_TERM, "0");
	prints(" A ( 1 ,\n2 ) ", NAME_PRED, "A(1, 2)");
	prints("key ( [ab] ) . A ( )", NAME_PRIN, "key([ab]).A()");
}

TEST(strings)
{
	same("\"a\\\"\\\\\\a\\b\\f\\n\\r\\t\\v\\x01\\x7f\"", NAME_TERM);
	same("\"caf\xc3\xa9 \xe2\x98\x83 \xf0\x9f\x98\x80\"", NAME_TERM);
	same("\"\\xff\\xc3(\"", NAME_TERM); /* not UTF-8 */
	prints("\"\\101\\x41\\u0041\\U00000041\"", NAME_TERM, "\"AAAA\"");
	/* What a terminal would act upon is escaped: here right-to-left override, no-break space, a noncharacter. */
	prints("\"\xe2\x80\xae\xc2\xa0\xf4\x8f\xbf\xbf\"", NAME_TERM, "\"\\u202e\\u00a0\\U0010ffff\"");
	fault("\"a", NAME_TERM, ERR_TRUNCATED, 2);
	fault("\"\\q\"", NAME_TERM, ERR_MALFORMED, 3);
	fault("\"\\'\"", NAME_TERM, ERR_MALFORMED, 3);
	fault("\"\\ud800\"", NAME_TERM, ERR_MALFORMED, 7);
	fault("\"\\x4g\"", NAME_TERM, ERR_MALFORMED, 4);
	fault("\"\\400\"", NAME_TERM, ERR_MALFORMED, 5);
	fault("\"a\nb\"", NAME_TERM, ERR_MALFORMED, 2);
	fault("\"a\xff\"", NAME_TERM, ERR_MALFORMED, 2);
}

/* Which parentheses are needed, and which CloudProxy writes. */
TEST(formulas)
{
	static const char *const texts[] = {
		"true",
		"not not false",
		"A() and B() and C()",
		"A() or B() and C()",
		"(A() or B()) and C()",
		"(A() and B()) and C()",
		"A() and (B() and C())",
		"(A() or B()) or C()",
		"A() implies B() implies C()",
		"(A() implies B()) implies C()",
		"(A() implies B()) or C()",
		"not A() implies B()",
		"not (A() implies B())",
		"not (A() and B())",
		"(and)",
		"(or)",
		"(and A())",
		"(or (and A()))",
		"not (or)",
		"A() and (and)",
		"X says A() and B()",
		"(X says A()) and B()",
		"not X says A()",
		"not (X says A()) and B()",
		"A() and X says B() or C()",
		"X says Y says true",
		"X from 1 says true",
		"X until 2 says true",
		"X from -1 until 2 says forall A: true",
		"X speaksfor Y",
		"(X speaksfor Y) and A()",
		"A() and X speaksfor Y",
		"not X speaksfor Y or A()",
		"\"x\" speaksfor [00]",
		"ext.A() says true",
		"5 speaksfor -5",
		"forall P: exists Q: A(P) and B(Q)",
		"(forall P: A(P)) and B()",
		"(exists P: A(P)) implies B()",
		"A() implies exists P: B(P) implies C()",
		"not (forall P: A(P)) or B()",
		"key([01]).A() from 1 until 2 says key([02]) speaksfor key([01]).A()",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		same(texts[i], NAME_FORM);
	prints("((A()))", NAME_FORM, "A()");
	prints("A()and(B())", NAME_FORM, "A() and B()");
	prints("(forall P: (A(P)))", NAME_FORM, "forall P: A(P)");
	prints("(A() and B()) or C()", NAME_FORM, "A() and B() or C()");
}

TEST(faults)
{
	fault("", NAME_PRIN, ERR_TRUNCATED, 0);
	fault("", NAME_FORM, ERR_TRUNCATED, 0);
	fault("key([ab]", NAME_PRIN, ERR_TRUNCATED, 8);
	fault("key([ab])x", NAME_PRIN, ERR_TRAILING, 9);
	fault("key([ab]).a()", NAME_PRIN, ERR_MALFORMED, 10);
	fault("key([ab]).A", NAME_PRIN, ERR_TRUNCATED, 11);
	fault("key([ab]).A(1,)", NAME_PRIN, ERR_MALFORMED, 14);
	fault("key([a])", NAME_PRIN, ERR_MALFORMED, 6);
	fault("ext([ab])", NAME_PRIN, ERR_MALFORMED, 0);
	fault("Key([ab])", NAME_PRIN, ERR_MALFORMED, 0);
	fault("ke_y([ab])", NAME_PRIN, ERR_MALFORMED, 0);
	fault("ext", NAME_TAIL, ERR_TRUNCATED, 3);
	fault("ext ", NAME_TERM, ERR_TRUNCATED, 4);
	fault("ext()", NAME_TERM, ERR_MALFORMED, 3);
	fault("A", NAME_EXT, ERR_TRUNCATED, 1);
	fault("9223372036854775808", NAME_TERM, ERR_RANGE, 0);
	fault("-9223372036854775809", NAME_TERM, ERR_RANGE, 1);
	fault("-", NAME_TERM, ERR_TRUNCATED, 1);
	fault("- 1", NAME_TERM, ERR_MALFORMED, 1);
	fault("{a}", NAME_TERM, ERR_MALFORMED, 2);
	fault("{ab}", NAME_TERM, ERR_MALFORMED, 3); /* bits left over */
	fault("{_w=}", NAME_TERM, ERR_MALFORMED, 4);
	fault("A() and", NAME_FORM, ERR_TRUNCATED, 7);
	fault("A() andB()", NAME_FORM, ERR_TRAILING, 4);
	fault("X", NAME_FORM, ERR_TRUNCATED, 1);
	fault("X says", NAME_FORM, ERR_TRUNCATED, 6);
	fault("X sayz true", NAME_FORM, ERR_MALFORMED, 2);
	fault("X until 1 from 2 says true", NAME_FORM, ERR_MALFORMED, 10);
	fault("forall p: true", NAME_FORM, ERR_MALFORMED, 7);
	fault("forall P true", NAME_FORM, ERR_MALFORMED, 9);
	fault("(A()", NAME_FORM, ERR_TRUNCATED, 4);
	fault("A())", NAME_FORM, ERR_TRAILING, 3);
	fault("A((1))", NAME_FORM, ERR_MALFORMED, 2);
	fault("(and A() and B())x", NAME_FORM, ERR_TRAILING, 17);
	fault("and", NAME_FORM, ERR_MALFORMED, 0);
}

static char deep[8192];

static const char *repeat(const char *before, unsigned n, const char *middle, const char *after)
{
	deep[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		strcat(deep, before);
	strcat(deep, middle);
	for (unsigned i = 0; i < n; i++)
		strcat(deep, after);
	return deep;
}

TEST(depth)
{
	struct node *root = NULL;
	same(repeat("not ", NAME_DEPTH_MAX, "true", ""), NAME_FORM);
	same(repeat("X says ", NAME_DEPTH_MAX, "true", ""), NAME_FORM);
	same(repeat("(and ", NAME_DEPTH_MAX, "true", ")"), NAME_FORM);
	/* Each level with parentheses of its own. */
	same(repeat("not (true implies ", NAME_DEPTH_MAX / 2, "true", ")"), NAME_FORM);
	static const char *const before[] = { "not ",	    "X says ",	     "(and ", "(",
					      "forall X: ", "true implies ", "A(key(" };
	for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
		repeat(before[i], 500, "true", "");
		CHECK_INT(name_parse(span_str(deep), NAME_FORM, fresh(), &root, NULL),
			  i == 6 ? ERR_MALFORMED : ERR_TOO_DEEP);
	}
	repeat("key(", 1000, "1", ")");
	CHECK_INT(name_parse(span_str(deep), NAME_PRIN, fresh(), &root, NULL), ERR_TOO_DEEP);
	repeat("not ", NAME_DEPTH_MAX + 1, "true", "");
	CHECK_INT(name_parse(span_str(deep), NAME_FORM, fresh(), &root, NULL), ERR_TOO_DEEP);
	/* Wide is not deep. */
	same(repeat("true and ", 500, "true", ""), NAME_FORM);
}

TEST(bounds)
{
	static const char text[] = "key([abcd]).A(\"b\", X)";
	struct node nodes[8];
	uint8_t strings[4];
	struct node *root = NULL;
	size_t at;
	for (size_t n = 0; n <= 6; n++)
		for (size_t s = 0; s <= 3; s++) {
			struct node_pool p = { nodes, 0, n, strings, 0, s };
			int r = name_parse(span_str(text), NAME_PRIN, &p, &root, &at);
			CHECK_INT(r, n == 6 && s == 3 ? ERR_NONE : ERR_TOO_LARGE);
			CHECK(r == ERR_NONE || (p.n == 0 && p.text_n == 0));
		}
	/* Spans need no end that can be read. */
	CHECK_INT(name_parse(span_of(text, 10), NAME_PRIN, fresh(), &root, &at), ERR_TRUNCATED);
	CHECK_INT(at, 10);
}

int main(void)
{
	RUN(terms);
	RUN(strings);
	RUN(formulas);
	RUN(faults);
	RUN(depth);
	RUN(bounds);
	return test_end();
}
