/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "initramfs.h"
#include "log.h"
#include "mounts.h"
#include "sys.h"
#include "sys_machine.h"

#define LOOK_AGAIN (20 * NS_PER_MS)
/* Of /proc/self/mounts and /proc/swaps: hundreds of lines. What does not fit is left to the kernel. */
#define TABLE_MAX 65536

/* ---- at boot ---- */

static int make_directories(const char *path)
{
	char part[4096];
	size_t n = strlen(path);
	if (n >= sizeof part)
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		int r = sys_mkdir(part, 0755);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

/* Devices come when their drivers have found them. */
static int wait_for(const struct mount_entry *m)
{
	struct stat st;
	int64_t end = sys_now() + m->wait;
	if (strncmp(m->source, "/dev/", 5) != 0)
		return 0;
	while (sys_stat(m->source, &st) < 0) {
		if (sys_now() >= end)
			return -ENODEV;
		sys_sleep(LOOK_AGAIN);
	}
	return 0;
}

static int mount_one(const struct mount_entry *m)
{
	int r = wait_for(m);
	if (r == 0)
		r = make_directories(m->target);
	if (r == 0)
		r = sys_mount(m->source, m->target, m->type, m->flags, m->data[0] != '\0' ? m->data : NULL);
	/* A bind takes the flags of what it binds, until it is told others. */
	if (r == 0 && (m->flags & MS_BIND) != 0 && m->flags != MS_BIND)
		r = sys_mount(m->source, m->target, m->type, m->flags | MS_REMOUNT, NULL);
	return r;
}

static void say(struct mounts_made *made, const struct mount_entry *m, int i)
{
	const char *remedy = "look at the kernel's log for more";
	if (made->error == -ENODEV)
		remedy = strncmp(m->source, "/dev/", 5) == 0 ? "the device did not appear, or the kernel does not "
							       "know the type; is its driver built in?"
							     : "the kernel does not know the type";
	else if (made->error == -EPERM || made->error == -EACCES)
		remedy = "the right to mount is missing (CAP_SYS_ADMIN)";
	else if (made->error == -EINVAL)
		remedy = "no such file system on it, or an option it does not know";
	snprintf(made->text, sizeof made->text, "host.mounts[%d]: cannot mount %.100s on %.100s as %.30s: %s; %s",
		 i, m->source, m->target, m->type, strerror(-made->error), remedy);
}

int mount_worker(int socket, void *arg)
{
	const struct host *host = arg;
	struct mounts_made made = { 0 };
	initramfs_modules(host, &made);
	for (int i = 0; i < host->n_mounts && made.error == 0; i++) {
		made.error = mount_one(&host->mounts[i]);
		if (made.error < 0)
			say(&made, &host->mounts[i], i);
	}
	if (made.error == 0 && host->switch_root != NULL)
		initramfs_leave(host, &made);
	if (sys_write_all(socket, &made, sizeof made) < 0)
		return 1;
	/* PID 1 says when the new root is /. */
	if (made.error == 0 && host->switch_root != NULL && sys_read(socket, &made, 1) == 1)
		initramfs_remove();
	return 0;
}

/* ---- at the end ---- */

static size_t read_table(const char *path, char table[static TABLE_MAX])
{
	ssize_t n = sys_read_file(path, table, TABLE_MAX - 1);
	table[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Blanks in paths stand as \040 there. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static void swap_off(char *table)
{
	read_table("/proc/swaps", table);
	/* The first line is a heading. */
	for (char *line = strchr(table, '\n'); line != NULL && line[1] != '\0'; line = strchr(line, '\n')) {
		char *path = ++line, *end = path + strcspn(path, " \t\n");
		if (path[0] != '/' || *end == '\0')
			break;
		char after = *end;
		*end = '\0';
		unescape(path);
		sys_swap_off(path);
		if (after == '\n')
			break;
		line = end + 1;
	}
}

static void leave(char *line)
{
	char *target = strchr(line, ' ');
	char *end = target != NULL ? strchr(target + 1, ' ') : NULL;
	if (end == NULL || line[0] != '/')
		return; /* proc, tmpfs, and whatever else is on no device */
	*end = '\0';
	unescape(++target);
	if (strcmp(target, "/") == 0 || sys_umount(target) < 0) {
		/* A file system that is written to must be found clean at the next boot. */
		int r = sys_remount_read_only(target);
		if (r < 0 && r != -EINVAL)
			log_warning("%s stays mounted: %s", target, strerror(-r));
	}
}

void mounts_leave(void)
{
	static char table[TABLE_MAX];
	swap_off(table);
	size_t n = read_table("/proc/self/mounts", table);
	while (n > 0) {
		size_t at = n - 1;
		while (at > 0 && table[at - 1] != '\n')
			at--;
		leave(table + at);
		table[at] = '\0';
		n = at;
	}
}
