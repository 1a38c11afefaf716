/* SPDX-License-Identifier: MIT
 *
 * One service of the manifest: a table of its keys, and the function that takes each.
 */
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "factory.h"
#include "manifest_read.h"
#include "measure.h"

#define TAKE(name) static int take_##name(struct reader *reader, const cJSON *value, void *into)
#define SERVICE struct service *s = into

TAKE(exec)
{
	SERVICE;
	int r = read_strings(reader, value, &s->exec, &s->n_exec, 1, 1024);
	if (r == 0 && s->exec[0][0] != '/')
		return read_fail(reader, "\"%.80s\" must be an absolute path: nothing searches PATH", s->exec[0]);
	return r;
}

TAKE(env)
{
	SERVICE;
	int n = cJSON_IsObject(value) ? cJSON_GetArraySize(value) : -1, i = 0;
	if (n < 0 || n > 200)
		return read_fail(reader, "must be an object of at most 200 strings: {\"LANG\": \"C\"}");
	char **list = arena_alloc(reader->arena, (size_t)(n + 1) * sizeof *list, sizeof(void *));
	for (const cJSON *at = value->child; at != NULL && list != NULL; at = at->next, i++) {
		size_t mark = read_enter(reader, ".%.64s", at->string);
		const char *text;
		int r = read_string(reader, at, &text);
		if (r < 0)
			return r;
		size_t size = strlen(at->string) + strlen(text) + 2;
		if (at->string[0] == '\0' || strchr(at->string, '=') != NULL)
			return read_fail(reader, "is no name of a variable");
		for (const cJSON *other = value->child; other != at; other = other->next)
			if (strcmp(other->string, at->string) == 0)
				return read_fail(reader, "stands here twice; keep one of them");
		list[i] = arena_alloc(reader->arena, size, 1);
		if (list[i] == NULL)
			return read_fail(reader, "the manifest takes too much memory");
		snprintf(list[i], size, "%s=%s", at->string, text);
		read_leave(reader, mark);
	}
	s->env = list;
	s->n_env = n;
	return ERR_NONE;
}

TAKE(cwd)
{
	return read_path(reader, value, &((struct service *)into)->cwd);
}

/* "1000" and 1000 are ids; what they are is looked up when all is read. */
static int take_owner(struct reader *reader, const cJSON *value, const char **into)
{
	int64_t id;
	if (!cJSON_IsNumber(value))
		return read_string(reader, value, into);
	int r = read_int(reader, value, 0, UINT32_MAX - 1, &id);
	char *text = r == 0 ? arena_alloc(reader->arena, 16, 1) : NULL;
	if (text != NULL)
		snprintf(text, 16, "%lld", (long long)id);
	*into = text;
	return r;
}

TAKE(user)
{
	return take_owner(reader, value, &((struct service *)into)->user);
}

TAKE(group)
{
	return take_owner(reader, value, &((struct service *)into)->group);
}

TAKE(type)
{
	static const char *const words[] = { "daemon", "oneshot" };
	int i = 0, r = read_word(reader, value, words, 2, &i);
	((struct service *)into)->type = (enum service_type)i;
	return r;
}

/* The names are made indexes when all services are known; here only the form is checked. */
TAKE(references)
{
	char *const *names;
	int n;
	(void)into;
	return read_strings(reader, value, &names, &n, 0, MANIFEST_SERVICES_MAX);
}

TAKE(restart)
{
	static const char *const words[] = { "never", "on-failure", "always" };
	int i = 0, r = read_word(reader, value, words, 3, &i);
	((struct service *)into)->restart = (enum restart_when)i;
	return r;
}

TAKE(restart_delay)
{
	return read_duration(reader, value, &((struct service *)into)->restart_delay);
}

TAKE(max_restarts)
{
	int64_t n = 0;
	int r = read_int(reader, value, 0, UINT32_MAX, &n);
	((struct service *)into)->max_restarts = (uint32_t)n;
	return r;
}

TAKE(restart_window)
{
	return read_duration(reader, value, &((struct service *)into)->restart_window);
}

TAKE(stop_signal)
{
	static const char *const words[] = { "TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL", "WINCH" };
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGKILL, SIGWINCH };
	int i = 0, r = read_word(reader, value, words, 8, &i);
	((struct service *)into)->stop_signal = signals[i];
	return r;
}

TAKE(stop_timeout)
{
	return read_duration(reader, value, &((struct service *)into)->stop_timeout);
}

TAKE(stop)
{
	static const struct key keys[] = { { "signal", take_stop_signal }, { "timeout", take_stop_timeout } };
	return read_object(reader, value, keys, 2, into);
}

TAKE(on_channel_error)
{
	static const char *const words[] = { "keep", "restart" };
	int i = 0, r = read_word(reader, value, words, 2, &i);
	((struct service *)into)->on_channel_error = (enum channel_error)i;
	return r;
}

TAKE(essential)
{
	return read_bool(reader, value, &((struct service *)into)->essential);
}

TAKE(privileged)
{
	return read_bool(reader, value, &((struct service *)into)->privileged);
}

