/* SPDX-License-Identifier: MIT
 *
 * Roots of trust: what the host's keys rest on. One const struct root_class a kind, in root_<kind>.c, with one
 * row in root.def. Used in the root worker only: every call may block.
 *
 * Roots give digests, PCR values and signatures; names and statements are built by init/ with policy/.
 */
#ifndef TAO_ROOT_H
#define TAO_ROOT_H

#include "eventlog.h"
#include "platform.h"
#include "quote.h"
#include "tao.h"

struct counter_nv;
struct counter_question;
struct counter_store;
struct root_report;
struct host;

/* What the manifest says of the root. Strings belong to the caller. */
struct root_config {
	const char *file; /* key file (soft, parent); absolute */
	bool ephemeral;	  /* keys live in memory only, and the host's name says so */
	/* Room for the rollback counters; NULL for who only opens. */
	struct counter_store *store;
	/* Of a root in a TPM; file is its key file. */
	uint32_t pcrs;		 /* bit i: PCR i is sealed to and stands in the host's name */
	uint32_t pcr;		 /* the one of them that we measure into */
	const uint8_t *pcr_base; /* what that has before us; NULL: zeros */
	const uint8_t
		*srk_name; /* 34 bytes: the storage root key that must be there; NULL: the one of the first boot */
	uint32_t nv_index; /* where the TPM counts; 0: the first that is free of those from TPM_NV_INDEX on */
	/* Who authorizes other PCR values (authorization.h): SHA-256 of the key's SPKI, and the file; NULL: nobody. */
	const uint8_t *domain_key;
	const char *authorization;
	const uint8_t *manifest; /* SHA-256 */
	struct span guard;	 /* binary SubPrin */
	struct span name;	 /* of a root in another Tao: what that calls us, binary Prin */
	struct root_log *log;
	/* Adds to a report what of the things that PCR pcr is about is another than when the keys were sealed: of the PCR
	 * that we measure into, in the manifest whose SHA-256 is manifest. NULL: nobody knows. */
	void (*changed)(const struct root_config *config, unsigned pcr, struct span manifest,
			struct root_report *report);
	const struct host *host; /* changed's own */
	void *room;		 /* class->room zeroed bytes, which stay where they are */
};

/* The event log where PID 1 and the root workers have it, so that it outlives any of these. Bytes are written before
 * n says so. */
#define ROOT_LOG_MAX (1 << 20)
struct root_log {
	uint32_t n;
	uint8_t bytes[ROOT_LOG_MAX];
};

/* A key, or all PCRs of a TPM, and some levels of Taos on each other, of which each adds a program, a manifest and a guard. */
#define ROOT_NAME_MAX 3072

/* Who the host is, as bytes: the name key([spki_sha256]), key([spki_sha256]).Ephemeral() or tpm2([…]).PCRs(…); or name. */
struct root_identity {
	uint8_t spki_sha256[32]; /* SHA-256 of the DER SubjectPublicKeyInfo of the key in the name */
	uint8_t sign_sha256[32]; /* of the signing key: the same, but of a root that endorses another */
	struct quote_facts pcrs; /* tpm2([spki_sha256]).PCRs(…) if pcrs.pcrs is not 0 */
	bool ephemeral;
	bool created;		     /* the keys were made just now: first boot */
	size_t name_n;		     /* 0: one of those */
	uint8_t name[ROOT_NAME_MAX]; /* what the Tao that we run on calls us */
};

/* A text for people: what failed, where, and the remedy. Always NUL-terminated. */
struct root_report {
	char text[448];
};

struct root; /* one open root; a class embeds it as the first member of its own state in root->state */

struct root_class {
	const char *name;
	size_t room; /* what it needs in config->room */
	/* Opens or makes the key set. entropy: 128 fresh bytes (used for new keys, and for the seed's drbg).
	 * Fills *seed (the caller wipes it) and *who. Errors leave nothing changed on disk and say why in report. */
	int (*open)(struct root *root, const struct platform *platform, const struct root_config *config,
		    const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
		    struct root_report *report);
	/* After open, of a root that rests on another key than the signing key: states, as that key, the statement by
	 * which the signing key speaks for the host (a binary Says) and puts the attestation into the seed. NULL: there
	 * is nothing to state. */
	int (*endorse)(struct root *root, struct span statement, struct tao_seed *seed,
		       struct root_report *report);
	/* Measures into the log and the PCR (after open or resume); when it returns 0, both have it. NULL: nothing is
	 * measured. */
	int (*measure)(struct root *root, enum eventlog_tag tag, struct span data, struct root_report *report);
	/* Makes certain that nobody gets the keys in this boot, without opening anything: for a host that goes on without
	 * its root. config->pcrs 0: whatever PCR they may be sealed to. NULL: nothing can be done, or need be. */
	int (*cap)(const struct platform *platform, const struct root_config *config, struct root_report *report);
	/* For a worker that comes after the one that opened: what that left in root->kek, instead of the keys. With
	 * config->store it is for the counters, else for measuring. */
	int (*resume)(struct root *root, const struct platform *platform, const struct root_config *config,
		      const uint8_t kek[static 32], struct root_report *report);
	/* Seals the keys to another manifest and guard, those of config: from the next boot on they open for it, and no more
	 * for the one of this boot. file_key: what open left in root->file_key. Opens the root and closes it. What keeps it
	 * from being done leaves the file as it was. NULL: keys are not sealed to these. */
	int (*reseal)(struct root *root, const struct platform *platform, const struct root_config *config,
		      const uint8_t file_key[static 32], struct root_report *report);
	/* Answers n questions about rollback counters, each with a value and an error of its own (counters.h). When
	 * it returns, nothing of what it answered can be lost. What went wrong for all of them stands in report; it
	 * may say something for the log without an error, too. */
	void (*counters)(struct root *root, struct counter_question *questions, size_t n,
			 struct root_report *report);
	void (*close)(struct root *root);
};

struct root {
	const struct root_class *class;
	const struct platform *platform;
	char file[256];
	uint8_t kek[32];      /* key of what this root stores (counters, last policy version) */
	uint8_t file_key[32]; /* of the key file, where a TPM has it; else zeros */
	struct counter_store *store;
	const struct counter_nv *nv; /* counters_file.h; NULL: the disk alone */
	void *room;
};

#define ROOT(id) extern const struct root_class root_##id;
#include "root.def"
#undef ROOT

/* A report: text, with the path for each '%' (of a long one, the end). Whatever does not fit is cut. */
void root_say(struct root_report *report, const char *text, const char *path);
/* More text after it, as it is. */
void root_add(struct root_report *report, const char *text);
/* Writes a file and syncs it, but not its name. */
int root_put(const struct platform *platform, const char *path, struct span bytes);
/* Syncs the directory that a file stands in; above: tries those above, too, which may be new as well. */
int root_sync_name(const struct platform *platform, const char *path, bool above);

/* NULL if there is no such class. */
const struct root_class *root_find(const char *name);

#endif
