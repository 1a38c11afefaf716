/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>

#include "confine.h"
#include "seccomp.h"
#include "sys.h"
#include "sys_child.h"
#include "sys_confine.h"
#include "sys_machine.h"

static int say(char step[static START_STEP_MAX], const char *what, const char *path, int r)
{
	if (r < 0)
		snprintf(step, START_STEP_MAX, "%s%s%s", what, path[0] != '\0' ? " " : "", path);
	return r;
}

int confine_place(const struct confinement *k, char step[static START_STEP_MAX])
{
	int r = 0;
	if (k->namespaces != 0)
		r = say(step, "namespaces", "", sys_unshare(k->namespaces));
	/* What talks to itself only does so over this. */
	if (r >= 0 && (k->namespaces & CLONE_NEWNET) != 0)
		r = say(step, "the loopback interface", "", sys_loopback_up());
	if (r >= 0 && k->has_oom_score)
		r = say(step, "oom_score_adj", "", sys_set_oom_score(k->oom_score));
	else
		sys_reset_oom_score();
	if (r >= 0 && k->has_scheduling)
		r = say(step, "scheduling", "", sys_set_scheduler(k->scheduling, k->priority));
	if (r >= 0 && k->has_nice)
		r = say(step, "nice", "", sys_set_nice(k->nice));
	return r;
}

bool confine_has_view(const struct confinement *k)
{
	return k->read_only || k->private_tmp || k->n_hidden > 0;
}

/* ---- the view ---- */

static int cover_with_tmpfs(int target, const char *mode, bool read_only)
{
	int fs = sys_make_tmpfs(mode, read_only);
	if (fs < 0)
		return fs;
	int r = sys_move_onto(fs, target);
	sys_close(fs);
	return r;
}

static int cover_with_null(int target)
{
	int null = sys_open_straight("/dev/null");
	if (null < 0)
		return null;
	int tree = sys_copy_tree(null);
	sys_close(null);
	if (tree < 0)
		return tree;
	int r = sys_move_onto(tree, target);
	sys_close(tree);
	return r;
}

/* What is not there is hidden already. */
static int hide(const char *path)
{
	struct stat st;
	int target = sys_open_straight(path);
	if (target == -ENOENT)
		return 0;
	int r = target < 0 ? target : sys_fstat(target, &st);
	if (r >= 0)
		r = S_ISDIR(st.st_mode) ? cover_with_tmpfs(target, "0", true) : cover_with_null(target);
	sys_close(target);
	return r;
}

/* Links are followed, as the path is root's own: /var/tmp may be one to /tmp. */
static int private_tmp(const char *path)
{
	int target = sys_open(path, O_PATH | O_DIRECTORY, 0);
	if (target == -ENOENT)
		return 0;
	int r = target < 0 ? target : cover_with_tmpfs(target, "1777", false);
	sys_close(target);
	return r;
}

/* Copies of what stays as it is are taken before all becomes read-only, and put over the same places afterwards:
 * what was read-only among them stays so. No symbolic link is followed, which the service could have made at its last
 * run, in a directory that it may write, to have another place opened. */
static int read_only(const struct confinement *k, char step[static START_STEP_MAX])
{
	int target[VIEW_PATHS_MAX], tree[VIEW_PATHS_MAX], r = 0;
	for (int i = 0; i < k->n_read_write; i++) {
		target[i] = sys_open_straight(k->read_write[i]);
		tree[i] = target[i] < 0 ? target[i] : sys_copy_tree(target[i]);
		if (tree[i] < 0)
			return say(step, "filesystem.read_write", k->read_write[i], tree[i]);
	}
	r = say(step, "filesystem.read_only", "", sys_make_read_only("/"));
	for (int i = 0; i < k->n_read_write && r >= 0; i++) {
		r = say(step, "filesystem.read_write", k->read_write[i], sys_move_onto(tree[i], target[i]));
		sys_close(tree[i]);
		sys_close(target[i]);
	}
	return r;
}

int confine_view(const struct confinement *k, char step[static START_STEP_MAX])
{
	static const char *const tmp[] = { "/tmp", "/var/tmp" };
	int r = k->read_only ? read_only(k, step) : 0;
	for (int i = 0; i < 2 && k->private_tmp && r >= 0; i++)
		r = say(step, "a private", tmp[i], private_tmp(tmp[i]));
	for (int i = 0; i < k->n_hidden && r >= 0; i++)
		r = say(step, "filesystem.hidden", k->hidden[i], hide(k->hidden[i]));
	return r;
}

int confine_syscalls(const struct confinement *k)
{
	struct sock_filter program[SECCOMP_PROGRAM_MAX];
	if (k->syscalls == 0)
		return 0;
	size_t n = seccomp_build(k->syscalls, program);
	return n == 0 ? -ENOSYS : sys_filter_calls(program, n);
}
