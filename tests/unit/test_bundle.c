/* SPDX-License-Identifier: MIT */
/* link: policy crypto/base.c */
/* Sealed bundles, seal policies and statements: every branch. */
#include "../../policy/bundle.h"
#include "../../policy/name.h"
#include "../../policy/statement.h"
#include "test.h"

static uint8_t hash_a[SEAL_HASH], hash_b[SEAL_HASH], bytes[4096], names[4][256];
static struct wr name[4]; /* two programs, the first extended, the first under another key */

static void make_names(void)
{
	memset(hash_a, 0xa1, sizeof hash_a);
	memset(hash_b, 0xb2, sizeof hash_b);
	for (int i = 0; i < 4; i++) {
		uint8_t scratch[3][128];
		struct wr key = wr_to(scratch[0], 128), program = wr_to(scratch[1], 128);
		name[i] = wr_to(names[i], sizeof names[i]);
		name_write_key_prin(&key, i == 3 ? hash_b : hash_a, false);
		name_write_program(&program, &(struct program_name){ .ext = "Program",
								     .sha256 = i == 1 ? hash_b : hash_a,
								     .n_args = -1 });
		CHECK_INT(name_extend(wr_span(&key), wr_span(&program), &name[i]), 0);
		if (i == 2) {
			/* .X() */
			struct wr longer = wr_to(scratch[2], 128);
			CHECK_INT(name_extend(wr_span(&name[i]), span_of("\x11\x01\x12\x01X\x00", 6), &longer), 0);
			name[i] = wr_to(names[i], sizeof names[i]);
			wr_span_bytes(&name[i], wr_span(&longer));
		}
	}
}

static struct seal_party party(int who, const uint8_t *program, const uint8_t *entry)
{
	return (struct seal_party){ wr_span(&name[who]), span_of(program, SEAL_HASH), span_of(entry, SEAL_HASH) };
}

static bool covers(const char *policy, struct seal_party opener)
{
	struct seal_party sealer = party(0, hash_a, hash_a);
	uint8_t b[2][1024];
	struct wr tag[2] = { wr_to(b[0], 1024), wr_to(b[1], 1024) };
	const struct seal_policy *p = seal_policy_find(span_str(policy));
	CHECK(p != NULL);
	bool yes = seal_policy_covers(p, &sealer, &opener);
	/* The shared secret of both is the same exactly where the policy covers the other. */
	seal_policy_tag(p, &sealer, &tag[0]);
	seal_policy_tag(p, &opener, &tag[1]);
	CHECK_INT(span_equal(wr_span(&tag[0]), wr_span(&tag[1])), yes);
	return yes;
}

TEST(the_table_of_policies)
{
	struct seal_party same = party(0, hash_a, hash_a), other_entry = party(0, hash_a, hash_b),
			  other_program = party(1, hash_b, hash_a), longer = party(2, hash_a, hash_a),
			  other_name_and_entry = party(1, hash_a, hash_b), other_host = party(3, hash_a, hash_a);
	CHECK(covers("self", same));
	CHECK(covers("self", other_entry));
	CHECK(!covers("self", other_program));
	CHECK(!covers("self", longer));
	CHECK(!covers("self", other_host));
	CHECK(covers("few", same));
	CHECK(!covers("few", other_entry));
	CHECK(!covers("few", longer));
	CHECK(!covers("few", other_program));
	CHECK(covers("program", same));
	CHECK(covers("program", longer));
	CHECK(covers("program", other_entry));
	CHECK(covers("program", other_name_and_entry));
	CHECK(!covers("program", other_program));
	CHECK(covers("any", same));
	CHECK(covers("any", other_program));
	CHECK(covers("any", longer));
}

TEST(policies_are_found_by_their_whole_name)
{
	static const char *const none[] = { "", "sel", "selfx", "SELF", "rule", "rule:", "Rule:x" };
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		CHECK(seal_policy_find(span_str(none[i])) == NULL);
	/* One whose rest is a label, whatever that is. */
	const struct seal_policy *rule = seal_policy_find(span_str("rule:x"));
	CHECK(rule != NULL && (rule->by & SEAL_BY_RULE) != 0);
	CHECK(span_equal(seal_policy_label(rule, span_str("rule:a b")), span_str("a b")));
	struct seal_party one = party(0, hash_a, hash_a);
	CHECK(!seal_policy_covers(rule, &one, &one));
	CHECK(seal_policy_find(span_of("self\0", 5)) == NULL);
	CHECK(seal_policy_find(span_of(NULL, 0)) == NULL);
}

