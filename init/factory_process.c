/* SPDX-License-Identifier: MIT
 *
 * Programs as processes of this host. The child makes itself the service, step by step, and says over a
 * close-on-exec pipe which step failed; it allocates nothing and calls nothing that could wait for PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "child.h"
#include "confine.h"
#include "measure.h"
#include "sys.h"
#include "sys_child.h"

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
	child_must(c, "opening a measured copy", fd);
	child_must(c, "opening a measured copy", sys_fstat(fd, &st));
	if (st.st_dev != copies)
		child_fail(c->pipe, "a measured file was moved", -ESTALE);
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
		child_must(c, "opening a measured file", targets[i]);
	}
	child_must(c, "attaching measured copies", sys_attach_mount(c->files, "/"));
	for (int i = 0; i <= s->n_files && i <= MEASURE_FILES_MAX; i++) {
		snprintf(name, sizeof name, "%d", i);
		child_must(c, "binding a measured file", sys_bind_onto(c->files, name, targets[i]));
		sys_close(targets[i]);
	}
	child_must(c, "measured copies", sys_fstat(c->files, &copies));
	child_must(c, "detaching measured copies", sys_detach_mount(c->files));
	for (int i = 1; i <= s->n_files && i <= MEASURE_FILES_MAX; i++)
		sys_close(open_copy(c, s->files[i - 1], copies.st_dev));
	/* The copy of the program runs in the image's place: so that /proc/self/exe has its path. */
	if (c->plan->measured->by_path)
		c->program = open_copy(c, s->exec[0], copies.st_dev);
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
	child_fail(c->pipe, "exec", r);
}

void child_settle(struct child *c)
{
	const struct confinement *confinement = c->service->confinement;
	char step[START_STEP_MAX] = "";
	child_must(c, step, confine_place(confinement, step));
	bool own_view = c->files >= 0 || confine_has_view(confinement);
	if (own_view)
		child_must(c, "a mount namespace", sys_private_mounts());
	if (c->files >= 0)
		bind_files(c);
	if (confine_has_view(confinement))
		child_must(c, step, confine_view(confinement, step));
	child_confine(c, own_view);
}

/* In this order: descriptors while there is room for them; mounts and limits while there are rights for them;
 * then the rights; then what the service itself could do. The step before the last opens the door to signals. */
_Noreturn void child_be_process(const struct start_plan *plan, int pipe)
{
	struct child c;
	child_begin(&c, plan, pipe);
	child_set_descriptors(&c);
	child_settle(&c);
	run(&c);
}

static int process_start(const struct start_plan *plan, struct started *started)
{
	static const struct child_way way = { .be = child_be_process };
	return child_start(&way, plan, started);
}

const struct factory_class factory_process = {
	.name = "process",
	.ext = "Program",
	.takes = FACTORY_EXEC,
	.chan = &chan_socketpair,
	.start = process_start,
	.signal = child_signal,
};
