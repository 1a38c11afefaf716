/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>

#include "../client/taoverify.h"
#include "../crypto/counters_file.h"
#include "../policy/name.h"
#include "clock.h"
#include "manifest.h"
#include "root_name.h"
#include "root_worker.h"
#include "sys.h"
#include "sys_parent.h"
#include "sys_platform.h"
#include "sys_tpm.h"

#define EVENTLOG_FILE "/eventlog"

/* Of this process: struct platform points into them. */
static struct sys_tpm tpm;
static struct sys_parent parent;

/* The Tao below, to which our name says what we are: for what is sealed to us there, and for who reads our attestations. An
 * earlier worker may have seen to it. */
static const struct platform *open_parent(const struct host *host, struct root_config *config,
					  struct root_report *report)
{
	static const char before[] = "parent Tao: ";
	uint8_t extension[sizeof host->guard_name + 64];
	struct wr sub = wr_to(extension, sizeof extension), words = wr_to(report->text, sizeof report->text - 1);
	wr_bytes(&words, before, sizeof before - 1);
	int r = root_extension_write(config, &sub);
	if (r >= 0)
		r = sys_parent_open(&parent, host->parent, &words);
	if (r >= 0 && !name_ends_with(span_of(parent.name, parent.name_n), wr_span(&sub)))
		r = sys_parent_extend(&parent, wr_span(&sub), &words);
	config->name = span_of(parent.name, parent.name_n);
	if (r >= 0 && !name_ends_with(config->name, wr_span(&sub))) {
		static const char other[] = "it does not call us what we have told it that we are";
		wr_bytes(&words, other, sizeof other - 1);
		r = ERR_MALFORMED;
	}
	report->text[r < 0 ? words.n : 0] = '\0';
	return r < 0 ? NULL : &parent.platform;
}

const struct platform *root_platform(const struct host *host, struct root_config *config,
				     struct root_report *report)
{
	*config = (struct root_config){
		.file = host->root_file,
		.ephemeral = host->root_ephemeral,
		.pcrs = host->root_pcrs,
		.pcr = host->root_pcr,
		.pcr_base = host->root_pcr_base,
		.srk_name = host->root_srk_name,
		.nv_index = host->root_nv_index,
		.domain_key = host->root_domain_key,
		.authorization = host->root_authorization,
		.manifest = host->manifest_sha256.b,
		.guard = span_of(host->guard_name, host->guard_name_n),
		.log = host->root_log,
		.changed = root_kept_changed,
		.host = host,
	};
	if (host->root == &root_parent)
		return open_parent(host, config, report);
	if (host->root_device == NULL)
		return &sys_platform;
	config->room = sys_map(host->root->room);
	if (config->room == NULL) {
		snprintf(report->text, sizeof report->text, "no memory for the root");
		return NULL;
	}
	if (sys_tpm_open(&tpm, host->root_device) < 0) {
		root_report_transport(report, ERR_IO);
		return NULL;
	}
	return &tpm.platform;
}

void root_report_transport(struct root_report *report, int err)
{
	if ((err == ERR_IO || err == ERR_TIMEOUT) && tpm.why[0] != '\0')
		snprintf(report->text, sizeof report->text, "TPM: %.255s", tpm.why);
}

bool root_is_managed(const struct host *host)
{
	return host->root_device == NULL || text_find(host->root_device, "tpmrm") != NULL;
}

static bool make_store(struct counter_store *store)
{
	/* Pages are taken as they are filled. */
	store->table.cap = COUNTERS_ROWS;
	store->table.at = sys_map(COUNTERS_ROWS * sizeof(struct counter));
	store->file_cap = COUNTERS_SEALED_SIZE(COUNTERS_ROWS) + 1;
	store->file = sys_map(store->file_cap);
	return store->table.at != NULL && store->file != NULL;
}

void root_log_save(const struct host *host)
{
	static int fd = -1;
	static uint32_t written;
	const struct root_log *log = host->root_log;
	char path[sizeof((struct root *)0)->file + sizeof EVENTLOG_FILE];
	if (log == NULL || host->root_dir == NULL)
		return;
	if (fd < 0) {
		snprintf(path, sizeof path, "%s" EVENTLOG_FILE, host->root_dir);
		/* Each process writes it anew once: its predecessor may have died in the middle. */
		fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	}
	if (fd >= 0 && log->n > written && sys_write_all(fd, log->bytes + written, log->n - written) == 0)
		written = log->n;
}

