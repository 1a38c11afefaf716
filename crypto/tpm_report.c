/* SPDX-License-Identifier: MIT */
#include "counters_file.h"
#include "fields.h"
#include "tpm_root.h"

int tpm_report_tpm(const struct tpm_root *t, struct root_report *report)
{
	struct wr text = wr_to(report->text, sizeof report->text - 1);
	memset(report, 0, sizeof *report);
	wr_span_bytes(&text, span_str("TPM: "));
	tpm_explain(&t->tpm, &text);
	return t->tpm.err < 0 ? t->tpm.err : ERR_INTERNAL;
}

int tpm_report_file(struct root_report *report, const char *path, int err)
{
	const char *text = "key file %: unusable";
	if (err == ERR_BAD_MODE)
		text = "key file %: not a regular file of ours that nobody else may read or write; "
		       "if nobody else had it, chown it to us and chmod 600";
	else if (err == ERR_TRUNCATED || err == ERR_CHECKSUM || err == ERR_BAD_SEAL || err == ERR_RANGE)
		text = "key file %: torn or changed; restore it from a backup, or " TPM_NEW_IDENTITY;
	else if (err == ERR_MALFORMED || err == ERR_TRAILING || err == ERR_TOO_LARGE)
		text = "key file %: not a key file of a TPM root; name another directory in the manifest "
		       "(host.root.dir), or move this one away";
	else if (err == ERR_BAD_VERSION)
		text = "key file %: written by another version of taoinit; run that version, or restore an "
		       "older backup";
	else if (err == ERR_NOT_FOUND)
		text = "key file %: gone since the boot; bring it back";
	else if (err == ERR_NO_SPACE)
		text = "key file %: no space to make it; free some on that file system";
	else if (err == ERR_IO)
		text = "key file %: it could not be read or written; check the disk, and that its directory is "
		       "writable";
	root_say(report, text, path);
	return err;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (i < n && p[i] == 0)
		i++;
	return i == n;
}

int tpm_report_other(struct tpm_root *t, struct root_report *report)
{
	uint8_t name[TPM_NAME_SIZE];
	const uint8_t *recorded = t->found.endorsement_name;
	report->text[0] = '\0';
	if (is_zero(recorded, TPM_NAME_SIZE) || tpm_endorsement_name(&t->tpm, name) < 0)
		root_add(report, "the TPM has another storage root key than the one on record: it was "
				 "cleared, or it is another TPM, or somebody stands between; ");
	else if (memcmp(name, recorded, TPM_NAME_SIZE) == 0)
		root_add(report, "the TPM has been cleared since the keys were sealed, so that they cannot be "
				 "opened any more; ");
	else
		root_add(report, "this is another TPM than the one that the keys were sealed by; put the disk "
				 "back into its machine, or ");
	root_add(report, TPM_NEW_IDENTITY);
	return ERR_DENIED;
}

void tpm_report_number(struct root_report *report, const char *before, uint64_t n)
{
	char text[21] = { 0 };
	struct wr w = wr_to(text, sizeof text - 1);
	wr_decimal(&w, n);
	root_add(report, before);
	root_add(report, text);
}

/* The first record that is not the same in both logs: its tag, and its data in the first; 0 if all are. */
static uint32_t record_that_differs(struct span a, struct span b, uint32_t pcr, struct span *then)
{
	struct eventlog_reader ra, rb;
	struct eventlog_record xa, xb;
	bool more_a = true, more_b = true;
	if (eventlog_open(&ra, a, pcr) != NULL || eventlog_open(&rb, b, pcr) != NULL)
		return 0;
	while (eventlog_next(&ra, &xa, &more_a) == NULL && eventlog_next(&rb, &xb, &more_b) == NULL && more_a &&
	       more_b)
		if (!span_equal(xa.event, xb.event)) {
			*then = xa.data;
			return xb.tag;
		}
	return 0;
}

static void add_what(const struct tpm_root *t, const struct root_config *config, struct root_report *report,
		     unsigned pcr)
{
	struct span then = span_of(NULL, 0);
	uint32_t tag = 0;
	if (pcr == t->pcr)
		tag = record_that_differs(span_of(t->found.log, t->found.log_n), wr_span(&t->log.out), pcr, &then);
	if (pcr != t->pcr)
		root_add(report, pcr < 8 ? " (firmware, its settings or the boot loader"
					 : " (boot loader, kernel, command line or initrd");
	else if (tag == EVENTLOG_MANIFEST)
		root_add(report, " (the manifest has changed");
	else if (tag == EVENTLOG_GUARD)
		root_add(report, " (the guard has changed");
	else
		root_add(report, tag == 0 ? " (pcr_base, or something that measured before us"
					  : " (another version of taoinit");
	if (config->changed != NULL && (pcr != t->pcr || tag == EVENTLOG_MANIFEST))
		config->changed(config, pcr, then, report);
	root_add(report, ")");
}

int tpm_report_changed(struct tpm_root *t, const struct root_config *config, struct root_report *report)
{
	bool any = false;
	memcpy(t->pcrs.value[t->pcr], t->sealed_to, SHA256_SIZE);
	report->text[0] = '\0';
	root_add(report, "the machine is not as it was when the keys were sealed: ");
	for (unsigned i = 0; i < QUOTE_PCRS_TRUSTED; i++) {
		bool then = t->found.pcrs.pcrs >> i & 1;
		if (!then || memcmp(t->found.pcrs.value[i], t->pcrs.value[i], SHA256_SIZE) == 0)
			continue;
		tpm_report_number(report, any ? ", PCR " : "PCR ", i);
		add_what(t, config, report, i);
		any = true;
	}
	if (!any)
		root_add(report, "the PCRs are the same, but the TPM says no");
	root_add(report, "; put it back, or " TPM_NEW_IDENTITY);
	return ERR_DENIED;
}

int tpm_report_nv(const struct tpm_root *t, bool taken, struct root_report *report)
{
	char index[11] = "0x";
	uint8_t bytes[4];
	struct wr b = wr_to(bytes, sizeof bytes), w = wr_to(index + 2, 8);
	wr_be32(&b, t->state.nv_index);
	field_put_hex(&w, wr_span(&b), "");
	if (taken)
		root_say(report,
			 "NV index % of the TPM is somebody's already; name another in host.root.nv_index, or, if "
			 "nobody needs it: tpm2_nvundefine %",
			 index);
	else if (t->tpm.err == ERR_NOT_FOUND)
		root_say(report,
			 "NV index % of the TPM, by which it counts for the counters file, is gone: somebody has "
			 "undefined it; " COUNTERS_GIVE_UP,
			 index);
	else if (tpm_nv_is_foreign(&t->tpm))
		root_say(report,
			 "NV index % of the TPM is another's: ours was undefined; tpm2_nvundefine %, "
			 "and " COUNTERS_GIVE_UP,
			 index);
	else
		return tpm_report_tpm(t, report);
	return ERR_LOST;
}
