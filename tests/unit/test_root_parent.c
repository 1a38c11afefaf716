/* SPDX-License-Identifier: MIT
 *
 * The root in the Tao below, with a parent that is ours. */
/* link: crypto bearssl nanopb tests/unit/fake_platform.c */
#include "../../crypto/key_file.h"

static const char root_name[] = "parent";
static const uint8_t our_name[] = "us";

static struct root_config root_config_of(void);

#include "root_courses.h"

static struct root_config root_config_of(void)
{
	return (struct root_config){ .file = FILE_NAME, .name = span_of(our_name, sizeof our_name) };
}

static void begin(void)
{
	fake_init(&disk);
	fake_parent(&disk);
}

static void open_us(struct opened *o)
{
	const struct root_config config = root_config_of();
	open_with(o, &config);
}

static bool says(const struct opened *o, const char *words)
{
	return strstr(o->report.text, words) != NULL;
}

TEST(keys_are_sealed_by_the_parent_and_stay)
{
	struct opened a, b;
	begin();
	open_us(&a);
	CHECK_INT(a.r, ERR_NONE);
	CHECK(a.who.created && !a.who.ephemeral);
	CHECK_INT(a.who.name_n, sizeof our_name);
	CHECK(memcmp(a.who.name, our_name, sizeof our_name) == 0);
	/* Not a byte of them as it is. */
	const struct fake_node *file = fake_file(&disk, FILE_NAME);
	CHECK_INT(file->n, 8 + 2 + 4 + 1 + KEYSET_FILE_SIZE + SHA256_SIZE);
	CHECK(memmem(file->bytes, file->n, a.seed.sign_key, 8) == NULL);
	open_us(&b);
	CHECK_INT(b.r, ERR_NONE);
	CHECK(!b.who.created && same_keys(&a, &b));
}

TEST(what_the_parent_does_not_open_is_no_reason_for_new_keys)
{
	struct opened a, b;
	begin();
	open_us(&a);
	disk.parent_name = 1;
	open_us(&b);
	CHECK_INT(b.r, ERR_DENIED);
	CHECK(says(&b, "sealed for another manifest, guard or program of taoinit, or by another parent"));
	CHECK(says(&b, "It says: the parent's words"));
	CHECK_INT(fake_count(&disk), 2);
	disk.parent_name = 0;
	open_us(&b);
	CHECK(b.r == ERR_NONE && same_keys(&a, &b));
}

TEST(each_refusal_is_reported_and_leaves_no_key)
{
	struct opened o;
	/* Random bytes, sealing, the counter: there is none, it is made, it is counted twice, it is read. */
	for (int call = 1; call <= 7; call++) {
		begin();
		disk.refuse_at = call;
		open_us(&o);
		CHECK_INT(o.r, ERR_DENIED);
		CHECK(says(&o, "the parent's words"));
		CHECK_INT(fake_count(&disk), 0);
		open_us(&o);
		CHECK_INT(o.r, ERR_NONE);
	}
	begin();
	disk.refuse_at = 8;
	open_us(&o);
	CHECK_INT(o.r, ERR_NONE);
	CHECK(!says(&o, "words"));
}

static void damaged(const uint8_t *bytes, size_t n, int err)
{
	struct opened o;
	fake_put(&disk, FILE_NAME, span_of(bytes, n));
	open_us(&o);
	CHECK_INT(o.r, err);
	CHECK(says(&o, FILE_NAME));
	const struct fake_node *file = fake_file(&disk, FILE_NAME);
	CHECK(file->n == n && memcmp(file->bytes, bytes, n) == 0);
}

