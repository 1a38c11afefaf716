/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: processes and signals.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys.h"

/* musl's fork() takes locks and updates thread state that a process with one thread does not need; and no fork
 * of libc's can go into a cgroup. The child shares nothing that it could write. */
static pid_t plain_fork(unsigned namespaces)
{
	long pid = syscall(SYS_clone, SIGCHLD | (unsigned long)namespaces, 0, 0, 0, 0);
	return pid < 0 ? -errno : (pid_t)pid;
}

static int join_cgroup(int cgroup)
{
	int fd = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t r = write(fd, "0", 1);
	int error = r < 0 ? -errno : 0;
	close(fd);
	return error;
}

pid_t sys_fork(int cgroup)
{
	return sys_fork_into(cgroup, 0);
}

pid_t sys_fork_into(int cgroup, unsigned namespaces)
{
	if (cgroup < 0)
		return plain_fork(namespaces);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP | namespaces,
				   .exit_signal = SIGCHLD,
				   .cgroup = (unsigned)cgroup };
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid >= 0)
		return (pid_t)pid;
	/* Container runtimes' seccomp filters answer ENOSYS to all of clone3; kernels before 5.7 E2BIG or EINVAL. */
	if (errno != ENOSYS && errno != E2BIG && errno != EINVAL && errno != EPERM)
		return -errno;
	pid = plain_fork(namespaces);
	if (pid == 0 && join_cgroup(cgroup) < 0)
		_exit(127);
	return (pid_t)pid;
}

int sys_kill(pid_t pid, int sig)
{
	return kill(pid, sig) < 0 ? -errno : 0;
}

int sys_reaches_any(void)
{
	/* kill(-1) answers 0 as well where all others belong to somebody else: only asking one by one tells. */
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int found = 0;
	if (proc == NULL)
		return -errno;
	while (found == 0 && (entry = readdir(proc)) != NULL) {
		int pid = atoi(entry->d_name);
		found = pid > 1 && pid != getpid() && kill(pid, 0) == 0;
	}
	closedir(proc);
	return found;
}

struct family {
	pid_t pid, parent, group;
	bool ours;
};

static int by_pid(const void *a, const void *b)
{
	const struct family *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* /proc/PID/stat: "pid (name) state parent group …", where the name may hold anything. */
static bool read_family(const char *pid, struct family *one)
{
	char path[32], text[512];
	snprintf(path, sizeof path, "/proc/%.10s/stat", pid);
	const char *end = sys_read_file(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
	if (end == NULL || strlen(end) < 5)
		return false;
	char *next;
	long parent = strtol(end + 4, &next, 10); /* behind ") S " */
	long group = strtol(next, &next, 10);
	*one = (struct family){ atoi(pid), (pid_t)parent, (pid_t)group, false };
	return *next == ' ';
}

static struct family *read_all(size_t *n)
{
	DIR *proc = opendir("/proc");
	struct family *all = NULL;
	struct dirent *entry;
	*n = 0;
	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		struct family *more = *n % 256 == 0 ? realloc(all, (*n + 256) * sizeof *all) : all;
		if (more == NULL)
			break;
		all = more;
		*n += read_family(entry->d_name, &all[*n]);
	}
	if (proc != NULL)
		closedir(proc);
	return all;
}

/* Parents mostly have the smaller pids: two rounds, unless pids have begun anew. */
static void mark_ours(struct family *all, size_t n)
{
	qsort(all, n, sizeof *all, by_pid);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			struct family key = { .pid = all[i].parent };
			const struct family *parent = bsearch(&key, all, n, sizeof *all, by_pid);
			if (!all[i].ours && (key.pid == getpid() || (parent != NULL && parent->ours)))
				more = all[i].ours = true;
		}
	}
}

int sys_kill_descendants(int sig)
{
	size_t n;
	struct family *all = read_all(&n);
	int found = 0;
	if (all == NULL)
		return -ENOENT;
	mark_ours(all, n);
	for (size_t i = 0; i < n; i++) {
		if (!all[i].ours)
			continue;
		found++;
		kill(all[i].pid, sig);
		/* Whole groups, because that leaves no time to fork. Theirs are of sessions begun below us. */
		if (all[i].group > 1 && all[i].group != getpgrp())
			kill(-all[i].group, sig);
	}
	free(all);
	return found;
}

pid_t sys_reap(int *status)
{
	pid_t pid = waitpid(-1, status, WNOHANG);
	return pid < 0 ? -errno : pid;
}

pid_t sys_wait(pid_t pid, int *status)
{
	pid_t r;
	do
		r = waitpid(pid, status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

_Noreturn void sys_exit(int status)
{
	_exit(status);
}

pid_t sys_getpid(void)
{
	return getpid();
}

pid_t sys_getppid(void)
{
	return getppid();
}

uid_t sys_getuid(void)
{
	return geteuid();
}

gid_t sys_getgid(void)
{
	return getegid();
}

int sys_setuid_only(uid_t uid)
{
	/* Not through musl, which would tell all threads, of which there are none. */
	return syscall(SYS_setresuid, uid, uid, uid) < 0 ? -errno : 0;
}

int sys_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

int sys_undumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
}

int sys_process_name(const char *name)
{
	return prctl(PR_SET_NAME, name) < 0 ? -errno : 0;
}

static char **arguments;

void sys_note_arguments(char **argv)
{
	arguments = argv;
}

void sys_hide_arguments(void)
{
	for (char **at = arguments; at != NULL && *at != NULL; at++)
		memset(*at, 0, strlen(*at));
}

int sys_die_with_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
}

int sys_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

bool sys_can_setuid(void)
{
	return prctl(PR_CAPBSET_READ, 7) == 1 && geteuid() == 0; /* CAP_SETUID */
}

void sys_block_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

void sys_unblock_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int sys_signal_handler(int sig, void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_NODEFER };
	return sigaction(sig, &a, NULL) < 0 ? -errno : 0;
}

int sys_limit(int resource, uint64_t *soft, uint64_t *hard)
{
	struct rlimit r;
	if (prlimit(0, resource, NULL, &r) < 0)
		return -errno;
	*soft = r.rlim_cur;
	*hard = r.rlim_max;
	return 0;
}

static struct rlimit first_nofile;

void sys_raise_nofile(uint64_t want)
{
	struct rlimit r;
	if (prlimit(0, RLIMIT_NOFILE, NULL, &first_nofile) < 0)
		return;
	r = first_nofile;
	if (r.rlim_cur >= want)
		return;
	r.rlim_cur = want;
	if (r.rlim_max < want)
		r.rlim_max = want;
	if (prlimit(0, RLIMIT_NOFILE, &r, NULL) == 0)
		return;
	r = first_nofile;
	r.rlim_cur = r.rlim_max;
	prlimit(0, RLIMIT_NOFILE, &r, NULL);
}

struct rlimit sys_original_nofile(void)
{
	return first_nofile;
}
