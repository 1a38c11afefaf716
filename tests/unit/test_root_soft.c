/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl nanopb tests/unit/fake_platform.c */
#include "../../crypto/root.h"
#include "../../crypto/tao_state.h"
#include "hex.h"

static const char root_name[] = "soft";

static struct root_config root_config_of(void)
{
	return (struct root_config){ .file = "/var/lib/tao/keys" };
}

#include "root_courses.h"

static void open_file(struct opened *o)
{
	const struct root_config config = { .file = FILE_NAME };
	open_with(o, &config);
}

TEST(roots_are_found_by_name)
{
	CHECK(root_find("soft") == &root_soft);
	CHECK(root_find("sof") == NULL);
	CHECK(root_find("softer") == NULL);
	CHECK(root_find("") == NULL);
}

TEST(the_first_boot_makes_keys_and_later_ones_keep_them)
{
	struct opened a, b;
	fake_init(&disk);
	open_file(&a);
	CHECK_INT(a.r, ERR_NONE);
	CHECK(a.who.created && !a.who.ephemeral);
	CHECK_INT(a.seed.delegation_n, 0);
	CHECK_INT(fake_count(&disk), 2); /* and the counters */
	open_file(&b);
	CHECK_INT(b.r, ERR_NONE);
	CHECK(!b.who.created);
	CHECK(same_keys(&a, &b));
	CHECK_STR(b.root.file, FILE_NAME);
	/* Another machine has other keys. */
	fake_init(&disk);
	open_file(&b);
	CHECK_INT(b.r, ERR_NONE);
	CHECK(!same_keys(&a, &b));
	/* The keys are three, and none is the root's own. */
	CHECK(memcmp(a.seed.sign_key, a.seed.seal_key, 32) != 0);
	CHECK(memcmp(a.seed.seal_key, a.seed.derive_key, 32) != 0);
	CHECK(memcmp(a.root.kek, a.seed.derive_key, 32) != 0);
	CHECK(memcmp(a.root.kek, a.seed.seal_key, 32) != 0);
	b.root.class->close(&b.root);
	static const uint8_t zeros[32];
	CHECK(memcmp(b.root.kek, zeros, 32) == 0);
}

TEST(the_identity_is_that_of_the_signing_key)
{
	struct opened o;
	static struct tao tao;
	uint8_t digest[SHA256_SIZE];
	fake_init(&disk);
	open_file(&o);
	CHECK_INT(tao_init(&tao, &o.seed), ERR_NONE);
	sha256_of(sha256_bearssl(), span_of(tao.spki, sizeof tao.spki), digest);
	CHECK(memcmp(digest, o.who.spki_sha256, sizeof digest) == 0);
}

TEST(ephemeral_keys_touch_no_disk)
{
	const struct root_config config = { .ephemeral = true };
	struct opened a, b;
	fake_init(&disk);
	open_with(&a, &config);
	open_with(&b, &config);
	CHECK_INT(a.r, ERR_NONE);
	CHECK_INT(b.r, ERR_NONE);
	CHECK(a.who.ephemeral && a.who.created);
	CHECK(!same_keys(&a, &b));
	CHECK_INT(disk.calls, 0);
	CHECK_INT(fake_count(&disk), 0);
}

/* The file, changed, is refused with this error and these words, and stands as it was. */
static void refused(const uint8_t *bytes, size_t n, int err, const char *words)
{
	static uint8_t before[FAKE_FILE_MAX];
	struct opened o;
	memcpy(before, bytes, n);
	fake_put(&disk, FILE_NAME, span_of(before, n));
	int files = fake_count(&disk);
	open_file(&o);
	CHECK_INT(o.r, err);
	if (strstr(o.report.text, words) == NULL || strstr(o.report.text, FILE_NAME) == NULL) {
		printf("# report: %s\n", o.report.text);
		CHECK(!"the report has the words and the file");
	}
	const struct fake_node *file = fake_file(&disk, FILE_NAME);
	CHECK(file != NULL && file->n == n && memcmp(file->bytes, before, n) == 0);
	CHECK_INT(fake_count(&disk), files);
	static const uint8_t zeros[32];
	CHECK(memcmp(o.seed.sign_key, zeros, 32) == 0 && memcmp(o.root.kek, zeros, 32) == 0);
}

