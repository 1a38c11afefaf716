/* SPDX-License-Identifier: MIT
 *
 * taoverify log: prints an event log and judges it (TPM.md, section 3). taoverify predict: the values that a boot with a
 * manifest comes to (section 9).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../crypto/eventlog.h"
#include "../policy/guard.h"
#include "../policy/name.h"
#include "manifest.h"
#include "sys.h"
#include "verify_cmd.h"

#define DEFAULT_PCR 15
#define TEXT_MAX 16384

struct log_options {
	struct tao_run run;
	const char *file;
	uint32_t pcr;
	bool has_pcr, has_value, has_base;
	uint8_t value[SHA256_SIZE], base[SHA256_SIZE];
};

static const uint8_t *base_of(const struct log_options *o)
{
	return o->has_base ? o->base : NULL;
}

static void print_hex(struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		(void)printf("%02x", bytes.p[i]);
}

static bool take_digest(const char *text, uint8_t digest[static SHA256_SIZE])
{
	struct tao_bytes bytes = { NULL, 0 };
	char copy[2 * SHA256_SIZE + 1];
	if (strlen(text) != sizeof copy - 1)
		return false;
	memcpy(copy, text, sizeof copy);
	bytes.data = (unsigned char *)copy;
	bytes.size = sizeof copy - 1;
	if (!tao_decode_hex(&bytes) || bytes.size != SHA256_SIZE)
		return false;
	memcpy(digest, copy, SHA256_SIZE);
	return true;
}

static int bad(const struct log_options *o, const char *what, const char *argument)
{
	return tao_complain(&o->run, VERIFY_EXIT_USAGE, "%s: %.200s (taoverify --help)", what, argument);
}

static int take_option(struct log_options *o, const char *name, const char *value)
{
	if (strcmp(name, "--pcr") == 0) {
		char *end;
		unsigned long n = strtoul(value, &end, 10);
		if (*value < '0' || *value > '9' || *end != '\0' || n > 23)
			return bad(o, "not a PCR, 0 to 23", value);
		o->pcr = (uint32_t)n;
		o->has_pcr = true;
		return VERIFY_EXIT_OK;
	}
	bool is_value = strcmp(name, "--value") == 0;
	if (!take_digest(value, is_value ? o->value : o->base))
		return bad(o, "not the value of a PCR, 64 hexadecimal digits", value);
	o->has_value |= is_value;
	o->has_base |= !is_value;
	return VERIFY_EXIT_OK;
}

static int take_options(struct log_options *o, int argc, char **argv, const char *const *names)
{
	for (int i = 1; i < argc; i++) {
		const char *const *name = names;
		while (*name != NULL && strcmp(argv[i], *name) != 0)
			name++;
		int status = VERIFY_EXIT_OK;
		if (*name != NULL && i + 1 < argc)
			status = take_option(o, *name, argv[i + 1]);
		else if (argv[i][0] == '-' && argv[i][1] != '\0')
			status = bad(o, "unknown option, or its value is missing", argv[i]);
		else if (o->file != NULL)
			status = bad(o, "one file at a time", argv[i]);
		else
			o->file = argv[i];
		if (status != VERIFY_EXIT_OK)
			return status;
		i += *name != NULL;
	}
	return o->file != NULL ? VERIFY_EXIT_OK : bad(o, "which file", "none was given");
}

/* ---- log ---- */

static uint64_t number_of(struct span data)
{
	struct rd r = rd_from(data);
	return rd_be64(&r);
}

/* Text that somebody else wrote, on one line. */
static void print_text(struct span data)
{
	for (size_t i = 0; i < data.n; i++)
		(void)putchar(data.p[i] >= 0x20 && data.p[i] < 0x7f ? data.p[i] : '?');
}

static void print_record(const struct eventlog_record *record)
{
	static char text[TEXT_MAX];
	struct wr w = wr_to(text, sizeof text);
	(void)printf("%-8s ", eventlog_tag_name(record->tag));
	switch ((enum eventlog_tag)record->tag) {
	case EVENTLOG_GUARD:
	case EVENTLOG_LAUNCH:
		if (name_print_binary(record->data, NAME_SUBPRIN, &w) == ERR_NONE)
			(void)fwrite(text, 1, w.n, stdout);
		else
			print_hex(record->data);
		break;
	case EVENTLOG_POLICY:
		if (record->data.n == 8 + SHA256_SIZE)
			(void)printf("version %llu, ", (unsigned long long)number_of(record->data));
		print_hex(record->data.n == 8 + SHA256_SIZE ? span_of(record->data.p + 8, SHA256_SIZE)
							    : record->data);
		break;
	case EVENTLOG_START:
	case EVENTLOG_FAULT:
		print_text(record->data);
		break;
	case EVENTLOG_MANIFEST:
	case EVENTLOG_READY:
	case EVENTLOG_ROOT:
	default:
		print_hex(record->data);
		break;
	}
	(void)putchar('\n');
}

