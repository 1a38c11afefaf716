/* SPDX-License-Identifier: MIT
 *
 * Rollback counters: a table of (program, label) → value that only grows. Pure: the table, what is asked of it, and
 * its sealed form; a root of trust keeps it where it is safe. What the host itself must not forget stands in it, too.
 *
 * The sealed form, all integers big-endian: magic "TAOCNTRS", u16 version 1, u32 number of bytes that follow, 8 bytes
 * that name the key, 12 bytes nonce, then under AES-256-GCM u64 generation and for each counter 32 bytes program, 32
 * bytes label, u64 value; 16 bytes tag. Everything before the encrypted bytes but the nonce is authenticated besides.
 * Key and name of the key are HKDF-SHA256 of the root's KEK, salt "Tao Counters V1", info "seal".
 */
#ifndef TAO_COUNTERS_H
#define TAO_COUNTERS_H

#include "base.h"
#include "gcm.h"

/* One of each service that a manifest can have. Each change writes them all: 288 KiB at most, which a disk syncs in a
 * few milliseconds. */
#define COUNTERS_MAX 4096
/* So that one program cannot fill the table. Who needs more counts versions of one sealed file that holds the others. */
#define COUNTERS_PER_PROGRAM 32
/* The host's own come on top, so that programs cannot keep it from counting. */
#define COUNTERS_ROWS (COUNTERS_MAX + COUNTERS_PER_PROGRAM)

#define COUNTERS_HEAD_SIZE (8 + 2 + 4 + 8 + GCM_NONCE_SIZE)
#define COUNTER_SIZE (32 + 32 + 8)
#define COUNTERS_SEALED_SIZE(n) (COUNTERS_HEAD_SIZE + 8 + (size_t)(n)*COUNTER_SIZE + GCM_TAG_SIZE)

struct counter {
	uint8_t program[32], label[32]; /* SHA-256 of each */
	int64_t value;			/* not negative */
};

/* The program that is the host: no SHA-256 of a name ends in zeros like that. Its labels: SHA-256 of a policy key's SPKI
 * (the last version accepted of its policies), zeros (the clock, seconds since 1970). */
extern const uint8_t counters_host[32], counters_clock[32];

/* Room for cap counters, at most COUNTERS_ROWS, belongs to the caller. */
struct counters {
	uint64_t generation; /* how often it was written; with a counter of the root's: where that stands then */
	uint32_t n, cap;
	struct counter *at;
};

enum counter_op {
	COUNTER_GET,
	COUNTER_INIT, /* sets it if it is unset or not above the value */
	COUNTER_NEXT, /* adds one */
};

struct counter_question {
	enum counter_op op;
	uint8_t program[32], label[32];
	int64_t value; /* in: of INIT; out: the counter's, 0 on failure */
	int error;
};

/* Answers one question; true if the table has changed, and the answer must wait until that is kept.
 * question->error: ERR_NOT_FOUND (GET, NEXT: unset), ERR_LOWER (INIT below the counter), ERR_RANGE (a negative value,
 * or no next one), ERR_QUOTA (the program has COUNTERS_PER_PROGRAM, or the table is full). */
bool counters_answer(struct counters *table, struct counter_question *question);

/* nonce: fresh, random. */
void counters_seal(const struct counters *table, const uint8_t kek[static 32],
		   const uint8_t nonce[static GCM_NONCE_SIZE], struct wr *out);
/* Decrypts file[n] in place. ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED (no counters file), ERR_BAD_VERSION,
 * ERR_BAD_SEAL (another key's), ERR_CHECKSUM (torn or changed), ERR_TOO_LARGE (more than cap). On failure the table
 * is empty. */
int counters_open(struct counters *table, const uint8_t kek[static 32], uint8_t *file, size_t n);

#endif
