/* SPDX-License-Identifier: MIT
 * A service's output, and what PID 1 reads of a ring that a worker of evil intent may have written. The first byte
 * chooses: the rest is cut into pieces as they come from a pipe, with workers killed between; or it is a ring.
 * Invariants: every byte comes back once and in order, but for those at which lines end; no line is too long; of a
 * ring nothing outside of what was copied is read. */
/* link: init/output_line.c crypto/base.c */
#include <stdlib.h>

#include "../../init/output_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static struct output_shared *shared;
static uint8_t come[1 << 15], gone[1 << 15];
static size_t come_n, gone_n;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void take(bool cut)
{
	struct span line;
	while (output_line(shared, 0, cut, &line)) {
		must(line.n <= OUTPUT_LINE_MAX && memchr(line.p, '\n', line.n) == NULL);
		memcpy(gone + gone_n, line.p, line.n);
		gone_n += line.n;
		output_done(shared, 0, line);
	}
}

static void stream(const uint8_t *input, size_t size)
{
	come_n = gone_n = 0;
	while (size >= 2) {
		bool killed = (input[0] & 1) != 0;
		size_t n = (size_t)(input[0] >> 1) * 64 + 1;
		char *at;
		size_t room = output_room(shared, 0, &at);
		must(room > 0);
		n = n < room ? n : room;
		/* Few bytes make many: each stands for a row of its kind. NUL at the end would not be seen. */
		uint8_t c = input[1] == 0 ? 'x' : input[1];
		if (come_n + n > sizeof come)
			break;
		memset(at, c, n);
		memset(come + come_n, c, n);
		come_n += c != '\n' ? n : 0;
		if (!killed)
			output_came(shared, 0, n);
		output_recover(shared, 0);
		take(false);
		input += 2;
		size -= 2;
	}
	take(true);
	must(gone_n == come_n && memcmp(gone, come, come_n) == 0);
}

static void ring(const uint8_t *input, size_t size)
{
	uint64_t before, after, position, begin, from;
	int64_t since;
	uint32_t lines;
	struct rd r = rd_from(span_of(input, size));
	before = rd_be64(&r);
	after = rd_be64(&r);
	position = rd_be64(&r);
	since = (int64_t)rd_be64(&r);
	lines = rd_be32(&r) % 100;
	output_window(before, before, 16384, position, &begin);
	output_window(before, after, 16384, position, &from);
	must(begin <= before && before - begin < 16384 && from >= begin && from <= before);
	char *copy = malloc(r.n + 1);
	memcpy(copy, r.p, r.n);
	size_t at = output_select(copy, r.n, (size & 1) != 0, since, lines);
	must(at <= r.n && (at == 0 || at == r.n || copy[at - 1] == '\n'));
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (shared == NULL)
		shared = malloc(OUTPUT_RING_AT + 16384);
	memset(shared, 0, OUTPUT_RING_AT + 16384);
	if (size == 0)
		return 0;
	if (input[0] == 's')
		stream(input + 1, size - 1);
	else
		ring(input + 1, size - 1);
	return 0;
}
