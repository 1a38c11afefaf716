/* SPDX-License-Identifier: MIT
 *
 * The root in a TPM, between its files: root_tpm.c (the order of a boot), tpm_boot.c (PCRs and the log), tpm_state.c
 * (what is on disk), tpm_counter.c (that it is the last), tpm_report.c (what is said when it cannot be). */
#ifndef TAO_TPM_ROOT_H
#define TAO_TPM_ROOT_H

#include "root.h"
#include "tpm_nv.h"
#include "tpm_state.h"

struct tpm_root {
	struct tpm tpm;
	struct tpm_state state, found; /* what is to be on disk; what is there */
	struct quote_facts pcrs;       /* the selection as it is now */
	struct eventlog log;
	struct root_log *memory; /* where log is written to */
	ESYS_TR nv;		 /* the counter, once it was needed */
	uint32_t nv_wanted;
	uint8_t ak_auth[32];
	uint8_t ak_spki[KEY_SPKI_SIZE];
	uint8_t sealed_to[SHA256_SIZE]; /* of the PCR that we measure into: the value before READY */
	uint32_t pcr;
	bool capped; /* READY is in the PCR */
	/* Where a domain authorizes. */
	struct authorization authorization;
	struct tpm_approval approval;
	ESYS_TR counter;
	uint64_t version; /* the counter's */
};

/* ---- tpm_boot.c ---- */

/* Reads the selection into t->pcrs. */
int tpm_boot_read(struct tpm_root *t, const struct root_config *config);
/* START, MANIFEST and GUARD into the log and the PCR, from wherever a worker that died has left it. ERR_STATE: the PCR
 * has what is none of ours, or READY already (report says which). */
int tpm_boot_measure(struct tpm_root *t, const struct root_config *config, struct root_report *report);
/* What a boot with config's manifest and guard has before READY, and the log of it, into t->state. */
int tpm_boot_foresee(struct tpm_root *t, const struct root_config *config);
/* One record more, in both. ERR_NO_SPACE: the log is full, which FAULT says now; the boot goes on. */
int tpm_boot_extend(struct tpm_root *t, enum eventlog_tag tag, struct span data);
/* Goes on with a log that a worker before has written, extending what it did not live to extend. */
int tpm_boot_resume(struct tpm_root *t, const struct root_config *config, struct root_report *report);

/* ---- tpm_cap.c ---- */

int tpm_root_cap(const struct platform *platform, const struct root_config *config, struct root_report *report);

/* ---- tpm_counter.c ---- */

extern const struct counter_nv tpm_counter;
/* An index for the first boot into t->state. ERR_LOST: there is none that is free. */
int tpm_counter_choose(struct root *root, struct root_report *report);

/* ---- tpm_domain.c ---- */

/* The domain's authorization for the machine as it is, checked by us, so that there is a word for what is wrong, and
 * given to the TPM: 1, and t->approval. plain: the keys are not sealed to a domain yet; then the version counter is made
 * where there is none, and it is 0, without a report, where the manifest names no domain, or its authorization has not
 * come yet and none was ever there. */
int tpm_domain_approve(struct root *root, const struct root_config *config, bool plain,
		       struct root_report *report);
/* Where an authorization opened or sealed the keys: older versions open nothing any more. When everything of this one has
 * come up. */
int tpm_domain_raise(struct tpm_root *t, struct root_report *report);
/* An answer to this host's request to be enrolled, if one lies beside the key file (taopolicy(1)): opened by the TPM, its
 * statement is kept. Whatever comes of it stands in report, and keeps no host from booting. */
void tpm_domain_enroll(struct root *root, struct root_report *report);

/* ---- tpm_report.c ---- */

#define TPM_NEW_IDENTITY "move the key file away to get a new identity (what was sealed is then lost)"

/* More text: a number, after this. */
void tpm_report_number(struct root_report *report, const char *before, uint64_t n);

/* The TPM's last failure, and what it means for the root. Returns its error. */
int tpm_report_tpm(const struct tpm_root *t, struct root_report *report);
/* The TPM has another storage root key than the one on record: cleared, another machine's, or somebody between. */
int tpm_report_other(struct tpm_root *t, struct root_report *report);
/* The keys did not open: which PCR, which record differs from what they were sealed to. */
int tpm_report_changed(struct tpm_root *t, const struct root_config *config, struct root_report *report);
int tpm_report_file(struct root_report *report, const char *path, int err);
/* The counter in the TPM failed; taken: there is one already that should be new. ERR_LOST: it is gone, or not ours. */
int tpm_report_nv(const struct tpm_root *t, bool taken, struct root_report *report);

#endif
