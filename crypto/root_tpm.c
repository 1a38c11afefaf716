/* SPDX-License-Identifier: MIT
 *
 * The root in a TPM 2.0 (TPM.md): the key set is a file under a key that the TPM gives out at the PCR values that were
 * there when it was sealed, and only before READY is measured, once a boot. The host's name is that of an attestation
 * key of the TPM with the PCR values at READY; that key quotes the statement that the signing key speaks for it.
 *
 * The key file is made whole under another name, synced and renamed, as the soft root's is. */
#include "counters_file.h"
#include "proto/attestation.pb.h"
#include "proto_span.h"
#include "tpm_root.h"

#define SUFFIX ".new"

static struct tpm_root *of(const struct root *root)
{
	return root->room;
}

/* ---- The key file ---- */

/* ERR_NOT_FOUND without a report: the first boot. */
static int read_state(struct root *root, struct root_report *report)
{
	uint8_t file[TPM_STATE_MAX + 1]; /* one more, to see that a file is longer */
	const struct platform *p = root->platform;
	int n = p->read(p->ctx, root->file, file, sizeof file);
	if (n == ERR_NOT_FOUND)
		return n;
	int r = n < 0 ? n : tpm_state_read(&of(root)->found, span_of(file, (size_t)n));
	if (r >= 0) {
		r = p->sync(p->ctx, root->file);
		if (r >= 0)
			r = root_sync_name(p, root->file, true);
	}
	return r < 0 ? tpm_report_file(report, root->file, r) : ERR_NONE;
}

static int write_state(struct root *root, bool first, struct root_report *report)
{
	uint8_t file[TPM_STATE_MAX];
	char path[sizeof root->file + sizeof SUFFIX];
	const struct platform *p = root->platform;
	struct wr w = wr_to(file, sizeof file);
	tpm_state_write(&of(root)->state, &w);
	if (w.err != ERR_NONE)
		return tpm_report_file(report, root->file, ERR_INTERNAL);
	memcpy(path, root->file, strlen(root->file));
	memcpy(path + strlen(root->file), SUFFIX, sizeof SUFFIX);
	int r = root_put(p, path, wr_span(&w));
	/* The counters come first: so there is no key file without them but by a loss. */
	if (r >= 0 && first) {
		r = counters_file_create(root, report);
		if (r < 0) {
			(void)p->remove(p->ctx, path);
			return r;
		}
	}
	if (r >= 0)
		r = p->rename(p->ctx, path, root->file);
	if (r >= 0)
		r = root_sync_name(p, root->file, true);
	if (r >= 0)
		return r;
	(void)p->remove(p->ctx, path);
	if (first) {
		(void)p->remove(p->ctx, root->file);
		counters_file_remove(root);
	}
	return tpm_report_file(report, root->file, r);
}

/* ---- First boot, later boots ---- */

static void use_keys(struct root *root, const struct keyset *keys)
{
	keyset_derive(keys, "ak auth", of(root)->ak_auth);
	keyset_derive(keys, "store", root->kek);
}

/* Seals the key to what the domain authorizes, if it has, and sees that it opens again: 1. To the PCRs as they are, if it
 * is for the first time: 0. */
static int seal(struct root *root, const struct root_config *config, bool first, const uint8_t *kek,
		struct root_report *report)
{
	struct tpm_root *t = of(root);
	uint8_t policy[SHA256_SIZE], opened[TPM_KEK_SIZE];
	int approved = tpm_domain_approve(root, config, true, report);
	if (approved < 0 || (approved == 0 && !first))
		return approved;
	if (approved > 0)
		authorization_sealed_to(t->authorization.spki, policy);
	else
		tpm_policy_pcr(&t->state.pcrs, policy);
	int r = tpm_kek_seal(&t->tpm, policy, kek, &t->state.kek);
	if (r >= 0 && approved > 0)
		r = tpm_kek_unseal(&t->tpm, &t->state.kek, t->pcrs.pcrs, &t->approval, opened);
	wipe(opened, sizeof opened);
	return r < 0 ? tpm_report_tpm(t, report) : approved;
}

