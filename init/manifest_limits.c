/* SPDX-License-Identifier: MIT
 *
 * Capabilities, resource limits and signals by their names.
 */
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "manifest_read.h"

/* ---- capabilities ---- */

static const struct capability {
	const char *name;
	int bit;
	const char *reason; /* why it needs "privileged" */
} capabilities[] = {
#define CAPABILITY(name, reason) { #name, CAP_##name, reason },
#include "capability.def"
#undef CAPABILITY
};
#define N_CAPABILITIES (sizeof capabilities / sizeof capabilities[0])

static int take_capability(struct reader *reader, const cJSON *at, uint64_t *set)
{
	struct nearest nearest = { NULL, 0 };
	if (!cJSON_IsString(at))
		return read_fail(reader, at, ERR_MALFORMED, "is no string; write it in \"double quotes\"");
	const char *text = at->valuestring;
	if (strncmp(text, "CAP_", 4) == 0)
		return read_fail(reader, at, ERR_NOT_FOUND, "%s: leave the CAP_ out", quote(text).text);
	for (size_t i = 0; i < N_CAPABILITIES; i++) {
		uint64_t bit = (uint64_t)1 << capabilities[i].bit;
		nearest_try(&nearest, text, capabilities[i].name);
		if (strcmp(text, capabilities[i].name) != 0)
			continue;
		if ((*set & bit) != 0)
			return read_fail(reader, at, ERR_EXISTS, "%s stands here a second time; keep one of them",
					 capabilities[i].name);
		*set |= bit;
		return ERR_NONE;
	}
	return read_fail(reader, at, ERR_NOT_FOUND, "%s is no capability; %s", quote(text).text,
			 hint_of(&nearest, "capabilities(7) lists them, in capitals").text);
}

int read_capabilities(struct reader *reader, const cJSON *value, struct service *service)
{
	int n = 0;
	int r = read_list(reader, value, 0, N_CAPABILITIES, "[\"NET_BIND_SERVICE\"]", &n);
	for (const cJSON *at = r == 0 ? value->child : NULL; at != NULL && r == 0; at = at->next)
		r = take_capability(reader, at, &service->capabilities);
	return r;
}

bool read_privilege(uint64_t set, const char **name, const char **reason)
{
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		if (capabilities[i].reason != NULL && (set >> capabilities[i].bit & 1) != 0) {
			*name = capabilities[i].name;
			*reason = capabilities[i].reason;
			return true;
		}
	return false;
}

/* ---- limits ---- */

enum unit { COUNT, BYTES, SECONDS, PERCENT };

/* A thousand processors. */
#define PERCENT_MAX 100000
#define RLIMIT_NONE (-1)

static const struct limit {
	const char *name;
	int resource, group;
	enum unit unit;
} limits[] = {
#define LIMIT(name, which, unit, help) { #name, RLIMIT_##which, -1, unit },
#define GROUP_LIMIT(name, controller, file, which, unit, help) { #name, RLIMIT_##which, GROUP_LIMIT_##name, unit },
#define OPTION(name, help)
#include "limit.def"
#undef LIMIT
#undef GROUP_LIMIT
#undef OPTION
};
#define N_LIMITS (sizeof limits / sizeof limits[0])

static int take_limit(struct reader *reader, const cJSON *at, enum unit unit, uint64_t *out)
{
	int64_t number = 0;
	int r;
	if (cJSON_IsString(at) && strcmp(at->valuestring, "unlimited") == 0) {
		*out = UINT64_MAX;
		return ERR_NONE;
	}
	switch (unit) {
	case BYTES:
		return read_size(reader, at, 0, (uint64_t)1 << 60, out);
	case SECONDS:
		r = read_duration(reader, at, 0, INT64_MAX / 2, &number);
		if (r == 0 && number % NS_PER_S != 0)
			return read_fail(reader, at, ERR_RANGE,
					 "is counted in whole seconds; write \"1s\" or more");
		*out = (uint64_t)(number / NS_PER_S);
		return r;
	case PERCENT:
		r = read_int(reader, at, 1, PERCENT_MAX, &number);
		*out = (uint64_t)number;
		return r;
	case COUNT:
	default:
		r = read_int(reader, at, 0, INT32_MAX, &number);
		*out = (uint64_t)number;
		return r;
	}
}

