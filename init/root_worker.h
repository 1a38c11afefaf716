/* SPDX-License-Identifier: MIT
 *
 * The root workers. What is stored is touched by them alone. The first opens the root of trust, hands the keys to PID 1,
 * with what else was stored, and ends. Later ones answer about rollback counters and what else stands in their table: they
 * get the KEK and none of the keys, and live from the first question until nobody has asked for a while.
 */
#ifndef TAO_ROOT_WORKER_H
#define TAO_ROOT_WORKER_H

#include "../crypto/counters.h"
#include "../crypto/root.h"

struct host;

/* The first worker's one message. */
struct root_opened {
	int32_t error; /* enum err */
	struct root_identity identity;
	struct root_report report; /* without an error: for the log, the counters cannot be used */
	int64_t time;		   /* the last that was stored, seconds since 1970; 0: none */
	uint64_t policy_version;   /* the last that was accepted, of the policies of the manifest's key; 0: none */
	struct tao_seed seed;	   /* secret: received into secret pages, then wiped */
	uint8_t kek[32], file_key[32]; /* secret, too */
};

/* To a later worker: first one message of 32 bytes, the KEK, then these. */
struct root_question {
	uint64_t id;
	int64_t now; /* seconds since 1970: stored with what changes */
	struct counter_question question;
};

/* Its answer, when what it says is on disk. A batch that waits is one write, so answers come in bursts. */
struct root_answer {
	uint64_t id;
	int32_t error;
	int64_t value;
	struct root_report report; /* for the log; empty if there is nothing to say */
};

/* Questions that one write answers, and that may be under way at once: their messages fit any socket buffer. */
#define ROOT_BATCH 64

/* Fills config with what the manifest says, and opens the TPM where there is one. NULL: report says why not. Once a
 * process. */
const struct platform *root_platform(const struct host *host, struct root_config *config,
				     struct root_report *report);
/* Where an operation failed because the TPM could not be reached: the reason, with the remedy, instead. */
void root_report_transport(struct root_report *report, int err);

/* Does the kernel take what we leave in the TPM out of it, when it has to kill us? True where there is no TPM. */
bool root_is_managed(const struct host *host);

/* Seals the keys to the manifest and the guard of host, which is not in force yet (root.h, reseal). 0, or report says why
 * not. */
int root_reseal(const struct host *host, const uint8_t file_key[static 32], struct root_report *report);

/* The event log as a file beside the key file, for others to read: what is new in it. Nothing depends on it. */
void root_log_save(const struct host *host);

/* What was measured when the keys were sealed, kept beside them, so that a boot in which they do not open can say what
 * has changed since: the manifest, the kernel's command line, the firmware's log. Nothing depends on it. */
void root_kept_save(const struct host *host);
/* struct root_config's changed. */
void root_kept_changed(const struct root_config *config, unsigned pcr, struct span manifest,
		       struct root_report *report);
/* The firmware's log, into host->firmware_log; and from there into a file beside ours. */
void root_firmware_read(const struct host *host);
void root_firmware_save(const struct host *host);

/* The workers' lives; arg is the struct host of the manifest. Both block. */
int root_worker(int socket, void *arg);
/* Sees to it that nobody gets the keys in this boot; answers with a struct root_opened that has only error and report. A
 * host without a root in a TPM may have one that another manifest has sealed keys in. */
int root_cap_worker(int socket, void *arg);
int root_counter_worker(int socket, void *arg);

#endif
