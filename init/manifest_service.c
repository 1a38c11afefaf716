/* SPDX-License-Identifier: MIT
 *
 * One service of the manifest: a function for each of its keys, and what has to hold between them.
 */
#include <signal.h>
#include <stdio.h>

#include "environment.h"
#include "factory.h"
#include "manifest_read.h"
#include "measure.h"

/* More arguments than any program here has; the kernel's own limit is bytes. */
#define EXEC_MAX 1024
/* Longer than any restart or stop that a host waits for. */
#define DURATION_MAX (24 * 3600 * NS_PER_S)
/* A window that gives up at once, or never, says nothing. */
#define WINDOW_MIN NS_PER_MS
/* As CloudProxy's, and room for the smallest requests. */
#define MESSAGE_MIN 4096U
#define MESSAGE_MAX (20U << 20)

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

/* ---- what runs ---- */

TAKE(service, exec)
{
	struct service *s = into;
	int r = read_strings(reader, value, &s->exec, &s->n_exec, 1, EXEC_MAX, "[\"/bin/program\", \"argument\"]");
	if (r == 0 && s->exec[0][0] != '/')
		return read_fail(reader, value->child, ERR_MALFORMED,
				 "%s is no absolute path; begin it with /, nothing searches PATH",
				 quote(s->exec[0]).text);
	return r;
}

/* Names that are printable ASCII sort by bytes as RFC 8785 wants it, and every shell shows them. */
static int check_variable(struct reader *reader, const cJSON *at)
{
	const char *name = at->string;
	for (const char *p = name; *p != '\0' || p == name; p++)
		if (*p <= ' ' || *p > '~' || *p == '=')
			return read_fail(reader, at, ERR_MALFORMED,
					 "no name of a variable; write letters, digits and _, such as \"LANG\"");
	if (strncmp(name, "TAO_", 4) == 0 || strncmp(name, "CLOUDPROXY_TAO_", 15) == 0)
		return read_fail(reader, at, ERR_DENIED, "is set by taoinit itself; take it out");
	if (strcmp(name, "NOTIFY_SOCKET") == 0 || strcmp(name, "WATCHDOG_USEC") == 0)
		return read_fail(reader, at, ERR_DENIED,
				 "is set by taoinit itself; take it out, and see \"ready\" and \"watchdog\"");
	for (const cJSON *other = at->prev; other->next != NULL; other = other->prev)
		if (strcmp(other->string, name) == 0)
			return read_fail(reader, at, ERR_EXISTS, "stands here a second time; keep one of them");
	return ERR_NONE;
}

static char *variable(struct reader *reader, const char *name, const char *text)
{
	size_t n = strlen(name) + strlen(text) + 2;
	char *out = arena_alloc(reader->arena, n, 1);
	if (out != NULL)
		snprintf(out, n, "%s=%s", name, text);
	return out;
}

TAKE(service, env)
{
	struct service *s = into;
	int n = 0;
	if (!cJSON_IsObject(value))
		return read_fail(reader, value, ERR_MALFORMED,
				 "is no object; write one, such as {\"LANG\": \"C\"}");
	for (const cJSON *at = value->child; at != NULL; at = at->next)
		n++;
	if (n > LAUNCH_ENV_MAX)
		return read_fail(reader, value, ERR_TOO_LARGE, "has %d variables; write at most %d", n,
				 LAUNCH_ENV_MAX);
	char **list = arena_alloc(reader->arena, (size_t)(n + 1) * sizeof *list, sizeof *list);
	if (list == NULL)
		return read_no_memory(reader);
	for (const cJSON *at = value->child; at != NULL; at = at->next) {
		int r = check_variable(reader, at);
		if (r == 0 && !cJSON_IsString(at))
			r = read_fail(reader, at, ERR_MALFORMED, "is no string; write it in \"double quotes\"");
		if (r < 0)
			return r;
		list[s->n_env] = variable(reader, at->string, at->valuestring);
		if (list[s->n_env++] == NULL)
			return read_no_memory(reader);
	}
	s->env = list;
	return ERR_NONE;
}

TAKE(service, cwd)
{
	return read_path(reader, value, 4095, &((struct service *)into)->cwd);
}

