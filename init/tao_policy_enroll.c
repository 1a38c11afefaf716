/* SPDX-License-Identifier: MIT
 *
 * taopolicy enroll: a domain's word for the attestation key of a TPM (crypto/enroll.h). request runs on the machine and
 * needs its TPM; show and vouch run wherever the domain's key is, and need none. What is answered the machine's root opens
 * at its next boot.
 */
#include "tao_policy.h"

#include <stdio.h>
#include <string.h>

#include "../crypto/attest.h"
#include "../crypto/fields.h"
#include "../crypto/policy_key.h"
#include "../crypto/tpm_enroll.h"
#include "../crypto/tpm_state.h"
#include "../policy/name.h"
#include "../policy/statement.h"
#include "manifest.h"
#include "sys.h"
#include "sys_platform.h"
#include "sys_tpm.h"

#define DEFAULT_DEVICE "/dev/tpmrm0"
#define YEAR ((int64_t)365 * 24 * 3600 * NS_PER_S)

/* A request, and what follows from it. */
struct enrolment {
	struct enroll_request request;
	uint8_t ek_sha256[SHA256_SIZE], ak_sha256[SHA256_SIZE], ak_name[ENROLL_NAME_SIZE];
};

static uint8_t text[ENROLL_FILE_MAX];

/* ---- request ---- */

static int ask_tpm(const struct policy_run *run, struct enroll_request *request)
{
	static struct sys_tpm device;
	static struct tpm tpm;
	char why[256] = { 0 };
	struct wr w = wr_to(why, sizeof why - 1);
	if (sys_tpm_open(&device, run->device != NULL ? run->device : DEFAULT_DEVICE) < 0)
		return policy_complain(run, POLICY_EXIT_IO, "%s", device.why);
	int r = tpm_open(&tpm, &device.platform);
	if (r == ERR_NONE)
		r = tpm_srk(&tpm);
	if (r == ERR_NONE)
		r = tpm_session(&tpm, tpm.srk_name);
	if (r == ERR_NONE)
		r = tpm_ek_request(&tpm, request);
	if (r < 0)
		tpm_explain(&tpm, &w);
	(void)tpm_close(&tpm);
	sys_tpm_close(&device);
	return r < 0 ? policy_complain(run, POLICY_EXIT_IO, "TPM: %s", device.dead != 0 ? device.why : why)
		     : POLICY_EXIT_OK;
}

static int make_request(const struct policy_run *run, const char *path)
{
	static struct tpm_state state;
	static struct enroll_request request;
	uint8_t file[TPM_STATE_MAX];
	struct wr w = wr_to(text, sizeof text);
	int n = sys_platform.read(sys_platform.ctx, path, file, sizeof file);
	if (n < 0)
		return policy_complain(run, POLICY_EXIT_IO, "%s: %s", path, err_text(n));
	if (tpm_state_read(&state, span_of(file, (size_t)n)) < 0 || state.ak.public_n != sizeof request.ak)
		return policy_complain(run, POLICY_EXIT_NO, "%s: not the key file of a TPM root", path);
	memcpy(request.ak, state.ak.public, sizeof request.ak);
	int status = ask_tpm(run, &request);
	if (status != POLICY_EXIT_OK)
		return status;
	enroll_request_write(&request, &w);
	return policy_give(run, ERR_NONE, &w);
}

/* ---- show, vouch ---- */

static int read_request(const struct policy_run *run, const char *path, struct enrolment *e)
{
	uint8_t spki[TPM_EK_SPKI_MAX], ak_spki[KEY_SPKI_SIZE];
	struct tpm_blob ak = { .public_n = sizeof e->request.ak };
	struct wr ek = wr_to(spki, sizeof spki);
	struct span file;
	int status = policy_read_file(run, path, ENROLL_FILE_MAX, &file);
	if (status == POLICY_EXIT_OK && enroll_request_read(&e->request, file) < 0)
		status =
			policy_complain(run, POLICY_EXIT_NO, "%s: not what taopolicy enroll request writes", path);
	policy_free(&file);
	if (status != POLICY_EXIT_OK)
		return status;
	if (tpm_ek_spki(span_of(e->request.ek, e->request.ek_n), &ek) < 0)
		return policy_complain(run, POLICY_EXIT_NO, "%s: its endorsement key is none of the known kinds",
				       path);
	/* All that makes it an attestation key is in the template. */
	memcpy(ak.public, e->request.ak, sizeof e->request.ak);
	if (tpm_ak_spki(&ak, ak_spki) < 0 || !key_spki_on_curve(span_of(ak_spki, sizeof ak_spki)))
		return policy_complain(run, POLICY_EXIT_NO, "%s: its attestation key is not one of taoinit's",
				       path);
	sha256_of(sha256_pick(), wr_span(&ek), e->ek_sha256);
	sha256_of(sha256_pick(), span_of(ak_spki, sizeof ak_spki), e->ak_sha256);
	tpm_name(span_of(e->request.ak, sizeof e->request.ak), e->ak_name);
	return POLICY_EXIT_OK;
}

