/* SPDX-License-Identifier: MIT
 *
 * Values of the manifest, and what is said when they are wrong: file, path, what, remedy.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest_read.h"

/* Doubles hold integers exactly up to here. */
#define EXACT_MAX ((int64_t)1 << 53)
/* Longer than any path or argument that the kernel takes. */
#define STRING_BYTES_MAX 131072

void *arena_alloc(struct arena *arena, size_t n, size_t align)
{
	size_t at = (arena->n + align - 1) & ~(align - 1);
	if (at > arena->cap || n > arena->cap - at)
		return NULL;
	arena->n = at + n;
	return memset(arena->base + at, 0, n);
}

/* ---- saying what is wrong ---- */

size_t read_enter(struct reader *reader, const char *format, ...)
{
	size_t mark = strlen(reader->path);
	va_list args;
	va_start(args, format);
	vsnprintf(reader->path + mark, sizeof reader->path - mark, format, args);
	va_end(args);
	return mark;
}

void read_leave(struct reader *reader, size_t mark)
{
	reader->path[mark] = '\0';
}

static const char *path_of(const struct reader *reader)
{
	return reader->path[0] == '.' ? reader->path + 1 : reader->path[0] != '\0' ? reader->path : "manifest";
}

int read_fail(struct reader *reader, const char *format, ...)
{
	char *text = reader->diag->text;
	size_t cap = sizeof reader->diag->text;
	int n = snprintf(text, cap, "%s: %s: ", reader->context->file, path_of(reader));
	va_list args;
	va_start(args, format);
	if (n >= 0 && (size_t)n < cap)
		vsnprintf(text + n, cap - (size_t)n, format, args);
	va_end(args);
	return ERR_MALFORMED;
}

void read_warn(struct reader *reader, const char *format, ...)
{
	char line[320];
	if (reader->warnings == NULL)
		return;
	int n = snprintf(line, sizeof line, "%s: %s: ", reader->context->file, path_of(reader));
	va_list args;
	va_start(args, format);
	if (n >= 0 && (size_t)n < sizeof line)
		vsnprintf(line + n, sizeof line - (size_t)n, format, args);
	va_end(args);
	size_t k = strlen(line);
	if (reader->warnings->cap - reader->warnings->n > k + 1) {
		wr_bytes(reader->warnings, line, k);
		wr_u8(reader->warnings, '\n');
	}
}

/* Levenshtein's distance of short words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[SERVICE_NAME_MAX + 2], n = strlen(b);
	if (n > SERVICE_NAME_MAX || strlen(a) > SERVICE_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t left_above = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];
			size_t least = left_above + (a[i - 1] != b[j - 1]);
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			if (above + 1 < least)
				least = above + 1;
			row[j] = least;
			left_above = above;
		}
	}
	return row[n];
}

const char *read_nearest(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t least = strlen(word) < 4 ? 2 : 3;
	for (size_t i = 0; i < n; i++) {
		size_t d = distance(word, words[i]);
		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	return best;
}

/* ---- objects ---- */

static int unknown_key(struct reader *reader, const char *name, const struct key *keys, size_t n)
{
	const char *words[64];
	size_t k = 0;
	for (size_t i = 0; i < n && k < 64; i++)
		words[k++] = keys[i].name;
	const char *near = read_nearest(name, words, k);
	if (near != NULL)
		return read_fail(reader, "no such key; did you mean \"%s\"?", near);
	return read_fail(reader, "no such key; tao.manifest(5) lists them");
}

int read_object(struct reader *reader, const cJSON *value, const struct key *keys, size_t n, void *into)
{
	uint64_t seen = 0;
	if (!cJSON_IsObject(value))
		return read_fail(reader, "must be an object: { … }");
	for (const cJSON *at = value->child; at != NULL; at = at->next) {
		size_t mark = read_enter(reader, ".%.64s", at->string), i = 0;
		while (i < n && strcmp(keys[i].name, at->string) != 0)
			i++;
		int r = ERR_NONE;
		if (i == n)
			r = unknown_key(reader, at->string, keys, n);
		else if ((seen >> i & 1) != 0)
			r = read_fail(reader, "stands here twice; keep one of them");
		else if (keys[i].take == NULL)
			r = read_fail(reader, "not supported by this version; take it out");
		else
			r = keys[i].take(reader, at, into);
		if (r < 0)
			return r;
		seen |= (uint64_t)1 << i;
		read_leave(reader, mark);
	}
	return ERR_NONE;
}

/* ---- values ---- */

int read_string(struct reader *reader, const cJSON *value, const char **into)
{
	if (!cJSON_IsString(value))
		return read_fail(reader, "must be a string in \"double quotes\"");
	size_t n = strlen(value->valuestring);
	if (n > STRING_BYTES_MAX)
		return read_fail(reader, "longer than %d bytes", STRING_BYTES_MAX);
	char *copy = arena_alloc(reader->arena, n + 1, 1);
	if (copy == NULL)
		return read_fail(reader, "the manifest takes too much memory");
	memcpy(copy, value->valuestring, n);
	*into = copy;
	return ERR_NONE;
}

