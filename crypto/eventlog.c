/* SPDX-License-Identifier: MIT */
#include "eventlog.h"

#define EV_EVENT_TAG 6
#define ALG_SHA256 0x000b
#define EVENT_OVERHEAD 8

/* PCR 0, EV_NO_ACTION, a zero SHA-1, 33 bytes: TCG_EfiSpecIdEvent 2.0 with one algorithm, SHA-256 of 32 bytes. */
static const uint8_t header[EVENTLOG_HEADER_SIZE] = {
	0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00, 0x00, 0x00, 0x53, 0x70,
	0x65, 0x63, 0x20, 0x49, 0x44, 0x20, 0x45, 0x76, 0x65, 0x6e, 0x74, 0x30, 0x33, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x02, 0x00, 0x02, 0x01, 0x00, 0x00, 0x00, 0x0b, 0x00, 0x20, 0x00, 0x00,
};

/* Each boot begins so; none of these comes again. */
static const uint32_t beginning[] = { EVENTLOG_START, EVENTLOG_MANIFEST, EVENTLOG_GUARD, EVENTLOG_READY };
#define N_BEGINNING (sizeof beginning / sizeof beginning[0])

static void wr_le16(struct wr *w, uint16_t v)
{
	wr_u8(w, (uint8_t)v);
	wr_u8(w, (uint8_t)(v >> 8));
}

static void wr_le32(struct wr *w, uint32_t v)
{
	wr_le16(w, (uint16_t)v);
	wr_le16(w, (uint16_t)(v >> 16));
}

static uint16_t rd_le16(struct rd *r)
{
	uint16_t lo = rd_u8(r);
	return (uint16_t)(lo | rd_u8(r) << 8);
}

static uint32_t rd_le32(struct rd *r)
{
	uint32_t lo = rd_le16(r);
	return lo | (uint32_t)rd_le16(r) << 16;
}

const char *eventlog_tag_name(uint32_t tag)
{
	switch (tag) {
#define EVENTLOG_TAG(name, value)                                                                                 \
	case (value):                                                                                             \
		return #name;
#include "eventlog.def"
#undef EVENTLOG_TAG
	default:
		return NULL;
	}
}

void eventlog_fold(uint8_t value[static SHA256_SIZE], const uint8_t digest[static SHA256_SIZE])
{
	struct sha256 hash;
	sha256_init(&hash, sha256_bearssl());
	sha256_update(&hash, span_of(value, SHA256_SIZE));
	sha256_update(&hash, span_of(digest, SHA256_SIZE));
	sha256_out(&hash, value);
}

void eventlog_digest(uint32_t tag, struct span data, uint8_t digest[static SHA256_SIZE])
{
	uint8_t head[EVENT_OVERHEAD];
	struct wr w = wr_to(head, sizeof head);
	struct sha256 hash;
	wr_le32(&w, tag);
	wr_le32(&w, (uint32_t)data.n);
	sha256_init(&hash, sha256_bearssl());
	sha256_update(&hash, wr_span(&w));
	sha256_update(&hash, data);
	sha256_out(&hash, digest);
}

static void start_value(uint8_t value[static SHA256_SIZE], const uint8_t *base)
{
	if (base != NULL)
		memcpy(value, base, SHA256_SIZE);
	else
		memset(value, 0, SHA256_SIZE);
}

/* ---- Writing ---- */

int eventlog_begin(struct eventlog *log, uint8_t *memory, size_t size, uint32_t pcr, const uint8_t *base)
{
	*log = (struct eventlog){ .out = wr_to(memory, size), .pcr = pcr };
	start_value(log->value, base);
	if (size < EVENTLOG_SIZE_MIN)
		return ERR_NO_SPACE;
	wr_bytes(&log->out, header, sizeof header);
	return ERR_NONE;
}

