/* SPDX-License-Identifier: MIT */
#include "gcm.h"
#include "tpm_state.h"

#define VERSION 2
#define HEAD_SIZE 14
#define AAD "Tao TPM Key Set V1"

static const uint8_t magic[8] = "TAOTPM\0";

static void put_sized(struct wr *out, const uint8_t *p, uint16_t n)
{
	wr_be16(out, n);
	wr_bytes(out, p, n);
}

void tpm_state_write(const struct tpm_state *state, struct wr *out)
{
	uint8_t body[TPM_STATE_MAX], sum[SHA256_SIZE];
	struct wr w = wr_to(body, sizeof body);
	wr_bytes(&w, state->srk_name, TPM_NAME_SIZE);
	wr_bytes(&w, state->endorsement_name, TPM_NAME_SIZE);
	wr_be32(&w, state->nv_index);
	wr_be32(&w, state->pcrs.pcrs);
	for (unsigned i = 0; i < QUOTE_PCRS_TRUSTED; i++)
		if (state->pcrs.pcrs >> i & 1)
			wr_bytes(&w, state->pcrs.value[i], SHA256_SIZE);
	put_sized(&w, state->log, state->log_n);
	put_sized(&w, state->ak.public, state->ak.public_n);
	put_sized(&w, state->ak.private, state->ak.private_n);
	put_sized(&w, state->kek.public, state->kek.public_n);
	put_sized(&w, state->kek.private, state->kek.private_n);
	wr_bytes(&w, state->keys, sizeof state->keys);
	if (w.err != ERR_NONE) {
		out->err = w.err;
		return;
	}
	size_t before = out->n;
	wr_bytes(out, magic, sizeof magic);
	wr_be16(out, VERSION);
	wr_be32(out, (uint32_t)w.n);
	wr_span_bytes(out, wr_span(&w));
	sha256_of(sha256_bearssl(), span_of(out->p + before, out->n - before), sum);
	wr_bytes(out, sum, sizeof sum);
}

/* A field of fixed size. */
static void get(struct rd *r, uint8_t *dst, size_t n)
{
	struct span s = rd_bytes(r, n);
	if (s.p != NULL)
		memcpy(dst, s.p, n);
}

static uint16_t get_sized(struct rd *r, uint8_t *dst, size_t cap)
{
	uint16_t n = rd_be16(r);
	if (n > cap)
		rd_fail(r, ERR_MALFORMED);
	get(r, dst, n);
	return r->err == ERR_NONE ? n : 0;
}

/* Is it a file of ours, and whole? */
static int check(struct span file)
{
	struct rd r = rd_from(file);
	uint8_t sum[SHA256_SIZE];
	size_t head = file.n < sizeof magic ? file.n : sizeof magic;
	if (head > 0 && memcmp(file.p, magic, head) != 0)
		/* Some file systems give zeros for what was not written before the power failed. */
		return file.p[0] == 0 ? ERR_CHECKSUM : ERR_MALFORMED;
	(void)rd_bytes(&r, sizeof magic);
	uint16_t version = rd_be16(&r);
	uint32_t n = rd_be32(&r);
	if (r.err != ERR_NONE)
		return r.err;
	if (version != VERSION)
		return version == 0 ? ERR_CHECKSUM : ERR_BAD_VERSION;
	if (r.n < SHA256_SIZE || n != r.n - SHA256_SIZE)
		return n > r.n ? ERR_TRUNCATED : ERR_TRAILING;
	sha256_of(sha256_bearssl(), span_of(file.p, file.n - SHA256_SIZE), sum);
	return memcmp(sum, file.p + file.n - SHA256_SIZE, SHA256_SIZE) == 0 ? ERR_NONE : ERR_CHECKSUM;
}

int tpm_state_read(struct tpm_state *state, struct span file)
{
	int e = check(file);
	memset(state, 0, sizeof *state);
	if (e < 0)
		return e;
	struct rd r = rd_from(span_of(file.p + HEAD_SIZE, file.n - HEAD_SIZE - SHA256_SIZE));
	get(&r, state->srk_name, TPM_NAME_SIZE);
	get(&r, state->endorsement_name, TPM_NAME_SIZE);
	state->nv_index = rd_be32(&r);
	state->pcrs.pcrs = rd_be32(&r);
	if (state->pcrs.pcrs >> QUOTE_PCRS_TRUSTED != 0)
		rd_fail(&r, ERR_MALFORMED);
	for (unsigned i = 0; i < QUOTE_PCRS_TRUSTED; i++)
		if (state->pcrs.pcrs >> i & 1)
			get(&r, state->pcrs.value[i], SHA256_SIZE);
	state->log_n = get_sized(&r, state->log, sizeof state->log);
	state->ak.public_n = get_sized(&r, state->ak.public, sizeof state->ak.public);
	state->ak.private_n = get_sized(&r, state->ak.private, sizeof state->ak.private);
	state->kek.public_n = get_sized(&r, state->kek.public, sizeof state->kek.public);
	state->kek.private_n = get_sized(&r, state->kek.private, sizeof state->kek.private);
	get(&r, state->keys, sizeof state->keys);
	return rd_end(&r);
}

/* ---- The key set ---- */

void tpm_state_seal(struct tpm_state *state, const struct keyset *keys, const uint8_t kek[static TPM_KEK_SIZE],
		    const uint8_t nonce[static 12])
{
	uint8_t *data = state->keys + GCM_NONCE_SIZE;
	struct wr w = wr_to(data, KEYSET_FILE_SIZE);
	struct gcm gcm;
	memcpy(state->keys, nonce, GCM_NONCE_SIZE);
	keyset_write(keys, &w);
	gcm_init(&gcm, gcm_pick(), kek);
	gcm_encrypt(&gcm, nonce, span_str(AAD), span_of(state->srk_name, TPM_NAME_SIZE), data, KEYSET_FILE_SIZE,
		    data + KEYSET_FILE_SIZE);
	wipe(&gcm, sizeof gcm);
}

int tpm_state_open(const struct tpm_state *state, const uint8_t kek[static TPM_KEK_SIZE], struct keyset *keys)
{
	uint8_t data[KEYSET_FILE_SIZE];
	struct gcm gcm;
	memcpy(data, state->keys + GCM_NONCE_SIZE, sizeof data);
	gcm_init(&gcm, gcm_pick(), kek);
	bool right = gcm_decrypt(&gcm, state->keys, span_str(AAD), span_of(state->srk_name, TPM_NAME_SIZE), data,
				 sizeof data, state->keys + GCM_NONCE_SIZE + KEYSET_FILE_SIZE);
	int r = right ? keyset_read(keys, span_of(data, sizeof data)) : ERR_BAD_SEAL;
	wipe(&gcm, sizeof gcm);
	wipe(data, sizeof data);
	return r;
}
