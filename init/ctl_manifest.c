/* SPDX-License-Identifier: MIT
 *
 * taoctl reload manifest: the host takes over another one, and says what differs. With --dry-run, what the manifest in
 * force, which the host hands over as it has read it, and a file, which is read and checked here as the host would, have of
 * each other: the host has nothing to do for it.
 */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "manifest.h"
#include "sys.h"

/* What is printed is cut into lines. */
static void print_changes(const struct ctl *ctl, char *lines, bool at_boot)
{
	if (!ctl->json) {
		fputs(lines[0] != '\0' ? lines : "nothing differs\n", stdout);
		if (at_boot)
			fprintf(stderr, "taoctl: from the next boot on\n");
		return;
	}
	cJSON *all = cJSON_CreateObject(), *changes = cJSON_AddArrayToObject(all, "changes");
	char *rest = NULL;
	for (char *line = strtok_r(lines, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		cJSON_AddItemToArray(changes, cJSON_CreateString(line));
	if (at_boot)
		cJSON_AddStringToObject(all, "from", "boot");
	ctl_put_json(all);
}

/* As the host would. */
static bool load(const char *file, struct span *kept)
{
	struct arena arena = { NULL, 0, 0 };
	struct manifest manifest;
	struct diag diag = { "" };
	bool can_setuid = sys_can_setuid();
	bool good = manifest_load(file, &arena, &manifest, &can_setuid, &diag, NULL, kept) >= 0;
	if (!good)
		fprintf(stderr, "taoctl: %s\n", diag.text);
	return good;
}

int ctl_manifest(const struct ctl *ctl, const char *file)
{
	struct ctl_answer answer;
	char *lines = sys_map(MANIFEST_DIFF_MAX);
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.Manifest" }, &answer);
	struct span was = span_of(answer.text, answer.text_n), is;
	struct wr out = wr_to(lines, MANIFEST_DIFF_MAX - 1);
	/* What the host hands over begins with the path of its manifest. */
	if (r == CTL_OK && (lines == NULL || was.n == 0 || !load(file != NULL ? file : answer.text, &is) ||
			    manifest_diff_files(was, is, &out) < 0))
		r = CTL_REFUSED;
	if (r == CTL_OK)
		print_changes(ctl, lines, false);
	ctl_free(&answer);
	return r;
}

int ctl_take_manifest(const struct ctl *ctl)
{
	static char nothing[] = "";
	struct ctl_answer answer;
	const struct ctl_question question = { .op = "TaoInit.Reload",
					       .action = "manifest",
					       .timeout = ctl_left(ctl) };
	int r = ctl_ask(ctl, &question, &answer);
	if (r == CTL_OK)
		print_changes(ctl, answer.text != NULL ? answer.text : nothing, answer.missed > 0);
	ctl_free(&answer);
	return r;
}
