/* SPDX-License-Identifier: MIT
 *
 * Programs as processes of this host. The child makes itself the service, step by step, and says over a
 * close-on-exec pipe which step failed; it allocates nothing and calls nothing that could wait for PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>

#include "confine.h"
#include "keeper.h"
#include "measure.h"
#include "sys.h"
#include "sys_child.h"

#define FD_FIRST 3

/* The child's descriptors, at numbers that the final ones cannot hit; close-on-exec. -1 is none. */
struct child {
	const struct start_plan *plan;
	const struct service *service;
	int pipe; /* to say what failed */
	int channel, ready, in, out, err;
	int sockets[SOCKETS_MAX];
	int files;   /* mount of the measured copies */
	int program; /* what to execute */
	int rules;   /* of its Landlock domain */
};

static _Noreturn void fail(int pipe, const char *step, int error)
{
	struct start_failure failure = { .error = -error };
	snprintf(failure.step, sizeof failure.step, "%s", step);
	sys_write_all(pipe, &failure, sizeof failure);
	sys_exit(127);
}

static void must(const struct child *c, const char *step, int r)
{
	if (r < 0)
		fail(c->pipe, step, r);
}

/* ---- descriptors ---- */

static int high(const struct child *c, int fd)
{
	if (fd < 0 || fd >= SYS_FD_HIGH)
		return fd;
	int copy = sys_dup_high(fd);
	must(c, "duplicating descriptors", copy);
	return copy;
}

