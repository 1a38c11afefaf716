/* SPDX-License-Identifier: MIT
 *
 * The counter of a root in a TPM, by which an old table of the counters is told from the last one. */
#include "counters_file.h"
#include "hkdf.h"
#include "tpm_root.h"

static struct tpm_root *of(const struct root *root)
{
	return root->room;
}

/* Its authorization is derived from what every worker has. */
static void nv_auth(const struct root *root, uint8_t auth[static 32])
{
	(void)hkdf(sha256_bearssl(), span_of(root->kek, sizeof root->kek), span_str("Tao Counters V1"),
		   span_str("nv auth"), auth, 32);
}

static int nv_open(struct root *root)
{
	struct tpm_root *t = of(root);
	uint8_t auth[32];
	if (t->nv != ESYS_TR_NONE)
		return ERR_NONE;
	nv_auth(root, auth);
	int r = tpm_nv_open(&t->tpm, t->state.nv_index, auth, &t->nv);
	wipe(auth, sizeof auth);
	if (r < 0)
		t->nv = ESYS_TR_NONE;
	return r;
}

static int nv_read(struct root *root, uint64_t *n, struct root_report *report)
{
	int r = nv_open(root);
	if (r >= 0)
		r = tpm_nv_read(&of(root)->tpm, of(root)->nv, n);
	return r < 0 ? tpm_report_nv(of(root), false, report) : r;
}

static int nv_count(struct root *root, struct root_report *report)
{
	int r = nv_open(root);
	if (r >= 0)
		r = tpm_nv_count(&of(root)->tpm, of(root)->nv);
	return r < 0 ? tpm_report_nv(of(root), false, report) : r;
}

/* Twice: what was written for the next count, and never counted, is not to be valid either. */
static int nv_renew(struct root *root, uint64_t *n, struct root_report *report)
{
	struct tpm_root *t = of(root);
	int r = nv_open(root);
	if (r == ERR_NOT_FOUND) {
		uint8_t auth[32];
		nv_auth(root, auth);
		r = tpm_nv_define(&t->tpm, t->state.nv_index, TPM_NV_ATTRIBUTES, auth);
		wipe(auth, sizeof auth);
	}
	if (r < 0)
		return tpm_report_nv(t, false, report);
	r = nv_count(root, report);
	if (r >= 0)
		r = nv_count(root, report);
	return r < 0 ? r : nv_read(root, n, report);
}

const struct counter_nv tpm_counter = { nv_read, nv_count, nv_renew };

int tpm_counter_choose(struct root *root, struct root_report *report)
{
	struct tpm_root *t = of(root);
	uint32_t tries = t->nv_wanted != 0 ? 1 : TPM_NV_TRIES;
	t->state.nv_index = t->nv_wanted != 0 ? t->nv_wanted : TPM_NV_INDEX;
	for (uint32_t i = 0; i < tries; i++, t->state.nv_index++) {
		int r = nv_open(root);
		if (r == ERR_NOT_FOUND)
			return ERR_NONE;
		if (r < 0 && r != ERR_EXISTS)
			return tpm_report_tpm(t, report);
		(void)Esys_TR_Close(t->tpm.esys, &t->nv);
		t->nv = ESYS_TR_NONE;
	}
	t->state.nv_index--;
	return tpm_report_nv(t, true, report);
}
