/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl */
#include "../../crypto/eventlog.h"
#include "hex.h"
#include "test.h"

static uint8_t memory[1 << 20], copy[1 << 20];
static struct eventlog log_;
static struct eventlog_found found;
static uint8_t digest[SHA256_SIZE];

static const uint8_t guard[] = { 0x11, 0x01, 0x12, 0x05, 'A', 'l', 'l', 'o', 'w', 0x00 };
static const char manifest[] = "{ \"version\": 1 }\n";

static int append(enum eventlog_tag tag, const char *data)
{
	return eventlog_append(&log_, tag, span_str(data), digest);
}

/* What each boot begins with. */
static void boot(const uint8_t *base, size_t size)
{
	uint8_t sum[SHA256_SIZE];
	sha256_of(sha256_bearssl(), span_str(manifest), sum);
	CHECK_INT(eventlog_begin(&log_, memory, size, 14, base), ERR_NONE);
	CHECK_INT(append(EVENTLOG_START, EVENTLOG_START_DATA), ERR_NONE);
	CHECK_INT(eventlog_append(&log_, EVENTLOG_MANIFEST, span_of(sum, sizeof sum), digest), ERR_NONE);
	CHECK_INT(eventlog_append(&log_, EVENTLOG_GUARD, span_of(guard, sizeof guard), digest), ERR_NONE);
	CHECK_INT(append(EVENTLOG_READY, ""), ERR_NONE);
}

static const char *judge(const uint8_t *base)
{
	const char *why = eventlog_judge(wr_span(&log_.out), 14, base, log_.value, &found);
	return why == NULL ? "good" : why;
}

TEST(what_is_written_is_judged_good_and_as_predicted)
{
	uint8_t sealed[SHA256_SIZE], ready[SHA256_SIZE], base[SHA256_SIZE] = { 7 };
	for (int i = 0; i < 2; i++) {
		const uint8_t *from = i == 0 ? NULL : base;
		boot(from, sizeof memory);
		CHECK_INT(append(EVENTLOG_POLICY, "policy"), ERR_NONE);
		CHECK_INT(append(EVENTLOG_LAUNCH, "one"), ERR_NONE);
		CHECK_INT(append(EVENTLOG_ROOT, "root"), ERR_NONE);
		CHECK_INT(append(EVENTLOG_LAUNCH, "two"), ERR_NONE);
		CHECK_INT(append(EVENTLOG_POLICY, "policy"), ERR_NONE); /* may come again */
		CHECK_STR(judge(from), "good");
		CHECK_INT(found.n, 9);
		uint8_t sum[SHA256_SIZE];
		sha256_of(sha256_bearssl(), span_str(manifest), sum);
		eventlog_predict(from, sum, span_of(guard, sizeof guard), sealed, ready);
		CHECK(memcmp(sealed, found.sealed, sizeof sealed) == 0);
		CHECK(memcmp(ready, found.ready, sizeof ready) == 0);
		CHECK_STR(judge(i == 0 ? base : NULL), "replay-mismatch");
	}
}

TEST(every_byte_counts)
{
	boot(NULL, sizeof memory);
	CHECK_INT(append(EVENTLOG_LAUNCH, "one"), ERR_NONE);
	for (size_t i = 0; i < log_.out.n; i++) {
		memory[i] ^= 0x20;
		CHECK(strcmp(judge(NULL), "good") != 0);
		memory[i] ^= 0x20;
	}
	for (size_t n = 0; n < log_.out.n; n++)
		CHECK(eventlog_judge(span_of(memory, n), 14, NULL, log_.value, &found) != NULL);
	CHECK_STR(eventlog_judge(wr_span(&log_.out), 15, NULL, log_.value, &found), "wrong-pcr");
	CHECK_STR(judge(NULL), "good");
}

TEST(order_is_kept)
{
	boot(NULL, sizeof memory);
	CHECK_INT(append(EVENTLOG_READY, ""), ERR_NONE);
	CHECK_STR(judge(NULL), "bad-order");
	boot(NULL, sizeof memory);
	CHECK_INT(append(EVENTLOG_MANIFEST, "another"), ERR_NONE);
	CHECK_STR(judge(NULL), "bad-order");
	boot(NULL, sizeof memory);
	CHECK_INT(append(EVENTLOG_LAUNCH, "one"), ERR_NONE);
	CHECK_INT(append(EVENTLOG_LAUNCH, "two"), ERR_NONE);
	CHECK_INT(append(EVENTLOG_LAUNCH, "one"), ERR_NONE);
	CHECK_STR(judge(NULL), "duplicate");
	CHECK_INT(eventlog_begin(&log_, memory, sizeof memory, 14, NULL), ERR_NONE);
	CHECK_INT(append(EVENTLOG_START, EVENTLOG_START_DATA), ERR_NONE);
	CHECK_STR(judge(NULL), "bad-order");
}

