/* SPDX-License-Identifier: MIT */
/* link: crypto */
/* The firmware's event log: which event differs, and what it says of itself. */
#include "../../crypto/firmware_log.h"
#include "test.h"

static uint8_t memory[2][4096];

static void le(struct wr *w, uint32_t v, unsigned n)
{
	for (; n > 0; n--, v >>= 8)
		wr_u8(w, (uint8_t)v);
}

static struct wr begin(int which)
{
	struct wr w = wr_to(memory[which], sizeof memory[which]);
	le(&w, 0, 4);
	le(&w, 3, 4);
	for (int i = 0; i < 20; i++)
		wr_u8(&w, 0);
	le(&w, 16 + 8 + 4 + 4 + 1, 4);
	wr_bytes(&w, "Spec ID Event03", 16);
	wr_bytes(&w, "\0\0\0\0\0\2\0\2", 8);
	le(&w, 1, 4);
	le(&w, 0x000b, 2);
	le(&w, 32, 2);
	wr_u8(&w, 0);
	return w;
}

/* digest: what all bytes of it are. */
static void event(struct wr *w, uint32_t pcr, uint32_t type, uint8_t digest, const void *data, size_t n)
{
	le(w, pcr, 4);
	le(w, type, 4);
	le(w, 1, 4);
	le(w, 0x000b, 2);
	for (int i = 0; i < 32; i++)
		wr_u8(w, digest);
	le(w, (uint32_t)n, 4);
	wr_bytes(w, data, n);
}

static bool says(const struct firmware_event *e, const char *text)
{
	uint8_t room[FIRMWARE_TEXT_MAX];
	struct wr w = wr_to(room, sizeof room);
	firmware_text(e, &w);
	return span_equal(wr_span(&w), span_str(text));
}

static void test_texts(void)
{
	static const char variable[] = "0123456789abcdef\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0d\0b\0a long certificate";
	static const char path[] = "\1\2\3\\\0E\0F\0I\0\0\0";
	static const char lies[] = "0123456789abcdef\377\377\377\377\377\377\377\377";
	struct firmware_event e = { .type = 0x80000001, .data = span_of(variable, sizeof variable - 1) };
	CHECK(says(&e, "db"));
	e.type = 0xd;
	CHECK(says(&e, "a long certificate"));
	e.data = span_of(path, sizeof path - 1);
	CHECK(says(&e, "\\EFI"));
	e.data = span_of("\1\2abc\3", 6);
	CHECK(says(&e, ""));
	e.data = span_of(NULL, 0);
	CHECK(says(&e, ""));
	e = (struct firmware_event){ .type = 0x80000001, .data = span_of(lies, sizeof lies - 1) };
	CHECK(says(&e, "0123456789abcdef"));
}

static void test_differs(void)
{
	struct firmware_event e;
	struct wr a = begin(0), b = begin(1);
	event(&a, 7, 4, 1, "same", 4);
	event(&b, 7, 4, 1, "same", 4);
	event(&a, 9, 0xd, 2, "quiet", 5);
	event(&b, 9, 0xd, 3, "debug", 5);
	CHECK(firmware_differs(wr_span(&a), wr_span(&b), 7, &e) == 0);
	CHECK(firmware_differs(wr_span(&a), wr_span(&b), 9, &e) == 1);
	CHECK(e.nth == 2 && e.pcr == 9 && says(&e, "debug"));
	/* One more, one less. */
	event(&b, 7, 4, 1, "more", 4);
	CHECK(firmware_differs(wr_span(&a), wr_span(&b), 7, &e) == 1 && e.nth == 3 && says(&e, "more"));
	CHECK(firmware_differs(wr_span(&b), wr_span(&a), 7, &e) == 1 && e.nth == 3 && says(&e, "more"));
	/* As far as it can be read. */
	CHECK(firmware_differs(wr_span(&a), span_of(b.p, a.n - 1), 7, &e) == 0);
	CHECK(firmware_differs(wr_span(&a), span_of(b.p, 60), 9, &e) == 0);
	CHECK(firmware_differs(span_of(NULL, 0), wr_span(&a), 9, &e) == 0);
}

static void test_refused(void)
{
	struct firmware_reader reader;
	struct firmware_event e;
	struct wr a = begin(0);
	size_t head = a.n;
	CHECK(firmware_open(&reader, wr_span(&a)) == ERR_NONE);
	CHECK(firmware_next(&reader, &e) == 0);
	for (size_t n = 0; n < head - 1; n++)
		CHECK(firmware_open(&reader, span_of(a.p, n)) < 0);
	event(&a, 0, 1, 1, "x", 1);
	a.p[head + 8] = 9; /* digests */
	CHECK(firmware_open(&reader, wr_span(&a)) == ERR_NONE);
	CHECK(firmware_next(&reader, &e) == ERR_MALFORMED && firmware_next(&reader, &e) == ERR_MALFORMED);
	a.p[head + 8] = 1;
	a.p[head + 12] = 4; /* an algorithm that the header has not */
	CHECK(firmware_open(&reader, wr_span(&a)) == ERR_NONE);
	CHECK(firmware_next(&reader, &e) == ERR_MALFORMED);
	a.p[head + 12] = 0x0b;
	a.p[a.n - 2] = 1; /* the size */
	CHECK(firmware_open(&reader, wr_span(&a)) == ERR_NONE);
	CHECK(firmware_next(&reader, &e) < 0);
}

int main(void)
{
	RUN(test_texts);
	RUN(test_differs);
	RUN(test_refused);
	return test_end();
}
