/* SPDX-License-Identifier: MIT
 *
 * Services' output, the pure part: what PID 1 and the output worker share of one service, how bytes become lines, how
 * many of them pass, and how lines are kept. No system calls.
 *
 * Nothing that was read is lost with the worker: it reads straight into this memory, says so before (reading), and
 * what came past the mark stands in bytes that were zero. A line is done with when it has been handed on, so that
 * one that was being handed on may come twice.
 */
#ifndef TAO_OUTPUT_LINE_H
#define TAO_OUTPUT_LINE_H

#include "../crypto/base.h"

enum { OUTPUT_OUT, OUTPUT_ERR, OUTPUT_STREAMS };

/* Two streams and the head make four pages. */
#define OUTPUT_STAGE 8160
/* A longer line is cut. Less than half of a stage: the rest of one then never overlaps the place that it moves to. */
#define OUTPUT_LINE_MAX 4000
/* What stands before a line in the ring: ns since 1970 as hexadecimal digits, and o or e. */
#define OUTPUT_HEAD 17
#define OUTPUT_RECORD_MAX (OUTPUT_HEAD + OUTPUT_LINE_MAX + 1)
#define OUTPUT_RING_AT 16384

struct output_shared {
	uint64_t head;		       /* bytes that were ever put into the ring */
	int64_t second;		       /* what is counted in lines belongs to this one, CLOCK_MONOTONIC ns */
	uint32_t lines;		       /* in it */
	uint32_t left_out;	       /* lines, since the last that was told */
	uint32_t mark[OUTPUT_STREAMS]; /* from, used, reading */
	uint32_t spare[8];
	char stage[OUTPUT_STREAMS][OUTPUT_STAGE];
	char ring[];
};

/* Of a new worker: what the one before had read counts as read. */
void output_recover(struct output_shared *shared, int stream);
/* Where to read to, and how many bytes, at least one; then how many have come. */
size_t output_room(struct output_shared *shared, int stream, char **at);
void output_came(struct output_shared *shared, int stream, size_t n);
/* The next line, without its end. cut: what has no end yet, too. It may be handed on when control characters have
 * been replaced; then it is done with. */
bool output_line(const struct output_shared *shared, int stream, bool cut, struct span *line);
void output_done(struct output_shared *shared, int stream, struct span line);
/* Control characters, but tabs, become ?: what a service says cannot forge a line or drive a terminal. A CR at the end
 * goes. Returns the length. */
size_t output_clean(char *to, struct span line);

/* May one more line pass in this second? Else it is counted. rate 0: any number. */
bool output_pass(struct output_shared *shared, int64_t now, uint32_t rate);

void output_keep(struct output_shared *shared, uint32_t ring, int64_t time, int stream, struct span text);

/* What of the ring may be read, by who is not its writer: its head was `before`, then the bytes were copied, then it was
 * `after`. [*from, before) is whole; *from not before position. */
void output_window(uint64_t before, uint64_t after, uint32_t ring, uint64_t position, uint64_t *from);
/* Of such bytes: from where on they are whole lines, not older than since, and at most so many (0: all). known: they
 * begin with a whole line. */
size_t output_select(const char *bytes, size_t n, bool known, int64_t since, uint32_t lines);

#define TIME_TEXT_MAX 40
/* ns since 1970 as 2026-11-26T15:28:01.123Z. */
void time_text(int64_t ns, char text[static TIME_TEXT_MAX]);

#endif
