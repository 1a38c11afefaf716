/* SPDX-License-Identifier: MIT
 *
 * A vector file: its cases, and the fields of one. Whatever is missing or of another type ends the program, as a file
 * that is none must not pass for one without cases. */
#ifndef VECTOR_FILE_H
#define VECTOR_FILE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../crypto/base.h"
#include "../unit/hex.h"

static inline void vector_die(const char *what)
{
	fprintf(stderr, "not a vector file: %s\n", what);
	exit(126);
}

/* The array of cases. It is kept, as are the bytes below: the program ends with them. */
static inline const cJSON *vector_cases(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	long n = -1;
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0)
		vector_die("cannot be read");
	char *text = malloc((size_t)n + 1);
	if (text == NULL || fread(text, 1, (size_t)n, f) != (size_t)n)
		vector_die("cannot be read");
	(void)fclose(f);
	static cJSON *all;
	all = cJSON_ParseWithLength(text, (size_t)n);
	const cJSON *cases = cJSON_IsObject(all) ? cJSON_GetObjectItemCaseSensitive(all, "cases") : all;
	if (!cJSON_IsArray(cases) || cJSON_GetArraySize(cases) == 0)
		vector_die("no cases");
	free(text);
	return cases;
}

static inline const char *vector_text(const cJSON *at, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(at, key));
	if (text == NULL)
		vector_die(key);
	return text;
}

static inline bool vector_bool(const cJSON *at, const char *key)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(at, key);
	if (!cJSON_IsBool(value))
		vector_die(key);
	return cJSON_IsTrue(value);
}

/* Hex, in memory of its own size , so that a sanitizer sees a read behind its end; until the next call. */
static inline struct span vector_bytes(const cJSON *at, const char *key)
{
	const char *hex = vector_text(at, key);
	size_t n = strlen(hex) / 2;
	static uint8_t *p;
	free(p);
	p = malloc(n > 0 ? n : 1);
	if (p == NULL || strspn(hex, "0123456789abcdefABCDEF") != 2 * n || hex[2 * n] != '\0')
		vector_die(key);
	return span_of(p, hex_to(hex, p, n));
}

#endif