TAKE(debuggable)
{
	return read_bool(reader, value, &((struct service *)into)->debuggable);
}

TAKE(sha256)
{
	SERVICE;
	s->pinned = true;
	return read_sha256(reader, value, &s->sha256);
}

TAKE(measure_args)
{
	return read_bool(reader, value, &((struct service *)into)->measure_args);
}

TAKE(measure_entry)
{
	return read_bool(reader, value, &((struct service *)into)->measure_entry);
}

TAKE(trust_rootfs)
{
	return read_bool(reader, value, &((struct service *)into)->trust_rootfs);
}

TAKE(files)
{
	SERVICE;
	char *const *list;
	int r = read_strings(reader, value, &list, &s->n_files, 0, MEASURE_FILES_MAX);
	for (int i = 0; r == 0 && i < s->n_files; i++) {
		size_t mark = read_enter(reader, "[%d]", i);
		if (list[i][0] != '/')
			return read_fail(reader, "\"%.80s\" must be an absolute path", list[i]);
		for (int k = 0; k < i; k++)
			if (strcmp(list[k], list[i]) == 0)
				return read_fail(reader, "\"%.80s\" is listed twice; keep one of them", list[i]);
		read_leave(reader, mark);
	}
	if (r == 0)
		s->files = (const char *const *)list;
	return r;
}

TAKE(measure)
{
	static const struct key keys[] = { { "args", take_measure_args },
					   { "entry", take_measure_entry },
					   { "trust_rootfs", take_trust_rootfs },
					   { "files", take_files } };
	return read_object(reader, value, keys, 4, into);
}

