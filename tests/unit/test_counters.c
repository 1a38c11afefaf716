/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl nanopb tests/unit/fake_platform.c */
#include "../../crypto/counters_file.h"
#include "../../crypto/sha256.h"
#include "fake_platform.h"
#include "hex.h"
#include "test.h"

#define KEY_FILE "/var/lib/tao/keys"
#define FILE_NAME KEY_FILE ".counters"
#define RESET FILE_NAME ".reset"
/* As many as a file of the fake disk holds. */
#define CAP 64

static struct fake_disk disk;
static struct counter room[COUNTERS_MAX];
static uint8_t file_room[COUNTERS_SEALED_SIZE(COUNTERS_MAX) + 1];
static struct counter_store store;
static struct root root;
static struct root_report report;
static const uint8_t kek[32] = "the key of what this root stores";

/* ---- the table ---- */

static struct counters table;

static struct counter_question question(enum counter_op op, int program, int label, int64_t value)
{
	struct counter_question q = { .op = op, .value = value };
	memset(q.program, program, sizeof q.program);
	memset(q.label, label, sizeof q.label);
	q.label[31] = (uint8_t)(label >> 8);
	return q;
}

/* Its error, or its value. */
static int64_t ask(enum counter_op op, int program, int label, int64_t value)
{
	struct counter_question q = question(op, program, label, value);
	(void)counters_answer(&table, &q);
	CHECK(q.error == ERR_NONE || q.value == 0);
	return q.error != ERR_NONE ? q.error : q.value;
}

static void empty_table(uint32_t cap)
{
	table = (struct counters){ .cap = cap, .at = room };
}

TEST(a_counter_only_grows)
{
	empty_table(CAP);
	CHECK_INT(ask(COUNTER_GET, 1, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(ask(COUNTER_NEXT, 1, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(table.n, 0);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, -1), ERR_RANGE);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, INT64_MIN), ERR_RANGE);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 5), 5);
	CHECK_INT(ask(COUNTER_GET, 1, 1, 99), 5);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 4), ERR_LOWER);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 0), ERR_LOWER);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 5), 5);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 7), 7);
	CHECK_INT(ask(COUNTER_NEXT, 1, 1, 99), 8);
	CHECK_INT(ask(COUNTER_GET, 1, 1, 0), 8);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, INT64_MAX), INT64_MAX);
	CHECK_INT(ask(COUNTER_NEXT, 1, 1, 0), ERR_RANGE);
	CHECK_INT(ask(COUNTER_GET, 1, 1, 0), INT64_MAX);
	CHECK_INT(ask((enum counter_op)3, 1, 1, 0), ERR_UNSUPPORTED);
	CHECK_INT(table.n, 1);
	CHECK(strstr(err_text(ERR_LOWER), "lowered") != NULL);
}

