/* SPDX-License-Identifier: MIT
 * Names in binary form: what is read, what is refused and why, what is done with them. */
/* link: policy crypto/base.c */
#include "name_help.h"
#include "test.h"

#define KEY "key([abcd])"

static int decode(const char *hex, enum name_class what)
{
	struct node *root = NULL;
	struct span binary = hex_span(hex);
	int r = name_decode(binary, what, fresh(), &root);
	CHECK_INT(name_check(binary, what), r);
	CHECK((r == ERR_NONE) == (root != NULL));
	CHECK(r == ERR_NONE || pool.n == 0);
	return r;
}

/* ---- Reading ---- */

TEST(every_kind)
{
	static const struct {
		const char *hex, *text;
		enum name_class what;
	} cases[] = {
		{ "01036b65790402abcd1100", "key([abcd])", NAME_PRIN },
		{ "010474706d320400110112045043527302030131030161", "tpm2([]).PCRs(\"1\", \"a\")", NAME_PRIN },
		{ "02110112014100", "ext.A()", NAME_TAIL },
		{ "1100", "", NAME_SUBPRIN },
		{ "110112014100", ".A()", NAME_SUBPRIN },
		{ "12014100", "A()", NAME_EXT },
		{ "0300", "\"\"", NAME_TERM },
		{ "0400", "[]", NAME_TERM },
		{ "05ffffffffffffffffff01", "-1", NAME_TERM },
		{ "0580808080808080808001", "-9223372036854775808", NAME_TERM },
		{ "060141", "A", NAME_TERM },
		{ "07014101057f", "A(127)", NAME_PRED },
		{ "0801", "true", NAME_FORM },
		{ "090800", "not false", NAME_FORM },
		{ "0a0208010800", "true and false", NAME_FORM },
		{ "0a00", "(and)", NAME_FORM },
		{ "0b010801", "(or true)", NAME_FORM },
		{ "0c08010800", "true implies false", NAME_FORM },
		{ "0d060141060142", "A speaksfor B", NAME_FORM },
		{ "0e060141010501060801", "A from 5 until 6 says true", NAME_FORM },
		{ "0e06014100000801", "A says true", NAME_FORM },
		{ "0f01410801", "forall A: true", NAME_FORM },
		{ "1001410801", "exists A: true", NAME_FORM },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = text_of(hex_span(cases[i].hex), cases[i].what);
		CHECK(text != NULL);
		if (text == NULL)
			continue;
		CHECK_STR(text, cases[i].text);
		struct span binary = binary_of(cases[i].text, cases[i].what);
		CHECK(hex_is(binary.p, binary.n, cases[i].hex));
	}
}

