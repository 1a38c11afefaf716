/* SPDX-License-Identifier: MIT
 *
 * taoctl reload, audit, explain: the policy in force, and what was decided.
 */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/guard.h"
#include "../policy/name.h"
#include "boundary.h"
#include "ctl.h"

int ctl_reload(const struct ctl *ctl, int argc, char **argv)
{
	bool manifest = argc > 0 && strcmp(argv[0], "manifest") == 0;
	if (argc > 1 && !ctl->dry_run && strcmp(argv[0], "service") == 0) {
		int worst = CTL_OK;
		for (int i = 1; i < argc; i++) {
			char hup[] = "HUP", *words[] = { argv[i], hup };
			int r = ctl_signal(ctl, 2, words);
			worst = r > worst ? r : worst;
		}
		return worst;
	}
	if (manifest && argc <= (ctl->dry_run ? 2 : 1))
		return ctl->dry_run ? ctl_manifest(ctl, argv[1]) : ctl_take_manifest(ctl);
	if (argc > 1 || ctl->dry_run || (argc == 1 && strcmp(argv[0], "policy") != 0)) {
		fprintf(stderr, "taoctl: reload takes policy, manifest, manifest [FILE] --dry-run, or service "
				"SERVICE...\n");
		return CTL_USAGE;
	}
	return ctl_order(ctl, &(struct ctl_question){ .op = "TaoInit.Reload" });
}

/* ---- audit ---- */

static const char *text_of(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
	return cJSON_IsString(v) ? v->valuestring : "";
}

static void print_record(const char *line)
{
	cJSON *o = cJSON_Parse(line);
	const cJSON *uid = cJSON_GetObjectItemCaseSensitive(o, "uid");
	const cJSON *count = cJSON_GetObjectItemCaseSensitive(o, "count");
	const cJSON *lost = cJSON_GetObjectItemCaseSensitive(o, "lost");
	char who[100] = "", times[24] = "";
	bool state = text_of(o, "state")[0] != '\0';
	if (cJSON_IsNumber(uid))
		snprintf(who, sizeof who, "%s%suid %u", text_of(o, "service"),
			 text_of(o, "service")[0] != '\0' ? " " : "", (unsigned)uid->valuedouble);
	if (cJSON_IsNumber(count))
		snprintf(times, sizeof times, " (%u times)", (unsigned)count->valuedouble);
	if (cJSON_IsNumber(lost))
		printf("%u events are lost\n", (unsigned)lost->valuedouble);
	else
		printf("%s  %-9s  %-16s  %-16s  %s%s\n", text_of(o, "time"),
		       text_of(o, state ? "state" : "verdict"), who[0] != '\0' ? who : text_of(o, "service"),
		       text_of(o, "verb"), text_of(o, state ? "reason" : "rule"), times);
	cJSON_Delete(o);
}

void ctl_print_records(const struct ctl *ctl, const struct ctl_answer *answer)
{
	char *rest = NULL;
	if (answer->text != NULL && ctl->json)
		fputs(answer->text, stdout);
	else if (answer->text != NULL)
		for (char *line = strtok_r(answer->text, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest))
			print_record(line);
}

int ctl_audit(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_answer answer;
	if (!ctl_no_argument("audit", argc, argv))
		return CTL_USAGE;
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.Audit" }, &answer);
	ctl_print_records(ctl, &answer);
	ctl_free(&answer);
	return r;
}

/* ---- explain ---- */

/* A term as text; what is none is taken for a string, so that labels need no quotes. */
static bool add_term(const char *text, struct wr *out)
{
	size_t n = strlen(text) + 1;
	static uint8_t binary[4096];
	struct wr w = wr_to(binary, sizeof binary);
	struct node *nodes = calloc(n, sizeof *nodes), *root = NULL;
	uint8_t *room = malloc(n);
	struct node_pool pool = { .nodes = nodes, .cap = n, .text_buf = room, .text_cap = n };
	bool good = nodes != NULL && room != NULL &&
		    name_parse(span_str(text), NAME_TERM, &pool, &root, NULL) >= 0 && name_encode(root, &w) >= 0;
	if (!good) {
		w = wr_to(binary, sizeof binary);
		wr_varint(&w, NODE_STR);
		wr_var_bytes(&w, span_str(text));
	}
	wr_var_bytes(out, wr_span(&w));
	free(nodes);
	free(room);
	return w.err == ERR_NONE && out->err == ERR_NONE;
}

static void print_text(const char *text, bool json)
{
	cJSON *string = json ? cJSON_CreateString(text) : NULL;
	char *quoted = string != NULL ? cJSON_PrintUnformatted(string) : NULL;
	if (quoted != NULL)
		printf("{\"explanation\":%s}\n", quoted);
	else
		fputs(text, stdout);
	free(quoted);
	cJSON_Delete(string);
}

int ctl_explain(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_answer answer;
	static uint8_t buffer[6144];
	struct wr terms = wr_to(buffer, sizeof buffer);
	bool good = argc != 1 && argc <= 2 + ASK_ARGS_MAX;
	for (int i = 2; i < argc && good; i++)
		good = add_term(argv[i], &terms);
	if (!good) {
		fprintf(stderr, "taoctl: explain takes nothing, or SERVICE VERB and at most %d arguments\n",
			ASK_ARGS_MAX);
		return CTL_USAGE;
	}
	const struct ctl_question question = { .op = "TaoInit.Explain",
					       .service = argc > 0 ? argv[0] : NULL,
					       .verb = argc > 0 ? argv[1] : NULL,
					       .terms = wr_span(&terms) };
	int r = ctl_ask(ctl, &question, &answer);
	if (r == CTL_OK && answer.text != NULL)
		print_text(answer.text, ctl->json);
	ctl_free(&answer);
	return r;
}