TEST(every_kind_of_damage_is_told_apart)
{
	struct opened o;
	uint8_t good[KEYSET_FILE_SIZE], bad[2 * KEYSET_FILE_SIZE] = { 0 };
	fake_init(&disk);
	open_file(&o);
	const struct fake_node *file = fake_file(&disk, FILE_NAME);
	CHECK_INT(file->n, KEYSET_FILE_SIZE);
	memcpy(good, file->bytes, sizeof good);

	for (size_t n = 0; n < sizeof good; n++)
		refused(good, n, ERR_TRUNCATED, "cut short");
	refused(bad, KEYSET_FILE_SIZE, ERR_CHECKSUM, "torn");
	refused(bad, 1, ERR_CHECKSUM, "torn");
	memcpy(bad, good, sizeof good);
	refused(bad, sizeof good + 1, ERR_TRAILING, "longer");
	refused(bad, sizeof bad, ERR_TOO_LARGE, "longer");
	refused((const uint8_t *)"#!/bin/sh\n", 10, ERR_MALFORMED, "not a key file");
	/* A page of zeros from somewhere on, as a file system leaves it. */
	for (size_t n = 8; n < sizeof good; n++) {
		memcpy(bad, good, sizeof good);
		memset(bad + n, 0, sizeof good - n);
		refused(bad, sizeof good, ERR_CHECKSUM, "torn");
	}
	for (size_t i = 0; i < sizeof good; i++) {
		memcpy(bad, good, sizeof good);
		bad[i] ^= 0x40;
		if (i < 8)
			refused(bad, sizeof good, ERR_MALFORMED, "not a key file");
		else if (i < 10)
			refused(bad, sizeof good, ERR_BAD_VERSION, "another version");
		else
			refused(bad, sizeof good, ERR_CHECKSUM, "torn");
	}
	/* Another version's file may have any length. */
	memcpy(bad, good, sizeof good);
	bad[9] = 2;
	refused(bad, 20, ERR_BAD_VERSION, "another version");
	refused(bad, sizeof good + 1, ERR_BAD_VERSION, "another version");

	fake_put(&disk, FILE_NAME, span_of(good, sizeof good));
	open_file(&o);
	CHECK_INT(o.r, ERR_NONE);
	CHECK(!o.who.created);
}

/* A whole file whose signing key cannot be one. */
TEST(a_key_out_of_range_is_refused)
{
	struct keyset keys;
	uint8_t file[KEYSET_FILE_SIZE];
	struct wr w = wr_to(file, sizeof file);
	memset(&keys, 0xff, sizeof keys);
	keyset_write(&keys, &w);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(w.n, KEYSET_FILE_SIZE);
	fake_init(&disk);
	refused(file, sizeof file, ERR_RANGE, "signing key");
}

TEST(the_file_format_stays)
{
	struct keyset keys, back;
	uint8_t file[KEYSET_FILE_SIZE];
	struct wr w = wr_to(file, sizeof file);
	memset(keys.sign, 1, 32);
	memset(keys.seal, 2, 32);
	memset(keys.derive, 3, 32);
	keyset_write(&keys, &w);
	CHECK(hex_is(file, sizeof file,
		     "54414f4b45595300 0001 00000060"
		     "0101010101010101010101010101010101010101010101010101010101010101"
		     "0202020202020202020202020202020202020202020202020202020202020202"
		     "0303030303030303030303030303030303030303030303030303030303030303"
		     "f8348d31f4cce87189913a583ed2e84a293e9ff8caf476a53b7930c0b4efafeb"));
	CHECK_INT(keyset_read(&back, wr_span(&w)), ERR_NONE);
	CHECK(memcmp(&keys, &back, sizeof keys) == 0);
}

TEST(unsafe_modes_are_refused)
{
	struct opened o;
	fake_init(&disk);
	open_file(&o);
	fake_file(&disk, FILE_NAME)->bad_mode = true;
	open_file(&o);
	CHECK_INT(o.r, ERR_BAD_MODE);
	CHECK(strstr(o.report.text, "chmod 600") != NULL);
	CHECK_INT(fake_count(&disk), 2);
}

TEST(an_unreadable_disk_makes_no_new_key)
{
	struct opened o;
	fake_init(&disk);
	disk.fail_read = ERR_IO;
	open_file(&o);
	CHECK_INT(o.r, ERR_IO);
	CHECK(strstr(o.report.text, "No new key") != NULL);
	CHECK_INT(fake_count(&disk), 0);
}