static int unknown_limit(struct reader *reader, const cJSON *at)
{
	struct nearest nearest = { NULL, 0 };
	for (size_t i = 0; i < N_LIMITS; i++)
		nearest_try(&nearest, at->string, limits[i].name);
	return read_fail(reader, at, ERR_NOT_FOUND, "no such limit; %s",
			 hint_of(&nearest, "take it out; tao.manifest(5) lists the limits").text);
}

int read_limits(struct reader *reader, const cJSON *value, struct service *s)
{
	if (!cJSON_IsObject(value))
		return read_fail(reader, value, ERR_MALFORMED,
				 "is no object; write one, such as {\"nofile\": 1024}");
	size_t n = (size_t)cJSON_GetArraySize(value);
	struct service_limit *list =
		arena_alloc(reader->arena, (n < N_LIMITS ? n : N_LIMITS) * sizeof *list, sizeof list->value);
	if (list == NULL)
		return read_no_memory(reader);
	bool seen_required = false;
	for (const cJSON *at = value->child; at != NULL; at = at->next) {
		size_t i = 0;
		if (strcmp(at->string, "required") == 0 && !seen_required) {
			int r = read_bool(reader, at, &s->limits_required);
			if (r < 0)
				return r;
			seen_required = true;
			continue;
		}
		while (i < N_LIMITS && strcmp(limits[i].name, at->string) != 0)
			i++;
		if (i == N_LIMITS && seen_required && strcmp(at->string, "required") == 0)
			return read_fail(reader, at, ERR_EXISTS, "stands here a second time; keep one of them");
		if (i == N_LIMITS)
			return unknown_limit(reader, at);
		for (int k = 0; k < s->n_limits; k++)
			if (list[k].resource == limits[i].resource && list[k].group == limits[i].group)
				return read_fail(reader, at, ERR_EXISTS,
						 "this limit stands here a second time; keep one of them");
		struct service_limit *limit = &list[s->n_limits++];
		limit->resource = limits[i].resource;
		limit->group = limits[i].group;
		int r = take_limit(reader, at, limits[i].unit, &limit->value);
		if (r < 0)
			return r;
	}
	s->limits = list;
	return ERR_NONE;
}

/* ---- signals ---- */

static const char *const signal_names[] = { "TERM", "INT",  "HUP",   "QUIT", "USR1", "USR2",
					    "KILL", "ABRT", "WINCH", "PWR",  NULL };
static const int signal_numbers[] = { SIGTERM, SIGINT,	SIGHUP,	 SIGQUIT,  SIGUSR1,
				      SIGUSR2, SIGKILL, SIGABRT, SIGWINCH, SIGPWR };

/* glibc's SIGRTMIN and container tools' is 34; musl's own differs, so the number is ours. 0: there is none. */
static int find_real_time(const char *text)
{
	text += 6;
	long n = strspn(text, "0123456789") == strlen(text) && strlen(text) <= 2 && text[0] != '\0'
			 ? strtol(text, NULL, 10)
			 : 99;
	return n > 30 ? 0 : 34 + (int)n;
}

int signal_find(const char *text)
{
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	if (strncmp(text, "RTMIN+", 6) == 0)
		return find_real_time(text);
	for (int i = 0; signal_names[i] != NULL; i++)
		if (strcmp(signal_names[i], text) == 0)
			return signal_numbers[i];
	return strcmp(text, "CONT") == 0 ? SIGCONT : strcmp(text, "STOP") == 0 ? SIGSTOP : 0;
}

int read_signal(struct reader *reader, const cJSON *value, int *signal)
{
	/* What asks a program to end; a number means another signal on another machine. */
	int i = 0;
	if (cJSON_IsString(value) && strncmp(value->valuestring, "RTMIN+", 6) == 0) {
		*signal = find_real_time(value->valuestring);
		return *signal != 0
			       ? ERR_NONE
			       : read_fail(reader, value, ERR_RANGE, "is no signal; write RTMIN+0 to RTMIN+30");
	}
	if (cJSON_IsString(value) && strncmp(value->valuestring, "SIG", 3) == 0)
		return read_fail(reader, value, ERR_NOT_FOUND, "%s: leave the SIG out",
				 quote(value->valuestring).text);
	int r = read_word(reader, value, signal_names, NULL, &i);
	*signal = signal_numbers[i];
	return r;
}