TEST(tags_of_two_policies_differ)
{
	static const char *const all[] = { "self", "few", "any", "program" };
	uint8_t b[2][1024];
	struct seal_party p = party(0, hash_a, hash_a);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++) {
			struct wr one = wr_to(b[0], 1024), two = wr_to(b[1], 1024);
			seal_policy_tag(seal_policy_find(span_str(all[i])), &p, &one);
			seal_policy_tag(seal_policy_find(span_str(all[j])), &p, &two);
			CHECK(!span_equal(wr_span(&one), wr_span(&two)));
		}
}

static struct bundle example(enum bundle_kind kind)
{
	return (struct bundle){ .kind = kind,
				.policy = span_str("self"),
				.sealer = party(0, hash_a, hash_b),
				.owner = span_of(hash_b, SEAL_HASH),
				.label = span_str("db"),
				.counter = INT64_C(0x0102030405060708),
				.data = span_str("data") };
}

static struct wr written(enum bundle_kind kind)
{
	struct bundle b = example(kind);
	struct wr w = wr_to(bytes, sizeof bytes);
	CHECK_INT(bundle_write(&b, &w), 0);
	return w;
}

TEST(bundles_come_back_as_they_were)
{
	for (int kind = BUNDLE_PLAIN; kind <= BUNDLE_ROLLBACK; kind++) {
		struct wr w = written((enum bundle_kind)kind);
		struct bundle want = example((enum bundle_kind)kind), got;
		CHECK_INT(bundle_read(wr_span(&w), &got), 0);
		CHECK_INT(got.kind, kind);
		CHECK(span_equal(got.policy, want.policy));
		CHECK(span_equal(got.sealer.name, want.sealer.name));
		CHECK(span_equal(got.sealer.program, want.sealer.program));
		CHECK(span_equal(got.sealer.entry, want.sealer.entry));
		CHECK(span_equal(got.data, want.data));
		CHECK(kind == BUNDLE_PLAIN ? got.label.n == 0 && got.counter == 0 && got.owner.n == 0
					   : span_equal(got.label, want.label) && got.counter == want.counter &&
						     span_equal(got.owner, want.owner));
	}
}

TEST(the_two_kinds_are_told_by_one_byte_and_nothing_else)
{
	/* Whoever took the one for the other would at least see other data. */
	struct wr w = written(BUNDLE_ROLLBACK);
	struct bundle got;
	bytes[1] = BUNDLE_PLAIN;
	CHECK(bundle_read(wr_span(&w), &got) < 0 || !span_equal(got.data, span_str("data")));
}

TEST(what_is_no_bundle_is_refused)
{
	struct bundle got;
	CHECK_INT(bundle_read(span_of(NULL, 0), &got), ERR_TRUNCATED);
	CHECK_INT(bundle_read(span_of("\x01", 1), &got), ERR_TRUNCATED);
	struct wr w = written(BUNDLE_ROLLBACK);
	for (size_t n = 0; n < w.n - 4; n++)
		CHECK(bundle_read(span_of(bytes, n), &got) < 0);
	bytes[0] = 2;
	CHECK_INT(bundle_read(wr_span(&w), &got), ERR_BAD_VERSION);
	bytes[0] = 1;
	for (int kind = 0; kind < 256; kind++) {
		bytes[1] = (uint8_t)kind;
		if (kind != BUNDLE_PLAIN && kind != BUNDLE_ROLLBACK)
			CHECK_INT(bundle_read(wr_span(&w), &got), ERR_MALFORMED);
	}
	w = written(BUNDLE_PLAIN);
	bytes[2 + 5 + 1] = 99; /* the name's tag */
	CHECK_INT(bundle_read(wr_span(&w), &got), ERR_MALFORMED);
}

