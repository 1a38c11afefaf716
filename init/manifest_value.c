/* SPDX-License-Identifier: MIT
 *
 * Values of the manifest: strings, numbers, durations, sizes, words, lists.
 */
#include <stdio.h>

#include "manifest_read.h"

/* Doubles hold integers exactly up to here. */
#define EXACT_MAX ((int64_t)1 << 53)
/* The kernel takes no longer argument or variable (MAX_ARG_STRLEN). */
#define STRING_BYTES_MAX 131071

void *arena_alloc(struct arena *arena, size_t n, size_t align)
{
	size_t skip = (align - arena->n % align) % align;
	if (skip > arena->cap - arena->n || n > arena->cap - arena->n - skip)
		return NULL;
	void *p = arena->base + arena->n + skip;
	arena->n += skip + n;
	return memset(p, 0, n);
}

/* What many services have in common (programs, arguments, variables, users) is kept once. */
char *read_keep(struct reader *reader, const char *text)
{
	size_t n = 0;
	unsigned hash = 0;
	while (text[n] != '\0')
		hash = hash * 31 + (uint8_t)text[n++];
	char **recent = &reader->recent[hash % RECENT_STRINGS];
	if (*recent != NULL && strcmp(*recent, text) == 0)
		return *recent;
	char *copy = arena_alloc(reader->arena, n + 1, 1);
	if (copy == NULL)
		return NULL;
	*recent = copy;
	return memcpy(copy, text, n + 1);
}

int read_string(struct reader *reader, const cJSON *value, const char **into)
{
	if (!cJSON_IsString(value))
		return read_fail(reader, value, ERR_MALFORMED, "is no string; write it in \"double quotes\"");
	if (strlen(value->valuestring) > STRING_BYTES_MAX)
		return read_fail(reader, value, ERR_TOO_LARGE,
				 "is longer than %d bytes, the kernel's limit; shorten it", STRING_BYTES_MAX);
	*into = read_keep(reader, value->valuestring);
	if (*into != NULL)
		return ERR_NONE;
	read_no_memory(reader);
	return ERR_NO_SPACE;
}

int read_path(struct reader *reader, const cJSON *value, size_t most, const char **into)
{
	int r = read_string(reader, value, into);
	if (r < 0)
		return r;
	if ((*into)[0] != '/')
		return read_fail(reader, value, ERR_MALFORMED, "%s is no absolute path; begin it with /",
				 quote(*into).text);
	if (strlen(*into) > most)
		return read_fail(reader, value, ERR_TOO_LARGE, "is longer than %zu bytes; take a shorter path",
				 most);
	return ERR_NONE;
}

int read_bool(struct reader *reader, const cJSON *value, bool *into)
{
	if (!cJSON_IsBool(value))
		return read_fail(reader, value, ERR_MALFORMED,
				 "is neither true nor false; write one, without quotes");
	*into = cJSON_IsTrue(value);
	return ERR_NONE;
}

int read_int(struct reader *reader, const cJSON *value, int64_t least, int64_t most, int64_t *into)
{
	double d = cJSON_IsNumber(value) ? value->valuedouble : 0.5;
	bool huge = d < -(double)EXACT_MAX || d > (double)EXACT_MAX;
	if (!huge && d != (double)(int64_t)d)
		return read_fail(reader, value, ERR_MALFORMED, "is no whole number; write one, without quotes");
	if (huge || (int64_t)d < least || (int64_t)d > most)
		return read_fail(reader, value, ERR_RANGE, "is out of range; write a number from %lld to %lld",
				 (long long)least, (long long)most);
	*into = (int64_t)d;
	return ERR_NONE;
}

/* ---- numbers with a unit ---- */

struct unit_row {
	const char *name;
	uint64_t factor;
};

static const struct unit_row durations[] = {
	{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }, { NULL, 0 }
};
static const struct unit_row sizes[] = {
	{ "K", 1ULL << 10 }, { "M", 1ULL << 20 }, { "G", 1ULL << 30 }, { "T", 1ULL << 40 }, { NULL, 0 }
};

