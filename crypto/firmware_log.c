/* SPDX-License-Identifier: MIT */
#include "firmware_log.h"

#define SPEC_ID "Spec ID Event03"
/* TCG_PCR_EVENT: PCR, type, SHA-1. */
#define FIRST_HEAD 28
/* UEFI_VARIABLE_DATA: GUID, length of the name in characters, length of the data. */
#define VARIABLE_HEAD 32
/* What is shorter is more likely chance than text: characters of one byte, of two. */
#define RUN_MIN 4
#define WIDE_MIN 2

static uint32_t rd_le(struct rd *r, unsigned n)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint32_t)rd_u8(r) << 8 * i;
	return v;
}

int firmware_open(struct firmware_reader *reader, struct span log)
{
	*reader = (struct firmware_reader){ .rd = rd_from(log) };
	struct rd *r = &reader->rd;
	(void)rd_bytes(r, FIRST_HEAD);
	struct rd head = rd_from(rd_bytes(r, rd_le(r, 4)));
	struct span signature = rd_bytes(&head, sizeof SPEC_ID);
	(void)rd_bytes(&head, 8); /* class, version, size of a UINTN */
	uint32_t n = rd_le(&head, 4);
	if (r->err != ERR_NONE || !span_equal(signature, span_of(SPEC_ID, sizeof SPEC_ID)) || n == 0 ||
	    n > FIRMWARE_ALGS_MAX)
		return ERR_MALFORMED;
	for (; reader->n_algs < n; reader->n_algs++) {
		reader->algs[reader->n_algs].id = (uint16_t)rd_le(&head, 2);
		reader->algs[reader->n_algs].size = (uint16_t)rd_le(&head, 2);
	}
	return head.err == ERR_NONE ? ERR_NONE : ERR_MALFORMED;
}

static uint16_t size_of(const struct firmware_reader *reader, uint16_t id)
{
	for (unsigned i = 0; i < reader->n_algs; i++)
		if (reader->algs[i].id == id)
			return reader->algs[i].size;
	return 0;
}

int firmware_next(struct firmware_reader *reader, struct firmware_event *event)
{
	struct rd *r = &reader->rd;
	if (r->err != ERR_NONE)
		return (int)r->err;
	if (r->n == 0)
		return 0;
	event->pcr = rd_le(r, 4);
	event->type = rd_le(r, 4);
	event->nth = ++reader->n;
	uint32_t n = rd_le(r, 4);
	if (n > FIRMWARE_ALGS_MAX)
		rd_fail(r, ERR_MALFORMED);
	struct span before = span_of(r->p, r->n);
	for (uint32_t i = 0; i < n && r->err == ERR_NONE; i++) {
		uint16_t size = size_of(reader, (uint16_t)rd_le(r, 2));
		if (size == 0)
			rd_fail(r, ERR_MALFORMED);
		(void)rd_bytes(r, size);
	}
	event->digests = span_of(before.p, before.n - r->n);
	event->data = rd_bytes(r, rd_le(r, 4));
	return r->err == ERR_NONE ? 1 : (int)r->err;
}

/* The next one of a PCR. */
static bool next_of(struct firmware_reader *reader, uint32_t pcr, struct firmware_event *event)
{
	int r;
	do
		r = firmware_next(reader, event);
	while (r > 0 && event->pcr != pcr);
	return r > 0;
}

int firmware_differs(struct span then, struct span now, uint32_t pcr, struct firmware_event *event)
{
	struct firmware_reader a, b;
	struct firmware_event was;
	if (firmware_open(&a, then) < 0 || firmware_open(&b, now) < 0)
		return 0;
	for (;;) {
		bool had = next_of(&a, pcr, &was), has = next_of(&b, pcr, event);
		if (!had && !has)
			return 0;
		if (had && has && was.type == event->type && span_equal(was.digests, event->digests))
			continue;
		if (!has)
			*event = was;
		return 1;
	}
}

static bool is_text(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* The longest run of text, of characters that are step bytes wide, little-endian. */
static struct span longest(struct span data, size_t step)
{
	struct span best = span_of(NULL, 0);
	for (size_t from = 0, n; from<data.n; from += n> 0 ? n : 1) {
		for (n = 0; from + n + step <= data.n; n += step)
			if (!is_text(data.p[from + n]) || (step == 2 && data.p[from + n + 1] != 0))
				break;
		if (n / step > best.n / step)
			best = span_of(data.p + from, n);
	}
	return best;
}

static bool is_variable(uint32_t type)
{
	return type == 0x80000001 || type == 0x80000002 || type == 0x8000000c || type == 0x800000e0;
}

void firmware_text(const struct firmware_event *event, struct wr *text)
{
	struct span data = event->data;
	if (is_variable(event->type)) {
		/* Without what stands in it, which is longer. */
		struct rd r = rd_from(data);
		(void)rd_bytes(&r, 16);
		uint32_t n = rd_le(&r, 4);
		(void)rd_bytes(&r, VARIABLE_HEAD - 20);
		struct span name = rd_bytes(&r, n <= UINT32_MAX / 2 ? 2 * (size_t)n : SIZE_MAX);
		if (r.err == ERR_NONE)
			data = name;
	}
	struct span narrow = longest(data, 1), wide = longest(data, 2);
	size_t step = wide.n / 2 > narrow.n ? 2 : 1;
	struct span best = step == 2 ? wide : narrow;
	if (best.n / step < (step == 2 ? WIDE_MIN : RUN_MIN))
		return;
	for (size_t i = 0; i < best.n && i < step * FIRMWARE_TEXT_MAX; i += step)
		wr_u8(text, best.p[i]);
}
