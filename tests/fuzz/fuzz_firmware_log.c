/* SPDX-License-Identifier: MIT
 * The reader of the firmware's event log. The input is two logs: a byte that says which part of it is the first, in
 * 256ths.
 * Invariants: no log differs from itself; what is found lies within the input; its text is printable and short. */
/* link: crypto bearssl */
#include <stdlib.h>

#include "../../crypto/firmware_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void look_at(const struct firmware_event *event, struct span within)
{
	uint8_t text[FIRMWARE_TEXT_MAX];
	struct wr w = wr_to(text, sizeof text);
	must(event->data.n <= within.n && event->digests.n <= within.n);
	firmware_text(event, &w);
	must(w.err == ERR_NONE);
	for (size_t i = 0; i < w.n; i++)
		must(text[i] >= 0x20 && text[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct firmware_reader reader;
	struct firmware_event event;
	if (size == 0)
		return 0;
	struct span all = span_of(input + 1, size - 1);
	size_t n = all.n * input[0] / 255;
	struct span a = span_of(all.p, n), b = span_of(all.p + n, all.n - n);
	uint32_t seen = 0;
	if (firmware_open(&reader, a) == ERR_NONE) {
		int r;
		while ((r = firmware_next(&reader, &event)) > 0) {
			must(event.nth == ++seen);
			look_at(&event, a);
		}
		must(r != 0 || reader.rd.n == 0);
		must(firmware_next(&reader, &event) == r);
	}
	for (uint32_t pcr = 0; pcr < 24; pcr++) {
		must(firmware_differs(a, a, pcr, &event) == 0);
		if (firmware_differs(a, b, pcr, &event) > 0) {
			must(event.pcr == pcr);
			look_at(&event, all);
		}
	}
	return 0;
}
