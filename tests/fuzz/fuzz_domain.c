/* SPDX-License-Identifier: MIT
 * The files that go between a domain and its machines. The first byte chooses: an authorization, a request to be enrolled,
 * or its answer.
 * Invariants: nothing is read past the end; what is read is within its bounds, and when it is written and read again, the
 * same; an endorsement key that is taken has the public key of one. */
/* link: crypto */
#include <stdlib.h>

#include "../../crypto/authorization.h"
#include "../../crypto/tpm_enroll.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static uint8_t text[ENROLL_FILE_MAX];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void authorization(struct span file)
{
	static struct authorization a, b;
	uint8_t digest[SHA256_SIZE];
	struct wr w = wr_to(text, AUTHORIZATION_FILE_MAX);
	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	if (authorization_read(&a, file) < 0)
		return;
	must(a.version > 0 && a.pcrs.pcrs != 0 && a.signature_n <= sizeof a.signature);
	authorization_write(&a, &w);
	must(w.err == ERR_NONE && authorization_read(&b, wr_span(&w)) == ERR_NONE);
	must(memcmp(&a, &b, sizeof a) == 0);
	authorization_digest(&a, digest);
	(void)authorization_verify(&a);
}

static void request(struct span file)
{
	static struct enroll_request a, b;
	uint8_t spki[TPM_EK_SPKI_MAX];
	struct wr w = wr_to(text, sizeof text), s = wr_to(spki, sizeof spki);
	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	if (enroll_request_read(&a, file) < 0)
		return;
	must(a.ek_n <= sizeof a.ek && a.certificate_n <= sizeof a.certificate);
	enroll_request_write(&a, &w);
	must(w.err == ERR_NONE && span_equal(wr_span(&w), file));
	must(enroll_request_read(&b, wr_span(&w)) == ERR_NONE && memcmp(&a, &b, sizeof a) == 0);
	if (tpm_ek_spki(span_of(a.ek, a.ek_n), &s) == ERR_NONE)
		must(s.n == KEY_SPKI_SIZE || s.n == TPM_EK_SPKI_MAX);
}

static void answer(struct span file)
{
	static struct enroll_answer a;
	static const uint8_t credential[GCM_KEY_SIZE];
	struct wr w = wr_to(text, sizeof text);
	if (enroll_answer_read(&a, file) < 0)
		return;
	must(a.secret_n <= sizeof a.secret && a.statement_n <= sizeof a.statement);
	enroll_answer_write(&a, &w);
	must(w.err == ERR_NONE && span_equal(wr_span(&w), file));
	(void)enroll_open(&a, credential);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct rd r = rd_from(span_of(input, size));
	uint8_t what = rd_u8(&r);
	/* In memory of its own, so that the sanitizer sees its end. */
	uint8_t *p = malloc(r.n == 0 ? 1 : r.n);
	must(p != NULL);
	if (r.n > 0)
		memcpy(p, r.p, r.n);
	struct span file = span_of(p, r.n);
	if (what == 'a')
		authorization(file);
	else if (what == 'r')
		request(file);
	else
		answer(file);
	free(p);
	return 0;
}
