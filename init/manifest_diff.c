/* SPDX-License-Identifier: MIT
 *
 * What differs between two manifests, by the paths of their keys.
 */
#include <stdlib.h>

#include "manifest_read.h"

#define MORE MANIFEST_DIFF_MORE

struct diff {
	struct wr *out;
	const char *between;
	size_t n;
	bool cut; /* there are more than out has room for */
	char path[256];
};

static void say(struct diff *diff, const char *what)
{
	size_t n = strlen(diff->path), more = strlen(what), gap = strlen(diff->between);
	struct wr *out = diff->out;
	diff->n++;
	diff->cut = diff->cut || out->cap - out->n < n + more + sizeof MORE + 2 * gap;
	if (diff->cut)
		return;
	if (out->n > 0)
		wr_bytes(out, diff->between, gap);
	wr_bytes(out, diff->path, n);
	wr_bytes(out, what, more);
}

/* NULL is like nothing. */
static bool is_same(const cJSON *was, const cJSON *is)
{
	char *a = cJSON_PrintUnformatted(was), *b = cJSON_PrintUnformatted(is);
	bool same = a != NULL && b != NULL && strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

static void compare(struct diff *diff, const cJSON *was, const cJSON *is, unsigned depth);

/* A key of one of them, at the end of the path. */
static void compare_key(struct diff *diff, const char *key, const cJSON *was, const cJSON *is, unsigned depth)
{
	size_t n = strlen(diff->path), dot = n > 0, more = strnlen(key, SERVICE_NAME_MAX + 1);
	if (n + dot + more >= sizeof diff->path) {
		if (!is_same(was, is))
			say(diff, "");
		return;
	}
	if (dot)
		diff->path[n] = '.';
	/* Names of variables may have anything in them. */
	for (size_t i = 0; i < more; i++)
		diff->path[n + dot + i] = (char)((uint8_t)key[i] < ' ' || key[i] == 0x7f ? '?' : key[i]);
	diff->path[n + dot + more] = '\0';
	if (was == NULL)
		say(diff, " (new)");
	else if (is == NULL)
		say(diff, " (taken out)");
	else
		compare(diff, was, is, depth);
	diff->path[n] = '\0';
}

static void compare(struct diff *diff, const cJSON *was, const cJSON *is, unsigned depth)
{
	if (depth >= MANIFEST_DEPTH_MAX || !cJSON_IsObject(was) || !cJSON_IsObject(is)) {
		if (!is_same(was, is))
			say(diff, "");
		return;
	}
	for (const cJSON *at = was->child; at != NULL; at = at->next)
		compare_key(diff, at->string, at, cJSON_GetObjectItemCaseSensitive(is, at->string), depth + 1);
	for (const cJSON *at = is->child; at != NULL; at = at->next)
		if (cJSON_GetObjectItemCaseSensitive(was, at->string) == NULL)
			compare_key(diff, at->string, NULL, at, depth + 1);
}

int manifest_diff(struct span was, struct span is, const char *between, struct wr *out)
{
	struct diff diff = { .out = out, .between = between };
	struct diag diag;
	if (manifest_scan(was, "", &diag) < 0 || manifest_scan(is, "", &diag) < 0)
		return ERR_MALFORMED;
	cJSON *a = cJSON_ParseWithLength((const char *)was.p, was.n);
	cJSON *b = cJSON_ParseWithLength((const char *)is.p, is.n);
	if (a != NULL && b != NULL)
		compare(&diff, a, b, 0);
	size_t gap = strlen(between);
	if (diff.cut && out->cap - out->n >= gap + sizeof MORE) {
		wr_bytes(out, between, gap);
		wr_bytes(out, MORE, sizeof MORE - 1);
	}
	int r = a != NULL && b != NULL ? (int)diff.n : ERR_NO_SPACE;
	cJSON_Delete(a);
	cJSON_Delete(b);
	return r;
}

/* ---- with what is included ---- */

/* A name and a text, each with a NUL behind it, and so on. */
struct kept {
	const char *at, *end;
};

static bool is_whole(struct span files)
{
	unsigned n = 0;
	for (size_t i = 0; i < files.n; i++)
		n += files.p[i] == '\0';
	return n > 0 && n % 2 == 0 && files.p[files.n - 1] == '\0';
}

static const char *next(const char *string)
{
	return string + strlen(string) + 1;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* The text of the file of that name; NULL: there is none. */
static const char *find(struct kept kept, const char *name)
{
	while (kept.at < kept.end && strcmp(last_name(kept.at), last_name(name)) != 0)
		kept.at = next(next(kept.at));
	return kept.at < kept.end ? next(kept.at) : NULL;
}

static void differ(const char *was, const char *is, struct wr *out)
{
	struct wr one = wr_to(out->p + out->n, out->cap - out->n);
	if (manifest_diff(span_str(was), span_str(is), "\n", &one) > 0) {
		wr_u8(&one, '\n');
		out->n += one.n;
	}
}

/* The first is the manifest itself, whatever it is called. */
int manifest_diff_files(struct span was_files, struct span is_files, struct wr *out)
{
	static const char nothing[] = "{\"version\":1,\"services\":{}}";
	struct kept was = { (const char *)was_files.p, (const char *)was_files.p + was_files.n };
	struct kept is = { (const char *)is_files.p, (const char *)is_files.p + is_files.n };
	if (!is_whole(was_files) || !is_whole(is_files))
		return ERR_MALFORMED;
	differ(next(was.at), next(is.at), out);
	was.at = next(next(was.at));
	is.at = next(next(is.at));
	for (const char *at = was.at, *found; at < was.end; at = next(next(at))) {
		found = find(is, at);
		differ(next(at), found != NULL ? found : nothing, out);
	}
	for (const char *at = is.at; at < is.end; at = next(next(at)))
		if (find(was, at) == NULL)
			differ(nothing, next(at), out);
	return ERR_NONE;
}
