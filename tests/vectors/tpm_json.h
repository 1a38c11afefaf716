/* SPDX-License-Identifier: MIT
 *
 * What the vector programs of the TPM read: a JSON file, its strings, and hex. What is missing or malformed ends the
 * program with status 2: such a file proves nothing. */
#ifndef TPM_JSON_H
#define TPM_JSON_H

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../crypto/base.h"
#include "../unit/hex.h"

static inline void json_must(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "vector file: %s\n", what);
		exit(2);
	}
}

static inline cJSON *json_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	json_must(f != NULL && fseek(f, 0, SEEK_END) == 0, "cannot be opened");
	long n = ftell(f);
	char *text = malloc((size_t)n + 1);
	rewind(f);
	json_must(text != NULL && fread(text, 1, (size_t)n, f) == (size_t)n, "cannot be read");
	text[n] = '\0';
	fclose(f);
	cJSON *json = cJSON_Parse(text);
	free(text);
	json_must(json != NULL, "is no JSON");
	return json;
}

static inline const char *json_text(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	json_must(cJSON_IsString(item), key);
	return item->valuestring;
}

static inline bool json_has(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key) != NULL;
}

/* The bytes of a hex string, in memory of their own (so that the sanitizer sees their end); free them. */
static inline struct span json_hex(const cJSON *object, const char *key)
{
	const char *text = json_text(object, key);
	size_t n = strlen(text) / 2;
	uint8_t *p = malloc(n == 0 ? 1 : n);
	json_must(p != NULL && hex_to(text, p, n) == n, key);
	return span_of(p, n);
}

static inline void json_free(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

/* The array of cases: the file itself, or its "cases". */
static inline const cJSON *json_cases(const cJSON *json)
{
	const cJSON *cases = cJSON_IsArray(json) ? json : cJSON_GetObjectItemCaseSensitive(json, "cases");
	json_must(cJSON_IsArray(cases), "has no cases");
	return cases;
}

#endif