TEST(paths_are_checked)
{
	struct opened o;
	char path[400];
	static const char *const bad[] = { "", "keys", "./keys", "/var/lib/tao/", "/" };
	fake_init(&disk);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct root_config config = { .file = bad[i] };
		open_with(&o, &config);
		CHECK_INT(o.r, ERR_RANGE);
		CHECK(strstr(o.report.text, "absolute path") != NULL);
	}
	const struct root_config none = { .file = NULL };
	open_with(&o, &none);
	CHECK_INT(o.r, ERR_RANGE);
	memset(path, 'a', sizeof path);
	for (size_t i = 0; i < sizeof path; i += 50)
		path[i] = '/';
	path[256] = '\0';
	const struct root_config config = { .file = path };
	open_with(&o, &config);
	CHECK_INT(o.r, ERR_TOO_LARGE);
	path[255] = '\0';
	open_with(&o, &config);
	CHECK_INT(o.r, ERR_NONE);
	/* Remedies stand at the end of a report and must not be cut by a long path. */
	fake_put(&disk, path, span_str("TAO"));
	open_with(&o, &config);
	CHECK_INT(o.r, ERR_TRUNCATED);
	CHECK(strstr(o.report.text, "(what was sealed is then lost)") != NULL);
	CHECK(strstr(o.report.text, "file ...") != NULL);
	const struct root_config top = { .file = "/keys" };
	open_with(&o, &top);
	CHECK_INT(o.r, ERR_NONE);
}

/* How many calls an opening makes on a disk as it is. */
static int calls_of_open(void)
{
	struct opened o;
	int before = disk.calls;
	open_file(&o);
	CHECK_INT(o.r, ERR_NONE);
	return disk.calls - before;
}

TEST(a_call_that_fails_is_reported_and_leaves_no_key)
{
	struct opened o;
	fake_init(&disk);
	/* The key file is written and synced; the counters are written, synced and renamed, and four directories synced;
	 * then the key file is renamed and the directories are synced once more. */
	int calls = calls_of_open();
	CHECK_INT(calls, 14);
	for (int call = 1; call <= calls; call++) {
		fake_init(&disk);
		disk.fail_at = call;
		disk.fail_with = call == 1 || call == 3 ? ERR_NO_SPACE : ERR_IO;
		open_file(&o);
		if ((call > 6 && call < 10) ||
		    call > 11) { /* directories above the file's own were there before, as far as we know */
			CHECK_INT(o.r, ERR_NONE);
			continue;
		}
		CHECK_INT(o.r, disk.fail_with);
		CHECK_INT(fake_count(&disk), 0);
		CHECK(strstr(o.report.text, FILE_NAME) != NULL);
		if (disk.fail_with == ERR_NO_SPACE)
			CHECK(strstr(o.report.text, "no space") != NULL);
		open_file(&o);
		CHECK_INT(o.r, ERR_NONE);
	}
	/* An existing file: sync, sync of directories. */
	for (int call = 1; call <= 2; call++) {
		struct opened before;
		open_file(&before);
		disk.calls = 0;
		disk.fail_at = call;
		disk.fail_with = ERR_IO;
		open_file(&o);
		CHECK_INT(o.r, ERR_IO);
		CHECK_INT(fake_count(&disk), 2);
		disk.fail_at = 0;
		open_file(&o);
		CHECK(same_keys(&before, &o));
	}
}

TEST(what_an_earlier_attempt_left_does_not_matter)
{
	struct opened a, b;
	fake_init(&disk);
	fake_put(&disk, FILE_NAME ".new", span_str("half a key file"));
	open_file(&a);
	CHECK_INT(a.r, ERR_NONE);
	CHECK(a.who.created);
	fake_put(&disk, FILE_NAME ".new", span_str("half a key file"));
	open_file(&b);
	CHECK_INT(b.r, ERR_NONE);
	CHECK(same_keys(&a, &b));
}

TEST(no_power_cut_loses_or_changes_a_key_or_a_counter)
{
	static struct course start;
	fake_init(&disk);
	const int calls = calls_of_open() + 5 + 4 + 4; /* the counters are read and written twice */
	fake_init(&disk);
	start.disk = disk;
	start.known.r = ERR_STATE;
	unsigned long n = follow(&start, calls, 2);
	printf("# %lu courses, %zu of them different\n", n, n_seen);
	CHECK(n > 1000 && n_seen > 20 && n_seen < sizeof seen / sizeof seen[0]);
}

int main(void)
{
	RUN(roots_are_found_by_name);
	RUN(the_first_boot_makes_keys_and_later_ones_keep_them);
	RUN(the_identity_is_that_of_the_signing_key);
	RUN(ephemeral_keys_touch_no_disk);
	RUN(every_kind_of_damage_is_told_apart);
	RUN(a_key_out_of_range_is_refused);
	RUN(the_file_format_stays);
	RUN(unsafe_modes_are_refused);
	RUN(an_unreadable_disk_makes_no_new_key);
	RUN(paths_are_checked);
	RUN(a_call_that_fails_is_reported_and_leaves_no_key);
	RUN(what_an_earlier_attempt_left_does_not_matter);
	RUN(no_power_cut_loses_or_changes_a_key_or_a_counter);
	return test_end();
}
