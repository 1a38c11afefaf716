/* SPDX-License-Identifier: MIT */
#include "tpm_enroll.h"
#include "tpm_root.h"

/* A counter goes up one by one, a few milliseconds and a little wear each. */
#define STEPS_MAX 256

static int refuse(const struct root_config *config, struct root_report *report, int err, const char *text)
{
	root_say(report, "authorization %: ", config->authorization);
	root_add(report, text);
	return err;
}

/* ---- The file ---- */

static int read_file(struct root *root, const struct root_config *config, struct root_report *report)
{
	uint8_t file[AUTHORIZATION_FILE_MAX];
	struct tpm_root *t = root->room;
	int r = root->platform->read(root->platform->ctx, config->authorization, file, sizeof file);
	if (r >= 0)
		r = authorization_read(&t->authorization, span_of(file, (size_t)r));
	if (r >= 0)
		return r;
	return refuse(config, report, r,
		      r == ERR_NOT_FOUND  ? "not there; the domain makes it with taopolicy authorize"
		      : r == ERR_BAD_MODE ? "not a file of ours that nobody else may read or write; chmod 600"
		      : r == ERR_IO	  ? "it could not be read; check the disk"
					  : "not what taopolicy authorize writes; copy it again");
}

static int check_signer(const struct root_config *config, const struct authorization *a,
			struct root_report *report)
{
	uint8_t hash[SHA256_SIZE];
	sha256_of(sha256_bearssl(), span_of(a->spki, sizeof a->spki), hash);
	if (memcmp(hash, config->domain_key, sizeof hash) != 0)
		return refuse(config, report, ERR_DENIED,
			      "by another key than host.root.domain_key; whoever holds that has to sign");
	if (authorization_verify(a) < 0)
		return refuse(config, report, ERR_BAD_SIGNATURE,
			      "its signature does not verify; have it made again");
	return ERR_NONE;
}

static int check_pcrs(const struct tpm_root *t, const struct root_config *config, struct root_report *report)
{
	const struct quote_facts *wanted = &t->authorization.pcrs;
	bool any = wanted->pcrs != t->pcrs.pcrs;
	(void)refuse(config, report, 0, "for another state of the machine: ");
	if (any)
		root_add(report, "its PCRs are not those of host.root.pcrs");
	for (unsigned i = 0; i < QUOTE_PCRS_TRUSTED && wanted->pcrs == t->pcrs.pcrs; i++) {
		const uint8_t *now = i == t->pcr ? t->sealed_to : t->pcrs.value[i];
		if ((wanted->pcrs >> i & 1) == 0 || memcmp(wanted->value[i], now, SHA256_SIZE) == 0)
			continue;
		tpm_report_number(report, any ? ", PCR " : "PCR ", i);
		if (i == t->pcr)
			root_add(report, " (manifest or guard)");
		any = true;
	}
	root_add(report, "; boot what it is for, or get one for this");
	return any ? ERR_DENIED : ERR_NONE;
}

/* ---- The version ---- */

static int check_version(struct tpm_root *t, const struct root_config *config, bool make,
			 struct root_report *report)
{
	const struct authorization *a = &t->authorization;
	int r = tpm_version_open(&t->tpm, a->index, make, &t->counter);
	if (r == ERR_EXISTS)
		return refuse(config, report, r, "the TPM has something else at its index; undefine that");
	if (r == ERR_NOT_FOUND)
		return refuse(config, report, r,
			      "the TPM's version counter is gone, or at another index, and the keys do not open "
			      "without");
	if (r == ERR_NONE)
		r = tpm_nv_read(&t->tpm, t->counter, &t->version);
	if (r < 0)
		return tpm_report_tpm(t, report);
	bool older = a->version < t->version;
	if (!older && a->version - t->version <= STEPS_MAX)
		return ERR_NONE;
	(void)refuse(config, report, 0, "version ");
	tpm_report_number(report, "", a->version);
	tpm_report_number(report, older ? " is older than the TPM's, " : " is too far above the TPM's, ",
			  t->version);
	root_add(report, older ? "; what it is for opens the keys no more" : "; the next is at most 256 higher");
	return ERR_DENIED;
}

