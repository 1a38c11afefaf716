/* SPDX-License-Identifier: MIT
 * vectors_attestation FILE: CloudProxy's verdict on each attestation, and what it says, at time 5000 ns with any root
 * trusted. TAP. */
/* link: init policy crypto */
#include <cJSON.h>

#include "../../client/taoverify.h"
#include "../unit/hex.h"
#include "../unit/test.h"

#define AT_NS 5000

static char *read_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0)
		return NULL;
	long n = ftell(f);
	char *text = calloc(1, (size_t)n + 1);
	rewind(f);
	if (text != NULL && fread(text, 1, (size_t)n, f) != (size_t)n)
		text[0] = '\0';
	fclose(f);
	return text;
}

static const char *string_of(const cJSON *item, const char *key)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, key));
	return s != NULL ? s : "";
}

static void try_case(const cJSON *item)
{
	static struct taoverify_result result;
	const struct taoverify_options options = { .now = AT_NS };
	const char *hex = string_of(item, "Attestation");
	size_t cap = strlen(hex) / 2 + 1, n, text_cap = 9 * cap + 64;
	uint8_t *bytes = malloc(cap);
	char *text = malloc(text_cap);
	n = hex_to(hex, bytes, cap);
	int r = taoverify_attestation(bytes, n, &options, &result);
	CHECK(n > 0);
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "Valid"))) {
		CHECK_STR(result.reason, "");
		CHECK_INT(r, TAOVERIFY_OK);
		if (r == TAOVERIFY_OK && taoverify_statement(&result, text, text_cap) >= 0)
			CHECK_STR(text, string_of(item, "Statement"));
		else
			CHECK(!"a statement");
	} else {
		CHECK(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(item, "Valid")));
		CHECK_INT(r, TAOVERIFY_REFUSED);
	}
	free(text);
	free(bytes);
}

int main(int argc, char **argv)
{
	char *file = argc == 2 ? read_file(argv[1]) : NULL;
	cJSON *json = file != NULL ? cJSON_Parse(file) : NULL;
	const cJSON *cases = cJSON_IsArray(json) ? json : cJSON_GetObjectItemCaseSensitive(json, "cases"), *item;
	cJSON_ArrayForEach(item, cases)
	{
		test_bad = 0;
		try_case(item);
		test_n++;
		test_failed += (unsigned)test_bad;
		printf("%sok %u - %s, case %u\n", test_bad ? "not " : "", test_n, string_of(item, "Name"), test_n);
	}
	cJSON_Delete(json);
	free(file);
	return test_end();
}
