/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>

#include "child.h"
#include "confine.h"
#include "keeper.h"
#include "measure.h"
#include "sys.h"
#include "sys_child.h"

#define FD_FIRST 3

_Noreturn void child_fail(int pipe, const char *step, int error)
{
	struct start_failure failure = { .error = -error };
	snprintf(failure.step, sizeof failure.step, "%s", step);
	sys_write_all(pipe, &failure, sizeof failure);
	sys_exit(127);
}

void child_must(const struct child *c, const char *step, int r)
{
	if (r < 0)
		child_fail(c->pipe, step, r);
}

/* ---- descriptors ---- */

static int high(const struct child *c, int fd)
{
	if (fd < 0 || fd >= SYS_FD_HIGH)
		return fd;
	int copy = sys_dup_high(fd);
	child_must(c, "duplicating descriptors", copy);
	return copy;
}

void child_begin(struct child *c, const struct start_plan *plan, int pipe)
{
	const struct service *s = plan->service;
	*c = (struct child){
		.plan = plan, .service = s, .pipe = pipe, .rules = -1, .uid = s->uid, .gid = s->gid, .cwd = s->cwd
	};
	child_must(c, "a session", sys_session());
	c->pipe = high(c, c->pipe);
	c->channel = high(c, plan->channel);
	c->ready = high(c, plan->ready);
	for (uint32_t i = 0; i < c->service->n_sockets; i++)
		c->sockets[i] = high(c, plan->sockets[i]);
	c->in = high(c, plan->in);
	c->out = high(c, plan->out);
	c->err = high(c, plan->err);
	c->program = high(c, plan->measured->image);
	c->files = high(c, plan->measured->files);
	for (int i = 0; i < c->service->n_parts; i++)
		c->parts[i] = high(c, plan->measured->parts[i]);
}

void child_close_others(const struct child *c, int keep)
{
	int kept[9 + SOCKETS_MAX + MEASURE_PARTS_MAX] = { c->pipe, c->channel, c->ready, c->in, c->out,
							  c->err,  c->program, c->files, keep };
	int n = 9, last = 2;
	for (uint32_t i = 0; i < c->service->n_sockets; i++)
		kept[n++] = c->sockets[i];
	for (int i = 0; i < c->service->n_parts; i++)
		kept[n++] = c->parts[i];
	for (;;) {
		int next = INT_MAX;
		for (int i = 0; i < n; i++)
			if (kept[i] > last && kept[i] < next)
				next = kept[i];
		sys_close_between(last + 1, next - 1);
		if (next == INT_MAX)
			return;
		last = next;
	}
}

static int empty_input(void)
{
	int fd = sys_open("/dev/null", O_RDONLY | O_NOCTTY, 0), ends[2];
	if (fd >= 0)
		return fd;
	/* Without /dev, a pipe that nobody writes to does as well. */
	int r = sys_pipe(ends);
	if (r < 0)
		return r;
	sys_close(ends[1]);
	return ends[0];
}

int child_set_descriptors(struct child *c)
{
	if (c->in < 0) {
		int fd = empty_input();
		child_must(c, "standard input", fd);
		c->in = high(c, fd);
	}
	child_must(c, "standard input", sys_dup2(c->in, 0));
	if (c->out >= 0)
		child_must(c, "standard output", sys_dup2(c->out, 1));
	if (c->err >= 0)
		child_must(c, "standard error", sys_dup2(c->err, 2));
	for (uint32_t i = 0; i < c->service->n_sockets; i++)
		child_must(c, "sockets", sys_dup2(c->sockets[i], FD_FIRST + (int)i));
	int channel = start_channel_fd(c->service);
	if (c->channel >= 0)
		child_must(c, "the channel", sys_dup2(c->channel, channel));
	else
		sys_close(channel);
	int next = channel + 1;
	if (c->ready >= 0)
		child_must(c, "the ready pipe", sys_dup2(c->ready, next++));
	for (int i = 0; i < c->service->n_parts; i++)
		child_must(c, "measured parts", sys_dup2(c->parts[i], next++));
	/* Whatever else is open, and whether it was meant for children or not. */
	child_must(c, "descriptors", sys_close_on_exec_from(next));
	/* Who finds another pid there does not take the sockets for its own. */
	if (c->plan->listen_pid != NULL)
		snprintf(c->plan->listen_pid, START_PID_MAX, "%d", (int)sys_getpid());
	return next - c->service->n_parts;
}

/* ---- rights ---- */

/* A limit of the group by an rlimit: unless the cgroup sees to it, or there is a limit that says this by itself. */
static bool applies(const struct child *c, const struct service_limit *limit)
{
	const struct service *s = c->service;
	for (int i = 0; i < s->n_limits && limit->group >= 0; i++)
		if (s->limits[i].group < 0 && s->limits[i].resource == limit->resource)
			return false;
	return limit->resource >= 0 && (limit->group < 0 || (c->plan->held & 1U << limit->group) == 0);
}

/* While there are the rights to raise a limit, and no more descriptors are to be opened. */
static void set_limits(const struct child *c)
{
	const struct service *s = c->service;
	struct rlimit nofile = sys_original_nofile();
	bool other = false; /* which it might not be lifted to from here */
	for (int i = 0; i < s->n_limits; i++)
		other = other || s->limits[i].resource == RLIMIT_NOFILE;
	if (nofile.rlim_max > 0 && !other)
		child_must(c, "limits", sys_set_limit(RLIMIT_NOFILE, nofile.rlim_cur, nofile.rlim_max));
	for (int i = 0; i < s->n_limits; i++)
		if (applies(c, &s->limits[i]))
			child_must(c, "limits",
				   sys_set_limit(s->limits[i].resource, s->limits[i].value, s->limits[i].value));
}