TEST(every_kind_of_damage_is_told_apart)
{
	static uint8_t good[KEY_FILE_MAX + 2], bad[KEY_FILE_MAX + 2];
	struct opened o;
	begin();
	open_us(&o);
	size_t n = fake_file(&disk, FILE_NAME)->n;
	memcpy(good, fake_file(&disk, FILE_NAME)->bytes, n);
	for (size_t i = 0; i < n; i++)
		damaged(good, i, ERR_TRUNCATED);
	damaged(good, n + 1, ERR_TRAILING);
	damaged(good, KEY_FILE_MAX + 2, ERR_TOO_LARGE);
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, good, n);
		bad[i] ^= 1;
		damaged(bad, n,
			i < 8	 ? ERR_MALFORMED
			: i < 10 ? ERR_BAD_VERSION
			: i < 13 ? ERR_TRUNCATED
			: i < 14 ? (good[i] & 1 ? ERR_TRAILING : ERR_TRUNCATED)
				 : ERR_CHECKSUM);
	}
	/* A soft root's file is none of ours. */
	struct keyset keys = { .sign = { 1 }, .seal = { 2 }, .derive = { 3 } };
	struct wr w = wr_to(bad, sizeof bad);
	keyset_write(&keys, &w);
	damaged(bad, w.n, ERR_MALFORMED);
	/* What it opens, and is no key set. */
	w = wr_to(bad, sizeof bad);
	wr_bytes(&w, good, 10);
	wr_be32(&w, 1 + 10);
	for (int i = 0; i < 11; i++)
		wr_u8(&w, 0);
	sha256_of(sha256_bearssl(), wr_span(&w), bad + w.n);
	damaged(bad, w.n + SHA256_SIZE, ERR_MALFORMED);
	/* More than a key set is. */
	w = wr_to(bad, sizeof bad);
	wr_bytes(&w, good, 10);
	wr_be32(&w, 1 + KEYSET_FILE_SIZE + 1);
	for (int i = 0; i < 1 + KEYSET_FILE_SIZE + 1; i++)
		wr_u8(&w, 0);
	sha256_of(sha256_bearssl(), wr_span(&w), bad + w.n);
	damaged(bad, w.n + SHA256_SIZE, ERR_TOO_LARGE);
}

TEST(in_memory_only)
{
	struct opened a, b;
	struct root_config config = root_config_of();
	begin();
	config.ephemeral = true;
	config.file = NULL;
	open_with(&a, &config);
	open_with(&b, &config);
	CHECK(a.r == ERR_NONE && b.r == ERR_NONE && !same_keys(&a, &b));
	CHECK_INT(fake_count(&disk), 0);
	/* The name is the parent's to give. */
	CHECK(a.who.created && !a.who.ephemeral && a.who.name_n == sizeof our_name);
}

TEST(without_a_name_or_a_parent_there_is_no_root)
{
	static const uint8_t longer[ROOT_NAME_MAX + 1];
	struct opened o;
	struct root_config config = root_config_of();
	begin();
	config.name = span_of(longer, sizeof longer);
	open_with(&o, &config);
	CHECK_INT(o.r, ERR_RANGE);
	config.name.n = 0;
	open_with(&o, &config);
	CHECK_INT(o.r, ERR_RANGE);
	fake_init(&disk);
	open_us(&o);
	CHECK_INT(o.r, ERR_RANGE);
	CHECK_INT(fake_count(&disk), 0);
}

TEST(the_parents_word_becomes_the_delegation)
{
	struct opened o;
	struct root_report report = { "" };
	begin();
	open_us(&o);
	CHECK_INT(o.seed.delegation_n, 0);
	CHECK_INT(o.root.class->endorse(&o.root, span_str("we speak for us"), &o.seed, &report), ERR_NONE);
	CHECK_INT(o.seed.delegation_n, 15);
	CHECK(memcmp(o.seed.delegation, "we speak for us", 15) == 0);
	disk.refuse_at = disk.parent_calls + 1;
	CHECK_INT(o.root.class->endorse(&o.root, span_str("we"), &o.seed, &report), ERR_DENIED);
	CHECK_INT(o.seed.delegation_n, 0);
	CHECK_STR(report.text, "the parent does not attest our key: the parent's words");
}

TEST(no_power_cut_loses_or_changes_a_key_or_a_counter)
{
	static struct course start;
	begin();
	start.disk = disk;
	start.known.r = ERR_STATE;
	unsigned long n = follow(&start, 60, 2);
	printf("# %lu courses, %zu of them different\n", n, n_seen);
	CHECK(n > 1000 && n_seen > 20);
}

int main(void)
{
	RUN(keys_are_sealed_by_the_parent_and_stay);
	RUN(what_the_parent_does_not_open_is_no_reason_for_new_keys);
	RUN(each_refusal_is_reported_and_leaves_no_key);
	RUN(every_kind_of_damage_is_told_apart);
	RUN(in_memory_only);
	RUN(without_a_name_or_a_parent_there_is_no_root);
	RUN(the_parents_word_becomes_the_delegation);
	RUN(no_power_cut_loses_or_changes_a_key_or_a_counter);
	return test_end();
}
