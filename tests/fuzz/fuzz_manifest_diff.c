/* SPDX-License-Identifier: MIT
 * What differs between two manifests. The input is two files: a byte that says which part of it is the first, in 255ths.
 * Each is a manifest, and a set of files as manifest_load() keeps them besides. Invariants: no file differs from itself; the paths are one line without controls, and end where there is no more room. */
/* link: init policy crypto */
#include <cJSON.h>
#include <stdlib.h>

#include "../../init/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* A key twice in an object, which no manifest has. */
static bool repeats(const cJSON *json)
{
	for (const cJSON *at = json->child; at != NULL; at = at->next) {
		for (const cJSON *other = at->next; other != NULL && cJSON_IsObject(json); other = other->next)
			if (strcmp(at->string, other->string) == 0)
				return true;
		if (repeats(at))
			return true;
	}
	return false;
}

static bool may_differ_from_itself(struct span text)
{
	cJSON *json = cJSON_ParseWithLength((const char *)text.p, text.n);
	bool may = json != NULL && repeats(json);
	cJSON_Delete(json);
	return may;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* Of a whole set: one of its texts may, or two have one name behind the first, which is not looked for by its name: no
 * directory has these. */
static bool files_may_differ_from_themselves(struct span files)
{
	static const char *names[1 << 15]; /* a name and a text have two bytes at least, all of them 1 << 16 */
	const char *end = (const char *)files.p + files.n;
	size_t n = 0, strings = 0;
	for (const char *at = (const char *)files.p; at < end; at += strlen(at) + 1, strings++) {
		if (strings % 2 != 0 && may_differ_from_itself(span_str(at)))
			return true;
		if (strings % 2 != 0 || strings == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			if (strcmp(names[i], last_name(at)) == 0)
				return true;
		names[n++] = last_name(at);
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t text[100];
	if (size == 0)
		return 0;
	struct span all = span_of(input + 1, size - 1);
	size_t n = all.n * input[0] / 255;
	struct span a = span_of(all.p, n), b = span_of(all.p + n, all.n - n);
	struct wr w = wr_to(text, sizeof text);
	int r = manifest_diff(a, a, ", ", &w);
	bool once = !may_differ_from_itself(a) && !may_differ_from_itself(b);
	must((r <= 0 && w.n == 0) || !once);
	w.n = 0;
	r = manifest_diff(a, b, ", ", &w);
	must(w.err == ERR_NONE && (r > 0 || w.n == 0));
	for (size_t i = 0; i < w.n; i++)
		must(text[i] >= 0x20 && text[i] != 0x7f);
	struct wr v = wr_to(text, sizeof text);
	must((manifest_diff(b, a, ", ", &v) > 0) == (r > 0) || !once);
	/* Whole sets of files: bytes 1 are the NULs between names and texts. */
	static uint8_t files[1 << 16];
	if (all.n > sizeof files)
		return 0;
	for (size_t i = 0; i < all.n; i++)
		files[i] = all.p[i] == 1 ? 0 : all.p[i];
	a.p = files;
	b.p = files + n;
	struct wr f = wr_to(text, sizeof text);
	must(manifest_diff_files(a, a, &f) <= 0 && (f.n == 0 || files_may_differ_from_themselves(a)));
	f.n = 0;
	(void)manifest_diff_files(a, b, &f);
	must(f.n <= sizeof text);
	return 0;
}
