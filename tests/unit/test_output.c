/* SPDX-License-Identifier: MIT */
/* link: init/output_line.c crypto/base.c */
/* Bytes become lines, once each, wherever a worker is killed; how many pass; what a ring keeps and shows. */
#include "../../init/manifest.h"
#include "../../init/output_line.h"
#include "test.h"

#define RING 16384U

static struct output_shared *shared;
static char got[65536];
static size_t got_n;

static void set_up(void)
{
	if (shared == NULL)
		shared = malloc(OUTPUT_RING_AT + RING);
	memset(shared, 0, OUTPUT_RING_AT + RING);
	got_n = 0;
}

static void come(const char *bytes, size_t n)
{
	char *at;
	size_t room = output_room(shared, OUTPUT_OUT, &at);
	CHECK(n <= room);
	memcpy(at, bytes, n);
	output_came(shared, OUTPUT_OUT, n);
}

static void take(bool cut)
{
	struct span line;
	while (output_line(shared, OUTPUT_OUT, cut, &line)) {
		memcpy(got + got_n, line.p, line.n);
		got_n += line.n;
		got[got_n++] = '|';
		output_done(shared, OUTPUT_OUT, line);
	}
	got[got_n] = '\0';
}

static void say(const char *text)
{
	come(text, strlen(text));
	take(false);
}

TEST(lines_in_pieces)
{
	set_up();
	say("one\ntwo\nthr");
	CHECK_STR(got, "one|two|");
	say("ee");
	say("\n\nfour\n");
	CHECK_STR(got, "one|two|three||four|");
	say("no end");
	take(true);
	take(true);
	CHECK_STR(got, "one|two|three||four|no end|");
}

TEST(long_lines_are_cut)
{
	static char bytes[4096];
	set_up();
	memset(bytes, 'x', sizeof bytes);
	/* 3 × 4096 and an end: none lost, none longer than may be. */
	for (int i = 0; i < 3; i++) {
		come(bytes, sizeof bytes);
		take(false);
	}
	say("\n");
	size_t x = 0, longest = 0, n = 0;
	for (size_t i = 0; i < got_n; i++) {
		n = got[i] == 'x' ? n + 1 : 0;
		x += got[i] == 'x';
		longest = n > longest ? n : longest;
	}
	CHECK_INT(x, 3 * sizeof bytes);
	CHECK_INT(longest, OUTPUT_LINE_MAX);
}

/* A line that ends just where it would be cut is one line. */
TEST(a_line_of_the_longest_kind)
{
	static char bytes[OUTPUT_LINE_MAX + 1];
	set_up();
	memset(bytes, 'x', OUTPUT_LINE_MAX);
	bytes[OUTPUT_LINE_MAX] = '\n';
	come(bytes, OUTPUT_LINE_MAX);
	take(false);
	CHECK_INT(got_n, 0);
	come(bytes + OUTPUT_LINE_MAX, 1);
	take(false);
	CHECK_INT(got_n, OUTPUT_LINE_MAX + 1);
}

/* Killed between any two steps, the next worker finds all that was read. */
TEST(what_a_killed_worker_has_read)
{
	char *at;
	set_up();
	say("begin");
	/* While it read: bytes are there that nobody counted. */
	output_room(shared, OUTPUT_OUT, &at);
	memcpy(at, "ning\nnext", 9);
	output_recover(shared, OUTPUT_OUT);
	take(false);
	CHECK_STR(got, "beginning|");
	/* While it waited to read: there are none. */
	output_room(shared, OUTPUT_OUT, &at);
	output_recover(shared, OUTPUT_OUT);
	take(false);
	say(" one\nlast\n");
	CHECK_STR(got, "beginning|next one|last|");
	/* Before a line was done with, it comes again. */
	struct span line;
	come("twice\n", 6);
	CHECK(output_line(shared, OUTPUT_OUT, false, &line));
	output_recover(shared, OUTPUT_OUT);
	take(false);
	CHECK_STR(got, "beginning|next one|last|twice|");
	/* A mark that cannot be is none. */
	shared->mark[OUTPUT_OUT] = 0x7fffffff;
	output_recover(shared, OUTPUT_OUT);
	say("new\n");
	CHECK_STR(got, "beginning|next one|last|twice|new|");
}

TEST(what_would_drive_a_terminal)
{
	char to[64];
	size_t n = output_clean(to, span_str("a\tb\033[31m\177\xc3\xa4\r"));
	CHECK_INT(n, 11);
	CHECK(memcmp(to, "a\tb?[31m?\xc3\xa4", n) == 0);
}