static int make(struct root *root, const struct root_config *config, const uint8_t *entropy, struct keyset *keys,
		struct root_report *report)
{
	struct tpm_root *t = of(root);
	struct tpm_state *state = &t->state;
	uint8_t fresh[TPM_KEK_SIZE + 12];
	int r = keyset_make(keys, entropy);
	if (r >= 0)
		r = root->platform->random(root->platform->ctx, fresh, sizeof fresh);
	if (r < 0) {
		root_say(report, "TPM root: the kernel gives no random bytes", "");
		return r;
	}
	use_keys(root, keys);
	memset(state, 0, sizeof *state);
	memcpy(state->srk_name, t->tpm.srk_name, TPM_NAME_SIZE);
	/* Where it cannot be had (an authorization is set), a TPM that was cleared is not told from another. */
	if (tpm_endorsement_name(&t->tpm, state->endorsement_name) < 0)
		memset(state->endorsement_name, 0, TPM_NAME_SIZE);
	state->pcrs = t->pcrs;
	struct wr log = wr_to(state->log, sizeof state->log);
	wr_span_bytes(&log, wr_span(&t->log.out));
	state->log_n = (uint16_t)log.n;
	r = tpm_counter_choose(root, report);
	if (r < 0) {
		wipe(fresh, sizeof fresh);
		return r;
	}
	r = tpm_ak_make(&t->tpm, t->ak_auth, &state->ak);
	r = r < 0 ? tpm_report_tpm(t, report) : seal(root, config, true, fresh, report);
	if (r < 0) {
		wipe(fresh, sizeof fresh);
		return r;
	}
	tpm_state_seal(state, keys, fresh, fresh + TPM_KEK_SIZE);
	memcpy(root->file_key, fresh, sizeof root->file_key);
	wipe(fresh, sizeof fresh);
	return write_state(root, true, report);
}

/* Keys that opened at PCR values, now that the domain has authorized these: from here on at all that it authorizes. */
static int reseal(struct root *root, const struct root_config *config, const uint8_t *kek,
		  struct root_report *report)
{
	int r = seal(root, config, false, kek, report);
	/* What keeps them from being written stands in the report, and does not keep the host from booting. */
	if (r > 0 && write_state(root, false, report) >= 0)
		root_say(report, "the keys are sealed to host.root.domain_key now, by %", config->authorization);
	return r;
}

static int unseal(struct root *root, const struct root_config *config, struct keyset *keys,
		  struct root_report *report)
{
	struct tpm_root *t = of(root);
	uint8_t kek[TPM_KEK_SIZE], policy[SHA256_SIZE];
	tpm_policy_pcr(&t->state.pcrs, policy);
	bool plain = tpm_kek_is_sealed_to(&t->state.kek, policy);
	int r = plain ? ERR_NONE : tpm_domain_approve(root, config, false, report);
	if (r < 0)
		return r;
	r = tpm_kek_unseal(&t->tpm, &t->state.kek, plain ? t->state.pcrs.pcrs : t->pcrs.pcrs,
			   plain ? NULL : &t->approval, kek);
	if (r < 0) {
		/* The policy's failure, in any session; and a blob that is not this TPM's. */
		TPM2_RC bare = t->tpm.link.err == ERR_NONE && t->tpm.rc < 0x1000 ? TPM_RC_BARE(t->tpm.rc) : 0;
		if (bare == TPM_RC_BARE(TPM2_RC_POLICY_FAIL))
			return tpm_report_changed(t, config, report);
		if (bare == TPM_RC_BARE(TPM2_RC_INTEGRITY))
			return tpm_report_file(report, root->file, ERR_CHECKSUM);
		return tpm_report_tpm(t, report);
	}
	r = tpm_state_open(&t->state, kek, keys);
	if (r < 0)
		(void)tpm_report_file(report, root->file, r);
	else
		use_keys(root, keys);
	memcpy(root->file_key, kek, sizeof root->file_key);
	if (r >= 0 && plain)
		r = reseal(root, config, kek, report);
	wipe(kek, sizeof kek);
	return r;
}

