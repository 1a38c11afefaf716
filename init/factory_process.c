/* SPDX-License-Identifier: MIT
 *
 * Programs as processes of this host. The child makes itself the service, step by step, and says over a
 * close-on-exec pipe which step failed; it allocates nothing and calls nothing that could wait for PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>

#include "measure.h"
#include "sys.h"
#include "sys_child.h"

/* Where the child puts its descriptors before they get their final numbers. */
#define FD_CHANNEL 3
/* Where the private copies are attached for a moment, in the child's own mount namespace. */
#define STAGING "/run"

static _Noreturn void fail(int pipe, const char *step, int error)
{
	struct start_failure failure = { .error = -error };
	strncpy(failure.step, step, sizeof failure.step - 1);
	sys_write_all(pipe, &failure, sizeof failure);
	sys_exit(127);
}

static void must(int pipe, const char *step, int r)
{
	if (r < 0)
		fail(pipe, step, r);
}

/* ---- descriptors ---- */

/* A copy that the final numbers 0 to 3 cannot hit. */
static int safe(int pipe, int fd)
{
	if (fd < 0)
		return -1;
	int copy = sys_dup_high(fd);
	must(pipe, "duplicating descriptors", copy);
	return copy;
}

static void set_descriptors(int pipe, const struct start_plan *plan)
{
	int channel = safe(pipe, plan->channel), in = safe(pipe, plan->in);
	int out = safe(pipe, plan->out), err = safe(pipe, plan->err);
	if (in < 0) {
		in = sys_open("/dev/null", O_RDONLY | O_NOCTTY, 0);
		/* Without /dev there is no input either; an end of file does as well. */
		int ends[2];
		if (in < 0 && sys_pipe(ends) == 0) {
			sys_close(ends[1]);
			in = ends[0];
		}
		in = safe(pipe, in);
	}
	if (in >= 0)
		must(pipe, "standard input", sys_dup2(in, 0));
	if (out >= 0)
		must(pipe, "standard output", sys_dup2(out, 1));
	if (err >= 0)
		must(pipe, "standard error", sys_dup2(err, 2));
	must(pipe, "the channel", sys_dup2(channel, FD_CHANNEL));
}

/* ---- measured files ---- */

/* Each measured copy is bound over the path where the kernel, or a loader, looks for it. The places are opened
 * before the copies are attached, which hides what stands below the staging point. */
static void bind_files(int pipe, const struct start_plan *plan)
{
	const struct service *s = plan->service;
	int targets[MEASURE_FILES_MAX + 1];
	char name[16];
	must(pipe, "a mount namespace", sys_private_mounts());
	for (int i = 0; i <= s->n_files; i++) {
		targets[i] = sys_open(i == 0 ? s->exec[0] : s->files[i - 1], O_PATH, 0);
		must(pipe, "opening a measured file", targets[i]);
	}
	must(pipe, "attaching copies to " STAGING, sys_attach_mount(plan->measured->files, STAGING));
	for (int i = 0; i <= s->n_files; i++) {
		snprintf(name, sizeof name, "%d", i);
		must(pipe, "binding a measured file", sys_bind_onto(STAGING, name, targets[i]));
		sys_close(targets[i]);
	}
	must(pipe, "detaching " STAGING, sys_detach_mount(STAGING));
}

/* ---- rights ---- */

static void set_limits(int pipe, const struct service *s)
{
	struct rlimit nofile = sys_original_nofile();
	if (nofile.rlim_max > 0)
		sys_set_limit(RLIMIT_NOFILE, nofile.rlim_cur, nofile.rlim_max);
	for (int i = 0; i < s->n_limits; i++)
		must(pipe, "limits", sys_set_limit(s->limits[i].resource, s->limits[i].value, s->limits[i].value));
	sys_write_file("/proc/self/oom_score_adj", "0");
}

static void set_rights(int pipe, const struct service *s)
{
	bool root = sys_getuid() == 0, changes = s->uid != sys_getuid() || s->gid != sys_getgid();
	if (root) {
		must(pipe, "groups", sys_set_groups(s->gid, s->groups, (size_t)s->n_groups));
		must(pipe, "capabilities", sys_bound_capabilities(s->capabilities));
		if (s->capabilities != 0 && s->uid != 0)
			must(pipe, "keeping capabilities", sys_keep_over_setuid());
		must(pipe, "uid", sys_set_uid(s->uid));
		if (s->uid != 0 && s->capabilities != 0)
			must(pipe, "ambient capabilities", sys_raise_ambient(s->capabilities));
	} else if (changes) {
		fail(pipe, "uid", -EPERM);
	}
	must(pipe, "no_new_privs", sys_no_new_privs());
	/* Not for who may mount: a domain forbids that. */
	if ((s->capabilities & 1ULL << CAP_SYS_ADMIN) == 0) {
		int r = sys_landlock_domain();
		if (r != -ENOSYS && r != -EOPNOTSUPP)
			must(pipe, "a Landlock domain", r);
	}
}

static _Noreturn void be(const struct start_plan *plan, int pipe)
{
	const struct service *s = plan->service;
	pipe = safe(pipe, pipe);
	sys_session();
	set_descriptors(pipe, plan);
	set_limits(pipe, s);
	if (plan->measured->files >= 0)
		bind_files(pipe, plan);
	set_rights(pipe, s);
	must(pipe, "cwd", sys_chdir(s->cwd));
	sys_umask(022);
	sys_close_on_exec_from(FD_CHANNEL + 1);
	sys_default_signals();
	if (plan->measured->by_path)
		fail(pipe, "exec", sys_exec_path(s->exec[0], s->exec, plan->env));
	fail(pipe, "exec", sys_exec_fd(plan->measured->image, s->exec, plan->env));
}

/* ---- the class ---- */

static int process_start(const struct start_plan *plan, struct started *started)
{
	int pipe[2];
	int r = sys_pipe(pipe);
	if (r < 0)
		return r;
	pid_t pid = sys_fork(plan->cgroup);
	if (pid == 0)
		be(plan, pipe[1]);
	sys_close(pipe[1]);
	if (pid < 0) {
		sys_close(pipe[0]);
		return pid;
	}
	sys_nonblock(pipe[0]);
	started->pid = pid;
	started->exec_error = pipe[0];
	return 0;
}

static int process_signal(pid_t pid, int signal)
{
	return sys_kill(pid, signal);
}

const struct factory_class factory_process = {
	.name = "process",
	.chan = &chan_socketpair,
	.start = process_start,
	.signal = process_signal,
};