/* In the order of their numbers (linux/capability.h). */
static const char *const capabilities[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

/* What reaches PID 1's memory (SYS_PTRACE, PERFMON, CHECKPOINT_RESTORE), any file and so the key file
 * (DAC_*, FOWNER, CHOWN, SETFCAP, MAC_*), other uids and so root (SETUID, SETGID, SETPCAP), the kernel (SYS_ADMIN,
 * SYS_MODULE, SYS_RAWIO, BPF, SYS_BOOT), or the devices of the root (MKNOD); KILL ends PID 1's workers. */
#define PRIVILEGES                                                                                                \
	(1ULL << CAP_SYS_PTRACE | 1ULL << CAP_PERFMON | 1ULL << CAP_CHECKPOINT_RESTORE |                          \
	 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER | 1ULL << CAP_CHOWN |        \
	 1ULL << CAP_SETFCAP | 1ULL << CAP_MAC_OVERRIDE | 1ULL << CAP_MAC_ADMIN | 1ULL << CAP_SETUID |            \
	 1ULL << CAP_SETGID | 1ULL << CAP_SETPCAP | 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_MODULE |              \
	 1ULL << CAP_SYS_RAWIO | 1ULL << CAP_BPF | 1ULL << CAP_SYS_BOOT | 1ULL << CAP_MKNOD | 1ULL << CAP_KILL)

TAKE(capabilities)
{
	const size_t n_known = sizeof capabilities / sizeof capabilities[0];
	char *const *list;
	int n;
	int r = read_strings(reader, value, &list, &n, 0, 64);
	for (int i = 0; r == 0 && i < n; i++) {
		size_t mark = read_enter(reader, "[%d]", i), k = 0;
		const char *word = strncmp(list[i], "CAP_", 4) == 0 ? list[i] + 4 : list[i];
		while (k < n_known && strcmp(capabilities[k], word) != 0)
			k++;
		if (k == n_known) {
			const char *near = read_nearest(word, capabilities, n_known);
			return read_fail(reader, "no such capability: %.40s; %s%s", list[i],
					 near != NULL ? "did you mean " : "capabilities(7) lists them",
					 near != NULL ? near : "");
		}
		((struct service *)into)->capabilities |= 1ULL << k;
		read_leave(reader, mark);
	}
	return r;
}

static const struct limit_row {
	const char *name;
	int resource;
	bool size; /* takes bytes with units */
} limit_rows[] = {
	{ "nofile", RLIMIT_NOFILE, false }, { "nproc", RLIMIT_NPROC, false },
	{ "as", RLIMIT_AS, true },	    { "data", RLIMIT_DATA, true },
	{ "stack", RLIMIT_STACK, true },    { "core", RLIMIT_CORE, true },
	{ "fsize", RLIMIT_FSIZE, true },    { "memlock", RLIMIT_MEMLOCK, true },
	{ "cpu", RLIMIT_CPU, false },	    { "nice", RLIMIT_NICE, false },
	{ "rtprio", RLIMIT_RTPRIO, false }, { "sigpending", RLIMIT_SIGPENDING, false },
};

TAKE(limits)
{
	const int n_rows = sizeof limit_rows / sizeof limit_rows[0];
	struct service *s = into;
	struct service_limit *list = arena_alloc(reader->arena, (size_t)n_rows * sizeof *list, sizeof(uint64_t));
	if (!cJSON_IsObject(value) || list == NULL)
		return read_fail(reader, "must be an object such as {\"nofile\": 1024}");
	for (const cJSON *at = value->child; at != NULL; at = at->next) {
		size_t mark = read_enter(reader, ".%.64s", at->string);
		const char *names[sizeof limit_rows / sizeof limit_rows[0]];
		int i = 0, r;
		for (int k = 0; k < n_rows; k++)
			names[k] = limit_rows[k].name;
		while (i < n_rows && strcmp(names[i], at->string) != 0)
			i++;
		if (i == n_rows) {
			const char *near = read_nearest(at->string, names, (size_t)n_rows);
			return read_fail(reader, "no such limit%s%s%s",
					 near != NULL ? "; did you mean \"" : "; tao.manifest(5) lists them",
					 near != NULL ? near : "", near != NULL ? "\"?" : "");
		}
		for (int k = 0; k < s->n_limits; k++)
			if (list[k].resource == limit_rows[i].resource)
				return read_fail(reader, "stands here twice; keep one of them");
		uint64_t v = 0;
		if (limit_rows[i].size) {
			r = read_size(reader, at, 0, (uint64_t)1 << 50, &v);
		} else {
			int64_t number = 0;
			r = read_int(reader, at, 0, UINT32_MAX, &number);
			v = (uint64_t)number;
		}
		if (r < 0)
			return r;
		list[s->n_limits++] = (struct service_limit){ limit_rows[i].resource, v };
		read_leave(reader, mark);
	}
	s->limits = list;
	return ERR_NONE;
}

TAKE(factory)
{
	SERVICE;
	s->factory = cJSON_IsString(value) ? factory_find(value->valuestring) : NULL;
	return s->factory != NULL ? ERR_NONE
				  : read_fail(reader, "must be \"process\", the one factory of this version");
}

TAKE(max_message)
{
	uint64_t n = 0;
	int r = read_size(reader, value, 4096, 20 << 20, &n);
	((struct service *)into)->max_message = (size_t)n;
	return r;
}

TAKE(tao)
{
	static const struct key keys[] = { { "max_message", take_max_message } };
	return read_object(reader, value, keys, 1, into);
}

/* clang-format off */
static const struct key keys[] = {
	{ "exec", take_exec }, { "env", take_env }, { "cwd", take_cwd }, { "user", take_user }, { "group", take_group },
	{ "type", take_type }, { "after", take_references }, { "requires", take_references },
	{ "restart", take_restart }, { "restart_delay", take_restart_delay }, { "max_restarts", take_max_restarts },
	{ "restart_window", take_restart_window }, { "stop", take_stop }, { "on_channel_error", take_on_channel_error },
	{ "essential", take_essential }, { "privileged", take_privileged }, { "debuggable", take_debuggable },
	{ "sha256", take_sha256 }, { "measure", take_measure }, { "capabilities", take_capabilities },
	{ "limits", take_limits }, { "factory", take_factory }, { "tao", take_tao },
	{ "wants", NULL }, { "ready", NULL }, { "watchdog", NULL }, { "on_failure", NULL }, { "image", NULL },
	{ "kernel", NULL }, { "initrd", NULL }, { "on_policy_change", NULL },
};
/* clang-format on */

static int check_whole(struct reader *reader, struct service *s)
{
	if (s->exec == NULL)
		return read_fail(reader, "\"exec\" is missing; say \"exec\": [\"/path/of/program\"]");
	if ((s->capabilities & PRIVILEGES) != 0 && !s->privileged) {
		int cap = 0;
		while (((s->capabilities & PRIVILEGES) >> cap & 1) == 0)
			cap++;
		return read_fail(
			reader,
			"capability %s reaches PID 1's keys, the kernel or other users; leave it out or say "
			"\"privileged\": true, which then stands in the service's name",
			capabilities[cap]);
	}
	for (int i = 0; i < s->n_env && !s->measure_entry; i++)
		if (strncmp(s->env[i], "LD_", 3) == 0)
			return read_fail(reader,
					 "%.*s in env changes what is loaded; say \"measure\": {\"entry\": true}, "
					 "so that it stands "
					 "in the name, or leave it out",
					 (int)strcspn(s->env[i], "="), s->env[i]);
	if (s->max_restarts > 0 && s->restart == RESTART_NEVER)
		return read_fail(reader, "max_restarts makes no sense with \"restart\": \"never\"; leave one out");
	return ERR_NONE;
}

int read_service(struct reader *reader, const cJSON *value, struct service *s)
{
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(value, "type");
	bool oneshot = cJSON_IsString(type) && strcmp(type->valuestring, "oneshot") == 0;
	s->factory = &factory_process;
	s->cwd = "/";
	s->restart = oneshot ? RESTART_NEVER : RESTART_ON_FAILURE;
	s->restart_delay = 100 * NS_PER_MS;
	s->restart_window = 60 * NS_PER_S;
	s->stop_signal = SIGTERM;
	s->stop_timeout = 7 * NS_PER_S;
	s->max_message = (size_t)1 << 20;
	int r = read_object(reader, value, keys, sizeof keys / sizeof keys[0], s);
	return r < 0 ? r : check_whole(reader, s);
}