int tpm_domain_approve(struct root *root, const struct root_config *config, bool plain, struct root_report *report)
{
	static const char other[] =
		"the keys are sealed with another host.root.domain_key than the manifest has; put "
		"that back, or " TPM_NEW_IDENTITY;
	struct tpm_root *t = root->room;
	uint8_t policy[SHA256_SIZE];
	if (config->domain_key == NULL && !plain)
		root_say(report, other, "");
	if (config->domain_key == NULL)
		return plain ? 0 : ERR_DENIED;
	int r = read_file(root, config, report);
	/* Once there is a counter, some version was authorized: an older image is not to open what was sealed before. */
	if (r == ERR_NOT_FOUND && plain &&
	    tpm_nv_find(&t->tpm, AUTHORIZATION_INDEX, &t->counter) == ERR_NOT_FOUND) {
		report->text[0] = '\0';
		return 0;
	}
	if (r >= 0)
		r = check_signer(config, &t->authorization, report);
	if (r >= 0)
		r = check_pcrs(t, config, report);
	if (r < 0)
		return r;
	authorization_sealed_to(t->authorization.spki, policy);
	if (!plain && !tpm_kek_is_sealed_to(&t->state.kek, policy)) {
		root_say(report, other, "");
		return ERR_DENIED;
	}
	r = check_version(t, config, plain, report);
	if (r >= 0 && tpm_approve(&t->tpm, &t->authorization, &t->approval) < 0)
		r = tpm_report_tpm(t, report);
	if (r >= 0)
		report->text[0] = '\0';
	return r < 0 ? r : 1;
}

int tpm_domain_raise(struct tpm_root *t, struct root_report *report)
{
	int r = ERR_NONE;
	if (t->approval.authorization == NULL)
		return r;
	for (uint64_t v = t->version; r == ERR_NONE && v < t->authorization.version; v++)
		r = tpm_nv_count(&t->tpm, t->counter);
	if (r == ERR_NONE)
		r = tpm_nv_read(&t->tpm, t->counter, &t->version);
	if (r == ERR_NONE && t->version < t->authorization.version)
		r = tpm_failed(&t->tpm, "version counter", 0, ERR_CHECKSUM);
	return r < 0 ? tpm_report_tpm(t, report) : ERR_NONE;
}

/* ---- Its word for the attestation key ---- */

#define ANSWER_FILE "enroll"
#define STATEMENT_FILE "enrolled"

/* A file beside the key file. */
static void beside(const struct root *root, const char *name, char path[static sizeof root->file + 16])
{
	size_t n = (size_t)(strrchr(root->file, '/') - root->file) + 1;
	memcpy(path, root->file, n);
	memcpy(path + n, name, strlen(name) + 1);
}

static int keep(struct root *root, const struct enroll_answer *answer)
{
	char path[sizeof root->file + 16], fresh[sizeof path];
	const struct platform *p = root->platform;
	beside(root, STATEMENT_FILE, path);
	beside(root, STATEMENT_FILE ".new", fresh);
	int r = root_put(p, fresh, span_of(answer->statement, answer->statement_n));
	if (r >= 0)
		r = p->rename(p->ctx, fresh, path);
	if (r >= 0)
		r = root_sync_name(p, path, false);
	beside(root, ANSWER_FILE, path);
	return r < 0 ? r : p->remove(p->ctx, path);
}

static int read_answer(const struct root *root, const char *path, struct enroll_answer *answer)
{
	uint8_t file[ENROLL_ANSWER_MAX];
	int n = root->platform->read(root->platform->ctx, path, file, sizeof file);
	return n < 0 ? n : enroll_answer_read(answer, span_of(file, (size_t)n));
}

void tpm_domain_enroll(struct root *root, struct root_report *report)
{
	struct tpm_root *t = root->room;
	struct enroll_answer answer;
	uint8_t credential[GCM_KEY_SIZE], name[SHA256_SIZE];
	char path[sizeof root->file + 16];
	beside(root, ANSWER_FILE, path);
	int r = read_answer(root, path, &answer);
	if (r == ERR_NOT_FOUND)
		return;
	sha256_of(sha256_bearssl(), span_of(t->state.ak.public, t->state.ak.public_n), name);
	const char *what = "not an answer of taopolicy enroll in a file of ours of mode 0600";
	bool known = r >= 0 && memcmp(answer.ak_name + 2, name, sizeof name) == 0;
	if (known && tpm_credential_activate(&t->tpm, &t->state.ak, t->ak_auth, &answer, credential) < 0) {
		(void)tpm_report_tpm(t, report);
		root_add(report, "; this host is not enrolled");
		return;
	}
	if (r >= 0 && !known)
		what = "for another attestation key than this host's";
	else if (r >= 0 && !enroll_open(&answer, credential))
		what = "its statement was changed";
	else if (r >= 0)
		what = keep(root, &answer) < 0 ? "the statement in it cannot be kept; check the disk"
					       : "done; the domain's statement is beside it";
	root_say(report, "enrolment: %: ", path);
	root_add(report, what);
	wipe(credential, sizeof credential);
}
