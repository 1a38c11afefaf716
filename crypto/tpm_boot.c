/* SPDX-License-Identifier: MIT */
#include "tpm_root.h"

/* START, MANIFEST, GUARD: what stands in the PCR when the keys are sealed to it or opened. */
#define N_BEFORE_READY 3

struct early {
	enum eventlog_tag tag;
	struct span data;
};

static void early_records(const struct root_config *config, struct early early[static N_BEFORE_READY])
{
	early[0] = (struct early){ EVENTLOG_START, span_str(EVENTLOG_START_DATA) };
	early[1] = (struct early){ EVENTLOG_MANIFEST, span_of(config->manifest, SHA256_SIZE) };
	early[2] = (struct early){ EVENTLOG_GUARD, config->guard };
}

int tpm_boot_foresee(struct tpm_root *t, const struct root_config *config)
{
	struct early early[N_BEFORE_READY];
	uint8_t digest[SHA256_SIZE], room[2 * TPM_STATE_LOG_MAX];
	int r = eventlog_begin(&t->log, room, sizeof room, config->pcr, config->pcr_base);
	early_records(config, early);
	for (int i = 0; r == ERR_NONE && i < N_BEFORE_READY; i++)
		r = eventlog_append(&t->log, early[i].tag, early[i].data, digest);
	struct wr log = wr_to(t->state.log, sizeof t->state.log);
	wr_span_bytes(&log, wr_span(&t->log.out));
	t->state.log_n = (uint16_t)log.n;
	memcpy(t->state.pcrs.value[config->pcr], t->log.value, SHA256_SIZE);
	return r == ERR_NONE ? (int)log.err : r;
}

int tpm_boot_read(struct tpm_root *t, const struct root_config *config)
{
	int r = ERR_NONE;
	t->pcrs.pcrs = config->pcrs;
	t->pcr = config->pcr;
	for (unsigned i = 0; r == ERR_NONE && i < QUOTE_PCRS_TRUSTED; i++)
		if (config->pcrs >> i & 1)
			r = tpm_pcr_read(&t->tpm, i, t->pcrs.value[i]);
	return r;
}

/* Others see a record when it is whole. */
static void publish(struct tpm_root *t)
{
	__atomic_store_n(&t->memory->n, (uint32_t)t->log.out.n, __ATOMIC_RELEASE);
}

int tpm_boot_extend(struct tpm_root *t, enum eventlog_tag tag, struct span data)
{
	uint8_t digest[SHA256_SIZE];
	int full = eventlog_append(&t->log, tag, data, digest);
	if (full == ERR_STATE)
		return ERR_NO_SPACE;
	publish(t);
	int r = tpm_pcr_extend(&t->tpm, t->pcr, digest, t->log.value);
	if (r == ERR_NONE)
		memcpy(t->pcrs.value[t->pcr], t->log.value, SHA256_SIZE);
	return r < 0 ? r : full;
}

/* Is what the PCR has a beginning of our records? Then how many of them; else -1. */
static int stands_at(const struct root_config *config, const uint8_t now[static SHA256_SIZE])
{
	struct early early[N_BEFORE_READY];
	uint8_t value[SHA256_SIZE] = { 0 }, digest[SHA256_SIZE];
	early_records(config, early);
	if (config->pcr_base != NULL)
		memcpy(value, config->pcr_base, sizeof value);
	for (int i = 0; i <= N_BEFORE_READY; i++) {
		if (memcmp(value, now, sizeof value) == 0)
			return i;
		if (i < N_BEFORE_READY)
			eventlog_digest(early[i].tag, early[i].data, digest);
		else
			eventlog_digest(EVENTLOG_READY, span_of(NULL, 0), digest);
		eventlog_fold(value, digest);
	}
	return memcmp(value, now, sizeof value) == 0 ? N_BEFORE_READY + 1 : -1;
}

int tpm_boot_measure(struct tpm_root *t, const struct root_config *config, struct root_report *report)
{
	struct early early[N_BEFORE_READY];
	uint8_t digest[SHA256_SIZE];
	int done = stands_at(config, t->pcrs.value[t->pcr]);
	early_records(config, early);
	if (done < 0 || done > N_BEFORE_READY) {
		report->text[0] = '\0';
		root_add(report, done < 0
					 ? "the PCR that is measured into (the last of host.root.pcrs) has been "
					   "extended already, in this boot; if by the firmware or the initramfs, "
					   "choose another or give pcr_base; else restart the machine"
					 : "the keys have been taken out of the TPM in this boot already, and are "
					   "not given twice; restart the machine");
		return ERR_STATE;
	}
	t->memory = config->log;
	int r = eventlog_begin(&t->log, t->memory->bytes, sizeof t->memory->bytes, t->pcr, config->pcr_base);
	for (int i = 0; r == ERR_NONE && i < N_BEFORE_READY; i++) {
		if (i >= done)
			r = tpm_boot_extend(t, early[i].tag, early[i].data);
		else
			r = eventlog_append(&t->log, early[i].tag, early[i].data, digest);
	}
	if (r == ERR_NONE)
		memcpy(t->sealed_to, t->log.value, SHA256_SIZE);
	publish(t);
	return r == ERR_NONE ? r : tpm_report_tpm(t, report);
}

int tpm_boot_resume(struct tpm_root *t, const struct root_config *config, struct root_report *report)
{
	uint8_t before[SHA256_SIZE], digest[SHA256_SIZE];
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	t->memory = config->log;
	t->pcr = config->pcr;
	int r = eventlog_resume(&t->log, t->memory->bytes, t->memory->n, sizeof t->memory->bytes, t->pcr,
				config->pcr_base);
	if (r == ERR_NONE)
		r = tpm_pcr_read(&t->tpm, t->pcr, t->pcrs.value[t->pcr]);
	if (r < 0)
		return tpm_report_tpm(t, report);
	if (memcmp(t->log.value, t->pcrs.value[t->pcr], SHA256_SIZE) == 0)
		return ERR_NONE;
	/* All but the last: the worker died between the two. */
	memset(before, 0, sizeof before);
	if (config->pcr_base != NULL)
		memcpy(before, config->pcr_base, sizeof before);
	(void)eventlog_open(&reader, wr_span(&t->log.out), t->pcr);
	for (uint32_t i = 0; i < t->log.n && eventlog_next(&reader, &record, &more) == NULL && more; i++) {
		memcpy(digest, record.digest, sizeof digest);
		if (i + 1 < t->log.n)
			eventlog_fold(before, digest);
	}
	if (memcmp(before, t->pcrs.value[t->pcr], SHA256_SIZE) == 0)
		return tpm_pcr_extend(&t->tpm, t->pcr, digest, t->log.value) == ERR_NONE
			       ? ERR_NONE
			       : tpm_report_tpm(t, report);
	report->text[0] = '\0';
	root_add(report, "the PCR that is measured into has been extended by somebody else: the event log "
			 "of this boot proves nothing any more; restart the machine");
	return ERR_CHECKSUM;
}