TEST(programs_and_labels_do_not_meet)
{
	empty_table(CAP);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 10), 10);
	CHECK_INT(ask(COUNTER_GET, 1, 2, 0), ERR_NOT_FOUND);
	CHECK_INT(ask(COUNTER_GET, 2, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(ask(COUNTER_INIT, 2, 1, 0), 0);
	CHECK_INT(ask(COUNTER_INIT, 1, 2, 3), 3);
	CHECK_INT(ask(COUNTER_NEXT, 2, 1, 0), 1);
	CHECK_INT(ask(COUNTER_GET, 1, 1, 0), 10);
	CHECK_INT(ask(COUNTER_GET, 1, 2, 0), 3);
}

TEST(only_changes_are_changes)
{
	empty_table(CAP);
	static const struct {
		enum counter_op op;
		int64_t value;
		bool changes;
	} rows[] = {
		{ COUNTER_GET, 0, false },  { COUNTER_NEXT, 0, false }, { COUNTER_INIT, -1, false },
		{ COUNTER_INIT, 2, true },  { COUNTER_INIT, 2, false }, { COUNTER_INIT, 1, false },
		{ COUNTER_GET, 0, false },  { COUNTER_NEXT, 0, true },	{ COUNTER_INIT, 9, true },
		{ COUNTER_INIT, 0, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct counter_question q = question(rows[i].op, 1, 1, rows[i].value);
		CHECK_INT(counters_answer(&table, &q), rows[i].changes);
	}
}

TEST(quotas_hold)
{
	empty_table(COUNTERS_MAX);
	for (int i = 0; i < COUNTERS_PER_PROGRAM; i++)
		CHECK_INT(ask(COUNTER_INIT, 1, i, i), i);
	CHECK_INT(ask(COUNTER_INIT, 1, COUNTERS_PER_PROGRAM, 0), ERR_QUOTA);
	CHECK_INT(ask(COUNTER_INIT, 1, 3, 100), 100); /* what is there goes on */
	CHECK_INT(ask(COUNTER_NEXT, 1, 4, 0), 5);
	CHECK_INT(ask(COUNTER_INIT, 2, 0, 1), 1); /* others do not notice */
	empty_table(2);
	CHECK_INT(ask(COUNTER_INIT, 1, 1, 1), 1);
	CHECK_INT(ask(COUNTER_INIT, 2, 1, 1), 1);
	CHECK_INT(ask(COUNTER_INIT, 3, 1, 1), ERR_QUOTA);
	CHECK_INT(ask(COUNTER_NEXT, 2, 1, 0), 2);
}

/* ---- its sealed form ---- */

TEST(the_file_format_stays)
{
	static const uint8_t nonce[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	uint8_t file[COUNTERS_SEALED_SIZE(1)];
	struct wr w = wr_to(file, sizeof file);
	empty_table(CAP);
	CHECK_INT(ask(COUNTER_INIT, 1, 2, 258), 258);
	table.generation = 7;
	counters_seal(&table, kek, nonce, &w);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(w.n, sizeof file);
	/* By another implementation of HKDF and GCM. */
	CHECK(hex_is(file, sizeof file,
		     "54414f434e545253000100000074aa3ab9db63158f6b0102030405060708090a"
		     "0b0c2fff5df57378b7c050720d91b52a7697ae1f7ef9f0bb89849f24e1ba7185"
		     "f9cd001a505e411fb610cf51408ccb0aa7e5cbd58192b27287689f83f154355e"
		     "0b5c1b234a93f787a604088b6288602082cec6f14e14f09debf18a3e1c12af0a"
		     "0eb8"));
	memset(room, 0, sizeof room[0]);
	empty_table(CAP);
	CHECK_INT(counters_open(&table, kek, file, sizeof file), ERR_NONE);
	CHECK_INT(table.generation, 7);
	CHECK_INT(table.n, 1);
	CHECK_INT(ask(COUNTER_GET, 1, 2, 0), 258);
}

TEST(a_full_table_comes_back)
{
	static const uint8_t nonce[12];
	struct wr w = wr_to(file_room, sizeof file_room);
	empty_table(COUNTERS_MAX);
	for (int i = 0; i < COUNTERS_MAX; i++) {
		memset(&room[i], 0, sizeof room[i]);
		memcpy(room[i].program, &i, sizeof i);
		room[i].value = i;
	}
	table.n = COUNTERS_MAX;
	counters_seal(&table, kek, nonce, &w);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(w.n, sizeof file_room - 1);
	empty_table(COUNTERS_MAX);
	CHECK_INT(counters_open(&table, kek, file_room, w.n), ERR_NONE);
	CHECK_INT(table.n, COUNTERS_MAX);
	CHECK_INT(room[4095].value, 4095);
	/* Room for fewer is an error, not a part of it. */
	w = wr_to(file_room, sizeof file_room);
	counters_seal(&table, kek, nonce, &w);
	empty_table(CAP);
	CHECK_INT(counters_open(&table, kek, file_room, w.n), ERR_TOO_LARGE);
	CHECK_INT(table.n, 0);
}

/* ---- on the disk ---- */

/* A worker comes to life. */
static void resume_with(const uint8_t *key)
{
	const struct root_config config = { .file = KEY_FILE, .store = &store };
	store = (struct counter_store){ .table = { .cap = CAP, .at = room },
					.file = file_room,
					.file_cap = COUNTERS_SEALED_SIZE(CAP) + 1 };
	memset(room, 0xee, CAP * sizeof room[0]);
	CHECK_INT(root_soft.resume(&root, fake_platform(&disk), &config, key, &report), ERR_NONE);
}

static void resume(void)
{
	resume_with(kek);
}

static void fresh_disk(void)
{
	fake_init(&disk);
	resume();
	CHECK_INT(counters_file_create(&root, &report), ERR_NONE);
}

static int64_t ask_root(enum counter_op op, int program, int label, int64_t value)
{
	struct counter_question q = question(op, program, label, value);
	root_soft.counters(&root, &q, 1, &report);
	CHECK(memchr(report.text, '\0', sizeof report.text) != NULL);
	return q.error != ERR_NONE ? q.error : q.value;
}

TEST(counters_are_kept)
{
	fresh_disk();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_NOT_FOUND);
	CHECK_STR(report.text, "");
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 3), 3);
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 3);
	CHECK_INT(ask_root(COUNTER_NEXT, 1, 1, 0), 4);
	resume();
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 3), ERR_LOWER);
	CHECK_INT(ask_root(COUNTER_NEXT, 1, 1, 0), 5);
	CHECK_INT(fake_count(&disk), 1);
}

