/* SPDX-License-Identifier: MIT */
#include "tpm_root.h"

/* Whatever a manifest that is not known may have chosen: what system software can extend and not reset, without the
 * PCRs of the firmware, which an event of ours would make worthless for telling what it did. */
#define CAP_ALL 0xff00U

/* The log goes on, if it is one of this boot; else it begins with what the PCR had. */
static void note(const struct root_config *config, const uint8_t before[static SHA256_SIZE])
{
	struct root_log *memory = config->log;
	uint8_t digest[SHA256_SIZE];
	struct eventlog log;
	if (memory == NULL)
		return;
	if (eventlog_resume(&log, memory->bytes, memory->n, sizeof memory->bytes, config->pcr, config->pcr_base) <
		    0 ||
	    memcmp(log.value, before, SHA256_SIZE) != 0)
		(void)eventlog_begin(&log, memory->bytes, sizeof memory->bytes, config->pcr, before);
	(void)eventlog_append(&log, EVENTLOG_READY, span_of(NULL, 0), digest);
	__atomic_store_n(&memory->n, (uint32_t)log.out.n, __ATOMIC_RELEASE);
}

int tpm_root_cap(const struct platform *platform, const struct root_config *config, struct root_report *report)
{
	struct tpm_root *t = config->room;
	uint32_t which = config->pcrs != 0 ? (uint32_t)1 << config->pcr : CAP_ALL;
	uint8_t digest[SHA256_SIZE], before[SHA256_SIZE];
	report->text[0] = '\0';
	eventlog_digest(EVENTLOG_READY, span_of(NULL, 0), digest);
	int r = tpm_open(&t->tpm, platform);
	for (unsigned pcr = 0; r >= 0 && pcr < QUOTE_PCRS_TRUSTED; pcr++) {
		if ((which >> pcr & 1) == 0)
			continue;
		r = tpm_pcr_cap(&t->tpm, pcr, digest, before);
		if (r >= 0 && pcr == config->pcr)
			note(config, before);
	}
	if (r < 0)
		(void)tpm_report_tpm(t, report);
	(void)tpm_close(&t->tpm);
	return r;
}
