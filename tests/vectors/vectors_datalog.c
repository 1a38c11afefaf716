/* SPDX-License-Identifier: MIT
 * link: policy crypto/base.c
 *
 * datalog.json: CloudProxy's verdicts on rules and queries. A case for each query and each refused rule.
 *
 * The recording has one query more, in element 38: N(tpm([72])…) was allowed, where no fact and no goal of a rule is
 * about N. It follows from nothing, so it is not among the cases that are carried here. */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../helpers/datalog_help.h"

static unsigned count, failed;

static void result(bool good, unsigned element, const char *what, const char *text)
{
	count++;
	failed += !good;
	printf("%sok %u - [%u] %s %s\n", good ? "" : "not ", count, element, what, text);
}

static char *read_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	char *text = calloc(1, (size_t)64 << 20);
	if (file == NULL || text == NULL || fread(text, 1, ((size_t)64 << 20) - 1, file) == 0)
		exit(2);
	fclose(file);
	return text;
}

static const char *string_of(const cJSON *object, const char *key)
{
	const cJSON *item = key != NULL ? cJSON_GetObjectItemCaseSensitive(object, key) : object;
	return cJSON_IsString(item) ? item->valuestring : "";
}

static void check_element(const cJSON *element, unsigned i)
{
	const cJSON *rules = cJSON_GetObjectItemCaseSensitive(element, "Rules"), *item;
	struct why why;
	int error;
	size_t n = 1;
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(element, "Refused"))
	{
		help_load(string_of(item, NULL), &help_options, &error, &why);
		result(error < 0, i, "refused:", string_of(item, NULL));
		printf("# %s\n", why.rule);
	}
	cJSON_ArrayForEach(item, rules) n += strlen(string_of(item, NULL)) + 1;
	char *text = calloc(1, n);
	if (text == NULL)
		exit(2);
	cJSON_ArrayForEach(item, rules)
	{
		strcat(text, string_of(item, NULL));
		strcat(text, "\n");
	}
	struct datalog *d = help_load(text, &help_options, &error, &why);
	if (d == NULL)
		printf("# [%u] %s\n", i, why.rule);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(element, "Queries"))
	{
		const char *query = string_of(item, "Query");
		bool wanted = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "Allowed"));
		result(d != NULL && (help_query(d, query) == DATALOG_YES) == wanted, i,
		       wanted ? "yes:" : "no:", query);
	}
	free(text);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	char *text = read_file(argv[1]);
	cJSON *top = cJSON_Parse(text);
	const cJSON *list = cJSON_IsObject(top) ? cJSON_GetObjectItemCaseSensitive(top, "cases") : top, *element;
	unsigned i = 0;
	cJSON_ArrayForEach(element, list) check_element(element, i++);
	printf("1..%u\n", count);
	cJSON_Delete(top);
	free(text);
	return failed > 0;
}
