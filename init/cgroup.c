/* SPDX-License-Identifier: MIT
 *
 * A cgroup (version 2) for each service, so that it can be stopped whole. Used where a probe at boot finds that
 * one can be made and killed; everything works, less thoroughly, without.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "environment.h"
#include "log.h"
#include "sys.h"
#include "sys_machine.h"

/* Hosts that can share a cgroup, each with one of its own for its services. */
#define OTHER_HOSTS_MAX 64

static int path_of(const struct env *env, uint16_t u, const char *file, char *path, size_t cap)
{
	int n = snprintf(path, cap, "%s/%s%s", env->cgroup_base, env->manifest.services[u].name, file);
	return n > 0 && (size_t)n < cap ? 0 : -ENAMETOOLONG;
}

/* The mount point of cgroup2, from /proc/self/mountinfo: field 5, where the type after " - " is cgroup2. */
static bool find_mount(char *mount, size_t cap)
{
	static char info[65536]; /* once at boot; a stack need not hold it */
	if (sys_read_file("/proc/self/mountinfo", info, sizeof info) < 0)
		return false;
	for (char *line = info, *next; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		const char *type = text_find(line, " - cgroup2 ");
		if (type == NULL)
			continue;
		for (int field = 1; field < 5 && line < type; field++)
			line += strcspn(line, " ") + 1;
		snprintf(mount, cap, "%.*s", (int)strcspn(line, " "), line);
		return true;
	}
	return false;
}