/* What a parent has attested is looked at as any verifier would, at the time that it says: nobody else finds out first. What
 * it rests on itself is not for us to judge, who are below it in any case, but people should know. */
static int check_attested(const struct root_identity *who, struct span said, const struct tao_seed *seed,
			  struct root_report *report)
{
	static struct taoverify_result result;
	const struct taoverify_level *level = &result.levels[0];
	struct taoverify_options options = { .now = 0 };
	int believed = TAOVERIFY_REFUSED;
	for (int i = 0; i < 2; i++, options.now = level->times.from)
		believed = taoverify_attestation(seed->delegation, seed->delegation_n, &options, &result);
	bool ours =
		span_equal(span_of(level->speaker.data, level->speaker.size), span_of(who->name, who->name_n)) &&
		span_equal(span_of(level->message.data, level->message.size), said);
	bool good = ours && result.level != 0;
	if (believed != TAOVERIFY_OK || !good)
		snprintf(report->text, sizeof report->text, "the parent's word for our key %s: %s",
			 good ? "may not be believed by others" : "is not good",
			 believed == TAOVERIFY_OK ? "it is another than was asked for" : result.reason);
	return good ? ERR_NONE : ERR_BAD_SIGNATURE;
}

/* The root states, by a key of its own, that the signing key speaks for the host. */
static int endorse(struct root *root, struct root_opened *opened)
{
	static uint8_t statement[2 * HOST_PRIN_MAX + 128];
	struct wr w = wr_to(statement, sizeof statement);
	if (root->class->endorse == NULL)
		return ERR_NONE;
	root_statement_write(&opened->identity, clock_latest(opened->time), &w);
	int r = w.err != ERR_NONE ? (int)w.err
				  : root->class->endorse(root, wr_span(&w), &opened->seed, &opened->report);
	return r < 0 || opened->identity.name_n == 0
		       ? r
		       : check_attested(&opened->identity, wr_span(&w), &opened->seed, &opened->report);
}

/* What the host must not forget. Where it cannot be read it is unknown, which the report tells: whoever needs it for
 * certain asks again and gets the error. */
static void recall(const struct host *host, struct root *root, struct root_opened *opened)
{
	struct counter_question questions[2] = { { .op = COUNTER_GET }, { .op = COUNTER_GET } };
	struct root_report report;
	for (int i = 0; i < 2; i++)
		memcpy(questions[i].program, counters_host, sizeof counters_host);
	memcpy(questions[1].label, host->guard_key.b, sizeof questions[1].label);
	root->class->counters(root, questions, host->guard_keyed ? 2 : 1, &report);
	if (report.text[0] != '\0')
		opened->report = report;
	opened->time = questions[0].value;
	opened->policy_version = (uint64_t)questions[1].value;
}

static int open_root(const struct host *host, struct root *root, struct root_opened *opened)
{
	struct root_config config;
	struct counter_store store = { .booting = true };
	uint8_t entropy[128];
	const struct platform *platform = root_platform(host, &config, &opened->report);
	if (platform == NULL)
		return ERR_IO;
	config.store = &store;
	if (!make_store(&store) || sys_random(entropy, sizeof entropy) < 0) {
		snprintf(opened->report.text, sizeof opened->report.text,
			 "the kernel gives no memory, or no random bytes");
		return ERR_IO;
	}
	int r = root->class->open(root, platform, &config, entropy, &opened->seed, &opened->identity,
				  &opened->report);
	wipe(entropy, sizeof entropy);
	if (r < 0)
		return r;
	recall(host, root, opened);
	r = endorse(root, opened);
	if (r < 0) {
		wipe(&opened->seed, sizeof opened->seed);
		root->class->close(root);
		return r;
	}
	memcpy(opened->kek, root->kek, sizeof opened->kek);
	memcpy(opened->file_key, root->file_key, sizeof opened->file_key);
	return ERR_NONE;
}