/* ---- Opening ---- */

/* Up to a session with the right TPM. *first: there is no key file. */
static int connect(struct root *root, const struct root_config *config, bool *first, struct root_report *report)
{
	struct tpm_root *t = of(root);
	t->tpm.srk = t->tpm.session = t->nv = ESYS_TR_NONE; /* for a close without an open */
	t->nv_wanted = config->nv_index;
	t->approval.authorization = NULL;
	int r = read_state(root, report);
	*first = r == ERR_NOT_FOUND;
	if (r < 0 && !*first)
		return r;
	t->state = t->found;
	r = tpm_open(&t->tpm, root->platform);
	if (r >= 0)
		r = tpm_srk(&t->tpm);
	if (r < 0)
		return tpm_report_tpm(t, report);
	if (config->srk_name != NULL && memcmp(config->srk_name, t->tpm.srk_name, TPM_NAME_SIZE) != 0) {
		root_say(report,
			 "the TPM's storage root key is not the one of host.root.srk_name: another TPM, one "
			 "that was cleared, or somebody between; nothing is said to it",
			 "");
		return ERR_DENIED;
	}
	if (!*first && memcmp(t->found.srk_name, t->tpm.srk_name, TPM_NAME_SIZE) != 0)
		return tpm_report_other(t, report);
	r = tpm_session(&t->tpm, t->tpm.srk_name);
	return r < 0 ? tpm_report_tpm(t, report) : ERR_NONE;
}

/* From here on nobody gets the keys in this boot, whether we did or not. */
static int cap(struct tpm_root *t, struct root_report *report, int so_far)
{
	int r = tpm_boot_extend(t, EVENTLOG_READY, span_of(NULL, 0));
	t->capped = r >= 0;
	/* What went wrong first is what has to be said. */
	if (so_far < 0 || r >= 0)
		return so_far;
	return tpm_report_tpm(t, report);
}

static int identify(struct root *root, const struct keyset *keys, const uint8_t *drbg, struct tao_seed *seed,
		    struct root_identity *who, struct root_report *report)
{
	struct tpm_root *t = of(root);
	uint8_t spki[KEY_SPKI_SIZE];
	int r = key_spki(keys->sign, spki);
	if (r >= 0)
		r = tpm_ak_spki(&t->state.ak, t->ak_spki);
	if (r < 0)
		return tpm_report_file(report, root->file, ERR_RANGE);
	sha256_of(sha256_bearssl(), span_of(spki, sizeof spki), who->sign_sha256);
	sha256_of(sha256_bearssl(), span_of(t->ak_spki, sizeof t->ak_spki), who->spki_sha256);
	who->pcrs = t->pcrs;
	memcpy(seed->sign_key, keys->sign, sizeof seed->sign_key);
	memcpy(seed->seal_key, keys->seal, sizeof seed->seal_key);
	memcpy(seed->derive_key, keys->derive, sizeof seed->derive_key);
	memcpy(seed->drbg, drbg, sizeof seed->drbg);
	return ERR_NONE;
}

static int check(const struct root_config *config, struct root_report *report)
{
	if (config->file == NULL || config->file[0] != '/' ||
	    strlen(config->file) >= sizeof((struct root *)0)->file - sizeof SUFFIX || config->room == NULL ||
	    config->log == NULL || config->manifest == NULL || config->pcr >= QUOTE_PCRS_TRUSTED ||
	    (config->pcrs >> config->pcr & 1) == 0 || config->pcrs >> QUOTE_PCRS_TRUSTED != 0) {
		root_say(report, "TPM root: %: host.root lacks what it needs",
			 config->file == NULL ? "" : config->file);
		return ERR_RANGE;
	}
	return ERR_NONE;
}