TEST(lengths_have_bounds)
{
	static uint8_t many[300];
	struct bundle b = example(BUNDLE_ROLLBACK), got;
	struct wr w = wr_to(bytes, sizeof bytes);
	b.policy = span_of(many, BUNDLE_POLICY_MAX);
	b.label = span_of(many, BUNDLE_LABEL_MAX);
	CHECK_INT(bundle_write(&b, &w), 0);
	CHECK_INT(bundle_read(wr_span(&w), &got), 0);
	b.policy.n++;
	CHECK_INT(bundle_write(&b, &w), ERR_TOO_LARGE);
	b.policy.n--, b.label.n++;
	CHECK_INT(bundle_write(&b, &w), ERR_TOO_LARGE);
	b = example(BUNDLE_ROLLBACK);
	for (size_t cap = 0; cap < 100; cap++) {
		w = wr_to(bytes, cap);
		CHECK_INT(bundle_write(&b, &w), ERR_NO_SPACE);
	}
	w = wr_to(bytes, sizeof bytes);
	b.owner.n = 0;
	CHECK_INT(bundle_write(&b, &w), ERR_MALFORMED);
	b = example(BUNDLE_PLAIN), b.sealer.entry.n--;
	CHECK_INT(bundle_write(&b, &w), ERR_MALFORMED);
	b = example(BUNDLE_PLAIN), b.sealer.program.n = 0;
	CHECK_INT(bundle_write(&b, &w), ERR_MALFORMED);
	/* From somebody who can seal, but not write such: read strictly all the same. */
	w = wr_to(bytes, sizeof bytes);
	wr_u8(&w, 1), wr_u8(&w, BUNDLE_PLAIN);
	wr_var_bytes(&w, span_of(many, 256));
	wr_var_bytes(&w, wr_span(&name[0]));
	wr_bytes(&w, many, 64);
	CHECK_INT(bundle_read(wr_span(&w), &got), ERR_TOO_LARGE);
}

TEST(statements)
{
	static const uint8_t form[] = { NODE_PRED, 1, 'P', 0 };
	char text[1024];
	struct wr w = wr_to(bytes, sizeof bytes), t = wr_to(text, sizeof text - 1);
	CHECK_INT(statement_write(span_of("\x01\x03key\x04\x01\x00\x11\x00", 10), 7, -1, span_of(form, 4), &w), 0);
	CHECK_INT(name_print_binary(wr_span(&w), NAME_FORM, &t), 0);
	text[t.n] = '\0';
	CHECK_STR(text, "key([00]) from 7 until -1 says P()");
	w = wr_to(bytes, sizeof bytes);
	CHECK_INT(statement_write(wr_span(&name[0]), 7, 8, span_of(form, 3), &w), ERR_TRUNCATED);
	CHECK_INT(statement_write(wr_span(&name[0]), 7, 8, span_of(NULL, 0), &w), ERR_TRUNCATED);
	CHECK_INT(statement_write(wr_span(&name[0]), 7, 8, wr_span(&name[1]), &w), ERR_MALFORMED);
	CHECK(statement_write(span_of("", 0), 7, 8, span_of(form, 4), &w) < 0);
	w = wr_to(bytes, 20);
	CHECK_INT(statement_write(wr_span(&name[0]), 7, 8, span_of(form, 4), &w), ERR_NO_SPACE);
	/* As deep as a formula may be alone is too deep for what is said. */
	uint8_t deep[NAME_DEPTH_MAX + 8];
	size_t n = 0;
	while (name_check(span_of(deep, (memset(deep, NODE_NOT, n), memcpy(deep + n, form, 4), n + 4)),
			  NAME_FORM) == 0)
		n++;
	memset(deep, NODE_NOT, n);
	memcpy(deep + n - 1, form, 4);
	CHECK_INT(name_check(span_of(deep, n + 3), NAME_FORM), 0);
	w = wr_to(bytes, sizeof bytes);
	CHECK_INT(statement_write(wr_span(&name[0]), 7, 8, span_of(deep, n + 3), &w), ERR_TOO_DEEP);
}

int main(void)
{
	make_names();
	RUN(the_table_of_policies);
	RUN(policies_are_found_by_their_whole_name);
	RUN(tags_of_two_policies_differ);
	RUN(bundles_come_back_as_they_were);
	RUN(the_two_kinds_are_told_by_one_byte_and_nothing_else);
	RUN(what_is_no_bundle_is_refused);
	RUN(lengths_have_bounds);
	RUN(statements);
	return test_end();
}
