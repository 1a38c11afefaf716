/* SPDX-License-Identifier: MIT
 * The counters file. The first byte chooses: the rest is a file as it stands; or it is what a file of ours has inside,
 * sealed here; or it is a row of questions to a table; or a key file of a TPM root, which names the counter.
 * Invariants: nothing is written past the table's room; what is refused leaves it empty; what is read is sealed again
 * to the same inside; counters do not fall, and are within their quotas. */
/* link: crypto */
#include <stdlib.h>

#include "../../crypto/counters.h"
#include "../../crypto/hkdf.h"
#include "../../crypto/tpm_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define CAP 48
#define CANARY 2

static const uint8_t kek[32] = "a key", nonce[GCM_NONCE_SIZE] = "not fresh";
static struct counter room[CAP + CANARY], other_room[CAP];
static uint8_t file[1 << 16], again[1 << 16];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct counters empty(uint32_t cap)
{
	memset(room, 0x5a, sizeof room);
	return (struct counters){ .cap = cap, .at = room };
}

static void check_room(uint32_t cap)
{
	static const uint8_t canary = 0x5a;
	for (size_t i = cap * sizeof room[0]; i < sizeof room; i++)
		must(((const uint8_t *)room)[i] == canary);
}

/* Decrypts and encrypts again: the bytes are the same, because the nonce is. */
static void read_file(size_t n, uint32_t cap)
{
	struct counters table = empty(cap), second = { .cap = CAP, .at = other_room };
	struct wr w = wr_to(again, sizeof again);
	int r = counters_open(&table, kek, file, n);
	check_room(cap);
	must(r <= 0 && table.n <= cap);
	if (r < 0) {
		must(table.n == 0 && table.generation == 0);
		return;
	}
	must(n == COUNTERS_SEALED_SIZE(table.n));
	counters_seal(&table, kek, nonce, &w);
	must(w.err == ERR_NONE && w.n == n);
	must(counters_open(&second, kek, again, w.n) == ERR_NONE);
	must(second.n == table.n && second.generation == table.generation);
	must(memcmp(other_room, room, table.n * sizeof room[0]) == 0);
}

/* A whole file with this inside, as counters_seal would make it if it did not know better. */
static size_t seal_raw(const uint8_t *inside, size_t n)
{
	struct gcm gcm;
	uint8_t key[GCM_KEY_SIZE + 8], tag[GCM_TAG_SIZE];
	struct wr w = wr_to(file, sizeof file);
	must(hkdf(sha256_bearssl(), span_of(kek, 32), span_str("Tao Counters V1"), span_str("seal"), key,
		  sizeof key) == ERR_NONE);
	wr_bytes(&w, "TAOCNTRS", 8);
	wr_be16(&w, 1);
	wr_be32(&w, (uint32_t)(8 + GCM_NONCE_SIZE + n + GCM_TAG_SIZE));
	wr_bytes(&w, key + GCM_KEY_SIZE, 8);
	wr_bytes(&w, nonce, sizeof nonce);
	wr_bytes(&w, inside, n);
	must(w.err == ERR_NONE);
	gcm_init(&gcm, gcm_portable(), key);
	gcm_encrypt(&gcm, nonce, span_of(file, 22), span_of(NULL, 0), file + COUNTERS_HEAD_SIZE, n, tag);
	wr_bytes(&w, tag, sizeof tag);
	return w.n;
}

static void ask(struct rd *r)
{
	static const uint32_t caps[] = { CAP, 1, COUNTERS_PER_PROGRAM + 2, 0 };
	uint32_t cap = caps[rd_u8(r) & 3];
	struct counters table = empty(cap);
	while (r->n > 0) {
		struct counter_question q = { .op = (enum counter_op)(rd_u8(r) & 3) }, get = { .op = COUNTER_GET };
		uint8_t who = rd_u8(r);
		q.program[0] = get.program[0] = who >> 6;
		if (who >> 6 == 3) {
			memcpy(q.program, counters_host, sizeof q.program);
			memcpy(get.program, counters_host, sizeof get.program);
		}
		q.label[5] = get.label[5] = who & 63;
		q.value = (int64_t)(q.op == COUNTER_INIT ? rd_be64(r) : 0);
		struct counter_question before = get;
		(void)counters_answer(&table, &before);
		uint32_t n = table.n;
		bool changed = counters_answer(&table, &q);
		(void)counters_answer(&table, &get);
		must(q.error <= 0 && (q.error == 0 || (q.value == 0 && !changed)));
		must(changed == (before.error != get.error || before.value != get.value));
		must(get.value >= before.value && get.value >= 0);
		must(q.error != 0 || (get.error == 0 && q.value == get.value));
		must(table.n == n + (before.error != get.error) && table.n <= cap);
	}
	uint32_t of[4] = { 0 };
	for (uint32_t i = 0; i < table.n; i++)
		must(++of[room[i].program[0] < 3 ? room[i].program[0] : 3] <= COUNTERS_PER_PROGRAM);
	check_room(cap);
}

/* With the checksum and the sizes put right, what is read is written again to the same bytes. */
static void read_state(struct span body)
{
	static struct tpm_state state;
	struct wr w = wr_to(file, sizeof file), second = wr_to(again, sizeof again);
	uint8_t sum[SHA256_SIZE];
	wr_bytes(&w, "TAOTPM\0", 8);
	wr_be16(&w, 2);
	wr_be32(&w, (uint32_t)body.n);
	wr_span_bytes(&w, body);
	sha256_of(sha256_bearssl(), wr_span(&w), sum);
	wr_bytes(&w, sum, sizeof sum);
	must(w.err == ERR_NONE);
	int r = tpm_state_read(&state, wr_span(&w));
	must(r <= 0);
	if (r < 0)
		return;
	tpm_state_write(&state, &second);
	must(second.err == ERR_NONE && span_equal(wr_span(&w), wr_span(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct rd r = rd_from(span_of(input, size));
	uint8_t what = rd_u8(&r);
	if (r.err != ERR_NONE || r.n > sizeof file - COUNTERS_SEALED_SIZE(0))
		return 0;
	if (what == 0xfe) {
		read_state(span_of(r.p, r.n));
	} else if (what % 3 == 0) {
		memcpy(file, r.p, r.n);
		read_file(r.n, CAP);
	} else if (what % 3 == 1) {
		read_file(seal_raw(r.p, r.n), what & 0x80 ? 1 : CAP);
	} else {
		ask(&r);
	}
	return 0;
}
