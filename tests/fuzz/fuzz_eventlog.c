/* SPDX-License-Identifier: MIT
 * The event log's judge. The input is a log of PCR 15.
 * Invariants: a log judged against the value that it replays to is never a mismatch; a log that can be read can be
 * gone on with, and its records written again are the same bytes. */
/* link: crypto bearssl */
#include <stdlib.h>

#include "../../crypto/eventlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static uint8_t memory[1 << 20], copy[1 << 20];

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct eventlog log, again;
	struct eventlog_reader reader;
	struct eventlog_record record;
	struct eventlog_found found, second;
	uint8_t value[SHA256_SIZE] = { 0 };
	bool more = true;
	if (size > sizeof memory / 2)
		return 0;
	struct span bytes = span_of(input, size);
	const char *why = eventlog_judge(bytes, 15, NULL, value, &found);
	must(why != NULL); /* nobody knows what SHA-256 makes zero of */
	if (strcmp(why, "replay-mismatch") == 0) {
		why = eventlog_judge(bytes, 15, NULL, found.replayed, &second);
		must(why == NULL || strcmp(why, "replay-mismatch") != 0);
		must(memcmp(&found, &second, sizeof found) == 0);
	}
	memcpy(copy, input, size);
	int resumed = eventlog_resume(&again, copy, size, sizeof copy, 15, NULL);
	if (eventlog_open(&reader, bytes, 15) != NULL) {
		must(resumed < 0);
		return 0;
	}
	must(eventlog_begin(&log, memory, sizeof memory, 15, NULL) == ERR_NONE);
	while ((why = eventlog_next(&reader, &record, &more)) == NULL && more) {
		uint8_t digest[SHA256_SIZE];
		must(record.data.n <= size && eventlog_tag_name(record.tag) != NULL);
		if (eventlog_append(&log, record.tag, record.data, digest) < 0)
			return 0; /* after a FAULT */
		must(memcmp(digest, record.digest, sizeof digest) == 0);
	}
	must((why == NULL) == (resumed == ERR_NONE));
	if (why == NULL) {
		must(span_equal(wr_span(&log.out), bytes));
		must(again.n == log.n && memcmp(again.value, log.value, sizeof log.value) == 0);
	}
	return 0;
}