TEST(refused)
{
	CHECK_INT(decode("", NAME_PRIN), ERR_TRUNCATED);
	CHECK_INT(decode("00", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("13", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("a001", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("0801", NAME_PRIN), ERR_MALFORMED);
	CHECK_INT(decode("0801", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("0300", NAME_FORM), ERR_MALFORMED);
	CHECK_INT(decode("01036b65790402abcd110000", NAME_PRIN), ERR_TRAILING);
	CHECK_INT(decode("01036b65790402abcd11", NAME_PRIN), ERR_TRUNCATED);
	CHECK_INT(decode("030361", NAME_TERM), ERR_TRUNCATED);
	CHECK_INT(decode("1201410000", NAME_EXT), ERR_TRAILING);
	/* Varints. */
	CHECK_INT(decode("058000", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("8500", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("05ffffffffffffffffff02", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("05ff", NAME_TERM), ERR_TRUNCATED);
	/* Bools. */
	CHECK_INT(decode("0802", NAME_FORM), ERR_MALFORMED);
	CHECK_INT(decode("0e060141020501060801", NAME_FORM), ERR_MALFORMED);
	/* Words. */
	CHECK_INT(decode("010365787404001100", NAME_PRIN), ERR_MALFORMED); /* ext */
	CHECK_INT(decode("01034b657904001100", NAME_PRIN), ERR_MALFORMED);
	CHECK_INT(decode("010132 04001100", NAME_PRIN), ERR_MALFORMED);
	CHECK_INT(decode("010004001100", NAME_PRIN), ERR_MALFORMED);
	CHECK_INT(decode("12016100", NAME_EXT), ERR_MALFORMED);
	CHECK_INT(decode("1203412e4200", NAME_EXT), ERR_MALFORMED);
	CHECK_INT(decode("1203410a4200", NAME_EXT), ERR_MALFORMED);
	CHECK_INT(decode("1202c38900", NAME_EXT), ERR_MALFORMED);
	CHECK_INT(decode("0600", NAME_TERM), ERR_MALFORMED);
	CHECK_INT(decode("0f01610801", NAME_FORM), ERR_MALFORMED);
	/* ext of nothing. */
	CHECK_INT(decode("021100", NAME_TAIL), ERR_MALFORMED);
	/* Counts that the bytes cannot hold. */
	CHECK_INT(decode("11ffffffffffffffffff01", NAME_SUBPRIN), ERR_TRUNCATED);
	CHECK_INT(decode("0affffffff0f08010801", NAME_FORM), ERR_TRUNCATED);
	CHECK_INT(decode("07014102050105", NAME_PRED), ERR_TRUNCATED);
}

/* ---- Bounds ---- */

static struct span nested(unsigned n)
{
	static uint8_t b[300];
	memset(b, NODE_NOT, n);
	b[n] = NODE_CONST;
	b[n + 1] = 1;
	return span_of(b, n + 2);
}

TEST(depth)
{
	CHECK_INT(name_check(nested(NAME_DEPTH_MAX), NAME_FORM), ERR_NONE);
	CHECK_INT(name_check(nested(NAME_DEPTH_MAX + 1), NAME_FORM), ERR_TOO_DEEP);
	CHECK_INT(name_check(nested(250), NAME_FORM), ERR_TOO_DEEP);
	const char *text = text_of(nested(NAME_DEPTH_MAX), NAME_FORM);
	CHECK(text != NULL && binary_of(text, NAME_FORM).n == NAME_DEPTH_MAX + 2);
	struct node *root = NULL;
	CHECK_INT(name_decode(nested(200), NAME_FORM, fresh(), &root), ERR_TOO_DEEP);
	CHECK(root == NULL && pool.n == 0);
}

/* A name that is well-formed alone can be put behind another. */
TEST(depth_of_parts)
{
	static uint8_t b[400], out[500];
	struct wr w = wr_to(b, sizeof b), e = wr_to(out, sizeof out);
	wr_bytes(&w, "\x11\x01", 2);
	unsigned levels = 1;
	for (; levels < NAME_DEPTH_MAX - 3; levels += 3)
		wr_bytes(&w, "\x12\x01\x41\x01\x02\x11\x01", 7);
	wr_bytes(&w, "\x12\x01\x41\x00", 4);
	CHECK_INT(name_check(wr_span(&w), NAME_SUBPRIN), ERR_NONE);
	struct span key = hex_span("01036b65790402abcd1100");
	CHECK_INT(name_extend(key, wr_span(&w), &e), ERR_NONE);
	CHECK_INT(name_check(wr_span(&e), NAME_PRIN), ERR_NONE);
}

TEST(pool_bounds)
{
	struct node nodes[34];
	struct node_pool small = { .nodes = nodes, .cap = NAME_DEPTH_MAX };
	struct node *root = NULL;
	/* One node short. */
	CHECK_INT(name_decode(nested(NAME_DEPTH_MAX), NAME_FORM, &small, &root), ERR_TOO_LARGE);
	CHECK(root == NULL && small.n == 0);
	small.cap++;
	CHECK_INT(name_decode(nested(NAME_DEPTH_MAX), NAME_FORM, &small, &root), ERR_NONE);
	CHECK(small.n == small.cap);
	/* And a full one, behind what it holds. */
	CHECK_INT(name_decode(nested(1), NAME_FORM, &small, &root), ERR_TOO_LARGE);
	CHECK(small.n == small.cap);
}

TEST(output_bounds)
{
	struct node *root = NULL;
	struct span binary = binary_of(KEY ".A(\"b\")", NAME_PRIN);
	CHECK_INT(name_decode(binary, NAME_PRIN, fresh(), &root), ERR_NONE);
	for (size_t cap = 0; cap < binary.n; cap++) {
		uint8_t out[64];
		struct wr w = wr_to(out, cap);
		CHECK_INT(name_encode(root, &w), ERR_NO_SPACE);
		w = wr_to(out, cap);
		CHECK_INT(name_print(root, &w), ERR_NO_SPACE);
		w = wr_to(out, cap);
		CHECK_INT(name_print_binary(binary, NAME_PRIN, &w), ERR_NO_SPACE);
		CHECK(w.n <= cap);
	}
}

/* ---- Trees that are none ---- */

static int written(const struct node *node)
{
	uint8_t out[256];
	struct wr w = wr_to(out, sizeof out), t = wr_to(out, sizeof out);
	int r = name_encode(node, &w);
	CHECK_INT(name_print(node, &t), r);
	return r;
}

TEST(bad_trees)
{
	struct node a = { .kind = NODE_VAR, .text = span_str("A") }, subprin = { .kind = NODE_SUBPRIN };
	struct node tail = { .kind = NODE_TAIL, .count = 1, .kids = &subprin };
	struct node not = { .kind = NODE_NOT, .count = 1, .kids = &a };
	struct node many = { .kind = NODE_PRED, .text = span_str("P"), .count = 2, .kids = &a };
	CHECK_INT(written(&a), ERR_NONE);
	CHECK_INT(written(NULL), ERR_MALFORMED);
	CHECK_INT(written(&tail), ERR_MALFORMED);
	CHECK_INT(written(&not ), ERR_MALFORMED); /* of a term */
	CHECK_INT(written(&many), ERR_MALFORMED); /* of one kid */
	many.count = 1;
	CHECK_INT(written(&many), ERR_NONE);
	a.text = span_str("A B");
	CHECK_INT(written(&many), ERR_MALFORMED);
	struct node truth = { .kind = NODE_CONST, .number = 2 };
	CHECK_INT(written(&truth), ERR_MALFORMED);
	truth.number = 1;
	truth.count = 1;
	CHECK_INT(written(&truth), ERR_MALFORMED);
	struct node ring = { .kind = NODE_NOT, .count = 1, .kids = &ring };
	CHECK_INT(written(&ring), ERR_TOO_DEEP);
}

/* ---- What is done with names ---- */

static uint8_t made[4096];

/* a extended by b, or joined with it, as text; NULL if refused. */
static const char *put(const char *a, const char *b, enum name_class what)
{
	static uint8_t copy[4096];
	struct wr w = wr_to(made, sizeof made);
	struct span first = binary_of(a, what);
	if (first.n > 0)
		memcpy(copy, first.p, first.n);
	struct span second = binary_of(b, NAME_SUBPRIN);
	first.p = copy;
	int r = what == NAME_PRIN ? name_extend(first, second, &w) : name_join(first, second, &w);
	return r < 0 ? NULL : text_of(wr_span(&w), what);
}

TEST(extend_and_join)
{
	CHECK_STR(put(KEY, ".A()", NAME_PRIN), KEY ".A()");
	CHECK_STR(put(KEY ".A(1)", ".B(ext.C()).D()", NAME_PRIN), KEY ".A(1).B(ext.C()).D()");
	CHECK_STR(put(KEY ".A()", "", NAME_PRIN), KEY ".A()");
	CHECK_STR(put("", "", NAME_SUBPRIN), "");
	CHECK_STR(put(".A()", ".A()", NAME_SUBPRIN), ".A().A()");
	struct wr w = wr_to(made, sizeof made);
	struct span key = hex_span("01036b65790402abcd1100"), sub = hex_span("110112014100");
	CHECK_INT(name_extend(sub, sub, &w), ERR_MALFORMED);
	CHECK_INT(name_extend(key, key, &w), ERR_MALFORMED);
	CHECK_INT(name_extend(key, hex_span("11011201410000"), &w), ERR_TRAILING);
	CHECK_INT(name_extend(span_of(key.p, key.n - 1), sub, &w), ERR_TRUNCATED);
	CHECK_INT(name_join(sub, hex_span("1101"), &w), ERR_TRUNCATED);
	CHECK_INT(w.n, 0);
	w = wr_to(made, 8);
	CHECK_INT(name_extend(key, sub, &w), ERR_NO_SPACE);
}

static bool ends(const char *prin, const char *subprin)
{
	static uint8_t copy[4096];
	struct span p = binary_of(prin, NAME_PRIN);
	memcpy(copy, p.p, p.n);
	p.p = copy;
	return name_ends_with(p, binary_of(subprin, NAME_SUBPRIN));
}

TEST(what_a_name_ends_with)
{
	CHECK(ends(KEY ".A()", ".A()"));
	CHECK(ends(KEY ".A(1).B(ext.C()).D()", ".B(ext.C()).D()"));
	CHECK(ends(KEY ".A()", "") && ends(KEY, ""));
	CHECK(!ends(KEY, ".A()"));
	CHECK(!ends(KEY ".A().B()", ".A()"));
	CHECK(!ends(KEY ".A(1)", ".A(2)"));
	/* Whose last bytes are those of the SubPrin, in a string. */
	CHECK(!ends(KEY ".X(\"\\x12\\x01A\\x00\")", ".A()"));
	CHECK(!name_ends_with(hex_span("01036b65790402abcd11"), hex_span("1100")));
	CHECK(!name_ends_with(hex_span("01036b65790402abcd1100"), hex_span("11")));
}

static bool below(const char *child, const char *parent)
{
	static uint8_t copy[4096];
	struct span c = binary_of(child, NAME_PRIN);
	if (c.n > 0)
		memcpy(copy, c.p, c.n);
	return name_is_subprin(span_of(copy, c.n), binary_of(parent, NAME_PRIN));
}

TEST(subprincipals)
{
	CHECK(below(KEY, KEY));
	CHECK(below(KEY ".A()", KEY));
	CHECK(below(KEY ".A().B(1)", KEY ".A()"));
	CHECK(!below(KEY, KEY ".A()"));
	CHECK(!below(KEY ".A(1)", KEY ".A()"));
	CHECK(!below(KEY ".AB()", KEY ".A()"));
	CHECK(!below(KEY ".B().A()", KEY ".A()"));
	CHECK(!below("key([abce]).A()", KEY));
	CHECK(!below("tpm([abcd]).A()", KEY));
	CHECK(!below("key(\"ab\")", "key([6162])")); /* as text they could be taken for one */
	CHECK(!below("key([00])", "key([])"));
	/* A name inside is no name above. */
	CHECK(!below("key(" KEY ")", KEY));
	struct span key = hex_span("01036b65790402abcd1100"), bad = hex_span("01036b65790402abcd110000");
	CHECK(!name_is_subprin(bad, key) && !name_is_subprin(key, bad) && !name_is_subprin(bad, bad));
}

TEST(names_of_keys)
{
	uint8_t digest[32], b[64];
	memset(digest, 0x5a, sizeof digest);
	for (int ephemeral = 0; ephemeral < 2; ephemeral++) {
		struct wr w = wr_to(b, sizeof b);
		name_write_key_prin(&w, digest, ephemeral);
		const char *text = text_of(wr_span(&w), NAME_PRIN);
		CHECK(text != NULL && strncmp(text, "key([5a5a", 9) == 0);
		CHECK(text != NULL && (strstr(text, "]).Ephemeral()") != NULL) == (ephemeral == 1));
	}
}

/* ---- What the host measured, and what a program says ---- */

static struct span program(const struct program_name *p, uint8_t *b, size_t cap)
{
	struct wr w = wr_to(b, cap);
	name_write_program(&w, p);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(name_check(wr_span(&w), NAME_SUBPRIN), ERR_NONE);
	return wr_span(&w);
}

static const uint8_t zeros[32], ones[32] = { 1 };
static const struct span args[] = { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"b c", 3 } };

/* Each part alone, none, and all. */
static struct program_name variant(unsigned which)
{
	struct program_name p = { .ext = "Program", .sha256 = zeros, .n_args = -1 };
	if (which == 1 || which == 7)
		p.n_args = 0;
	if (which == 2) {
		p.args = args;
		p.n_args = 2;
	}
	p.files_sha256 = which == 3 || which == 7 || which == 8 ? ones : NULL;
	p.verity = which == 8;
	p.entry_sha256 = which == 4 || which == 7 ? ones : NULL;
	p.trust_rootfs = which == 5 || which == 7;
	p.privileged = which == 6 || which == 7;
	return p;
}

#define N_VARIANTS 9

TEST(programs)
{
#define Z "0000000000000000000000000000000000000000000000000000000000000000"
#define O "0100000000000000000000000000000000000000000000000000000000000000"
	static const char *const texts[N_VARIANTS] = {
		".Program([" Z "])",
		".Program([" Z "], ext.Args())",
		".Program([" Z "], ext.Args(\"a\", \"b c\"))",
		".Program([" Z "], ext.Files([" O "]))",
		".Program([" Z "], ext.Entry([" O "]))",
		".Program([" Z "], ext.TrustRootfs())",
		".Program([" Z "], ext.Privileged())",
		".Program([" Z "], ext.Args().Files([" O "]).Entry([" O "]).TrustRootfs().Privileged())",
		".Program([" Z "], ext.Verity([" O "]))",
	};
	uint8_t b[512];
	for (unsigned i = 0; i < N_VARIANTS; i++) {
		struct program_name p = variant(i);
		CHECK_STR(text_of(program(&p, b, sizeof b), NAME_SUBPRIN), texts[i]);
	}
}

/* Whatever a program was started as, and whatever it extends its name by, it does not get a name that the host gives
 * to another start: what was measured stands inside Program(…), what is said behind it. */
TEST(no_extension_is_a_measurement)
{
	static const char *const said[] = {
		".Args(\"a\", \"b c\")", ".Args()",
		".Files([" O "])",	 ".Entry([" O "])",
		".TrustRootfs()",	 ".Privileged()",
		".Program([" Z "])",	 ".Program([" Z "], ext.Privileged())",
		".A(ext.Privileged())",	 ".Args().Files([" O "]).Entry([" O "]).TrustRootfs().Privileged()",
	};
	static uint8_t hosts[2][600], longer[1200], subs[2][512];
	struct span key = hex_span("01036b65790402abcd1100");
	for (unsigned i = 0; i < N_VARIANTS; i++)
		for (unsigned k = 0; k < N_VARIANTS; k++) {
			struct program_name one = variant(i), other = variant(k);
			struct wr w1 = wr_to(hosts[0], sizeof hosts[0]), w2 = wr_to(hosts[1], sizeof hosts[1]);
			CHECK_INT(name_extend(key, program(&one, subs[0], sizeof subs[0]), &w1), ERR_NONE);
			CHECK_INT(name_extend(key, program(&other, subs[1], sizeof subs[1]), &w2), ERR_NONE);
			CHECK(span_equal(wr_span(&w1), wr_span(&w2)) == (i == k));
			CHECK(name_is_subprin(wr_span(&w1), wr_span(&w2)) == (i == k));
			for (size_t s = 0; s < sizeof said / sizeof said[0]; s++) {
				struct wr w = wr_to(longer, sizeof longer);
				CHECK_INT(name_extend(wr_span(&w1), binary_of(said[s], NAME_SUBPRIN), &w),
					  ERR_NONE);
				CHECK(!span_equal(wr_span(&w), wr_span(&w2)));
				CHECK(name_is_subprin(wr_span(&w), wr_span(&w2)) == (i == k));
			}
		}
}

int main(void)
{
	RUN(every_kind);
	RUN(refused);
	RUN(depth);
	RUN(depth_of_parts);
	RUN(pool_bounds);
	RUN(output_bounds);
	RUN(bad_trees);
	RUN(extend_and_join);
	RUN(what_a_name_ends_with);
	RUN(subprincipals);
	RUN(names_of_keys);
	RUN(programs);
	RUN(no_extension_is_a_measurement);
	return test_end();
}
