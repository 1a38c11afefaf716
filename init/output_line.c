/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>

#include "manifest.h"
#include "output_line.h"

_Static_assert(offsetof(struct output_shared, ring) == OUTPUT_RING_AT, "whole pages");
_Static_assert(2 * OUTPUT_LINE_MAX < OUTPUT_STAGE, "the rest of a line can be moved");

/* ---- what was read ---- */

/* One store: a worker that is killed leaves the old mark or the new one. */
#define READING 0x80000000U
static void set_mark(struct output_shared *s, int stream, size_t from, size_t used, uint32_t reading)
{
	uint32_t mark = reading | (uint32_t)used << 15 | (uint32_t)from;
	__atomic_store_n(&s->mark[stream], mark, __ATOMIC_RELEASE);
}

static size_t from_of(const struct output_shared *s, int stream)
{
	return s->mark[stream] & 0x7fff;
}

static size_t used_of(const struct output_shared *s, int stream)
{
	return s->mark[stream] >> 15 & 0x7fff;
}

void output_recover(struct output_shared *s, int stream)
{
	size_t from = from_of(s, stream), used = used_of(s, stream), end = OUTPUT_STAGE;
	if (used > OUTPUT_STAGE || from > used)
		from = used = 0; /* cannot be */
	while ((s->mark[stream] & READING) != 0 && end > used && s->stage[stream][end - 1] == '\0')
		end--;
	set_mark(s, stream, from, (s->mark[stream] & READING) != 0 ? end : used, 0);
}

size_t output_room(struct output_shared *s, int stream, char **at)
{
	size_t from = from_of(s, stream), used = used_of(s, stream), n = used - from;
	if (n <= from) {
		/* The original stays until the mark is another one. */
		memcpy(s->stage[stream], s->stage[stream] + from, n);
		set_mark(s, stream, 0, used = n, 0);
	}
	*at = s->stage[stream] + used;
	n = OUTPUT_STAGE - used;
	memset(*at, 0, n);
	set_mark(s, stream, from_of(s, stream), used, READING);
	return n;
}

void output_came(struct output_shared *s, int stream, size_t n)
{
	set_mark(s, stream, from_of(s, stream), used_of(s, stream) + n, 0);
}

bool output_line(const struct output_shared *s, int stream, bool cut, struct span *line)
{
	const char *at = s->stage[stream] + from_of(s, stream);
	size_t n = used_of(s, stream) - from_of(s, stream);
	const char *end = n > 0 ? memchr(at, '\n', n) : NULL;
	size_t length = end != NULL ? (size_t)(end - at) : n;
	*line = span_of(at, length > OUTPUT_LINE_MAX ? OUTPUT_LINE_MAX : length);
	return end != NULL || length > OUTPUT_LINE_MAX || (cut && n > 0);
}

void output_done(struct output_shared *s, int stream, struct span line)
{
	size_t from = from_of(s, stream) + line.n, used = used_of(s, stream);
	if (from < used && s->stage[stream][from] == '\n')
		from++;
	set_mark(s, stream, from, used, 0);
}

size_t output_clean(char *to, struct span line)
{
	size_t n = line.n > 0 && line.p[line.n - 1] == '\r' ? line.n - 1 : line.n;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = line.p[i];
		to[i] = (c < ' ' && c != '\t') || c == 127 ? '?' : (char)c;
	}
	return n;
}

/* ---- how many pass ---- */

bool output_pass(struct output_shared *s, int64_t now, uint32_t rate)
{
	if (now - s->second >= NS_PER_S || now < s->second) {
		s->second = now;
		s->lines = 0;
	}
	if (rate == 0 || s->lines < rate) {
		s->lines++;
		return true;
	}
	if (s->left_out < UINT32_MAX)
		s->left_out++;
	return false;
}

/* ---- the ring ---- */

static void put(struct output_shared *s, uint32_t ring, uint64_t *head, const void *p, size_t n)
{
	size_t at = (size_t)(*head % ring), first = n < ring - at ? n : ring - at;
	memcpy(s->ring + at, p, first);
	memcpy(s->ring, (const char *)p + first, n - first);
	*head += n;
}

void output_keep(struct output_shared *s, uint32_t ring, int64_t time, int stream, struct span text)
{
	char prefix[OUTPUT_HEAD + 1];
	uint64_t head = s->head;
	snprintf(prefix, sizeof prefix, "%016llx%c", (unsigned long long)time, stream == OUTPUT_ERR ? 'e' : 'o');
	put(s, ring, &head, prefix, OUTPUT_HEAD);
	put(s, ring, &head, text.p, text.n);
	put(s, ring, &head, "\n", 1);
	__atomic_store_n(&s->head, head, __ATOMIC_RELEASE);
}

void output_window(uint64_t before, uint64_t after, uint32_t ring, uint64_t position, uint64_t *from)
{
	/* The line after the head may be being written, over the oldest ones. */
	uint64_t room = ring - OUTPUT_RECORD_MAX, newest = after > before ? after : before;
	uint64_t least = newest > room ? newest - room : 0;
	*from = position <= before && position > least ? position : least;
	if (*from > before)
		*from = before;
}

static int64_t time_of(const char *line, size_t n)
{
	struct rd r = rd_from(span_of(line, n));
	uint64_t time = 0;
	for (size_t i = 0; i < 16 && i < n; i++)
		time = time << 4 | rd_hex_digit(&r);
	return (int64_t)time;
}

size_t output_select(const char *bytes, size_t n, bool known, int64_t since, uint32_t lines)
{
	const char *end = !known && n > 0 ? memchr(bytes, '\n', n) : NULL;
	size_t at = known ? 0 : end != NULL ? (size_t)(end - bytes) + 1 : n, last = n;
	while (at < n && time_of(bytes + at, n - at) < since) {
		end = memchr(bytes + at, '\n', n - at);
		at = end != NULL ? (size_t)(end - bytes) + 1 : n;
	}
	/* Each time to the begin of the line that ends before last. */
	for (uint32_t k = 0; k < lines && last > at; k++) {
		last--;
		while (last > at && bytes[last - 1] != '\n')
			last--;
	}
	return lines > 0 ? last : at;
}

/* ---- time ---- */

/* Days since 1970 as a date: eras of 400 years that begin in March. */
void time_text(int64_t ns, char text[static TIME_TEXT_MAX])
{
	long long s = ns / NS_PER_S, z = s / 86400 + 719468, era = z / 146097, day = z % 146097;
	long long year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	long long m = (5 * day + 2) / 153, month = m < 10 ? m + 3 : m - 9;
	year += era * 400 + (month <= 2);
	snprintf(text, TIME_TEXT_MAX, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%03lldZ", year, month,
		 day - (153 * m + 2) / 5 + 1, s / 3600 % 24, s / 60 % 60, s % 60, ns / NS_PER_MS % 1000);
}
