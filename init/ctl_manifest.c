/* SPDX-License-Identifier: MIT
 *
 * taoctl reload manifest --dry-run: what the manifest in force, which the host hands over as it has read it, and a file,
 * which is read and checked here as the host would, have of each other. The host has nothing to do for it.
 */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "manifest.h"
#include "sys.h"

/* Paths of what differs. */
#define DIFFERENCE_MAX ((size_t)1 << 20)

/* Files as manifest_load() keeps them: a name and a text, each with a NUL behind it. */
struct kept {
	const char *at, *end;
};

static bool is_whole(struct kept kept)
{
	unsigned n = 0;
	for (const char *p = kept.at; p < kept.end; p++)
		n += *p == '\0';
	return n > 0 && n % 2 == 0 && kept.end[-1] == '\0';
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

/* The first is the manifest itself, whatever it is called; the others are included. */
static void compare(struct kept was, struct kept is, struct wr *out)
{
	static const char nothing[] = "{\"version\":1,\"services\":{}}";
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
}

static void print_json(char *lines)
{
	cJSON *all = cJSON_CreateObject(), *changes = cJSON_AddArrayToObject(all, "changes");
	char *rest = NULL;
	for (char *line = strtok_r(lines, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		cJSON_AddItemToArray(changes, cJSON_CreateString(line));
	ctl_put_json(all);
}

/* As the host would. */
static bool load(const char *file, struct kept *kept)
{
	struct arena arena;
	struct manifest manifest;
	struct diag diag = { "" };
	struct span files;
	bool can_setuid = sys_can_setuid();
	bool good = manifest_load(file, &arena, &manifest, &can_setuid, &diag, NULL, &files) >= 0;
	if (good)
		*kept = (struct kept){ (const char *)files.p, (const char *)files.p + files.n };
	else
		fprintf(stderr, "taoctl: %s\n", diag.text);
	return good;
}

int ctl_manifest(const struct ctl *ctl, const char *file)
{
	struct ctl_answer answer;
	char *lines = sys_map(DIFFERENCE_MAX);
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.Manifest" }, &answer);
	struct kept was = { answer.text, answer.text + answer.text_n }, is;
	if (r == CTL_OK && (lines == NULL || !is_whole(was) || !load(file != NULL ? file : was.at, &is)))
		r = CTL_REFUSED;
	if (r == CTL_OK) {
		struct wr out = wr_to(lines, DIFFERENCE_MAX - 1);
		compare(was, is, &out);
		if (ctl->json)
			print_json(lines);
		else
			fputs(out.n > 0 ? lines : "nothing differs\n", stdout);
	}
	ctl_free(&answer);
	return r;
}
