/* SPDX-License-Identifier: MIT
 * Event logs: each case gets the verdict and the reason that stand there, and the records of the good log are written
 * byte for byte, with the PCR value after each; the prediction from the manifest and the guard is what came. */
/* link: crypto bearssl cjson */
#include "../../crypto/eventlog.h"
#include "../unit/test.h"
#include "tpm_json.h"

static uint8_t memory[1 << 20];

static bool same_hex(const uint8_t *p, size_t n, const cJSON *object, const char *key)
{
	struct span want = json_hex(object, key);
	bool same = span_equal(span_of(p, n), want);
	json_free(want);
	return same;
}

static void check_case(const cJSON *item)
{
	struct eventlog_found found;
	struct span log = json_hex(item, "log"), value = json_hex(item, "pcr_value");
	const cJSON *pcr = cJSON_GetObjectItemCaseSensitive(item, "pcr");
	json_must(value.n == SHA256_SIZE && cJSON_IsNumber(pcr), "pcr, pcr_value");
	const char *why = eventlog_judge(log, (uint32_t)pcr->valuedouble, NULL, value.p, &found);
	CHECK_STR(why == NULL ? "accept" : "reject", json_text(item, "expect"));
	CHECK_STR(why == NULL ? "" : why, json_text(item, "reason"));
	json_free(log);
	json_free(value);
}

static void check_record(struct eventlog *log, const cJSON *record)
{
	uint8_t digest[SHA256_SIZE];
	struct span data = json_hex(record, "data");
	uint32_t tag = (uint32_t)strtoul(json_text(record, "tag"), NULL, 0);
	CHECK(eventlog_tag_name(tag) != NULL && strcmp(eventlog_tag_name(tag), json_text(record, "name")) == 0);
	CHECK_INT(eventlog_append(log, tag, data, digest), ERR_NONE);
	CHECK(same_hex(digest, sizeof digest, record, "digest"));
	CHECK(same_hex(log->value, sizeof log->value, record, "pcr_after"));
	json_free(data);
}

/* The good log of the file, written anew. */
static void check_records(const cJSON *json, const char *path)
{
	static uint8_t file[1 << 20];
	const cJSON *record;
	struct eventlog log;
	uint8_t sealed[SHA256_SIZE], ready[SHA256_SIZE], sum[SHA256_SIZE];
	struct span guard = { NULL, 0 };
	const cJSON *pcr = cJSON_GetObjectItemCaseSensitive(json, "pcr");
	json_must(cJSON_IsNumber(pcr), "pcr");
	CHECK_INT(eventlog_begin(&log, memory, sizeof memory, (uint32_t)pcr->valuedouble, NULL), ERR_NONE);
	CHECK(same_hex(memory, log.out.n, json, "header"));
	cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(json, "records"))
	{
		check_record(&log, record);
		if (strcmp(json_text(record, "name"), "GUARD") == 0 && guard.p == NULL)
			guard = json_hex(record, "data");
	}
	CHECK(same_hex(log.value, sizeof log.value, json, "final_pcr"));
	sha256_of(sha256_bearssl(), span_str(json_text(json, "manifest")), sum);
	eventlog_predict(NULL, sum, guard, sealed, ready);
	CHECK(same_hex(ready, sizeof ready, json, "ready_pcr"));
	json_free(guard);

	/* X.bin belongs to X.json, where there is one. */
	char bin[4096];
	size_t n = strlen(path);
	if (n < 5 || n >= sizeof bin)
		return;
	memcpy(bin, path, n - 4);
	memcpy(bin + n - 4, "bin", 4);
	FILE *f = fopen(bin, "rb");
	if (f != NULL) {
		n = fread(file, 1, sizeof file, f);
		fclose(f);
		CHECK(span_equal(span_of(file, n), wr_span(&log.out)));
	}
}

int main(int argc, char **argv)
{
	json_must(argc == 2, "one is wanted");
	cJSON *json = json_file(argv[1]);
	const cJSON *item;
	cJSON_ArrayForEach(item, json_cases(json))
	{
		test_bad = 0;
		check_case(item);
		test_failed += (unsigned)test_bad;
		printf("%sok %u - %s\n", test_bad ? "not " : "", ++test_n, json_text(item, "name"));
	}
	if (json_has(json, "records")) {
		test_bad = 0;
		check_records(json, argv[1]);
		test_failed += (unsigned)test_bad;
		printf("%sok %u - records\n", test_bad ? "not " : "", ++test_n);
	}
	cJSON_Delete(json);
	return test_end();
}
