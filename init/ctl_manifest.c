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
#include "sys_output.h"

/* Paths of what differs. */
#define DIFFERENCE_MAX ((size_t)1 << 20)
/* A manifest and the names of its files. */
#define KEPT_MAX (MANIFEST_BYTES_MAX + ((size_t)1 << 20))

/* What manifest_load() keeps: its own file is the first, then those that it includes. */
struct kept {
	struct {
		struct span name, json;
	} files[MANIFEST_FILES_MAX];
	unsigned n;
};

static bool split(struct span bytes, struct kept *kept)
{
	struct rd r = rd_from(bytes);
	for (kept->n = 0; r.n > 0 && kept->n < MANIFEST_FILES_MAX; kept->n++) {
		kept->files[kept->n].name = rd_var_bytes(&r);
		kept->files[kept->n].json = rd_var_bytes(&r);
	}
	return rd_end(&r) == ERR_NONE && kept->n > 0;
}

static struct span last_name(struct span path)
{
	size_t at = path.n;
	while (at > 0 && path.p[at - 1] != '/')
		at--;
	return span_of(path.p + at, path.n - at);
}

/* The same file of the other: the first is the first, whatever it is called; what there is none of has no services. */
static struct span other(const struct kept *kept, unsigned i, struct span name)
{
	if (i == 0)
		return kept->files[0].json;
	for (i = 1; i < kept->n; i++)
		if (span_equal(last_name(kept->files[i].name), last_name(name)))
			return kept->files[i].json;
	return span_of(NULL, 0);
}

static void differ(struct span was, struct span is, struct wr *out)
{
	static const char nothing[] = "{\"version\":1,\"services\":{}}";
	struct wr one = wr_to(out->p + out->n, out->cap - out->n);
	if (manifest_diff(was.p != NULL ? was : span_str(nothing), is.p != NULL ? is : span_str(nothing), "\n",
			  &one) > 0) {
		wr_u8(&one, '\n');
		out->n += one.n;
	}
}

static void compare(const struct kept *was, const struct kept *is, struct wr *out)
{
	for (unsigned i = 0; i < was->n; i++)
		differ(was->files[i].json, other(is, i, was->files[i].name), out);
	for (unsigned i = 1; i < is->n; i++)
		if (other(was, i, is->files[i].name).p == NULL)
			differ(span_of(NULL, 0), is->files[i].json, out);
}

/* The end of a line of manifest_diff()'s, if it is that: taken off. */
static bool cut(char *line, const char *end)
{
	size_t n = strlen(line), k = strlen(end);
	bool has = n > k && strcmp(line + n - k, end) == 0;
	if (has)
		line[n - k] = '\0';
	return has;
}

static void print(const struct ctl *ctl, char *lines)
{
	cJSON *all = cJSON_CreateObject(), *changes = cJSON_AddArrayToObject(all, "changes");
	char *rest = NULL, *line = strtok_r(lines, "\n", &rest);
	if (!ctl->json)
		puts(line == NULL ? "nothing differs" : "At the next boot (taoctl shutdown reboot):");
	for (; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		const char *change = cut(line, " (new)")	 ? "new"
				     : cut(line, " (taken out)") ? "removed"
								 : "changed";
		if (!ctl->json) {
			printf("%-7s  %s\n", change, line);
			continue;
		}
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "path", line);
		cJSON_AddStringToObject(o, "change", change);
		cJSON_AddItemToArray(changes, o);
	}
	if (ctl->json)
		ctl_put_json(all);
	else
		cJSON_Delete(all);
}

/* As the host would. */
static bool load(const char *file, struct kept *kept)
{
	struct arena arena;
	struct manifest manifest;
	struct diag diag = { "" };
	uint8_t *bytes = sys_map(KEPT_MAX);
	bool can_setuid = sys_can_setuid();
	int fd = sys_memory("manifest", 0);
	if (manifest_load(file, &arena, &manifest, &can_setuid, &diag, NULL, fd) < 0) {
		fprintf(stderr, "taoctl: %s\n", diag.text);
		return false;
	}
	ssize_t n = bytes != NULL ? sys_pread(fd, bytes, KEPT_MAX, 0) : -1;
	return n > 0 && split(span_of(bytes, (size_t)n), kept);
}

int ctl_manifest(const struct ctl *ctl, const char *file)
{
	static struct kept was, is;
	struct ctl_answer answer;
	char *lines = sys_map(DIFFERENCE_MAX), *own = NULL;
	struct wr out = wr_to(lines, lines != NULL ? DIFFERENCE_MAX - 1 : 0);
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.Manifest" }, &answer);
	if (r == CTL_OK && !split(span_of(answer.text, answer.text_n), &was))
		r = CTL_PROTOCOL;
	if (r == CTL_OK && file == NULL)
		file = own = strndup((const char *)was.files[0].name.p, was.files[0].name.n);
	if (r == CTL_OK && (file == NULL || lines == NULL || !load(file, &is)))
		r = CTL_REFUSED;
	if (r == CTL_OK) {
		compare(&was, &is, &out);
		print(ctl, lines);
	}
	free(own);
	ctl_free(&answer);
	return r;
}