void child_allow_limits(const struct child *c)
{
	const struct service *s = c->service;
	uint64_t soft, hard;
	for (int i = 0; i < s->n_limits; i++)
		if (applies(c, &s->limits[i]) && sys_limit(s->limits[i].resource, &soft, &hard) == 0 &&
		    s->limits[i].value > hard)
			child_must(c, "limits", sys_set_limit(s->limits[i].resource, soft, s->limits[i].value));
}

static void set_groups(const struct child *c, bool changes)
{
	const struct service *s = c->service;
	gid_t groups[MEASURE_GROUPS_MAX + 1];
	size_t n = (size_t)s->n_groups;
	for (size_t i = 0; i < n; i++)
		groups[i] = s->groups[i];
	if (c->group != 0)
		groups[n++] = c->group;
	int r = sys_set_groups(c->gid, groups, n);
	/* An ordinary user, or one in a user namespace, keeps the groups there are. */
	if (r != -EPERM || changes)
		child_must(c, "groups", r);
}

static void set_rights(const struct child *c)
{
	const struct service *s = c->service;
	bool changes = c->uid != sys_getuid() || c->gid != sys_getgid();
	bool ambient = c->uid != 0 && s->capabilities != 0;
	set_groups(c, changes);
	int r = sys_bound_capabilities(s->capabilities);
	/* Who is not root can get none with no_new_privs, whatever its bounding set allows. */
	if (r != -EPERM || c->uid == 0 || s->capabilities != 0)
		child_must(c, "capabilities", r);
	if (ambient)
		child_must(c, "keeping capabilities", sys_keep_over_setuid());
	if (changes)
		child_must(c, "uid", sys_set_uid(c->uid));
	if (ambient)
		child_must(c, "ambient capabilities", sys_raise_ambient(s->capabilities));
	child_must(c, "no_new_privs", sys_no_new_privs());
	if (c->rules >= 0)
		child_must(c, "a Landlock domain", sys_landlock_enter(c->rules));
}

/* The rules of everybody's Landlock domain, made once by PID 1: they are about what "/" is for it. */
static int common_rules = -ENOSYS;

static void make_rules(void)
{
	static bool made;
	if (made)
		return;
	int rules = sys_landlock_rules();
	common_rules = rules < 0 ? rules : sys_dup_high(rules);
	if (rules >= 0)
		sys_close(rules);
	made = common_rules >= 0 || common_rules == -ENOSYS || common_rules == -EOPNOTSUPP;
}

void child_confine(struct child *c, bool own_view)
{
	const struct service *s = c->service;
	/* Not for who may mount: a domain forbids that. Where the kernel has none there is none. */
	if ((s->capabilities & 1ULL << CAP_SYS_ADMIN) == 0) {
		c->rules = own_view ? sys_landlock_rules() : common_rules;
		if (c->rules != -ENOSYS && c->rules != -EOPNOTSUPP)
			child_must(c, "Landlock rules", c->rules);
	}
	/* Until exec this is a copy of PID 1, and nobody may look into it. */
	child_must(c, "undumpable", sys_undumpable());
	set_limits(c);
	set_rights(c);
	child_must(c, "cwd", sys_chdir(c->cwd));
	sys_umask(s->confinement->umask);
	/* A keeper that is killed has not told of it yet, maybe; after the last change of ids, which takes that back. */
	if (c->plan->keeper > 0) {
		child_must(c, "its keeper", sys_die_with_parent());
		if (sys_getppid() != c->plan->keeper)
			sys_exit(127);
	}
	sys_unblock_signals(); /* what is done at a signal was made the default when PID 1 began */
	child_must(c, "a system call filter", confine_syscalls(s->confinement));
}

/* ---- starting ---- */

static _Noreturn void keep(const struct child_way *way, const struct start_plan *plan, int pipe, int socket)
{
	struct start_plan kept = *plan;
	kept.keeper = sys_getpid();
	int r = sys_subreaper();
	if (r < 0)
		child_fail(pipe, "a subreaper", r);
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		way->be(&kept, pipe);
	if (pid < 0)
		child_fail(pipe, "fork", pid);
	keeper_run(socket, pid, true, -1);
}

static void close_pair(const int *fds)
{
	sys_close(fds[0]);
	sys_close(fds[1]);
}

int child_start(const struct child_way *way, const struct start_plan *plan, struct started *started)
{
	bool kept = plan->keep || way->keep != NULL;
	int pipe[2], keeper[2] = { -1, -1 };
	int r = sys_pipe(pipe);
	if (r < 0)
		return r;
	make_rules();
	r = kept ? sys_socketpair(SOCK_SEQPACKET, keeper) : 0;
	if (kept && r == 0)
		sys_tell_senders(keeper[0]);
	pid_t pid = r < 0 ? r : sys_fork_into(plan->cgroup, way->namespaces);
	if (pid == 0 && way->keep != NULL)
		way->keep(plan, pipe[1], keeper[1]);
	if (pid == 0 && kept)
		keep(way, plan, pipe[1], keeper[1]);
	if (pid == 0)
		way->be(plan, pipe[1]);
	if (pid < 0) {
		close_pair(pipe);
		if (kept && r == 0)
			close_pair(keeper);
		return pid;
	}
	sys_close(pipe[1]);
	if (kept)
		sys_close(keeper[1]);
	sys_nonblock(pipe[0]);
	started->pid = pid;
	started->exec_error = pipe[0];
	started->keeper = keeper[0];
	return 0;
}

int child_signal(pid_t pid, int signal)
{
	/* 0, -1 and groups are never meant. */
	return pid > 0 ? sys_kill(pid, signal) : -ESRCH;
}