int root_worker(int socket, void *arg)
{
	const struct host *host = arg;
	/* One message of this size fits any socket buffer; static, so that it is wiped with certainty below. */
	static struct root_opened opened;
	struct root root = { .class = host->root };
	root_firmware_read(host);
	opened.error = open_root(host, &root, &opened);
	if (opened.error != ERR_NONE)
		root_report_transport(&opened.report, opened.error);
	else
		root_kept_save(host);
	root_log_save(host);
	root_firmware_save(host);
	int r = sys_write_all(socket, &opened, sizeof opened);
	bool open = opened.error == ERR_NONE;
	wipe(&opened, sizeof opened);
	if (open && root.class->close != NULL)
		root.class->close(&root);
	wipe(&root, sizeof root);
	return r == 0 ? 0 : 1;
}

int root_reseal(const struct host *host, const uint8_t file_key[static 32], struct root_report *report)
{
	struct root root;
	struct root_config config;
	const struct platform *platform = root_platform(host, &config, report);
	int r = platform == NULL ? ERR_IO : host->root->reseal(&root, platform, &config, file_key, report);
	if (r == ERR_NONE)
		root_kept_save(host);
	else
		root_report_transport(report, r);
	return r;
}

/* The first question, waited for, and what else has come: their number; 0 when PID 1 has closed its end. */
static size_t take_batch(int socket, uint64_t *ids, struct counter_question *questions, int64_t *now)
{
	struct root_question q;
	size_t n = 0;
	ssize_t got = sys_recv_wait(socket, &q, sizeof q, NULL, 0, NULL);
	while (got == (ssize_t)sizeof q) {
		ids[n] = q.id;
		*now = q.now;
		questions[n++] = q.question;
		if (n == ROOT_BATCH)
			break;
		got = sys_recv(socket, &q, sizeof q, NULL, 0, NULL);
	}
	return n;
}

static bool answer_all(int socket, const uint64_t *ids, const struct counter_question *questions, size_t n,
		       const struct root_report *report)
{
	struct root_answer answer;
	memset(&answer, 0, sizeof answer);
	answer.report = *report;
	for (size_t i = 0; i < n; i++) {
		answer.id = ids[i];
		answer.error = questions[i].error;
		answer.value = questions[i].value;
		if (sys_send_wait(socket, span_of(&answer, sizeof answer), NULL, 0) < 0)
			return false;
	}
	return true;
}

/* What the later worker has from question to question. */
struct counter_life {
	const struct host *host;
	const struct platform *platform;
	struct root_config config;
	struct counter_store store;
	struct root root;
	uint8_t kek[32];
	bool open;
};

static void answer_batch(struct counter_life *life, struct counter_question *questions, size_t n,
			 struct root_report *report)
{
	int r = life->platform != NULL ? ERR_NONE : ERR_IO;
	if (life->platform == NULL) {
		life->platform = root_platform(life->host, &life->config, report);
		r = life->platform == NULL ? ERR_IO : ERR_NONE;
		life->config.store = &life->store;
	}
	if (r == ERR_NONE && !life->open)
		r = life->host->root->resume(&life->root, life->platform, &life->config, life->kek, report);
	life->open = r == ERR_NONE;
	if (life->open)
		life->root.class->counters(&life->root, questions, n, report);
	for (size_t i = 0; i < n && r < 0; i++) {
		questions[i].error = r;
		questions[i].value = 0;
	}
	if (life->open && !root_is_managed(life->host)) {
		life->root.class->close(&life->root);
		life->open = false;
	}
}

int root_counter_worker(int socket, void *arg)
{
	static struct counter_question questions[ROOT_BATCH];
	static uint64_t ids[ROOT_BATCH];
	static struct counter_life life;
	struct root_report report;
	life = (struct counter_life){ .host = arg };
	if (!make_store(&life.store) ||
	    sys_recv_wait(socket, life.kek, sizeof life.kek, NULL, 0, NULL) != (ssize_t)sizeof life.kek)
		return 1;
	bool go_on = true;
	for (size_t n; go_on && (n = take_batch(socket, ids, questions, &life.store.now)) > 0;) {
		report.text[0] = '\0';
		answer_batch(&life, questions, n, &report);
		/* A TPM or parent that could not be reached once is reached anew by the next worker. */
		go_on = !tpm.dead && !parent.dead;
		root_report_transport(&report, tpm.dead);
		go_on = answer_all(socket, ids, questions, n, &report) && go_on;
	}
	if (life.open)
		life.root.class->close(&life.root);
	wipe(&life, sizeof life);
	return 0;
}