/* Ids may stand as numbers; what names mean is looked up when all is read. */
int read_owner(struct reader *reader, const cJSON *value, const char **into)
{
	char text[16];
	int64_t id = 0;
	if (!cJSON_IsNumber(value)) {
		int r = read_string(reader, value, into);
		return r == 0 && (*into)[0] == '\0'
			       ? read_fail(reader, value, ERR_MALFORMED, "is empty; write a name, or take it out")
			       : r;
	}
	int r = read_int(reader, value, 0, UINT32_MAX - 1, &id);
	if (r < 0)
		return r;
	snprintf(text, sizeof text, "%lld", (long long)id);
	*into = read_keep(reader, text);
	return *into != NULL ? ERR_NONE : read_no_memory(reader);
}

TAKE(service, user)
{
	return read_owner(reader, value, &((struct service *)into)->user);
}

TAKE(service, group)
{
	return read_owner(reader, value, &((struct service *)into)->group);
}

/* ---- when it runs ---- */

TAKE(service, type)
{
	static const char *const words[] = { "daemon", "oneshot", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	((struct service *)into)->type = i == 1 ? SERVICE_ONESHOT : SERVICE_DAEMON;
	return r;
}

/* The names become indexes when all services are known (manifest_links.c). */
TAKE(service, after)
{
	int n = 0;
	(void)into;
	return read_list(reader, value, 0, MANIFEST_SERVICES_MAX, "[\"net\"]", &n);
}

TAKE(service, requires)
{
	return take_service_after(reader, value, into);
}

TAKE(service, restart)
{
	static const char *const words[] = { "never", "on-failure", "always", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	((struct service *)into)->restart = (enum restart_when)i;
	return r;
}
_Static_assert(RESTART_NEVER == 0 && RESTART_ON_FAILURE == 1 && RESTART_ALWAYS == 2, "the order of the words");

TAKE(service, restart_delay)
{
	return read_duration(reader, value, 0, DURATION_MAX, &((struct service *)into)->restart_delay);
}

TAKE(service, max_restarts)
{
	int64_t n = 0;
	int r = read_int(reader, value, 0, 1000000, &n);
	((struct service *)into)->max_restarts = (uint32_t)n;
	return r;
}

TAKE(service, restart_window)
{
	return read_duration(reader, value, WINDOW_MIN, DURATION_MAX, &((struct service *)into)->restart_window);
}

TAKE(stop, signal)
{
	return read_signal(reader, value, &((struct service *)into)->stop_signal);
}

TAKE(stop, timeout)
{
	return read_duration(reader, value, 0, DURATION_MAX, &((struct service *)into)->stop_timeout);
}

TAKE(service, stop)
{
	return read_object(reader, value, OBJECT_stop, into);
}

TAKE(service, on_channel_error)
{
	static const char *const words[] = { "keep", "restart", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	((struct service *)into)->on_channel_error = i == 1 ? CHANNEL_ERROR_RESTART : CHANNEL_ERROR_KEEP;
	return r;
}

TAKE(service, on_policy_change)
{
	static const char *const words[] = { "stop", "keep", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	((struct service *)into)->on_policy_change = i == 1 ? POLICY_CHANGE_KEEP : POLICY_CHANGE_STOP;
	return r;
}

TAKE(service, essential)
{
	return read_bool(reader, value, &((struct service *)into)->essential);
}

/* ---- what it is and may ---- */

TAKE(service, sha256)
{
	struct digest *pin = arena_alloc(reader->arena, sizeof *pin, 1);
	if (pin == NULL)
		return read_no_memory(reader);
	((struct service *)into)->sha256 = pin;
	return read_sha256(reader, value, pin);
}

TAKE(measure, args)
{
	return read_bool(reader, value, &((struct service *)into)->measure_args);
}

TAKE(measure, entry)
{
	return read_bool(reader, value, &((struct service *)into)->measure_entry);
}

TAKE(measure, trust_rootfs)
{
	return read_bool(reader, value, &((struct service *)into)->trust_rootfs);
}

/* Files are bound over their paths. */
TAKE(measure, files)
{
	struct service *s = into;
	return read_paths(reader, value, &s->files, &s->n_files, MEASURE_FILES_MAX,
			  "[\"/lib/ld-musl-x86_64.so.1\"]");
}

TAKE(service, measure)
{
	return read_object(reader, value, OBJECT_measure, into);
}

TAKE(service, privileged)
{
	return read_bool(reader, value, &((struct service *)into)->privileged);
}

TAKE(service, capabilities)
{
	return read_capabilities(reader, value, into);
}

TAKE(service, debuggable)
{
	return read_bool(reader, value, &((struct service *)into)->debuggable);
}

TAKE(service, limits)
{
	return read_limits(reader, value, into);
}

TAKE(tao, max_message)
{
	uint64_t n = 0;
	int r = read_size(reader, value, MESSAGE_MIN, MESSAGE_MAX, &n);
	((struct service *)into)->max_message = (size_t)n;
	return r;
}

TAKE(service, tao)
{
	return read_object(reader, value, OBJECT_tao, into);
}

/* ---- between keys ---- */

static const cJSON *get(const cJSON *value, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(value, key);
}

static int check_measure(struct reader *reader, const cJSON *value, const struct service *s)
{
	size_t bytes = sizeof(struct measure_request) + strlen(measure_path(s)) + 1;
	for (int i = 0; i < s->n_files; i++)
		bytes += strlen(s->files[i]) + 1;
	for (int i = 0; i < s->n_parts; i++)
		bytes += strlen(s->parts[i]) + 1;
	if (bytes > MEASURE_MESSAGE_MAX)
		return read_fail(
			reader, value, ERR_TOO_LARGE,
			"the paths in exec and measure.files have %zu bytes too many; shorten or leave some out",
			bytes - MEASURE_MESSAGE_MAX);
	if (s->measure_args && s->n_exec - 1 > LAUNCH_ARGS_MAX)
		return read_fail(reader, get(value, "exec"), ERR_TOO_LARGE,
				 "has %d arguments, and measure.args takes %d at most; leave some out, or use "
				 "measure.entry",
				 s->n_exec - 1, LAUNCH_ARGS_MAX);
	for (int i = 0; i < s->n_env && !s->measure_entry; i++)
		if (strncmp(s->env[i], "LD_", 3) == 0)
			return read_fail(
				reader, cJSON_GetArrayItem(get(value, "env"), i), ERR_DENIED,
				"changes what is loaded into the program; write \"measure\": {\"entry\": true}, "
				"so that the name tells, or take it out");
	return ERR_NONE;
}

static int check(struct reader *reader, const cJSON *value, struct service *s)
{
	const char *name, *reason;
	int r = read_check_factory(reader, value, s);
	if (r < 0)
		return r;
	if (!s->privileged && read_privilege(s->capabilities, &name, &reason))
		return read_fail(
			reader, get(value, "capabilities"), ERR_DENIED,
			"who has %s %s; leave it out, or write \"privileged\": true, which then stands in the "
			"service's name",
			name, reason);
	if (s->type == SERVICE_ONESHOT && s->restart == RESTART_ALWAYS)
		return read_fail(
			reader, get(value, "restart"), ERR_MALFORMED,
			"a oneshot that has succeeded is done; write on-failure or never, or leave \"type\" out");
	if (s->restart == RESTART_NEVER && s->max_restarts > 0)
		return read_fail(
			reader, get(value, "max_restarts"), ERR_MALFORMED,
			"counts nothing where nothing is restarted; write \"restart\": \"on-failure\", or take "
			"it out");
	r = read_check_when(reader, value, s);
	if (r == 0)
		r = read_check_confinement(reader, value, s);
	return r < 0 ? r : check_measure(reader, value, s);
}

int read_service(struct reader *reader, const cJSON *value, struct service *s)
{
	const cJSON *type = cJSON_IsObject(value) ? get(value, "type") : NULL;
	const char *word = cJSON_GetStringValue(type);
	bool oneshot = word != NULL && strcmp(word, "oneshot") == 0;
	s->factory = factory_find("process");
	s->cwd = "/";
	s->confinement = &confinement_none;
	s->restart = oneshot ? RESTART_NEVER : RESTART_ON_FAILURE;
	s->ready = oneshot ? READY_EXIT : READY_EXEC;
	s->start_timeout = oneshot ? 0 : 60 * NS_PER_S;
	s->restart_delay = 100 * NS_PER_MS;
	s->restart_window = 60 * NS_PER_S;
	s->stop_signal = SIGTERM;
	s->stop_timeout = 7 * NS_PER_S;
	s->max_message = (size_t)1 << 20;
	int r = read_object(reader, value, OBJECT_service, s);
	return r < 0 ? r : check(reader, value, s);
}