TEST(an_ephemeral_root_keeps_them_in_memory)
{
	const struct root_config config = { .ephemeral = true, .store = &store };
	struct tao_seed seed;
	struct root_identity who;
	uint8_t entropy[128];
	memset(entropy, 7, sizeof entropy);
	fake_init(&disk);
	resume();
	CHECK_INT(root_soft.open(&root, fake_platform(&disk), &config, entropy, &seed, &who, &report), ERR_NONE);
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 3), 3);
	CHECK_INT(ask_root(COUNTER_NEXT, 1, 1, 0), 4);
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 4);
	CHECK_INT(disk.calls, 0);
}

TEST(a_batch_is_one_write)
{
	struct counter_question q[4];
	fresh_disk();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_NOT_FOUND);
	int calls = disk.calls;
	q[0] = question(COUNTER_INIT, 1, 1, 5);
	q[1] = question(COUNTER_NEXT, 1, 1, 0);
	q[2] = question(COUNTER_GET, 2, 1, 0);
	q[3] = question(COUNTER_NEXT, 1, 1, 0);
	root_soft.counters(&root, q, 4, &report);
	CHECK_INT(disk.calls - calls, 4); /* write, sync, rename, sync of the directory */
	CHECK(q[0].value == 5 && q[1].value == 6 && q[3].value == 7);
	CHECK_INT(q[2].error, ERR_NOT_FOUND);
	calls = disk.calls;
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 7);
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 7), 7);
	CHECK_INT(disk.calls, calls);
}

/* Each call of a change that fails: an error for all of the batch, also for who only asked, and the counter stands
 * before or after it. */
TEST(what_could_not_be_written_was_not_answered)
{
	for (int call = 1; call <= 4; call++) {
		struct counter_question q[3];
		fresh_disk();
		CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 5), 5);
		q[0] = question(COUNTER_NEXT, 1, 1, 0);
		q[1] = question(COUNTER_GET, 1, 1, 0);
		q[2] = question(COUNTER_GET, 9, 9, 0);
		disk.calls = 0;
		disk.fail_at = call;
		disk.fail_with = call == 1 ? ERR_NO_SPACE : ERR_IO;
		root_soft.counters(&root, q, 3, &report);
		CHECK_INT(q[0].error, disk.fail_with);
		CHECK_INT(q[1].error, disk.fail_with);
		CHECK_INT(q[1].value, 0);
		CHECK_INT(q[2].error, ERR_NOT_FOUND);
		CHECK(strstr(report.text, FILE_NAME) != NULL);
		if (call == 1)
			CHECK(strstr(report.text, "no space") != NULL);
		CHECK_INT(fake_count(&disk), 1);
		disk.fail_at = 0;
		CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), call == 4 ? 6 : 5);
		CHECK_STR(report.text, "");
	}
}

/* The file as it is now is refused, with this error and these words, and stands as it was. */
static void refused(const uint8_t *bytes, size_t n, int err, const char *words)
{
	static uint8_t before[FAKE_FILE_MAX];
	memcpy(before, bytes, n);
	fake_put(&disk, FILE_NAME, span_of(before, n));
	resume();
	for (int again = 0; again < 2; again++) {
		CHECK_INT(ask_root(again ? COUNTER_INIT : COUNTER_GET, 1, 1, 100), err);
		if (strstr(report.text, words) == NULL || strstr(report.text, FILE_NAME) == NULL ||
		    strstr(report.text, "mode 600") == NULL) {
			printf("# report: %s\n", report.text);
			CHECK(!"the report has the words, the file and the remedy");
		}
	}
	const struct fake_node *node = fake_file(&disk, FILE_NAME);
	CHECK(node != NULL && node->n == n && memcmp(node->bytes, before, n) == 0);
}