static void write_record(struct eventlog *log, uint32_t tag, struct span data, uint8_t digest[static SHA256_SIZE])
{
	struct wr *w = &log->out;
	eventlog_digest(tag, data, digest);
	wr_le32(w, log->pcr);
	wr_le32(w, EV_EVENT_TAG);
	wr_le32(w, 1);
	wr_le16(w, ALG_SHA256);
	wr_bytes(w, digest, SHA256_SIZE);
	wr_le32(w, (uint32_t)data.n + EVENT_OVERHEAD);
	wr_le32(w, tag);
	wr_le32(w, (uint32_t)data.n);
	wr_span_bytes(w, data);
	log->n++;
	eventlog_fold(log->value, digest);
}

int eventlog_append(struct eventlog *log, enum eventlog_tag tag, struct span data,
		    uint8_t digest[static SHA256_SIZE])
{
	const struct span fault = span_str(EVENTLOG_FULL_DATA);
	const size_t reserve = 2 * EVENTLOG_RECORD_OVERHEAD + fault.n;
	size_t room = log->out.cap - log->out.n;
	if (log->full)
		return ERR_STATE;
	if (tag == EVENTLOG_FAULT && data.n <= fault.n)
		log->full = true; /* for which there always is room */
	else if (log->n >= EVENTLOG_RECORDS_MAX || room < reserve || data.n > room - reserve) {
		/* The first FAULT ends the log, whatever there was to say. */
		write_record(log, EVENTLOG_FAULT, fault, digest);
		log->full = true;
		return ERR_NO_SPACE;
	}
	log->full = tag == EVENTLOG_FAULT;
	write_record(log, tag, data, digest);
	return ERR_NONE;
}

int eventlog_resume(struct eventlog *log, uint8_t *memory, size_t n, size_t size, uint32_t pcr,
		    const uint8_t *base)
{
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	if (size < EVENTLOG_SIZE_MIN || n > size - (EVENTLOG_SIZE_MIN - EVENTLOG_HEADER_SIZE) ||
	    eventlog_open(&reader, span_of(memory, n), pcr) != NULL)
		return ERR_MALFORMED;
	*log = (struct eventlog){ .out = wr_to(memory, size), .pcr = pcr };
	log->out.n = n;
	start_value(log->value, base);
	for (;;) {
		if (eventlog_next(&reader, &record, &more) != NULL)
			return ERR_MALFORMED;
		if (!more)
			return ERR_NONE;
		log->n++;
		log->full = record.tag == EVENTLOG_FAULT;
		eventlog_fold(log->value, record.digest);
	}
}

/* ---- Reading ---- */

const char *eventlog_open(struct eventlog_reader *reader, struct span log, uint32_t pcr)
{
	*reader = (struct eventlog_reader){ .rd = rd_from(log), .log = log, .pcr = pcr };
	struct span first = rd_bytes(&reader->rd, EVENTLOG_HEADER_SIZE);
	if (first.p == NULL)
		return "truncated";
	return memcmp(first.p, header, sizeof header) == 0 ? NULL : "bad-header";
}

/* The event field against itself and its digest. */
static const char *read_event(struct eventlog_record *record)
{
	struct rd r = rd_from(record->event);
	uint8_t digest[SHA256_SIZE];
	record->tag = rd_le32(&r);
	uint32_t n = rd_le32(&r);
	if (r.err != ERR_NONE || n != r.n || eventlog_tag_name(record->tag) == NULL)
		return "bad-tag";
	record->data = rd_bytes(&r, n);
	sha256_of(sha256_bearssl(), record->event, digest);
	return memcmp(digest, record->digest, sizeof digest) == 0 ? NULL : "digest-mismatch";
}

const char *eventlog_next(struct eventlog_reader *reader, struct eventlog_record *record, bool *more)
{
	struct rd *r = &reader->rd;
	*more = r->n > 0;
	if (!*more)
		return r->err == ERR_NONE ? NULL : "truncated";
	record->offset = reader->log.n - r->n;
	uint32_t pcr = rd_le32(r), type = rd_le32(r);
	if (r->err == ERR_NONE && type != EV_EVENT_TAG)
		return "bad-type";
	if (r->err == ERR_NONE && pcr != reader->pcr)
		return "wrong-pcr";
	uint32_t count = rd_le32(r);
	if (r->err == ERR_NONE && count != 1)
		return "bad-digests";
	uint16_t algorithm = rd_le16(r);
	if (r->err == ERR_NONE && algorithm != ALG_SHA256)
		return "bad-digests";
	record->digest = rd_bytes(r, SHA256_SIZE).p;
	record->event = rd_bytes(r, rd_le32(r));
	return r->err == ERR_NONE ? read_event(record) : "truncated";
}