static int show(const struct policy_run *run, const struct enrolment *e)
{
	(void)printf("ek: ");
	policy_print_hex(e->ek_sha256, SHA256_SIZE);
	(void)printf("\nak: tpm2([");
	policy_print_hex(e->ak_sha256, SHA256_SIZE);
	(void)printf("])\ncertificate: %zu bytes\n", e->request.certificate_n);
	return run->output == NULL || e->request.certificate_n == 0
		       ? POLICY_EXIT_OK
		       : policy_write_out(run, span_of(e->request.certificate, e->request.certificate_n),
					  span_of(NULL, 0));
}

/* "key([domain]) from now until … says TrustedTPM(tpm2([attestation key]))", attested. */
static int state_trust(const struct enrolment *e, const struct policy_key *key, int64_t until,
		       struct enroll_answer *answer)
{
	uint8_t form[128], prin[64], statement[384], hash[SHA256_SIZE];
	struct wr f = wr_to(form, sizeof form), p = wr_to(prin, sizeof prin);
	struct wr s = wr_to(statement, sizeof statement), a = wr_to(answer->statement, sizeof answer->statement);
	const struct attest_signer signer = { .sha256 = sha256_pick(),
					      .scalar = key->scalar,
					      .spki = span_of(key->spki, sizeof key->spki) };
	wr_varint(&f, NODE_PRED);
	wr_var_bytes(&f, span_str("TrustedTPM"));
	wr_varint(&f, 1);
	name_write_tpm2_prin(&f, e->ak_sha256, span_of(NULL, 0), span_of(NULL, 0));
	sha256_of(sha256_pick(), signer.spki, hash);
	name_write_key_prin(&p, hash, false);
	int64_t now = sys_realtime();
	int r = statement_write(wr_span(&p), now, until != 0 ? until : now + YEAR, wr_span(&f), &s);
	if (r == ERR_NONE)
		r = attest_sign(&signer, wr_span(&s), &a);
	answer->statement_n = a.n;
	return r;
}

static int answer(const struct policy_run *run, const struct enrolment *e, const struct policy_key *key,
		  int64_t until)
{
	static struct enroll_answer answer;
	uint8_t credential[GCM_KEY_SIZE];
	struct wr w = wr_to(text, sizeof text);
	memcpy(answer.ak_name, e->ak_name, sizeof answer.ak_name);
	int r = state_trust(e, key, until, &answer);
	if (r == ERR_NONE)
		r = sys_platform.random(sys_platform.ctx, credential, sizeof credential);
	if (r == ERR_NONE)
		r = sys_platform.random(sys_platform.ctx, answer.nonce, sizeof answer.nonce);
	if (r == ERR_NONE)
		r = tpm_credential_make(&sys_platform, span_of(e->request.ek, e->request.ek_n), credential,
					&answer);
	if (r == ERR_NONE) {
		enroll_seal(&answer, credential);
		enroll_answer_write(&answer, &w);
	}
	wipe(credential, sizeof credential);
	return policy_give(run, r, &w);
}

static int vouch(const struct policy_run *run, const struct enrolment *e)
{
	uint8_t hash[SHA256_SIZE];
	struct policy_key key;
	int64_t until = 0;
	struct rd r = rd_from(span_str(run->ek != NULL ? run->ek : ""));
	field_hex(&r, hash, sizeof hash, "");
	if (rd_end(&r) != ERR_NONE)
		return policy_complain(
			run, POLICY_EXIT_USAGE,
			"which endorsement key is a TPM's? --ek HASH, as enroll show prints it, once "
			"you have seen to that");
	if (memcmp(hash, e->ek_sha256, sizeof hash) != 0)
		return policy_complain(run, POLICY_EXIT_NO, "the request is of another endorsement key");
	if (run->until != NULL &&
	    (!policy_read_time(span_str(run->until), &until) || until <= 0 || until > INT64_MAX / NS_PER_S))
		return policy_complain(run, POLICY_EXIT_USAGE, "%s: not a time such as 2026-01-31T12:00:00Z",
				       run->until);
	int status = policy_read_key(run, &key);
	if (status == POLICY_EXIT_OK)
		status = answer(run, e, &key, until * NS_PER_S);
	wipe(&key, sizeof key);
	return status;
}

int policy_cmd_enroll(const struct policy_run *run)
{
	static struct enrolment e;
	const char *what = run->argv[0], *path = run->argv[1];
	if (strcmp(what, "request") == 0)
		return make_request(run, path);
	bool is_vouch = strcmp(what, "vouch") == 0;
	if (!is_vouch && strcmp(what, "show") != 0)
		return policy_complain(run, POLICY_EXIT_USAGE, "%.40s: neither request nor show nor vouch", what);
	int status = read_request(run, path, &e);
	if (status != POLICY_EXIT_OK)
		return status;
	return is_vouch ? vouch(run, &e) : show(run, &e);
}