/* A whole number and a unit, nothing else; overflow is told as UINT64_MAX. */
static bool with_unit(const cJSON *value, const struct unit_row *units, uint64_t *out)
{
	const char *p = cJSON_IsString(value) ? value->valuestring : "";
	uint64_t v = 0;
	bool over = false;
	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		over = over || v > UINT64_MAX / 10 - 1;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	while (units->name != NULL && strcmp(p, units->name) != 0)
		units++;
	if (units->name == NULL)
		return false;
	*out = over || v > UINT64_MAX / units->factor ? UINT64_MAX : v * units->factor;
	return true;
}

/* 7000000000 as 7s. */
static const char *text_of(uint64_t v, const struct unit_row *units, char out[static 32])
{
	const struct unit_row *unit = units;
	while (unit[1].name != NULL && v % unit[1].factor == 0 && v != 0)
		unit++;
	if (v % unit->factor == 0 && v != 0)
		snprintf(out, 32, "\"%llu%s\"", (unsigned long long)(v / unit->factor), unit->name);
	else
		snprintf(out, 32, "%llu", (unsigned long long)v);
	return out;
}

/* 0 needs no unit; every other number does. */
static int read_united(struct reader *reader, const cJSON *value, const struct unit_row *units, const char *what,
		       uint64_t least, uint64_t most, uint64_t *out)
{
	char a[32], b[32];
	if (cJSON_IsNumber(value) && value->valuedouble == 0)
		*out = 0;
	else if (cJSON_IsNumber(value))
		return read_fail(reader, value, ERR_MALFORMED, "is a number without a unit; write %s", what);
	else if (!with_unit(value, units, out))
		return read_fail(reader, value, ERR_MALFORMED, "%s%sis not %s",
				 cJSON_IsString(value) ? quote(value->valuestring).text : "",
				 cJSON_IsString(value) ? " " : "", what);
	if (*out < least || *out > most)
		return read_fail(reader, value, ERR_RANGE, "is out of range; write one from %s to %s",
				 text_of(least, units, a), text_of(most, units, b));
	return ERR_NONE;
}

int read_duration(struct reader *reader, const cJSON *value, int64_t least, int64_t most, int64_t *ns)
{
	uint64_t v = 0;
	int r = read_united(reader, value, durations,
			    "a whole number and ms, s, m or h, in quotes, such as \"100ms\" or \"7s\"",
			    (uint64_t)least, (uint64_t)most, &v);
	*ns = (int64_t)v;
	return r;
}

int read_size(struct reader *reader, const cJSON *value, uint64_t least, uint64_t most, uint64_t *bytes)
{
	return read_united(reader, value, sizes,
			   "a whole number and K, M, G or T (powers of 1024), in quotes, such as \"64M\"", least,
			   most, bytes);
}

bool sha256_from(const char *text, struct digest *into)
{
	static const char digits[] = "0123456789abcdef";
	if (strlen(text) != 64 || strspn(text, digits) != 64)
		return false;
	for (int i = 0; i < 64; i++)
		into->b[i / 2] = (uint8_t)(into->b[i / 2] << 4 | (strchr(digits, text[i]) - digits));
	return true;
}

int read_sha256(struct reader *reader, const cJSON *value, struct digest *into)
{
	if (!sha256_from(cJSON_IsString(value) ? value->valuestring : "", into))
		return read_fail(
			reader, value, ERR_MALFORMED,
			"is no SHA-256; write 64 hexadecimal digits in small letters, as sha256sum prints them");
	return ERR_NONE;
}

/* ---- words and lists ---- */

static void list_words(const char *const *words, char *out, size_t cap)
{
	for (size_t i = 0, n = 0; words[i] != NULL && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%s",
				      i == 0		     ? ""
				      : words[i + 1] == NULL ? " or "
							     : ", ",
				      words[i]);
}