TEST(every_kind_of_damage_is_told_apart)
{
	uint8_t good[COUNTERS_SEALED_SIZE(1)], bad[2 * COUNTERS_SEALED_SIZE(1)];
	fresh_disk();
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 5), 5);
	const struct fake_node *node = fake_file(&disk, FILE_NAME);
	CHECK_INT(node->n, sizeof good);
	memcpy(good, node->bytes, sizeof good);

	for (size_t n = 0; n < sizeof good; n++)
		refused(good, n, ERR_TRUNCATED, "cut short");
	memset(bad, 0, sizeof bad);
	refused(bad, sizeof good, ERR_CHECKSUM, "torn");
	refused(bad, 1, ERR_CHECKSUM, "torn");
	memcpy(bad, good, sizeof good);
	refused(bad, sizeof good + 1, ERR_TRAILING, "longer");
	refused((const uint8_t *)"#!/bin/sh\n", 10, ERR_MALFORMED, "not a counters file");
	static uint8_t huge[FAKE_FILE_MAX];
	memset(huge, 'T', sizeof huge);
	refused(huge, sizeof huge, ERR_TOO_LARGE, "longer");
	for (size_t n = 14; n < sizeof good; n++) {
		memcpy(bad, good, sizeof good);
		memset(bad + n, 0, sizeof good - n);
		if (n < 22)
			refused(bad, sizeof good, ERR_BAD_SEAL, "another key file's");
		else
			refused(bad, sizeof good, ERR_CHECKSUM, "torn");
	}
	for (size_t i = 0; i < sizeof good; i++) {
		memcpy(bad, good, sizeof good);
		bad[i] ^= 0x40;
		if (i < 8)
			refused(bad, sizeof good, ERR_MALFORMED, "not a counters file");
		else if (i < 10)
			refused(bad, sizeof good, ERR_BAD_VERSION, "another version");
		else if (i < 13)
			refused(bad, sizeof good, ERR_TRUNCATED, "cut short");
		else if (i == 13)
			refused(bad, sizeof good, (good[13] & 0x40) != 0 ? ERR_TRAILING : ERR_TRUNCATED,
				(good[13] & 0x40) != 0 ? "longer" : "cut short");
		else if (i < 22)
			refused(bad, sizeof good, ERR_BAD_SEAL, "another key file's");
		else
			refused(bad, sizeof good, ERR_CHECKSUM, "torn");
	}
	fake_put(&disk, FILE_NAME, span_of(good, sizeof good));
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 5);
	/* Another host's. */
	uint8_t other[32] = "another key";
	resume_with(other);
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_BAD_SEAL);
	/* Once read they stay: the disk may change under us, but we do not go back. */
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 5);
	fake_file(&disk, FILE_NAME)->bad_mode = true;
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 5);
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_BAD_MODE);
	CHECK(strstr(report.text, "chmod 600") != NULL);
	resume();
	disk.fail_read = ERR_IO;
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_IO);
	CHECK(strstr(report.text, "could not be read") != NULL);
}

TEST(a_lost_file_is_never_a_fresh_start)
{
	fake_init(&disk);
	resume();
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 5), ERR_LOST);
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_LOST);
	CHECK(strstr(report.text, "gone, though its key file is here") != NULL);
	CHECK_INT(fake_count(&disk), 0);
}

