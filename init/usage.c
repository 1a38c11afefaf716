/* SPDX-License-Identifier: MIT
 *
 * What a service uses, for taoctl status: as its cgroup counts; what that does not count, of its main process alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "environment.h"
#include "sys.h"

/* What a second of CPU time has in /proc: the same on every machine that Linux runs on. */
#define USER_HZ 100U

/* 1 + the number behind the word; 0: there is none. */
static uint64_t number_behind(const char *text, const char *word)
{
	const char *at = text_find(text, word);
	return at != NULL ? 1 + strtoull(at + strlen(word), NULL, 10) : 0;
}

static bool read_of(pid_t pid, const char *file, char *text, size_t cap)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	return pid > 0 && sys_read_file(path, text, cap) > 0;
}

/* utime and stime are fields 14 and 15 of stat; the second, in parentheses, may have anything in it. */
static uint64_t main_cpu(pid_t pid)
{
	char text[1024], *at;
	uint64_t field = 0, cpu = 0;
	if (!read_of(pid, "stat", text, sizeof text) || (at = strrchr(text, ')')) == NULL || strlen(at) < 4)
		return 0;
	at += 4; /* behind the state */
	for (int i = 4; i <= 15; i++) {
		field = strtoull(at, &at, 10);
		cpu += i >= 14 ? field : 0;
	}
	return 1 + cpu * (1000000 / USER_HZ);
}

static uint64_t main_memory(pid_t pid)
{
	char text[4096];
	uint64_t kib = read_of(pid, "status", text, sizeof text) ? number_behind(text, "\nVmRSS:") : 0;
	return kib > 0 ? 1 + (kib - 1) * 1024 : 0;
}

void usage_read(const struct env *env, uint16_t u, uint64_t usage[static USAGES])
{
	static const char *const files[][2] = { { "/cpu.stat", "usage_usec " },
						{ "/memory.current", "" },
						{ "/pids.current", "" } };
	const struct unit *unit = &env->units[u];
	char text[2048];
	memset(usage, 0, USAGES * sizeof *usage);
	for (int i = 0; i < 3 && unit->has_cgroup; i++)
		if (cgroup_read(env, u, files[i][0], text, sizeof text) > 0)
			usage[i] = number_behind(text, files[i][1]);
	if (usage[0] == 0)
		usage[3] = main_cpu(unit->pid);
	if (usage[1] == 0)
		usage[4] = main_memory(unit->pid);
}