int read_word(struct reader *reader, const cJSON *value, const char *const *words, const char *const *later,
	      int *index)
{
	struct nearest nearest = { NULL, 0 };
	char all[240] = "";
	list_words(words, all, sizeof all);
	if (!cJSON_IsString(value))
		return read_fail(reader, value, ERR_MALFORMED, "is no string; write %s, in \"double quotes\"",
				 all);
	const char *text = value->valuestring;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) == 0) {
			*index = i;
			return ERR_NONE;
		}
		nearest_try(&nearest, text, words[i]);
	}
	for (int i = 0; later != NULL && later[i] != NULL; i++)
		if (strcmp(later[i], text) == 0)
			return read_fail(reader, value, ERR_UNSUPPORTED,
					 "\"%s\" is not supported by this version; write %s", text, all);
	if (nearest.word != NULL)
		return read_fail(reader, value, ERR_NOT_FOUND, "%s is not known; did you mean \"%s\"?",
				 quote(text).text, nearest.word);
	return read_fail(reader, value, ERR_NOT_FOUND, "%s is not known; write %s", quote(text).text, all);
}

int read_list(struct reader *reader, const cJSON *value, int least, int most, const char *example, int *n)
{
	int count = 0;
	if (!cJSON_IsArray(value))
		return read_fail(reader, value, ERR_MALFORMED, "is no list; write one, such as %s", example);
	for (const cJSON *at = value->child; at != NULL; at = at->next)
		count++;
	if (count < least)
		return read_fail(reader, value, ERR_RANGE, "is an empty list; write one such as %s", example);
	if (count > most)
		return read_fail(reader, value, ERR_TOO_LARGE, "has %d members; write at most %d", count, most);
	*n = count;
	return ERR_NONE;
}

int read_strings(struct reader *reader, const cJSON *value, char *const **into, int *count, int least, int most,
		 const char *example)
{
	int n = 0, r = read_list(reader, value, least, most, example, &n);
	if (r < 0)
		return r;
	size_t before = reader->arena->n, size = ((size_t)n + 1) * sizeof(char *);
	const char **list = arena_alloc(reader->arena, size, sizeof *list);
	if (list == NULL)
		return read_no_memory(reader);
	size_t after = reader->arena->n;
	int i = 0;
	for (const cJSON *at = value->child; at != NULL && r == 0; at = at->next)
		r = read_string(reader, at, &list[i++]);
	/* The same strings as the last list's, which are kept once: the same list. */
	if (r == 0 && reader->arena->n == after && reader->list != NULL && reader->list_n == n &&
	    memcmp(reader->list, list, size) == 0) {
		list = reader->list;
		reader->arena->n = before;
	}
	reader->list = list;
	reader->list_n = n;
	*into = (char *const *)(const void *)list;
	*count = n;
	return r;
}

static bool is_normal(const char *path)
{
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p + 1, "/");
		if (*p != '/' || n == 0 || (n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
			return false;
		p += n + 1;
	}
	return path[0] == '/';
}

int read_paths(struct reader *reader, const cJSON *value, const char *const **into, int *count, int most,
	       const char *example)
{
	char *const *list = NULL;
	int r = read_strings(reader, value, &list, count, 0, most, example);
	const cJSON *at = value->child;
	for (int i = 0; r == 0 && list != NULL && i < *count; i++, at = at->next) {
		if (!is_normal(list[i]))
			return read_fail(
				reader, at, ERR_MALFORMED,
				"%s is no absolute path in its shortest form; begin it with /, leave ., .. and "
				"double / out",
				quote(list[i]).text);
		for (int k = 0; k < i; k++)
			if (strcmp(list[k], list[i]) == 0)
				return read_fail(reader, at, ERR_EXISTS,
						 "%s is listed a second time; keep one of them",
						 quote(list[i]).text);
	}
	*into = r == 0 ? (const char *const *)list : NULL;
	return r;
}
