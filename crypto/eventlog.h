/* SPDX-License-Identifier: MIT
 *
 * The log of what was measured into our PCR, in the TCG's crypto-agile format (TPM.md, section 3): a header of 65
 * bytes, then one TCG_PCR_EVENT2 a record, of type EV_EVENT_TAG with one SHA-256 digest. Integers are little-endian.
 * The digest of a record is that of its whole event field (tag, size, data): no description can differ from what was
 * measured.
 *
 *	eventlog_begin(&log, memory, size, pcr, NULL);
 *	eventlog_append(&log, EVENTLOG_START, span_str(EVENTLOG_START_DATA), digest);   then extend the PCR by digest
 *	eventlog_judge(log, 15, NULL, value_of_the_pcr, &found)                         somebody else's, whole
 *
 * Pure, bounded.
 */
#ifndef TAO_EVENTLOG_H
#define TAO_EVENTLOG_H

#include "sha256.h"

#define EVENTLOG_HEADER_SIZE 65
/* PCR, type, number of digests, algorithm, digest, size; then of the event: tag, size. */
#define EVENTLOG_RECORD_OVERHEAD 58
/* A machine that starts more different programs in one boot than this is not judged record by record. */
#define EVENTLOG_RECORDS_MAX 4096
/* The last record says that there are more. */
#define EVENTLOG_FULL_DATA "log full"
/* Header, and the FAULT that must always find room. */
#define EVENTLOG_SIZE_MIN (EVENTLOG_HEADER_SIZE + EVENTLOG_RECORD_OVERHEAD + sizeof EVENTLOG_FULL_DATA - 1)
/* Data of START: what speaks, and the version of these rules. */
#define EVENTLOG_START_DATA "taoinit 1"

enum eventlog_tag {
#define EVENTLOG_TAG(name, value) EVENTLOG_##name = (value),
#include "eventlog.def"
#undef EVENTLOG_TAG
};

/* "START"; NULL for a tag that is none of ours. */
const char *eventlog_tag_name(uint32_t tag);

/* v = SHA-256(v, digest): what the TPM does. */
void eventlog_fold(uint8_t value[static SHA256_SIZE], const uint8_t digest[static SHA256_SIZE]);
/* The digest of an event. */
void eventlog_digest(uint32_t tag, struct span data, uint8_t digest[static SHA256_SIZE]);

/* ---- Writing ---- */

struct eventlog {
	struct wr out;
	uint32_t pcr;
	uint32_t n;		    /* records */
	bool full;		    /* ends with FAULT: nothing more is written */
	uint8_t value[SHA256_SIZE]; /* what the PCR has when all records are in it */
};

/* Writes the header. base: what the PCR had before, NULL for zeros. ERR_NO_SPACE. */
int eventlog_begin(struct eventlog *log, uint8_t *memory, size_t size, uint32_t pcr, const uint8_t *base);
/* Appends a record and gives the digest to extend by. When there is no room for it and the FAULT that must be able to
 * follow, or there are EVENTLOG_RECORDS_MAX, FAULT is written in its place, digest is FAULT's, and ERR_NO_SPACE is
 * returned: extend by it all the same. ERR_STATE: the log has ended with a FAULT; there is nothing to extend. */
int eventlog_append(struct eventlog *log, enum eventlog_tag tag, struct span data,
		    uint8_t digest[static SHA256_SIZE]);
/* Goes on with a log that was written before: eventlog_begin, then all its records. What eventlog_next says of it. */
int eventlog_resume(struct eventlog *log, uint8_t *memory, size_t n, size_t size, uint32_t pcr,
		    const uint8_t *base);

/* ---- Reading ---- */

struct eventlog_record {
	uint32_t tag;	       /* known */
	struct span data;      /* what was measured */
	struct span event;     /* with tag and size: SHA-256 of it is digest */
	const uint8_t *digest; /* 32 bytes */
	size_t offset;	       /* in the log */
};

struct eventlog_reader {
	struct rd rd;
	struct span log;
	uint32_t pcr;
};

/* Judges are this side of words: each returns NULL, or why not, as the vectors and `taoverify log` have it:
 * truncated, bad-header; for a record bad-type, wrong-pcr, bad-digests, truncated, bad-tag, digest-mismatch. */
const char *eventlog_open(struct eventlog_reader *reader, struct span log, uint32_t pcr);
/* The next record. At the end *more is false. */
const char *eventlog_next(struct eventlog_reader *reader, struct eventlog_record *record, bool *more);

struct eventlog_found {
	size_t n;		       /* records that are as they should be */
	uint8_t sealed[SHA256_SIZE];   /* value before READY: what keys are sealed to */
	uint8_t ready[SHA256_SIZE];    /* value after READY: what stands in the host's name */
	uint8_t replayed[SHA256_SIZE]; /* value after all */
};

/* Is this the log of what was measured into a PCR that now has value? NULL if so. Else the first of the words above,
 * or replay-mismatch, bad-order (it does not begin with START, MANIFEST, GUARD, READY, or one of these comes again),
 * duplicate (a LAUNCH that was there before), too-many (records), fault (it is whole, and says that it is not all). */
const char *eventlog_judge(struct span log, uint32_t pcr, const uint8_t *base,
			   const uint8_t value[static SHA256_SIZE], struct eventlog_found *found);

/* ---- Predicting (TPM.md, section 9) ---- */

/* The values that a boot with this manifest (SHA-256) and guard (binary SubPrin) comes to, from base (NULL: zeros): sealed is
 * the one before READY, ready the one after. */
void eventlog_predict(const uint8_t *base, const uint8_t manifest[static SHA256_SIZE], struct span guard,
		      uint8_t sealed[static SHA256_SIZE], uint8_t ready[static SHA256_SIZE]);

#endif