TEST(only_an_order_gives_lost_counters_up)
{
	fresh_disk();
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 5), 5);
	/* With a table that can be used the order has no effect but its removal. */
	fake_put(&disk, RESET, span_of(NULL, 0));
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 5);
	CHECK_STR(report.text, "");
	CHECK(fake_file(&disk, RESET) == NULL);
	/* Without the right mode it is none. */
	fake_put(&disk, FILE_NAME, span_str("TAO"));
	fake_put(&disk, RESET, span_of(NULL, 0));
	fake_file(&disk, RESET)->bad_mode = true;
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_TRUNCATED);
	fake_file(&disk, RESET)->bad_mode = false;
	/* The worker that has found the loss sees the order, too. */
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_NOT_FOUND);
	CHECK(strstr(report.text, "as was asked") != NULL);
	CHECK(fake_file(&disk, RESET) == NULL);
	CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 2), 2);
	CHECK_STR(report.text, "");
	resume();
	CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), 2);
	/* An order that cannot be removed would stand for ever: seven calls make the table, five see that it stays, then it
	 * goes. */
	for (int call = 13; call <= 14; call++) {
		fake_put(&disk, FILE_NAME, span_str("TAO"));
		fake_put(&disk, RESET, span_of(NULL, 0));
		resume();
		disk.calls = 0;
		disk.fail_at = call;
		disk.fail_with = ERR_IO;
		CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_IO);
		CHECK(strstr(report.text, "remove it") != NULL);
	}
}

/* ---- power cuts ---- */

/* One course of events: lives of the worker, what was answered to whom, and the disk. Label 1 is begun and counted
 * in every life, label 2 is only counted in the same batch, label 3 is there from the start. */
struct course {
	unsigned char lives;
	bool reset;	    /* somebody has given the counters up, and nothing has been answered since */
	int64_t heard[4];   /* the last answer; -1: none yet */
	int64_t counted[4]; /* no counter can stand above that */
	struct fake_disk disk;
};

static uint8_t seen[4096][SHA256_SIZE];
static size_t n_seen;

static bool seen_before(const struct course *course)
{
	struct sha256 hash;
	uint8_t digest[SHA256_SIZE];
	fake_digest(&course->disk, digest);
	sha256_init(&hash, sha256_bearssl());
	sha256_update(&hash, span_of(digest, sizeof digest));
	sha256_update(&hash, span_of(&course->lives, 1));
	sha256_update(&hash, span_of(course->heard, sizeof course->heard));
	sha256_update(&hash, span_of(course->counted, sizeof course->counted));
	sha256_out(&hash, digest);
	for (size_t i = 0; i < n_seen; i++) {
		if (memcmp(seen[i], digest, sizeof digest) == 0)
			return true;
	}
	if (n_seen == sizeof seen / sizeof seen[0]) {
		CHECK(!"room for all courses");
		return true;
	}
	memcpy(seen[n_seen++], digest, sizeof digest);
	return false;
}

/* An answer that somebody has heard: the counter was never seen higher, nor can it be higher than was asked for. */
static void hear(struct course *course, int label, const struct counter_question *q)
{
	if (q->error == ERR_NOT_FOUND) {
		CHECK_INT(course->heard[label], -1);
		return;
	}
	if (q->error == ERR_LOWER) { /* an INIT; the counter stands higher */
		CHECK(course->counted[label] > 5);
		return;
	}
	CHECK_INT(q->error, ERR_NONE);
	CHECK(q->value >= course->heard[label] + (q->op == COUNTER_NEXT ? 1 : 0));
	CHECK(q->value <= course->counted[label]);
	course->heard[label] = q->value;
}

static void say(struct course *course, const int *labels, struct counter_question *q, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t *most = &course->counted[labels[i]];
		if (q[i].op == COUNTER_INIT && *most < q[i].value)
			*most = q[i].value;
		if (q[i].op == COUNTER_NEXT && *most >= 0)
			++*most;
	}
	root_soft.counters(&root, q, n, &report);
	/* Who was in a call when the power failed has answered nobody. */
	for (size_t i = 0; i < n && !disk.off; i++)
		hear(course, labels[i], &q[i]);
	if (test_bad)
		printf("# report: %s\n", report.text);
}

static void live(struct course *course, int cut, int fate_number)
{
	static const int labels[] = { 1, 2, 3, 1 };
	struct fake_fate fate = fake_fate(fate_number);
	struct counter_question q[4];
	disk = course->disk;
	disk.platform.ctx = &disk;
	disk.cut_at = cut == 0 ? 0 : disk.calls + cut;
	disk.random = 16u * ++course->lives; /* so that courses can be alike */
	resume();
	for (int label = 1; label <= 3; label++)
		q[label - 1] = question(COUNTER_GET, 1, label, 0);
	say(course, labels, q, 3);
	q[0] = question(COUNTER_INIT, 1, 1, 5);
	q[1] = question(COUNTER_INIT, 1, 2, 5);
	say(course, labels, q, 2);
	q[0] = question(COUNTER_NEXT, 1, 1, 0);
	q[1] = question(COUNTER_NEXT, 1, 2, 0);
	q[2] = question(COUNTER_NEXT, 1, 3, 0);
	q[3] = question(COUNTER_GET, 1, 1, 0);
	say(course, labels, q, 4);
	fake_restart(&disk, &fate);
	course->disk = disk;
}