TEST(so_many_a_second)
{
	set_up();
	int passed = 0;
	for (int i = 0; i < 100; i++)
		passed += output_pass(shared, 5 * NS_PER_S + i, 10);
	CHECK_INT(passed, 10);
	CHECK_INT(shared->left_out, 90);
	CHECK(output_pass(shared, 6 * NS_PER_S + 5, 10));
	/* A clock that went back, and no limit. */
	CHECK(output_pass(shared, 1, 10));
	for (int i = 0; i < 100; i++)
		CHECK(output_pass(shared, 2, 0));
	CHECK_INT(shared->left_out, 90);
}

/* ---- the ring ---- */

static char shown[65536];

static uint64_t show(uint64_t position, int64_t since, uint32_t lines)
{
	static char bytes[RING];
	uint64_t from;
	output_window(shared->head, shared->head, RING, position, &from);
	size_t n = (size_t)(shared->head - from);
	for (size_t i = 0; i < n; i++)
		bytes[i] = shared->ring[(from + i) % RING];
	size_t at = output_select(bytes, n, from == position || from == 0, since, lines);
	CHECK(at <= n);
	memcpy(shown, bytes + at, n - at);
	shown[n - at] = '\0';
	return shared->head;
}

static void keep(int64_t time, const char *text)
{
	output_keep(shared, RING, time, OUTPUT_OUT, span_str(text));
}

TEST(the_ring_shows_lines)
{
	set_up();
	CHECK_INT(show(0, 0, 0), 0);
	CHECK_STR(shown, "");
	keep(16, "one");
	uint64_t position = show(0, 0, 0);
	CHECK_STR(shown, "0000000000000010oone\n");
	keep(255, "two");
	output_keep(shared, RING, 256, OUTPUT_ERR, span_str("three"));
	show(position, 0, 0);
	CHECK_STR(shown, "00000000000000ffotwo\n0000000000000100ethree\n");
	show(0, 0, 1);
	CHECK_STR(shown, "0000000000000100ethree\n");
	show(0, 0, 2);
	CHECK_STR(shown, "00000000000000ffotwo\n0000000000000100ethree\n");
	show(0, 256, 0);
	CHECK_STR(shown, "0000000000000100ethree\n");
	show(0, 257, 0);
	CHECK_STR(shown, "");
	show(0, 17, 9);
	CHECK_STR(shown, "00000000000000ffotwo\n0000000000000100ethree\n");
	show(shared->head + 1000, 0, 0); /* of another boot */
	CHECK_INT(strlen(shown), 21 + 21 + 23);
}

TEST(the_ring_turns_round)
{
	char text[64], want[96];
	set_up();
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof text, "line %d%.*s", i, i % 20, "....................");
		keep(i, text);
		show(0, 0, 0);
		CHECK(shown[0] == '0' && shown[16] == 'o' && strlen(shown) < RING);
		snprintf(want, sizeof want, "%016xo%s\n", (unsigned)i, text);
		CHECK(strlen(shown) >= strlen(want) && strcmp(shown + strlen(shown) - strlen(want), want) == 0);
	}
	CHECK(strlen(shown) > RING - OUTPUT_RECORD_MAX - 128);
}

/* The writer went on while it was read: what it may have written over is not shown; nor what cannot be. */
TEST(the_ring_under_a_writer)
{
	uint64_t from, begin;
	output_window(100000, 100000, RING, 0, &begin);
	output_window(100000, 100500, RING, 0, &from);
	CHECK_INT(from - begin, 500);
	output_window(100000, 200000, RING, 0, &from);
	CHECK_INT(from, 100000);
	output_window(100000, 5, RING, 0, &from);
	CHECK_INT(from, begin);
	output_window(UINT64_MAX, UINT64_MAX, RING, 0, &from);
	CHECK(UINT64_MAX - from == RING - OUTPUT_RECORD_MAX);
}

TEST(times)
{
	char text[TIME_TEXT_MAX];
	time_text(0, text);
	CHECK_STR(text, "1970-01-01T00:00:00.000Z");
	time_text(951782400 * NS_PER_S + 7 * NS_PER_MS, text);
	CHECK_STR(text, "2000-02-29T00:00:00.007Z");
	time_text(INT64_MAX, text);
	CHECK_STR(text, "2262-04-11T23:47:16.854Z");
}

int main(void)
{
	RUN(lines_in_pieces);
	RUN(long_lines_are_cut);
	RUN(a_line_of_the_longest_kind);
	RUN(what_a_killed_worker_has_read);
	RUN(what_would_drive_a_terminal);
	RUN(so_many_a_second);
	RUN(the_ring_shows_lines);
	RUN(the_ring_turns_round);
	RUN(the_ring_under_a_writer);
	RUN(times);
	return test_end();
}
