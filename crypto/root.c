/* SPDX-License-Identifier: MIT */
#include "root.h"

/* So much of a path fits a report beside the longest text below. */
#define PATH_SHOWN 72
/* The path of a file of ours, suffixes and all. */
#define PATH_ROOM 288

const struct root_class *root_find(const char *name)
{
	static const struct root_class *const classes[] = {
#define ROOT(id) &root_##id,
#include "root.def"
#undef ROOT
	};
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	}
	return NULL;
}

void root_say(struct root_report *report, const char *text, const char *path)
{
	size_t n = 0, path_n = strlen(path);
	const char *shown = path_n > PATH_SHOWN ? path + (path_n - PATH_SHOWN) : path;
	for (; *text != '\0' && n < sizeof report->text - 1; text++) {
		if (*text != '%') {
			report->text[n++] = *text;
			continue;
		}
		if (shown != path && n + 3 < sizeof report->text) {
			memcpy(report->text + n, "...", 3);
			n += 3;
		}
		for (const char *p = shown; *p != '\0' && n < sizeof report->text - 1; p++)
			report->text[n++] = *p;
	}
	report->text[n] = '\0';
}

void root_add(struct root_report *report, const char *text)
{
	size_t n = strnlen(report->text, sizeof report->text - 1);
	size_t more = strnlen(text, sizeof report->text - 1 - n);
	memcpy(report->text + n, text, more);
	report->text[n + more] = '\0';
}

/* The directory of a path that has a slash. */
static void parent_of(const char *path, char parent[static PATH_ROOM])
{
	size_t n = (size_t)(strrchr(path, '/') - path);
	memcpy(parent, path, n);
	parent[n] = '\0';
	if (n == 0)
		memcpy(parent, "/", 2);
}

int root_put(const struct platform *platform, const char *path, struct span bytes)
{
	int r = platform->write(platform->ctx, path, bytes);
	return r < 0 ? r : platform->sync(platform->ctx, path);
}

int root_sync_name(const struct platform *platform, const char *path, bool above)
{
	char parent[PATH_ROOM], next[PATH_ROOM];
	parent_of(path, parent);
	int r = platform->sync_dir(platform->ctx, parent);
	/* Those that were there before need no sync and some file systems refuse it, so that this has no error. */
	while (r >= 0 && above && strcmp(parent, "/") != 0) {
		parent_of(parent, next);
		memcpy(parent, next, sizeof parent);
		(void)platform->sync_dir(platform->ctx, parent);
	}
	return r;
}