static unsigned long follow(const struct course *from, int calls, int cuts)
{
	static struct course courses[3];
	struct course *course = &courses[cuts];
	unsigned long n = 0;
	if (cuts == 0) {
		*course = *from;
		live(course, 0, 0); /* loses all that may be lost … */
		live(course, 0, 0); /* … and this must not show */
		return 1;
	}
	for (int cut = 0; cut <= calls && !test_bad; cut++) {
		for (int fate = 0; fate < FAKE_FATES && !test_bad; fate++) {
			*course = *from;
			live(course, cut, fate);
			n += seen_before(course) ? 1 : follow(course, calls, cuts - 1);
			if (test_bad)
				printf("# cut %d with fate %d, %d cuts to go\n", cut, fate, cuts - 1);
		}
	}
	return n;
}

static struct course start;

TEST(no_power_cut_loses_or_lowers_a_counter)
{
	fresh_disk();
	CHECK_INT(ask_root(COUNTER_INIT, 1, 3, 40), 40);
	start = (struct course){ .heard = { -1, -1, -1, 40 }, .counted = { -1, -1, -1, 40 }, .disk = disk };
	static struct course once;
	once = start;
	once.disk.calls = 0;
	live(&once, 0, FAKE_FATES - 1);
	const int calls = 13; /* five when the table is read, four a change */
	n_seen = 0;
	unsigned long n = follow(&start, calls, 2);
	printf("# %lu courses, %zu of them different\n", n, n_seen);
	CHECK(n > 5000 && n_seen > 100);
}

/* The order to give up is obeyed once: whatever is cut, what was answered after it is kept, and a later loss is one. */
TEST(no_power_cut_makes_an_order_last)
{
	for (int cut = 0; cut <= 17 && !test_bad; cut++) {
		for (int number = 0; number < FAKE_FATES && !test_bad; number++) {
			struct fake_fate fate = fake_fate(number);
			fresh_disk();
			CHECK_INT(ask_root(COUNTER_INIT, 1, 1, 5), 5);
			fake_put(&disk, FILE_NAME, span_str("torn"));
			fake_put(&disk, RESET, span_of(NULL, 0));
			disk.calls = 0;
			disk.cut_at = cut;
			resume();
			int64_t r = ask_root(COUNTER_INIT, 1, 1, 2);
			bool answered = !disk.off;
			CHECK(!answered || r == 2);
			fake_restart(&disk, &fate);
			resume();
			r = ask_root(COUNTER_GET, 1, 1, 0);
			CHECK(answered ? r == 2 : r == 2 || r == ERR_NOT_FOUND);
			/* Now the file is lost for good. */
			fate = fake_fate(0);
			fake_restart(&disk, &fate);
			fake_put(&disk, FILE_NAME, span_str("TAOCN"));
			resume();
			CHECK_INT(ask_root(COUNTER_GET, 1, 1, 0), ERR_TRUNCATED);
			if (test_bad)
				printf("# cut %d with fate %d: %s\n", cut, number, report.text);
		}
	}
}

int main(void)
{
	RUN(a_counter_only_grows);
	RUN(programs_and_labels_do_not_meet);
	RUN(only_changes_are_changes);
	RUN(quotas_hold);
	RUN(the_file_format_stays);
	RUN(a_full_table_comes_back);
	RUN(counters_are_kept);
	RUN(an_ephemeral_root_keeps_them_in_memory);
	RUN(a_batch_is_one_write);
	RUN(what_could_not_be_written_was_not_answered);
	RUN(every_kind_of_damage_is_told_apart);
	RUN(a_lost_file_is_never_a_fresh_start);
	RUN(only_an_order_gives_lost_counters_up);
	RUN(no_power_cut_loses_or_lowers_a_counter);
	RUN(no_power_cut_makes_an_order_last);
	return test_end();
}