int read_path(struct reader *reader, const cJSON *value, const char **into)
{
	int r = read_string(reader, value, into);
	if (r == 0 && (*into)[0] != '/')
		return read_fail(reader, "\"%.80s\" must be an absolute path, beginning with /", *into);
	return r;
}

int read_bool(struct reader *reader, const cJSON *value, bool *into)
{
	if (!cJSON_IsBool(value))
		return read_fail(reader, "must be true or false, without quotes");
	*into = cJSON_IsTrue(value);
	return ERR_NONE;
}

int read_int(struct reader *reader, const cJSON *value, int64_t least, int64_t most, int64_t *into)
{
	double d = cJSON_IsNumber(value) ? value->valuedouble : 0.5;
	if (d < -(double)EXACT_MAX || d > (double)EXACT_MAX || d != (double)(int64_t)d)
		return read_fail(reader, "must be a whole number");
	if ((int64_t)d < least || (int64_t)d > most)
		return read_fail(reader, "must be between %lld and %lld", (long long)least, (long long)most);
	*into = (int64_t)d;
	return ERR_NONE;
}

struct unit_row {
	const char *name;
	uint64_t factor;
};

/* A whole number and a unit, no more than most. */
static bool with_unit(const char *text, const struct unit_row *units, size_t n, uint64_t most, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = text;
	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > most)
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(p, units[i].name) == 0) {
			if (v > most / units[i].factor)
				return false;
			*out = v * units[i].factor;
			return true;
		}
	return false;
}

int read_duration(struct reader *reader, const cJSON *value, int64_t *ns)
{
	static const struct unit_row units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }
	};
	uint64_t v = 0;
	if (!cJSON_IsString(value) || !with_unit(value->valuestring, units, 4, 24 * units[3].factor, &v))
		return read_fail(
			reader,
			"must be a duration with a unit, such as \"100ms\", \"7s\", \"2m\" or \"1h\", at most "
			"a day");
	*ns = (int64_t)v;
	return ERR_NONE;
}

int read_size(struct reader *reader, const cJSON *value, uint64_t least, uint64_t most, uint64_t *bytes)
{
	static const struct unit_row units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 } };
	uint64_t v = 0;
	bool good;
	if (cJSON_IsNumber(value)) {
		int64_t number;
		int r = read_int(reader, value, 0, EXACT_MAX, &number);
		if (r < 0)
			return r;
		v = (uint64_t)number;
		good = true;
	} else {
		good = cJSON_IsString(value) && with_unit(value->valuestring, units, 4, most, &v);
	}
	if (!good || v < least || v > most)
		return read_fail(
			reader,
			"must be a size such as \"64K\", \"1M\" or \"2G\" (powers of 1024), from %llu to %llu "
			"bytes",
			(unsigned long long)least, (unsigned long long)most);
	*bytes = v;
	return ERR_NONE;
}

int read_sha256(struct reader *reader, const cJSON *value, struct digest *into)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	bool good = strlen(text) == 64;
	for (int i = 0; good && i < 64; i++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, text[i]);
		good = at != NULL;
		if (good)
			into->b[i / 2] = (uint8_t)(into->b[i / 2] << 4 | (at - digits));
	}
	return good ? ERR_NONE
		    : read_fail(reader, "must be 64 lower-case hexadecimal digits (sha256sum prints them)");
}

int read_word(struct reader *reader, const cJSON *value, const char *const *words, size_t n, int *index)
{
	char all[160] = "";
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], text) == 0) {
			*index = (int)i;
			return ERR_NONE;
		}
		size_t used = strlen(all);
		snprintf(all + used, sizeof all - used, "%s\"%s\"", i > 0 ? (i + 1 < n ? ", " : " or ") : "",
			 words[i]);
	}
	return read_fail(reader, "must be %s", all);
}

int read_strings(struct reader *reader, const cJSON *value, char *const **into, int *count, int least, int most)
{
	int n = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : -1;
	if (n < least || n > most)
		return read_fail(reader, "must be a list of %d to %d strings: [ \"…\" ]", least, most);
	const char **list = arena_alloc(reader->arena, ((size_t)n + 1) * sizeof *list, sizeof(void *));
	if (list == NULL)
		return read_fail(reader, "the manifest takes too much memory");
	int i = 0;
	for (const cJSON *at = value->child; at != NULL; at = at->next, i++) {
		size_t mark = read_enter(reader, "[%d]", i);
		int r = read_string(reader, at, &list[i]);
		if (r < 0)
			return r;
		read_leave(reader, mark);
	}
	*into = (char *const *)(const void *)list;
	*count = n;
	return ERR_NONE;
}