static void take_descriptors(struct child *c)
{
	const struct start_plan *plan = c->plan;
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

static void set_descriptors(struct child *c)
{
	if (c->in < 0) {
		int fd = empty_input();
		must(c, "standard input", fd);
		c->in = high(c, fd);
	}
	must(c, "standard input", sys_dup2(c->in, 0));
	if (c->out >= 0)
		must(c, "standard output", sys_dup2(c->out, 1));
	if (c->err >= 0)
		must(c, "standard error", sys_dup2(c->err, 2));
	for (uint32_t i = 0; i < c->service->n_sockets; i++)
		must(c, "sockets", sys_dup2(c->sockets[i], FD_FIRST + (int)i));
	int channel = start_channel_fd(c->service);
	if (c->channel >= 0)
		must(c, "the channel", sys_dup2(c->channel, channel));
	else
		sys_close(channel);
	/* Whatever else is open, and whether it was meant for children or not. */
	if (c->ready >= 0)
		must(c, "the ready pipe", sys_dup2(c->ready, channel + 1));
	must(c, "descriptors", sys_close_on_exec_from(channel + (c->ready >= 0 ? 2 : 1)));
}

/* ---- measured files ---- */

static const char *file_path(const struct service *s, int i)
{
	return i == 0 ? s->exec[0] : s->files[i - 1];
}

/* What stands at a path now must be a measured copy: a link or a directory on the way may have been changed. */
static int open_copy(const struct child *c, const char *path, dev_t copies)
{
	struct stat st;
	int fd = sys_open(path, O_PATH, 0);
	must(c, "opening a measured copy", fd);
	must(c, "opening a measured copy", sys_fstat(fd, &st));
	if (st.st_dev != copies)
		fail(c->pipe, "a measured file was moved", -ESTALE);
	return fd;
}

/* Each measured copy is bound over the path where the kernel, or a loader, looks for it. The places are opened
 * first, the copies attached over "/": an absolute path is looked up below what is there covered, so that this
 * needs no directory of its own and hides nothing, and the copies are reached by their descriptor. */
static void bind_files(struct child *c)
{
	const struct service *s = c->service;
	int targets[MEASURE_FILES_MAX + 1];
	char name[16];
	struct stat copies;
	for (int i = 0; i <= s->n_files && i <= MEASURE_FILES_MAX; i++) {
		targets[i] = sys_open(file_path(s, i), O_PATH, 0);
		must(c, "opening a measured file", targets[i]);
	}
	must(c, "attaching measured copies", sys_attach_mount(c->files, "/"));
	for (int i = 0; i <= s->n_files && i <= MEASURE_FILES_MAX; i++) {
		snprintf(name, sizeof name, "%d", i);
		must(c, "binding a measured file", sys_bind_onto(c->files, name, targets[i]));
		sys_close(targets[i]);
	}
	must(c, "measured copies", sys_fstat(c->files, &copies));
	must(c, "detaching measured copies", sys_detach_mount(c->files));
	for (int i = 1; i <= s->n_files && i <= MEASURE_FILES_MAX; i++)
		sys_close(open_copy(c, s->files[i - 1], copies.st_dev));
	/* The copy of the program runs in the image's place: so that /proc/self/exe has its path. */
	if (c->plan->measured->by_path)
		c->program = open_copy(c, s->exec[0], copies.st_dev);
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
	if (nofile.rlim_max > 0)
		must(c, "limits", sys_set_limit(RLIMIT_NOFILE, nofile.rlim_cur, nofile.rlim_max));
	for (int i = 0; i < s->n_limits; i++)
		if (applies(c, &s->limits[i]))
			must(c, "limits",
			     sys_set_limit(s->limits[i].resource, s->limits[i].value, s->limits[i].value));
}

static void set_groups(const struct child *c, bool changes)
{
	const struct service *s = c->service;
	int r = sys_set_groups(s->gid, s->groups, (size_t)s->n_groups);
	/* An ordinary user, or one in a user namespace, keeps the groups there are. */
	if (r != -EPERM || changes)
		must(c, "groups", r);
}

static void set_rights(const struct child *c)
{
	const struct service *s = c->service;
	bool changes = s->uid != sys_getuid() || s->gid != sys_getgid();
	bool ambient = s->uid != 0 && s->capabilities != 0;
	set_groups(c, changes);
	int r = sys_bound_capabilities(s->capabilities);
	/* Who is not root can get none with no_new_privs, whatever its bounding set allows. */
	if (r != -EPERM || s->uid == 0 || s->capabilities != 0)
		must(c, "capabilities", r);
	if (ambient)
		must(c, "keeping capabilities", sys_keep_over_setuid());
	if (changes)
		must(c, "uid", sys_set_uid(s->uid));
	if (ambient)
		must(c, "ambient capabilities", sys_raise_ambient(s->capabilities));
	must(c, "no_new_privs", sys_no_new_privs());
	if (c->rules >= 0)
		must(c, "a Landlock domain", sys_landlock_enter(c->rules));
}

/* ---- the program ---- */

/* By descriptor, so that nothing is looked up again. A script's interpreter could not open a descriptor that is
 * closed by exec: the kernel refuses it as that (ENOENT), and then it is run by its path. */
static _Noreturn void run(const struct child *c)
{
	const struct service *s = c->service;
	char *const *argv = s->argv != NULL ? s->argv : s->exec;
	int r = sys_exec_fd(c->program, argv, c->plan->env);
	if (r == -ENOENT && c->plan->measured->by_path)
		r = sys_exec_path(s->exec[0], argv, c->plan->env);
	fail(c->pipe, "exec", r);
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

/* In this order: descriptors while there is room for them; mounts and limits while there are rights for them;
 * then the rights; then what the service itself could do. The step before the last opens the door to signals. */
static _Noreturn void be(const struct start_plan *plan, int pipe)
{
	struct child c = { .plan = plan, .service = plan->service, .pipe = pipe, .rules = -1 };
	const struct confinement *confinement = plan->service->confinement;
	char step[START_STEP_MAX] = "";
	must(&c, "a session", sys_session());
	take_descriptors(&c);
	set_descriptors(&c);
	/* Who finds another pid there does not take them for its own. */
	if (plan->listen_pid != NULL)
		snprintf(plan->listen_pid, START_PID_MAX, "%d", (int)sys_getpid());
	must(&c, step, confine_place(confinement, step));
	bool own_view = c.files >= 0 || confine_has_view(confinement);
	if (own_view)
		must(&c, "a mount namespace", sys_private_mounts());
	if (c.files >= 0)
		bind_files(&c);
	if (confine_has_view(confinement))
		must(&c, step, confine_view(confinement, step));
	/* Not for who may mount: a domain forbids that. Where the kernel has none there is none. */
	if ((plan->service->capabilities & 1ULL << CAP_SYS_ADMIN) == 0) {
		c.rules = own_view ? sys_landlock_rules() : common_rules;
		if (c.rules != -ENOSYS && c.rules != -EOPNOTSUPP)
			must(&c, "Landlock rules", c.rules);
	}
	/* Until exec this is a copy of PID 1, and nobody may look into it. */
	must(&c, "undumpable", sys_undumpable());
	set_limits(&c);
	set_rights(&c);
	must(&c, "cwd", sys_chdir(plan->service->cwd));
	sys_umask(confinement->umask);
	sys_unblock_signals(); /* what is done at a signal was made the default when PID 1 began */
	must(&c, "a system call filter", confine_syscalls(confinement));
	run(&c);
}

/* The program's parent, until nothing of it is left. */
static _Noreturn void keep(const struct start_plan *plan, int pipe, int socket)
{
	int r = sys_subreaper();
	if (r < 0)
		fail(pipe, "a subreaper", r);
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		be(plan, pipe);
	if (pid < 0)
		fail(pipe, "fork", pid);
	keeper_run(socket, pid);
}

/* ---- the class ---- */

static void close_pair(const int *fds)
{
	sys_close(fds[0]);
	sys_close(fds[1]);
}

static int process_start(const struct start_plan *plan, struct started *started)
{
	int pipe[2], keeper[2] = { -1, -1 };
	int r = sys_pipe(pipe);
	if (r < 0)
		return r;
	make_rules();
	r = plan->keep ? sys_socketpair(SOCK_SEQPACKET, keeper) : 0;
	pid_t pid = r < 0 ? r : sys_fork(plan->cgroup);
	if (pid == 0 && plan->keep)
		keep(plan, pipe[1], keeper[1]);
	if (pid == 0)
		be(plan, pipe[1]);
	if (pid < 0) {
		close_pair(pipe);
		if (plan->keep && r == 0)
			close_pair(keeper);
		return pid;
	}
	sys_close(pipe[1]);
	if (plan->keep)
		sys_close(keeper[1]);
	sys_nonblock(pipe[0]);
	started->pid = pid;
	started->exec_error = pipe[0];
	started->keeper = keeper[0];
	return 0;
}

static int process_signal(pid_t pid, int signal)
{
	/* 0, -1 and groups are never meant. */
	return pid > 0 ? sys_kill(pid, signal) : -ESRCH;
}

const struct factory_class factory_process = {
	.name = "process",
	.chan = &chan_socketpair,
	.start = process_start,
	.signal = process_signal,
};