TEST(a_full_log_says_so_and_ends)
{
	char name[32];
	boot(NULL, sizeof memory);
	while (log_.n < EVENTLOG_RECORDS_MAX) {
		snprintf(name, sizeof name, "program %u", (unsigned)log_.n);
		CHECK_INT(append(EVENTLOG_LAUNCH, name), ERR_NONE);
	}
	CHECK_STR(judge(NULL), "good");
	CHECK_INT(append(EVENTLOG_LAUNCH, "one more"), ERR_NO_SPACE);
	CHECK_INT(log_.n, EVENTLOG_RECORDS_MAX + 1);
	CHECK_STR(judge(NULL), "fault");
	CHECK_INT(append(EVENTLOG_LAUNCH, "one more"), ERR_STATE);
	CHECK_INT(append(EVENTLOG_FAULT, "again"), ERR_STATE);
	CHECK_INT(log_.n, EVENTLOG_RECORDS_MAX + 1);
}

TEST(memory_that_is_full_is_a_full_log)
{
	for (size_t size = 0; size < 1000; size++) {
		memset(memory + size, 0x5a, 64);
		if (eventlog_begin(&log_, memory, size, 14, NULL) < 0) {
			CHECK(size < EVENTLOG_SIZE_MIN);
			continue;
		}
		int r = ERR_NONE;
		for (int i = 0; r == ERR_NONE && i < 100; i++)
			r = append(EVENTLOG_LAUNCH, "a program");
		CHECK_INT(r, ERR_NO_SPACE);
		CHECK_INT(log_.out.err, ERR_NONE);
		CHECK(log_.full && log_.out.n <= size);
		CHECK_STR(judge(NULL), "bad-order"); /* but whole */
		for (size_t i = 0; i < 64; i++)
			CHECK_INT(memory[size + i], 0x5a);
	}
}

TEST(a_log_is_gone_on_with)
{
	struct eventlog again;
	boot(NULL, sizeof memory);
	CHECK_INT(append(EVENTLOG_LAUNCH, "one"), ERR_NONE);
	memcpy(copy, memory, log_.out.n);
	CHECK_INT(eventlog_resume(&again, copy, log_.out.n, sizeof copy, 14, NULL), ERR_NONE);
	CHECK_INT(again.n, log_.n);
	CHECK(!again.full && memcmp(again.value, log_.value, sizeof again.value) == 0);
	CHECK_INT(eventlog_append(&again, EVENTLOG_LAUNCH, span_str("two"), digest), ERR_NONE);
	CHECK_INT(append(EVENTLOG_LAUNCH, "two"), ERR_NONE);
	CHECK(span_equal(wr_span(&again.out), wr_span(&log_.out)));
	CHECK_INT(eventlog_resume(&again, copy, log_.out.n - 1, sizeof copy, 14, NULL), ERR_MALFORMED);
	CHECK_INT(eventlog_resume(&again, copy, log_.out.n, log_.out.n, 14, NULL), ERR_MALFORMED);
	CHECK_INT(append(EVENTLOG_FAULT, "lost"), ERR_NONE);
	memcpy(copy, memory, log_.out.n);
	CHECK_INT(eventlog_resume(&again, copy, log_.out.n, sizeof copy, 14, NULL), ERR_NONE);
	CHECK(again.full);
}

TEST(tags_have_names)
{
	CHECK_STR(eventlog_tag_name(EVENTLOG_START), "START");
	CHECK_STR(eventlog_tag_name(0x54414f07), "ROOT");
	CHECK(eventlog_tag_name(0x54414f08) == NULL && eventlog_tag_name(0) == NULL);
}

int main(void)
{
	RUN(what_is_written_is_judged_good_and_as_predicted);
	RUN(every_byte_counts);
	RUN(order_is_kept);
	RUN(a_full_log_says_so_and_ends);
	RUN(memory_that_is_full_is_a_full_log);
	RUN(a_log_is_gone_on_with);
	RUN(tags_have_names);
	return test_end();
}