/* Our own place in the hierarchy: "0::/path". */
static bool find_own(char *own, size_t cap)
{
	char text[4096];
	if (sys_read_file("/proc/self/cgroup", text, sizeof text) < 0)
		return false;
	char *line = strncmp(text, "0::", 3) == 0 ? text : text_find(text, "\n0::");
	if (line == NULL)
		return false;
	line = strchr(line, '/');
	if (line == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	snprintf(own, cap, "%s", strcmp(line, "/") == 0 ? "" : line);
	return true;
}

/* ---- limits ---- */

static const struct {
	const char *name, *controller, *file;
} group_limits[] = {
#define LIMIT(name, which, unit, help)
#define GROUP_LIMIT(name, controller, file, which, unit, help) { #name, "+" #controller, file },
#define OPTION(name, help)
#include "limit.def"
#undef LIMIT
#undef GROUP_LIMIT
#undef OPTION
};

static int give_below(const char *directory, const char *controller)
{
	char path[384];
	snprintf(path, sizeof path, "%s/cgroup.subtree_control", directory);
	return sys_write_file(path, controller);
}

/* A cgroup other than the root one gives controllers to those below it only when no process is in itself: in a
 * container, where it is ours, we move aside. */
static int step_aside(const char *own)
{
	char path[384];
	snprintf(path, sizeof path, "%s/tao-host", own);
	int r = sys_mkdir(path, 0755);
	if (r < 0 && r != -EEXIST)
		return r;
	snprintf(path, sizeof path, "%s/tao-host/cgroup.procs", own);
	return sys_write_file(path, "0");
}

/* Which limits the cgroups of services can have; nothing is touched when no service asks for one. */
static void find_limits(struct env *env, const char *own)
{
	unsigned wanted = 0;
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		for (int i = 0; i < env->manifest.services[u].n_limits; i++)
			if (env->manifest.services[u].limits[i].group >= 0)
				wanted |= 1U << env->manifest.services[u].limits[i].group;
	for (unsigned i = 0; i < GROUP_LIMITS; i++) {
		if ((wanted & 1U << i) == 0)
			continue;
		int r = give_below(own, group_limits[i].controller);
		if (r == -EBUSY && env->place == PLACE_CONTAINER && step_aside(own) == 0)
			r = give_below(own, group_limits[i].controller);
		if (r == 0 && give_below(env->cgroup_base, group_limits[i].controller) == 0)
			env->cgroup_limits |= 1U << i;
	}
}

static int set_limit(struct env *env, uint16_t u, const struct service_limit *limit)
{
	char path[384], file[32], text[48];
	snprintf(file, sizeof file, "/%s", group_limits[limit->group].file);
	int r = path_of(env, u, file, path, sizeof path);
	if (limit->value == UINT64_MAX)
		snprintf(text, sizeof text, "max");
	else if (limit->group == GROUP_LIMIT_cpu_percent)
		snprintf(text, sizeof text, "%llu 100000", (unsigned long long)limit->value * 1000);
	else
		snprintf(text, sizeof text, "%llu", (unsigned long long)limit->value);
	if (r == 0)
		r = sys_write_file(path, text);
	/* When memory is out, all of it ends and is started again, not one process of many. */
	if (r == 0 && limit->group == GROUP_LIMIT_memory &&
	    path_of(env, u, "/memory.oom.group", path, sizeof path) == 0)
		sys_write_file(path, "1");
	return r;
}

static int lacks(struct env *env, uint16_t u, const struct service_limit *limit, int error)
{
	const struct service *s = &env->manifest.services[u];
	const char *name = group_limits[limit->group].name;
	if (s->limits_required) {
		unit_say(&env->units[u],
			 "limits.%s is required, and its cgroup cannot see to it: %s; give taoinit a cgroup with "
			 "the "
			 "controller, or take \"required\" out",
			 name, strerror(-error));
		return -EOPNOTSUPP;
	}
	if (!env->units[u].ended)
		log_warning("%s: no cgroup controller for limits.%s: %s", s->name, name,
			    limit->resource >= 0 ? "it holds for each process or uid alone, by setrlimit"
						 : "it is not limited");
	return 0;
}

static int set_limits(struct env *env, uint16_t u, bool has_cgroup, unsigned *held)
{
	const struct service *s = &env->manifest.services[u];
	int r = 0;
	for (int i = 0; i < s->n_limits && r >= 0; i++) {
		if (s->limits[i].group < 0)
			continue;
		unsigned bit = 1U << s->limits[i].group;
		int error = has_cgroup && (env->cgroup_limits & bit) != 0 ? set_limit(env, u, &s->limits[i])
									  : -EOPNOTSUPP;
		if (error == 0)
			*held |= bit;
		else
			r = lacks(env, u, &s->limits[i], error);
	}
	return r;
}

/* ---- finding and making ---- */

int cgroup_unit_of(const struct env *env, pid_t pid)
{
	char file[32], text[4096];
	if (env->cgroup_base[0] == '\0')
		return -1;
	snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
	if (sys_read_file(file, text, sizeof text) < 0)
		return -ENOENT;
	const char *base = env->cgroup_base + env->cgroup_mount_n;
	const char *line = strncmp(text, "0::", 3) == 0 ? text : text_find(text, "\n0::");
	line = line != NULL ? strchr(line, '/') : NULL;
	if (line == NULL || strncmp(line, base, strlen(base)) != 0 || line[strlen(base)] != '/')
		return -1;
	const char *name = line + strlen(base) + 1;
	size_t n = strcspn(name, "/\n");
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (strlen(env->manifest.services[u].name) == n &&
		    strncmp(env->manifest.services[u].name, name, n) == 0)
			return u;
	return -1;
}

/* Makes the directory of this host, or takes what a killed one has left. Who lives holds a lock on its own as long as it
 * lives: hosts of two pid namespaces in one cgroup have the same pid. */
static int make_base(struct env *env, const char *above)
{
	char number[16] = "";
	if (env->place == PLACE_PROCESS)
		snprintf(number, sizeof number, "-%d", (int)sys_getpid());
	for (unsigned other = 0; other <= OTHER_HOSTS_MAX; other++) {
		char suffix[16] = "";
		if (other > 0)
			snprintf(suffix, sizeof suffix, ".%u", other);
		int n = snprintf(env->cgroup_base, sizeof env->cgroup_base, "%s/tao%s%s", above, number, suffix);
		if (n < 0 || (size_t)n >= sizeof env->cgroup_base)
			return -ENAMETOOLONG;
		int made = sys_mkdir(env->cgroup_base, 0755);
		if (made < 0 && made != -EEXIST)
			return made;
		int fd = sys_open(env->cgroup_base, O_RDONLY | O_DIRECTORY, 0);
		int r = fd < 0 ? fd : sys_lock(fd);
		if (r == 0 && made == -EEXIST)
			/* What was killed in one of these would kill what begins in it. */
			sys_remove_all(env->cgroup_base);
		if (r == 0)
			return 0; /* fd stays open */
		if (fd >= 0)
			sys_close(fd);
		if (r != -EWOULDBLOCK && r != -ENOENT)
			return r;
	}
	return -EBUSY;
}

int cgroup_find(struct env *env)
{
	char mount[192], own[128], above[320], kill_file[320];
	struct stat st;
	env->cgroup_base[0] = '\0';
	env->cgroup_limits = 0;
	if (!find_mount(mount, sizeof mount) || !find_own(own, sizeof own))
		return -ENOENT;
	env->cgroup_mount_n = strlen(mount);
	snprintf(above, sizeof above, "%s%s", mount, own);
	int r = make_base(env, above);
	if (r == 0) {
		/* cgroup.kill (Linux 5.14) is what makes it worth having; or limits, which can be there without. */
		find_limits(env, above);
		snprintf(kill_file, sizeof kill_file, "%s/cgroup.kill", env->cgroup_base);
		r = sys_stat(kill_file, &st);
		env->cgroup_kills = r == 0;
		if (env->cgroup_limits != 0)
			r = 0;
		if (r < 0)
			sys_rmdir(env->cgroup_base);
	}
	if (r < 0)
		env->cgroup_base[0] = '\0';
	return r;
}

static int make_directory(struct env *env, uint16_t u)
{
	char path[384];
	if (env->cgroup_base[0] == '\0' || path_of(env, u, "", path, sizeof path) < 0)
		return -1;
	/* Linux 6.18 kills each process that is cloned into a cgroup which was killed ever before: take a new one. */
	if (env->units[u].cgroup_killed)
		cgroup_remove(env, u);
	env->units[u].cgroup_killed = false;
	int fd = env->units[u].has_cgroup ? sys_open(path, O_PATH | O_DIRECTORY, 0) : -1;
	if (fd >= 0)
		return fd;
	int r = sys_mkdir(path, 0755);
	if (r < 0 && r != -EEXIST) {
		log_warning("%s: no cgroup of its own (%s): it cannot be stopped whole",
			    env->manifest.services[u].name, strerror(-r));
		return -1;
	}
	fd = sys_open(path, O_PATH | O_DIRECTORY, 0);
	env->units[u].has_cgroup = fd >= 0;
	return fd < 0 ? -1 : fd;
}

int cgroup_make(struct env *env, uint16_t u, int *directory, unsigned *held)
{
	*held = 0;
	*directory = make_directory(env, u);
	int r = set_limits(env, u, *directory >= 0, held);
	if (r < 0 && *directory >= 0) {
		sys_close(*directory);
		*directory = -1;
	}
	return r;
}

static bool remove_directory(struct env *env, uint16_t u)
{
	char path[384];
	struct unit *unit = &env->units[u];
	if (unit->has_cgroup && path_of(env, u, "", path, sizeof path) == 0 && sys_rmdir(path) == 0)
		unit->has_cgroup = false;
	return !unit->has_cgroup;
}

void cgroup_remove(struct env *env, uint16_t u)
{
	cgroup_unwatch(env, u);
	remove_directory(env, u);
}

static bool populated(const char *events)
{
	const char *p = text_find(events, "populated ");
	return p != NULL && p[10] == '1';
}

ssize_t cgroup_read(const struct env *env, uint16_t u, const char *file, char *text, size_t cap)
{
	char path[384];
	int r = path_of(env, u, file, path, sizeof path);
	return r < 0 ? r : sys_read_file(path, text, cap);
}

bool cgroup_is_empty(struct env *env, uint16_t u)
{
	char text[128];
	/* Only an empty one can be removed; what will not be started again needs no other question. */
	if (!env->units[u].has_cgroup ||
	    (!env->units[u].wanted && !env->units[u].again && remove_directory(env, u)))
		return true;
	return cgroup_read(env, u, "/cgroup.events", text, sizeof text) < 0 || !populated(text);
}

int cgroup_kill(struct env *env, uint16_t u)
{
	char path[384];
	if (env->cgroup_base[0] == '\0')
		return -ENOENT;
	int r = path_of(env, u, "/cgroup.kill", path, sizeof path);
	if (r == 0)
		r = sys_write_file(path, "1");
	env->units[u].cgroup_killed = env->units[u].cgroup_killed || r >= 0;
	return r;
}

int cgroup_watch(struct env *env, uint16_t u)
{
	char path[384], text[128];
	struct unit *unit = &env->units[u];
	if (env->cgroup_base[0] == '\0')
		return -ENOENT;
	if (unit->cgroup_events >= 0)
		return 0;
	int r = path_of(env, u, "/cgroup.events", path, sizeof path);
	if (r < 0)
		return r;
	int fd = sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	/* kernfs reports changes since the last read of this description. */
	sys_read(fd, text, sizeof text);
	r = loop_add(&env->loop, SOURCE_CGROUP, u, fd, EPOLLPRI);
	if (r < 0) {
		sys_close(fd);
		return r;
	}
	unit->cgroup_events = fd;
	return 0;
}

void cgroup_unwatch(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (unit->cgroup_events < 0)
		return;
	loop_remove(&env->loop, unit->cgroup_events);
	sys_close(unit->cgroup_events);
	unit->cgroup_events = -1;
}

void cgroup_close(struct env *env)
{
	if (env->cgroup_base[0] != '\0')
		sys_rmdir(env->cgroup_base);
}