static void print_value(const char *what, const uint8_t *value)
{
	(void)printf("%s: ", what);
	print_hex(span_of(value, SHA256_SIZE));
	(void)putchar('\n');
}

/* The PCR that the first record is about. */
static uint32_t pcr_of(struct span log)
{
	struct rd r = rd_from(log);
	(void)rd_bytes(&r, EVENTLOG_HEADER_SIZE);
	uint32_t pcr = rd_u8(&r);
	return r.err == ERR_NONE ? pcr : DEFAULT_PCR;
}

static int judge_log(const struct log_options *o, struct span log)
{
	uint32_t pcr = o->has_pcr ? o->pcr : pcr_of(log);
	struct eventlog_reader reader;
	struct eventlog_record record;
	struct eventlog_found found;
	bool more = true;
	if (eventlog_open(&reader, log, pcr) == NULL)
		while (eventlog_next(&reader, &record, &more) == NULL && more)
			print_record(&record);
	const char *why = eventlog_judge(log, pcr, base_of(o), o->value, &found);
	/* Without a value to compare with, everything but that is judged. */
	if (!o->has_value && why != NULL && strcmp(why, "replay-mismatch") == 0)
		why = eventlog_judge(log, pcr, base_of(o), found.replayed, &found);
	(void)printf("PCR: %u\n", (unsigned)pcr);
	print_value("ready", found.ready);
	print_value("replayed", found.replayed);
	(void)printf("value: %s\n", o->has_value ? "compared" : "not compared");
	if (why != NULL)
		return tao_complain(&o->run, VERIFY_EXIT_REFUSED, "%s, in record %zu", why, found.n);
	return VERIFY_EXIT_OK;
}

static int flushed(const struct log_options *o, int status)
{
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		return tao_complain(&o->run, VERIFY_EXIT_IO, "standard output could not be written");
	return status;
}

int verify_cmd_log(int argc, char **argv)
{
	static const char *const names[] = { "--pcr", "--value", "--base", NULL };
	struct log_options o = { .run = { .program = "taoverify", .name = "log", .input = ENCODING_BINARY } };
	struct tao_bytes bytes;
	int status = take_options(&o, argc, argv, names);
	if (status == VERIFY_EXIT_OK)
		status = tao_read_input(&o.run, o.file, &bytes);
	if (status != VERIFY_EXIT_OK)
		return status;
	status = judge_log(&o, span_of(bytes.data, bytes.size));
	tao_bytes_free(&bytes);
	return flushed(&o, status);
}

/* ---- predict ---- */

static int predict(const struct log_options *o, const struct manifest *m)
{
	uint8_t name[256], sealed[SHA256_SIZE], ready[SHA256_SIZE];
	struct wr w = wr_to(name, sizeof name);
	struct guard guard = { .class = m->host.guard };
	memcpy(guard.key, m->host.guard_key.b, sizeof guard.key);
	if (guard.class->identity(&guard, &w) < 0 || w.err != ERR_NONE)
		return tao_complain(&o->run, VERIFY_EXIT_REFUSED, "guard %s: it has no name", guard.class->name);
	const uint8_t *base = o->has_base ? o->base : m->host.root_pcr_base;
	eventlog_predict(base, m->sha256.b, wr_span(&w), sealed, ready);
	(void)printf("PCR: %u\n", (unsigned)(m->host.root_pcrs != 0 ? m->host.root_pcr : DEFAULT_PCR));
	print_value("sealed", sealed);
	print_value("ready", ready);
	return VERIFY_EXIT_OK;
}

int verify_cmd_predict(int argc, char **argv)
{
	static const char *const names[] = { "--base", NULL };
	static char warnings[16384];
	struct log_options o = { .run = { .program = "taoverify", .name = "predict", .input = ENCODING_BINARY } };
	struct wr warn = wr_to(warnings, sizeof warnings);
	struct arena arena;
	struct manifest manifest;
	struct diag diag = { "" };
	bool can_setuid = sys_can_setuid();
	int status = take_options(&o, argc, argv, names);
	if (status != VERIFY_EXIT_OK)
		return status;
	if (manifest_load(o.file, &arena, &manifest, &can_setuid, &diag, &warn) < 0)
		return tao_complain(&o.run, VERIFY_EXIT_REFUSED, "%s", diag.text);
	return flushed(&o, predict(&o, &manifest));
}
