/* SPDX-License-Identifier: MIT */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "sys.h"

static bool in_colour(void)
{
	return isatty(1) && getenv("NO_COLOR") == NULL;
}

static const char *colour_of(const char *state)
{
	if (strcmp(state, "up") == 0 || strcmp(state, "done") == 0)
		return "\033[32m";
	if (strcmp(state, "failed") == 0)
		return "\033[31m";
	return strcmp(state, "down") == 0 ? "" : "\033[33m";
}

static void age(int64_t since, char *text, size_t cap)
{
	int64_t s = (sys_realtime() - since) / 1000000000;
	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(text, cap, "%llds", (long long)s);
	else if (s < 7200)
		snprintf(text, cap, "%lldm", (long long)(s / 60));
	else if (s < 172800)
		snprintf(text, cap, "%lldh", (long long)(s / 3600));
	else
		snprintf(text, cap, "%lldd", (long long)(s / 86400));
}

static void hex(const uint8_t *p, size_t n, char *text)
{
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
}

static void last_end(const struct ctl_service *s, char *text, size_t cap)
{
	text[0] = '\0';
	if (s->ended && WIFSIGNALED(s->status))
		snprintf(text, cap, "signal %d", WTERMSIG(s->status));
	else if (s->ended)
		snprintf(text, cap, "status %d", WEXITSTATUS(s->status));
}

void ctl_print_list(const struct ctl_answer *answer)
{
	int width = 7;
	bool colour = in_colour();
	if (answer->problem[0] != '\0')
		fprintf(stderr, "taoctl: no services are run: %s\n", answer->problem);
	for (size_t i = 0; i < answer->n; i++)
		if ((int)strlen(answer->services[i].name) > width)
			width = (int)strlen(answer->services[i].name);
	printf("%-*s  %-9s  %7s  %5s  %8s  %s\n", width, "SERVICE", "STATE", "PID", "FOR", "RESTARTS", "PROGRAM");
	for (size_t i = 0; i < answer->n; i++) {
		const struct ctl_service *s = &answer->services[i];
		char since[16], program[65] = "-", pid[16] = "-";
		age(s->since, since, sizeof since);
		if (s->has_program)
			hex(s->program, 6, program);
		if (s->pid > 0)
			snprintf(pid, sizeof pid, "%d", (int)s->pid);
		printf("%-*s  %s%-9s%s  %7s  %5s  %8u  %s%s%s\n", width, s->name,
		       colour ? colour_of(s->state) : "", s->state, colour ? "\033[0m" : "", pid, since,
		       (unsigned)s->restarts, program, s->reason[0] != '\0' ? "  " : "", s->reason);
	}
}

static void print_one(const struct ctl_service *s)
{
	char since[16], program[65], end[32];
	bool colour = in_colour();
	age(s->since, since, sizeof since);
	last_end(s, end, sizeof end);
	printf("%s\n", s->name);
	printf("  state      %s%s%s for %s%s\n", colour ? colour_of(s->state) : "", s->state,
	       colour ? "\033[0m" : "", since, s->essential ? " (essential)" : "");
	if (s->reason[0] != '\0')
		printf("  because    %s\n", s->reason);
	printf("  type       %s\n", s->type);
	if (s->pid > 0)
		printf("  pid        %d\n", (int)s->pid);
	printf("  uid        %u\n", (unsigned)s->uid);
	printf("  restarts   %u\n", (unsigned)s->restarts);
	if (end[0] != '\0')
		printf("  last end   %s\n", end);
	if (s->has_program) {
		hex(s->program, sizeof s->program, program);
		printf("  program    %s\n", program);
	}
	if (s->principal != NULL)
		printf("  principal  %s\n", s->principal);
}

void ctl_print_status(const struct ctl_answer *answer)
{
	if (answer->has_host) {
		printf("host\n  place      %s\n  version    taoinit %s\n", answer->place, answer->version);
		if (answer->host_principal != NULL)
			printf("  principal  %s\n", answer->host_principal);
		if (answer->problem[0] != '\0')
			printf("  problem    %s\n", answer->problem);
	}
	for (size_t i = 0; i < answer->n; i++) {
		if (i > 0 || answer->has_host)
			putchar('\n');
		print_one(&answer->services[i]);
	}
}

static cJSON *json_service(const struct ctl_service *s)
{
	cJSON *o = cJSON_CreateObject();
	char program[65];
	int64_t since_ms = s->since / 1000000;
	cJSON_AddStringToObject(o, "name", s->name);
	cJSON_AddStringToObject(o, "state", s->state);
	cJSON_AddStringToObject(o, "type", s->type);
	cJSON_AddBoolToObject(o, "essential", s->essential);
	if (s->pid > 0)
		cJSON_AddNumberToObject(o, "pid", s->pid);
	cJSON_AddNumberToObject(o, "uid", (unsigned)s->uid);
	cJSON_AddNumberToObject(o, "since_unix_ms", (double)since_ms);
	cJSON_AddNumberToObject(o, "restarts", s->restarts);
	if (s->ended && WIFSIGNALED(s->status))
		cJSON_AddNumberToObject(o, "last_signal", WTERMSIG(s->status));
	else if (s->ended)
		cJSON_AddNumberToObject(o, "last_status", WEXITSTATUS(s->status));
	if (s->reason[0] != '\0')
		cJSON_AddStringToObject(o, "reason", s->reason);
	if (s->has_program) {
		hex(s->program, sizeof s->program, program);
		cJSON_AddStringToObject(o, "program_sha256", program);
	}
	if (s->principal != NULL)
		cJSON_AddStringToObject(o, "principal", s->principal);
	return o;
}

void ctl_put_json(struct cJSON *all)
{
	char *text = cJSON_Print(all);
	if (text != NULL)
		puts(text);
	free(text);
	cJSON_Delete(all);
}

void ctl_print_json(const struct ctl_answer *answer)
{
	cJSON *all = cJSON_CreateObject();
	if (answer->has_host) {
		cJSON *host = cJSON_AddObjectToObject(all, "host");
		cJSON_AddStringToObject(host, "place", answer->place);
		cJSON_AddStringToObject(host, "version", answer->version);
		if (answer->host_principal != NULL)
			cJSON_AddStringToObject(host, "principal", answer->host_principal);
		if (answer->problem[0] != '\0')
			cJSON_AddStringToObject(host, "problem", answer->problem);
	}
	cJSON *services = cJSON_AddArrayToObject(all, "services");
	for (size_t i = 0; i < answer->n; i++)
		cJSON_AddItemToArray(services, json_service(&answer->services[i]));
	ctl_put_json(all);
}