static void begin(struct root *root, const struct platform *platform, const struct root_config *config)
{
	*root = (struct root){
		.class = &root_tpm,
		.platform = platform,
		.store = config->store,
		.nv = &tpm_counter,
		.room = config->room,
	};
	memcpy(root->file, config->file, strlen(config->file) + 1);
}

static void tpm_root_close(struct root *root)
{
	struct tpm_root *t = of(root);
	if (t != NULL) {
		(void)tpm_close(&t->tpm);
		wipe(t, sizeof *t);
	}
	wipe(root, sizeof *root);
}

static int tpm_root_open(struct root *root, const struct platform *platform, const struct root_config *config,
			 const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
			 struct root_report *report)
{
	struct keyset keys;
	bool measured = false;
	*who = (struct root_identity){ .created = false };
	report->text[0] = '\0';
	wipe(seed, sizeof *seed);
	wipe(&keys, sizeof keys);
	int r = check(config, report);
	if (r < 0)
		return r;
	begin(root, platform, config);
	struct tpm_root *t = of(root);
	r = connect(root, config, &who->created, report);
	if (r >= 0) {
		r = tpm_boot_read(t, config);
		if (r < 0)
			(void)tpm_report_tpm(t, report);
	}
	if (r >= 0) {
		r = tpm_boot_measure(t, config, report);
		measured = r >= 0;
	}
	if (r >= 0)
		r = who->created ? make(root, config, entropy, &keys, report)
				 : unseal(root, config, &keys, report);
	if (measured)
		r = cap(t, report, r);
	if (r >= 0)
		r = identify(root, &keys, entropy + KEYSET_ENTROPY_SIZE, seed, who, report);
	if (r >= 0)
		r = tpm_domain_raise(t, report);
	if (r >= 0 && report->text[0] == '\0')
		tpm_domain_enroll(root, report);
	wipe(&keys, sizeof keys);
	if (r < 0) {
		tpm_root_close(root);
		wipe(seed, sizeof *seed);
	}
	return r;
}

/* ---- Endorsing ---- */

/* What the TPM quotes is checked as any verifier would: nobody else finds out first. */
static int check_quote(const struct tpm_root *t, struct span statement, struct span attest, struct span signature,
		       struct root_report *report)
{
	uint8_t indices[64], values[QUOTE_PCRS_TRUSTED * 65], key_hash[SHA256_SIZE];
	struct wr i = wr_to(indices, sizeof indices), v = wr_to(values, sizeof values);
	struct quote_facts facts;
	quote_write_pcrs(&t->pcrs, &i, &v);
	sha256_of(sha256_bearssl(), span_of(t->ak_spki, sizeof t->ak_spki), key_hash);
	const struct quote_claim claim = {
		.key_hash = span_of(key_hash, sizeof key_hash),
		.indices = wr_span(&i),
		.values = wr_span(&v),
		.spki = span_of(t->ak_spki, sizeof t->ak_spki),
		.ak_public = span_of(t->state.ak.public, t->state.ak.public_n),
		.statement = statement,
		.attest = attest,
		.signature = signature,
	};
	const char *why = quote_verify(sha256_bearssl(), &claim, &facts);
	if (why == NULL)
		return ERR_NONE;
	root_say(report, "the TPM's quote is not good (%): somebody extends PCRs meanwhile, or interferes", why);
	return ERR_BAD_SIGNATURE;
}

static int tpm_root_endorse(struct root *root, struct span statement, struct tao_seed *seed,
			    struct root_report *report)
{
	struct tpm_root *t = of(root);
	uint8_t extra_data[SHA256_SIZE], attest[TPM_ATTEST_MAX], signature[TPM_SIGNATURE_MAX];
	struct wr a = wr_to(attest, sizeof attest), s = wr_to(signature, sizeof signature);
	struct wr delegation = wr_to(seed->delegation, sizeof seed->delegation);
	int r = quote_extra_data(sha256_bearssl(), statement, extra_data);
	if (r < 0)
		return r;
	if (tpm_quote(&t->tpm, &t->state.ak, t->ak_auth, t->pcrs.pcrs, extra_data, &a, &s) < 0)
		return tpm_report_tpm(t, report);
	r = check_quote(t, statement, wr_span(&a), wr_span(&s), report);
	if (r < 0)
		return r;
	const tao_Attestation attestation = {
		.serialized_statement = statement,
		.signer_type = span_str("tpm2"),
		.signer_key = span_of(t->ak_spki, sizeof t->ak_spki),
		.signature = wr_span(&s),
		.tpm2_quote_structure = wr_span(&a),
	};
	r = proto_encode(&delegation, tao_Attestation_fields, &attestation);
	seed->delegation_n = r < 0 ? 0 : delegation.n;
	return r;
}

