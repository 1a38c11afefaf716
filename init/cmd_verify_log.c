/* SPDX-License-Identifier: MIT
 *
 * taoverify log: prints an event log and judges it (TPM.md, section 3). taoverify predict: the values that a boot with a
 * manifest comes to (section 9). taoverify diff: the one against the other.
 */
#include <cJSON.h>
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
	char **more; /* files after the first, n_more */
	int n_more;
	uint32_t pcr;
	bool has_pcr, has_value, has_base, cel, json;
	uint8_t value[SHA256_SIZE], base[SHA256_SIZE];
};

static const uint8_t *base_of(const struct log_options *o)
{
	return o->has_base ? o->base : NULL;
}

static void print_hex(FILE *to, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		(void)fprintf(to, "%02x", bytes.p[i]);
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

/* names: those that take a value; more: there may be several files. */
static int take_options(struct log_options *o, int argc, char **argv, const char *const *names, bool *flag,
			const char *flag_name, bool more)
{
	for (int i = 1; i < argc; i++) {
		const char *const *name = names;
		while (*name != NULL && strcmp(argv[i], *name) != 0)
			name++;
		int status = VERIFY_EXIT_OK;
		if (*name != NULL && i + 1 < argc)
			status = take_option(o, *name, argv[i + 1]);
		else if (flag != NULL && strcmp(argv[i], flag_name) == 0)
			*flag = true;
		else if (argv[i][0] == '-' && argv[i][1] != '\0')
			status = bad(o, "unknown option, or its value is missing", argv[i]);
		else if (o->file == NULL)
			o->file = argv[i];
		else if (!more)
			status = bad(o, "one file at a time", argv[i]);
		else
			o->more[o->n_more++] = argv[i];
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

/* What stands in a record, as a line of text. */
static const char *text_of(uint32_t tag, struct span data)
{
	static char text[TEXT_MAX];
	struct wr w = wr_to(text, sizeof text - 1);
	bool good = false;
	if (tag == EVENTLOG_GUARD || tag == EVENTLOG_LAUNCH)
		good = name_print_binary(data, NAME_SUBPRIN, &w) == ERR_NONE;
	if (tag == EVENTLOG_POLICY && data.n == 8 + SHA256_SIZE) {
		w.n = (size_t)snprintf(text, sizeof text, "version %llu, ", (unsigned long long)number_of(data));
		data = span_of(data.p + 8, SHA256_SIZE);
	}
	if (tag == EVENTLOG_START || tag == EVENTLOG_FAULT)
		/* Somebody else wrote it. */
		for (size_t i = 0; i < data.n; i++)
			wr_u8(&w, data.p[i] >= 0x20 && data.p[i] < 0x7f ? data.p[i] : '?');
	else if (!good)
		wr_hex(&w, data);
	text[w.n] = '\0';
	return text;
}

static void print_record(const char *mark, uint32_t tag, struct span data)
{
	(void)printf("%s%-8s %s\n", mark, eventlog_tag_name(tag), text_of(tag, data));
}

static void print_value(const char *what, const uint8_t *value)
{
	(void)printf("%s: ", what);
	print_hex(stdout, span_of(value, SHA256_SIZE));
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

void verify_print_cel(FILE *to, struct span log)
{
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	uint32_t pcr = pcr_of(log);
	size_t n = 0;
	(void)fputc('[', to);
	if (eventlog_open(&reader, log, pcr) == NULL)
		for (; eventlog_next(&reader, &record, &more) == NULL && more; n++) {
			(void)fprintf(to,
				      "%s\n{\"recnum\":%zu,\"pcr\":%u,\"digests\":[{\"hashAlg\":\"sha256\","
				      "\"digest\":\"",
				      n > 0 ? "," : "", n, (unsigned)pcr);
			print_hex(to, span_of(record.digest, SHA256_SIZE));
			(void)fputs("\"}],\"content_type\":\"pcclient_std\",\"content\":{\"event_type\":"
				    "\"EV_EVENT_TAG\",\"event_data\":\"",
				    to);
			print_hex(to, record.event);
			(void)fputs("\"}}", to);
		}
	(void)fputs("\n]\n", to);
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
			if (!o->cel)
				print_record("", record.tag, record.data);
	if (o->cel)
		verify_print_cel(stdout, log);
	const char *why = eventlog_judge(log, pcr, base_of(o), o->value, &found);
	/* Without a value to compare with, everything but that is judged. */
	if (!o->has_value && why != NULL && strcmp(why, "replay-mismatch") == 0)
		why = eventlog_judge(log, pcr, base_of(o), found.replayed, &found);
	if (!o->cel) {
		(void)printf("PCR: %u\n", (unsigned)pcr);
		print_value("ready", found.ready);
		print_value("replayed", found.replayed);
		(void)printf("value: %s\n", o->has_value ? "compared" : "not compared");
	}
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
	int status = take_options(&o, argc, argv, names, &o.cel, "--cel", false);
	if (status == VERIFY_EXIT_OK)
		status = tao_read_input(&o.run, o.file, &bytes);
	if (status != VERIFY_EXIT_OK)
		return status;
	status = judge_log(&o, span_of(bytes.data, bytes.size));
	tao_bytes_free(&bytes);
	return flushed(&o, status);
}

/* ---- predict ---- */

bool verify_load(const char *file, struct prediction *p, struct diag *diag)
{
	static char warnings[16384];
	struct wr warn = wr_to(warnings, sizeof warnings);
	struct arena arena = { NULL, 0, 0 };
	bool can_setuid = sys_can_setuid();
	if (manifest_load(file, &arena, &p->manifest, &can_setuid, diag, &warn, NULL) < 0)
		return false;
	const struct host *host = &p->manifest.host;
	struct guard guard = { .class = host->guard };
	memcpy(guard.key, host->guard_key.b, sizeof guard.key);
	p->guard = wr_to(p->name, sizeof p->name);
	if (guard.class->identity(&guard, &p->guard) >= 0 && p->guard.err == ERR_NONE)
		return true;
	(void)snprintf(diag->text, sizeof diag->text, "guard %s: it has no name", guard.class->name);
	return false;
}

static int load_manifest(const struct log_options *o, const char *file, struct prediction *p)
{
	struct diag diag = { "" };
	return verify_load(file, p, &diag) ? VERIFY_EXIT_OK
					   : tao_complain(&o->run, VERIFY_EXIT_REFUSED, "%s", diag.text);
}

int verify_cmd_predict(int argc, char **argv)
{
	static const char *const names[] = { "--base", NULL };
	static struct prediction p;
	struct log_options o = { .run = { .program = "taoverify", .name = "predict", .input = ENCODING_BINARY } };
	uint8_t sealed[SHA256_SIZE], ready[SHA256_SIZE];
	int status = take_options(&o, argc, argv, names, NULL, "", false);
	if (status == VERIFY_EXIT_OK)
		status = load_manifest(&o, o.file, &p);
	if (status != VERIFY_EXIT_OK)
		return status;
	const struct host *host = &p.manifest.host;
	eventlog_predict(o.has_base ? o.base : host->root_pcr_base, p.manifest.sha256.b, wr_span(&p.guard), sealed,
			 ready);
	(void)printf("PCR: %u\n", (unsigned)(host->root_pcrs != 0 ? host->root_pcr : DEFAULT_PCR));
	print_value("sealed", sealed);
	print_value("ready", ready);
	return flushed(&o, VERIFY_EXIT_OK);
}

/* ---- diff ---- */

#define N_PREDICTED 4

struct event {
	uint32_t tag;
	struct span data;
};

/* What one of the two says; its kind only if the other has not said the same. */
static void json_side(cJSON *o, const char *text, const struct event *e, const struct event *other)
{
	if (e == NULL)
		return;
	if (other == NULL || other->tag != e->tag)
		cJSON_AddStringToObject(o, cJSON_HasObjectItem(o, "event") ? "log_event" : "event",
					eventlog_tag_name(e->tag));
	cJSON_AddStringToObject(o, text, text_of(e->tag, e->data));
}

static void json_event(cJSON *events, const struct event *was, const struct event *is)
{
	cJSON *o = cJSON_CreateObject();
	json_side(o, "predicted", was, NULL);
	json_side(o, "log", is, was);
	cJSON_AddItemToArray(events, o);
}

/* One event of the prediction (NULL: it has no more), one of the log (NULL likewise, but not both). */
static bool compare(cJSON *events, const struct event *was, const struct event *is)
{
	bool same = was != NULL && is != NULL && was->tag == is->tag && span_equal(was->data, is->data);
	if (events != NULL) {
		json_event(events, was, is);
	} else if (same) {
		print_record("  ", is->tag, is->data);
	} else {
		if (was != NULL)
			print_record("- ", was->tag, was->data);
		if (is != NULL)
			print_record(was != NULL ? "+ " : "* ", is->tag, is->data);
	}
	/* What follows a boot is in no prediction. */
	return same || was == NULL;
}

/* NULL, or why the log cannot be read; *same: it begins as the prediction. */
static const char *diff(struct span log, const struct prediction *p, cJSON *events, bool *same)
{
	const struct event predicted[N_PREDICTED] = {
		{ EVENTLOG_START, span_str(EVENTLOG_START_DATA) },
		{ EVENTLOG_MANIFEST, span_of(p->manifest.sha256.b, SHA256_SIZE) },
		{ EVENTLOG_GUARD, wr_span(&p->guard) },
		{ EVENTLOG_READY, span_of(NULL, 0) },
	};
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	size_t n = 0;
	const char *why = eventlog_open(&reader, log, pcr_of(log));
	*same = true;
	for (; why == NULL; n++) {
		why = eventlog_next(&reader, &record, &more);
		if (why != NULL || (!more && n >= N_PREDICTED))
			break;
		const struct event is = { record.tag, record.data };
		*same &= compare(events, n < N_PREDICTED ? &predicted[n] : NULL, more ? &is : NULL);
	}
	*same &= why == NULL;
	return why;
}

static int diff_one(const struct log_options *o, struct span log, const char *file)
{
	static struct prediction p;
	cJSON *json = o->json ? cJSON_CreateObject() : NULL;
	cJSON *events = NULL;
	bool same = false;
	int status = load_manifest(o, file, &p);
	if (status != VERIFY_EXIT_OK)
		return status;
	if (o->json) {
		cJSON_AddStringToObject(json, "manifest", file);
		events = cJSON_AddArrayToObject(json, "events");
	} else {
		(void)printf("%s\n", file);
	}
	const char *why = diff(log, &p, events, &same);
	if (o->json) {
		cJSON_AddBoolToObject(json, "same", same);
		char *text = cJSON_PrintUnformatted(json);
		(void)puts(text != NULL ? text : "{}");
		free(text);
		cJSON_Delete(json);
	}
	if (why != NULL)
		return tao_complain(&o->run, VERIFY_EXIT_REFUSED, "%s: %s", o->file, why);
	return same ? VERIFY_EXIT_OK : VERIFY_EXIT_REFUSED;
}

int verify_cmd_diff(int argc, char **argv)
{
	static const char *const names[] = { NULL };
	struct log_options o = { .run = { .program = "taoverify", .name = "diff", .input = ENCODING_BINARY },
				 .more = argv };
	struct tao_bytes bytes;
	int best = VERIFY_EXIT_REFUSED;
	int status = take_options(&o, argc, argv, names, &o.json, "--json", true);
	if (status == VERIFY_EXIT_OK && o.n_more == 0)
		status = bad(&o, "which manifest", "none was given");
	if (status == VERIFY_EXIT_OK)
		status = tao_read_input(&o.run, o.file, &bytes);
	if (status != VERIFY_EXIT_OK)
		return status;
	for (int i = 0; i < o.n_more; i++) {
		status = diff_one(&o, span_of(bytes.data, bytes.size), o.more[i]);
		/* One that is as it is, is enough. */
		best = status == VERIFY_EXIT_OK || best == VERIFY_EXIT_REFUSED ? status : best;
		if (status == VERIFY_EXIT_OK)
			break;
	}
	tao_bytes_free(&bytes);
	return flushed(&o, best);
}
