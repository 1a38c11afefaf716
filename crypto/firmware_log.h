/* SPDX-License-Identifier: MIT
 *
 * The firmware's event log, as the kernel has it in binary_bios_measurements: the TCG's crypto-agile format (PC Client
 * Platform Firmware Profile, section 10). Read only to say which event of a PCR is another than it was: what it says is
 * believed to be no more than a hint. Pure, bounded.
 */
#ifndef TAO_FIRMWARE_LOG_H
#define TAO_FIRMWARE_LOG_H

#include "base.h"

/* Hash algorithms of one log. */
#define FIRMWARE_ALGS_MAX 8
/* Of an event, for people. */
#define FIRMWARE_TEXT_MAX 80

struct firmware_event {
	uint32_t pcr, type, nth; /* nth: its place in the log, the header not counted */
	struct span digests;	 /* all of them, with their algorithms */
	struct span data;
};

struct firmware_reader {
	struct rd rd;
	uint32_t n;
	unsigned n_algs;
	struct {
		uint16_t id, size;
	} algs[FIRMWARE_ALGS_MAX];
};

/* ERR_MALFORMED: no such log. */
int firmware_open(struct firmware_reader *reader, struct span log);
/* 1: an event; 0: the end; ERR_TRUNCATED or ERR_MALFORMED: no more can be read. */
int firmware_next(struct firmware_reader *reader, struct firmware_event *event);

/* The first event of a PCR that is not the same in both logs: 1, and it as it is now (or was then, if there is none now).
 * 0: none differs, as far as the logs can be read. */
int firmware_differs(struct span then, struct span now, uint32_t pcr, struct firmware_event *event);
/* What stands in an event that people can read: a variable's name, a file's path, a command line. Printable ASCII, at
 * most FIRMWARE_TEXT_MAX bytes, maybe none. */
void firmware_text(const struct firmware_event *event, struct wr *text);

#endif
