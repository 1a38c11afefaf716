/* SPDX-License-Identifier: MIT
 *
 * taoctl logs and signal.
 */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "manifest_scan.h"
#include "output_line.h"
#include "sys.h"

/* How often it is asked what has come. */
#define FOLLOW_NS (NS_PER_S / 4)

struct followed {
	const char *service;
	struct ctl_answer answer; /* its text is cut into lines */
	char *rest;
	char *line; /* the next one; NULL: none */
	uint64_t position;
};

int ctl_signal(const struct ctl *ctl, int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "taoctl: signal takes a service and a signal, such as HUP\n");
		return CTL_USAGE;
	}
	return ctl_order(ctl,
			 &(struct ctl_question){ .op = "TaoInit.Signal", .service = argv[0], .action = argv[1] });
}

/* A line that is a line, or NULL. */
static char *next_line(char *text, char **rest)
{
	char *line = strtok_r(text, "\n", rest);
	return line != NULL && strlen(line) >= OUTPUT_HEAD ? line : NULL;
}

static int ask(const struct ctl *ctl, struct followed *f)
{
	const struct ctl_question question = { .op = "TaoInit.Logs",
					       .service = f->service,
					       .position = f->position,
					       .after = f->position == 0 ? ctl->since : 0,
					       .lines = f->position == 0 ? ctl->lines : 0 };
	int r = ctl_ask(ctl, &question, &f->answer);
	f->position = f->answer.position;
	f->line = f->answer.text != NULL ? next_line(f->answer.text, &f->rest) : NULL;
	return r;
}

static void print_json(const struct followed *f, const char *time, bool err)
{
	cJSON *o = cJSON_CreateObject();
	char *text = f->line + OUTPUT_HEAD;
	char *end = text + strlen(text);
	/* What is no UTF-8 is no JSON. */
	for (char *p = text; p < end;) {
		size_t k = scan_utf8((const uint8_t *)p, (size_t)(end - p));
		if (k == 0)
			*p = '?';
		p += k > 0 ? k : 1;
	}
	cJSON_AddStringToObject(o, "time", time);
	cJSON_AddStringToObject(o, "service", f->service);
	cJSON_AddStringToObject(o, "stream", err ? "err" : "out");
	cJSON_AddStringToObject(o, "text", text);
	char *line = cJSON_PrintUnformatted(o);
	if (line != NULL)
		puts(line);
	free(line);
	cJSON_Delete(o);
}

static void print_line(const struct ctl *ctl, const struct followed *f)
{
	char digits[OUTPUT_HEAD] = "", time[TIME_TEXT_MAX];
	bool err = f->line[OUTPUT_HEAD - 1] == 'e';
	memcpy(digits, f->line, OUTPUT_HEAD - 1);
	time_text((int64_t)(strtoull(digits, NULL, 16) & INT64_MAX), time);
	if (ctl->json)
		print_json(f, time, err);
	else
		printf("%s %s%s: %s\n", time, f->service, err ? "[err]" : "", f->line + OUTPUT_HEAD);
}

/* Of all services, in the order of time. */
static void print_all(const struct ctl *ctl, struct followed *all, int n)
{
	for (;;) {
		struct followed *first = NULL;
		for (int i = 0; i < n; i++)
			if (all[i].line != NULL &&
			    (first == NULL || memcmp(all[i].line, first->line, OUTPUT_HEAD - 1) < 0))
				first = &all[i];
		if (first == NULL)
			break;
		print_line(ctl, first);
		first->line = next_line(NULL, &first->rest);
	}
	fflush(stdout);
}

int ctl_logs(const struct ctl *ctl, int argc, char **argv)
{
	struct followed *all = calloc((size_t)argc + 1, sizeof *all);
	int worst = CTL_OK;
	if (argc == 0 || all == NULL) {
		fprintf(stderr, "taoctl: logs: of which service?\n");
		free(all);
		return CTL_USAGE;
	}
	for (int i = 0; i < argc; i++)
		all[i].service = argv[i];
	do {
		for (int i = 0; i < argc; i++) {
			int r = ask(ctl, &all[i]);
			worst = r > worst ? r : worst;
		}
		print_all(ctl, all, argc);
		for (int i = 0; i < argc; i++)
			ctl_free(&all[i].answer);
		if (ctl->follow)
			sys_sleep(FOLLOW_NS);
	} while (ctl->follow && worst == CTL_OK && !ferror(stdout));
	free(all);
	return worst;
}