/* Each record by itself, and what they come to; *fault: one says that the log is not all. */
static const char *replay(struct span log, uint32_t pcr, struct eventlog_found *found, bool *fault)
{
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	const char *why = eventlog_open(&reader, log, pcr);
	while (why == NULL) {
		why = eventlog_next(&reader, &record, &more);
		if (why != NULL || !more)
			break;
		if (record.tag == EVENTLOG_READY)
			memcpy(found->sealed, found->replayed, SHA256_SIZE);
		eventlog_fold(found->replayed, record.digest);
		if (record.tag == EVENTLOG_READY)
			memcpy(found->ready, found->replayed, SHA256_SIZE);
		*fault |= record.tag == EVENTLOG_FAULT;
		found->n++;
	}
	return why;
}

/* The records are known to be good. */
static bool in_order(struct span log, uint32_t pcr)
{
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	size_t n = 0;
	(void)eventlog_open(&reader, log, pcr);
	for (; eventlog_next(&reader, &record, &more) == NULL && more; n++) {
		bool first = false;
		for (size_t i = 0; i < N_BEGINNING; i++)
			first |= record.tag == beginning[i];
		if (n < N_BEGINNING ? record.tag != beginning[n] : first)
			return false;
	}
	return n >= N_BEGINNING;
}

/* The records are known to be good, and not too many for this. */
static bool launched_twice(struct span log, uint32_t pcr)
{
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	(void)eventlog_open(&reader, log, pcr);
	while (eventlog_next(&reader, &record, &more) == NULL && more) {
		if (record.tag != EVENTLOG_LAUNCH)
			continue;
		/* By digest: reading the rest again would hash it again. */
		struct rd rest = reader.rd;
		while (rest.n > 0) {
			(void)rd_bytes(&rest, 14);
			struct span digest = rd_bytes(&rest, SHA256_SIZE);
			(void)rd_bytes(&rest, rd_le32(&rest));
			if (digest.p != NULL && memcmp(digest.p, record.digest, SHA256_SIZE) == 0)
				return true;
		}
	}
	return false;
}

const char *eventlog_judge(struct span log, uint32_t pcr, const uint8_t *base,
			   const uint8_t value[static SHA256_SIZE], struct eventlog_found *found)
{
	bool fault = false;
	memset(found, 0, sizeof *found);
	start_value(found->replayed, base);
	const char *why = replay(log, pcr, found, &fault);
	if (why != NULL)
		return why;
	if (memcmp(found->replayed, value, SHA256_SIZE) != 0)
		return "replay-mismatch";
	if (!in_order(log, pcr))
		return "bad-order";
	if (found->n > EVENTLOG_RECORDS_MAX + 1)
		return "too-many";
	if (launched_twice(log, pcr))
		return "duplicate";
	return fault ? "fault" : NULL;
}

/* ---- Predicting ---- */

void eventlog_predict(const uint8_t *base, const uint8_t manifest[static SHA256_SIZE], struct span guard,
		      uint8_t sealed[static SHA256_SIZE], uint8_t ready[static SHA256_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	start_value(sealed, base);
	eventlog_digest(EVENTLOG_START, span_str(EVENTLOG_START_DATA), digest);
	eventlog_fold(sealed, digest);
	eventlog_digest(EVENTLOG_MANIFEST, span_of(manifest, SHA256_SIZE), digest);
	eventlog_fold(sealed, digest);
	eventlog_digest(EVENTLOG_GUARD, guard, digest);
	eventlog_fold(sealed, digest);
	memcpy(ready, sealed, SHA256_SIZE);
	eventlog_digest(EVENTLOG_READY, span_of(NULL, 0), digest);
	eventlog_fold(ready, digest);
}