/* ---- Later ---- */

static int tpm_root_measure(struct root *root, enum eventlog_tag tag, struct span data, struct root_report *report)
{
	report->text[0] = '\0';
	int r = tpm_boot_extend(of(root), tag, data);
	if (r == ERR_NO_SPACE) {
		root_say(report,
			 "the event log is full; it ends with FAULT, and proves nothing of what is launched now",
			 "");
		return ERR_NONE;
	}
	return r < 0 ? tpm_report_tpm(of(root), report) : ERR_NONE;
}

static int tpm_root_resume(struct root *root, const struct platform *platform, const struct root_config *config,
			   const uint8_t kek[static 32], struct root_report *report)
{
	bool first = false;
	report->text[0] = '\0';
	begin(root, platform, config);
	memcpy(root->kek, kek, sizeof root->kek);
	int r = check(config, report);
	if (r < 0)
		return r;
	struct tpm_root *t = of(root);
	r = connect(root, config, &first, report);
	/* Without a key file there is no index; it says which. */
	if (r >= 0 && config->store != NULL && first)
		r = tpm_report_file(report, root->file, ERR_NOT_FOUND);
	if (r >= 0 && config->store == NULL)
		r = tpm_boot_resume(t, config, report);
	if (r < 0)
		tpm_root_close(root);
	return r;
}

/* ---- For another manifest ---- */

static int tpm_root_reseal(struct root *root, const struct platform *platform, const struct root_config *config,
			   const uint8_t file_key[static 32], struct root_report *report)
{
	uint8_t policy[SHA256_SIZE];
	struct keyset keys;
	bool first = false;
	report->text[0] = '\0';
	begin(root, platform, config);
	int r = check(config, report);
	if (r < 0)
		return r;
	struct tpm_root *t = of(root);
	r = connect(root, config, &first, report);
	tpm_policy_pcr(&t->state.pcrs, policy);
	if (r >= 0 && first) {
		r = tpm_report_file(report, root->file, ERR_NOT_FOUND);
	} else if (r >= 0 && !tpm_kek_is_sealed_to(&t->state.kek, policy)) {
		root_say(report,
			 "the keys open for what host.root.domain_key authorizes: authorize the values that "
			 "taoverify predict gives for it (taopolicy authorize) and reboot",
			 "");
		r = ERR_UNSUPPORTED;
	} else if (r >= 0) {
		/* Whatever this key opens now, it has to open then. */
		r = tpm_state_open(&t->state, file_key, &keys);
		wipe(&keys, sizeof keys);
		if (r >= 0)
			r = tpm_boot_foresee(t, config);
		tpm_policy_pcr(&t->state.pcrs, policy);
		if (r < 0)
			(void)tpm_report_file(report, root->file, r);
		else if (tpm_kek_seal(&t->tpm, policy, file_key, &t->state.kek) < 0)
			r = tpm_report_tpm(t, report);
		else
			r = write_state(root, false, report);
	}
	tpm_root_close(root);
	return r;
}

const struct root_class root_tpm = {
	.name = "tpm",
	.room = sizeof(struct tpm_root),
	.open = tpm_root_open,
	.endorse = tpm_root_endorse,
	.measure = tpm_root_measure,
	.cap = tpm_root_cap,
	.resume = tpm_root_resume,
	.reseal = tpm_root_reseal,
	.counters = counters_file_answer,
	.close = tpm_root_close,
};
