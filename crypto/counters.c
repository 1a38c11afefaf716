/* SPDX-License-Identifier: MIT */
#include "counters.h"
#include "hkdf.h"

#define VERSION 1
#define KEY_NAME_SIZE 8
#define AUTHENTICATED (COUNTERS_HEAD_SIZE - GCM_NONCE_SIZE)

static const uint8_t magic[8] = { 'T', 'A', 'O', 'C', 'N', 'T', 'R', 'S' };
const uint8_t counters_host[32] = "this host", counters_clock[32];

/* ---- the table ---- */

static struct counter *find(struct counters *table, const struct counter_question *q, uint32_t *of_program)
{
	struct counter *found = NULL;
	*of_program = 0;
	for (uint32_t i = 0; i < table->n; i++) {
		struct counter *c = &table->at[i];
		if (memcmp(c->program, q->program, sizeof c->program) != 0)
			continue;
		++*of_program;
		if (memcmp(c->label, q->label, sizeof c->label) == 0)
			found = c;
	}
	return found;
}

static int add(struct counters *table, const struct counter_question *q, uint32_t of_program)
{
	bool host = memcmp(q->program, counters_host, sizeof q->program) == 0;
	if (of_program >= COUNTERS_PER_PROGRAM || table->n >= table->cap ||
	    table->n >= (host ? COUNTERS_ROWS : COUNTERS_MAX))
		return ERR_QUOTA;
	struct counter *c = &table->at[table->n++];
	memcpy(c->program, q->program, sizeof c->program);
	memcpy(c->label, q->label, sizeof c->label);
	c->value = q->value;
	return ERR_NONE;
}

/* Zero, or an error; *changed if the table is. */
static int answer(struct counters *table, struct counter_question *q, bool *changed)
{
	uint32_t of_program;
	struct counter *c = find(table, q, &of_program);
	if (q->op == COUNTER_INIT) {
		if (q->value < 0)
			return ERR_RANGE;
		int r = c == NULL ? add(table, q, of_program) : c->value > q->value ? ERR_LOWER : ERR_NONE;
		*changed = r == ERR_NONE && (c == NULL || c->value != q->value);
		if (*changed && c != NULL)
			c->value = q->value;
		return r;
	}
	if (c == NULL)
		return ERR_NOT_FOUND;
	if (q->op == COUNTER_NEXT) {
		if (c->value == INT64_MAX)
			return ERR_RANGE;
		c->value++;
		*changed = true;
	} else if (q->op != COUNTER_GET) {
		return ERR_UNSUPPORTED;
	}
	q->value = c->value;
	return ERR_NONE;
}

bool counters_answer(struct counters *table, struct counter_question *question)
{
	bool changed = false;
	question->error = answer(table, question, &changed);
	if (question->error != ERR_NONE)
		question->value = 0;
	return changed;
}

/* ---- its sealed form ---- */

struct sealing {
	struct gcm gcm;
	uint8_t key[GCM_KEY_SIZE + KEY_NAME_SIZE]; /* and the key's name */
};

static void begin(struct sealing *s, const uint8_t kek[static 32])
{
	(void)hkdf(sha256_bearssl(), span_of(kek, 32), span_str("Tao Counters V1"), span_str("seal"), s->key,
		   sizeof s->key);
	gcm_init(&s->gcm, gcm_pick(), s->key);
}

void counters_seal(const struct counters *table, const uint8_t kek[static 32],
		   const uint8_t nonce[static GCM_NONCE_SIZE], struct wr *out)
{
	struct sealing s;
	uint8_t tag[GCM_TAG_SIZE];
	size_t start = out->n, size = COUNTERS_SEALED_SIZE(table->n);
	if (out->err != ERR_NONE)
		return;
	if (size > out->cap - out->n) {
		out->err = ERR_NO_SPACE;
		return;
	}
	begin(&s, kek);
	wr_bytes(out, magic, sizeof magic);
	wr_be16(out, VERSION);
	wr_be32(out, (uint32_t)(size - 14));
	wr_bytes(out, s.key + GCM_KEY_SIZE, KEY_NAME_SIZE);
	wr_bytes(out, nonce, GCM_NONCE_SIZE);
	wr_be64(out, table->generation);
	for (uint32_t i = 0; i < table->n; i++) {
		wr_bytes(out, table->at[i].program, 32);
		wr_bytes(out, table->at[i].label, 32);
		wr_be64(out, (uint64_t)table->at[i].value);
	}
	uint8_t *body = out->p + start + COUNTERS_HEAD_SIZE;
	gcm_encrypt(&s.gcm, nonce, span_of(out->p + start, AUTHENTICATED), span_of(NULL, 0), body,
		    out->n - start - COUNTERS_HEAD_SIZE, tag);
	wr_bytes(out, tag, sizeof tag);
	wipe(&s, sizeof s);
}

static int check_head(const uint8_t *file, size_t n)
{
	struct rd r = rd_from(span_of(file, n));
	size_t head = n < sizeof magic ? n : sizeof magic, zeros = 0;
	while (zeros < n && file[zeros] == 0)
		zeros++;
	/* Some file systems give zeros for what was not written before the power failed. */
	if (n > 0 && zeros == n)
		return ERR_CHECKSUM;
	if (head > 0 && memcmp(file, magic, head) != 0)
		return ERR_MALFORMED;
	(void)rd_bytes(&r, sizeof magic);
	uint16_t version = rd_be16(&r);
	uint32_t size = rd_be32(&r);
	if (r.err == ERR_NONE && version != VERSION)
		return version == 0 ? ERR_CHECKSUM : ERR_BAD_VERSION;
	if (r.err != ERR_NONE || n < COUNTERS_SEALED_SIZE(0) || size > r.n)
		return ERR_TRUNCATED;
	if (size < r.n)
		return ERR_TRAILING;
	return (n - COUNTERS_SEALED_SIZE(0)) % COUNTER_SIZE == 0 ? ERR_NONE : ERR_MALFORMED;
}

static int read_table(struct counters *table, struct span body)
{
	struct rd r = rd_from(body);
	table->generation = rd_be64(&r);
	while (r.n >= COUNTER_SIZE) {
		if (table->n >= table->cap || table->n >= COUNTERS_ROWS)
			return ERR_TOO_LARGE;
		struct counter *c = &table->at[table->n++];
		memcpy(c->program, rd_bytes(&r, 32).p, 32);
		memcpy(c->label, rd_bytes(&r, 32).p, 32);
		c->value = (int64_t)rd_be64(&r);
		if (c->value < 0)
			return ERR_RANGE;
	}
	return rd_end(&r);
}

int counters_open(struct counters *table, const uint8_t kek[static 32], uint8_t *file, size_t n)
{
	struct sealing s;
	table->n = 0;
	table->generation = 0;
	int r = check_head(file, n);
	if (r < 0)
		return r;
	begin(&s, kek);
	uint8_t *body = file + COUNTERS_HEAD_SIZE;
	size_t body_n = n - COUNTERS_HEAD_SIZE - GCM_TAG_SIZE;
	if (memcmp(file + 14, s.key + GCM_KEY_SIZE, KEY_NAME_SIZE) != 0)
		r = ERR_BAD_SEAL;
	else if (!gcm_decrypt(&s.gcm, file + AUTHENTICATED, span_of(file, AUTHENTICATED), span_of(NULL, 0), body,
			      body_n, body + body_n))
		r = ERR_CHECKSUM;
	else
		r = read_table(table, span_of(body, body_n));
	wipe(&s, sizeof s);
	if (r < 0) {
		table->n = 0;
		table->generation = 0;
	}
	return r;
}
