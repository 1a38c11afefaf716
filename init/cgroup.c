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
		const char *type = strstr(line, " - cgroup2 ");
		char where[192];
		if (type != NULL && sscanf(line, "%*s %*s %*s %*s %191s", where) == 1) {
			snprintf(mount, cap, "%s", where);
			return true;
		}
	}
	return false;
}

/* Our own place in the hierarchy: "0::/path". */
static bool find_own(char *own, size_t cap)
{
	char text[4096];
	if (sys_read_file("/proc/self/cgroup", text, sizeof text) < 0)
		return false;
	char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (line == NULL)
		return false;
	line = strchr(line, '/');
	if (line == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	snprintf(own, cap, "%s", strcmp(line, "/") == 0 ? "" : line);
	return true;
}

int cgroup_find(struct env *env)
{
	char mount[192], own[128], probe[320];
	env->cgroup_base[0] = '\0';
	if (!find_mount(mount, sizeof mount) || !find_own(own, sizeof own))
		return -ENOENT;
	int n = env->place == PLACE_PROCESS
			? snprintf(env->cgroup_base, sizeof env->cgroup_base, "%s%s/tao-%d", mount, own,
				   (int)sys_getpid())
			: snprintf(env->cgroup_base, sizeof env->cgroup_base, "%s%s/tao", mount, own);
	int r = n < 0 || (size_t)n >= sizeof env->cgroup_base ? -ENAMETOOLONG : sys_mkdir(env->cgroup_base, 0755);
	if (r == -EEXIST)
		r = 0;
	if (r == 0) {
		/* cgroup.kill is what makes it worth having (Linux 5.14). */
		struct stat st;
		snprintf(probe, sizeof probe, "%s/cgroup.kill", env->cgroup_base);
		r = sys_stat(probe, &st);
		if (r < 0)
			sys_rmdir(env->cgroup_base);
	}
	if (r < 0)
		env->cgroup_base[0] = '\0';
	return r;
}

int cgroup_make(struct env *env, uint16_t u)
{
	char path[384];
	if (env->cgroup_base[0] == '\0' || path_of(env, u, "", path, sizeof path) < 0)
		return -1;
	int fd = sys_open(path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		return fd;
	int r = sys_mkdir(path, 0755);
	if (r < 0 && r != -EEXIST) {
		log_warning("%s: no cgroup of its own (%s): it cannot be stopped whole",
			    env->manifest.services[u].name, strerror(-r));
		return -1;
	}
	fd = sys_open(path, O_PATH | O_DIRECTORY, 0);
	return fd < 0 ? -1 : fd;
}

void cgroup_remove(struct env *env, uint16_t u)
{
	char path[384];
	cgroup_unwatch(env, u);
	if (env->cgroup_base[0] != '\0' && path_of(env, u, "", path, sizeof path) == 0)
		sys_rmdir(path);
}

static bool populated(const char *events)
{
	const char *p = strstr(events, "populated ");
	return p != NULL && p[10] == '1';
}

bool cgroup_is_empty(struct env *env, uint16_t u)
{
	char path[384], text[128];
	if (path_of(env, u, "/cgroup.events", path, sizeof path) < 0)
		return true;
	return sys_read_file(path, text, sizeof text) < 0 || !populated(text);
}

int cgroup_kill(struct env *env, uint16_t u)
{
	char path[384];
	if (env->cgroup_base[0] == '\0')
		return -ENOENT;
	int r = path_of(env, u, "/cgroup.kill", path, sizeof path);
	return r < 0 ? r : sys_write_file(path, "1");
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
