/* SPDX-License-Identifier: MIT
 *
 * Programs in containers: namespaces of their own, a root made of an image. PID 1 forks the keeper, pid 1 of the
 * container, with whose end all of it ends; that makes everything, and then the program, its child.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>

#include "confine.h"
#include "container.h"
#include "keeper.h"
#include "sys.h"
#include "sys_child.h"
#include "sys_confine.h"
#include "sys_container.h"
#include "sys_machine.h"
#include "sys_measure.h"

/* ---- in the keeper ---- */

/* What only PID 1's rights allow, and other namespaces would not show. */
static void prepare(struct child *c, bool inside)
{
	const struct container *container = c->service->container;
	char step[START_STEP_MAX] = "";
	child_must(c, step, confine_place(c->service->confinement, step));
	child_allow_limits(c);
	if (!inside && sys_root_is_memory()) {
		child_must(c, "a mount namespace", sys_private_mounts());
		child_must(c, "a root that can be left", sys_cover_root());
	}
	if (container->network != NULL) {
		snprintf(step, sizeof step, "network %s", container->network);
		child_must(c, step, sys_join_network(container->network));
	}
}

/* PID 1 says which ids of the host are those of our user namespace. */
static void take_ids(const struct child *c, int socket)
{
	struct keeper_message message = { KEEPER_IDS, 0 };
	sys_send_wait(socket, span_of(&message, sizeof message), NULL, 0);
	do {
		if (sys_recv_wait(socket, &message, sizeof message, NULL, 0, NULL) != (ssize_t)sizeof message)
			sys_exit(1); /* PID 1 is gone */
	} while (message.word != KEEPER_IDS);
	child_must(c, "the ids of its user namespace", message.value);
	child_must(c, "being root of its user namespace", sys_become_root());
	child_must(c, "ending with PID 1", sys_die_with_parent()); /* another uid takes that back */
}

static void unshare_all(const struct child *c)
{
	const struct container *container = c->service->container;
	bool own_network = !container->host_network && container->network == NULL;
	child_must(c, "namespaces",
		   sys_unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
			       (own_network ? (unsigned)CLONE_NEWNET : 0U)));
	child_must(c, "a mount namespace", sys_private_mounts());
	child_must(c, "its hostname", sys_set_hostname(c->service->name));
	if (own_network)
		child_must(c, "the loopback interface", sys_loopback_up());
	child_must(c, "a keyring", sys_own_keyring());
}

static _Noreturn void be(struct child *c, const struct container_run *run, int socket)
{
	const struct confinement *confinement = c->service->confinement;
	struct keeper_message message = { KEEPER_STARTED, 0 };
	char step[START_STEP_MAX] = "";
	/* PID 1 sees who says so, by the pid that it has there. */
	sys_send_wait(socket, span_of(&message, sizeof message), NULL, 0);
	child_must(c, "a session", sys_session());
	child_set_descriptors(c);
	if (confine_has_view(confinement))
		child_must(c, step, confine_view(confinement, step));
	child_confine(c, true);
	container_exec(c, run);
}

static _Noreturn void keep(const struct start_plan *plan, int pipe, int socket, bool inside)
{
	static struct container_run run;
	struct container_parts parts;
	struct child c;
	child_begin(&c, plan, pipe);
	socket = sys_dup_high(socket);
	child_must(&c, "duplicating descriptors", socket);
	child_close_others(&c, socket);
	sys_umask(022);
	sys_hide_arguments();
	prepare(&c, inside);
	container_plan_run(&c, &run);
	if (!inside) {
		container_open_parts(&c, &run, &parts);
		child_must(&c, "a user namespace", sys_unshare(CLONE_NEWUSER));
		take_ids(&c, socket);
	} else {
		child_must(&c, "an image under dm-verity, which is for root alone to mount; make it a tar",
			   run.verity != NULL ? -EPERM : 0);
		/* An ordinary user may not write into what belongs to a process that nobody may look into. */
		child_must(&c, "dumpable", sys_dumpable());
		take_ids(&c, socket);
		child_must(&c, "undumpable", sys_undumpable());
		container_open_parts(&c, &run, &parts);
	}
	unshare_all(&c);
	container_make_root(&c, &parts);
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		be(&c, &run, socket);
	child_must(&c, "fork", pid);
	/* Signals for the main process are all that it is for now. */
	child_must(&c, "rights of the keeper", sys_keep_capabilities(1ULL << CAP_KILL));
	child_must(&c, "no_new_privs", sys_no_new_privs());
	sys_close(0);
	sys_close(1);
	sys_close(2);
	keeper_run(socket, pid, false, -1);
}

static _Noreturn void keep_privileged(const struct start_plan *plan, int pipe, int socket)
{
	keep(plan, pipe, socket, false);
}

static _Noreturn void keep_ordinary(const struct start_plan *plan, int pipe, int socket)
{
	keep(plan, pipe, socket, true);
}

/* ---- in PID 1 ---- */

int container_give_ids(const struct service *s, pid_t keeper)
{
	bool all = s->container->uid_base != 0;
	return sys_map_ids(keeper, s->uid, s->gid, all ? CONTAINER_IDS : 1, sys_can_setuid());
}

static int container_start(const struct start_plan *plan, struct started *started)
{
	static const struct child_way privileged = { .namespaces = CLONE_NEWPID, .keep = keep_privileged };
	static const struct child_way ordinary = { .namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS,
						   .keep = keep_ordinary };
	int r = sys_can_setuid() ? child_start(&privileged, plan, started) : -EPERM;
	if (r == -EPERM)
		r = child_start(&ordinary, plan, started);
	if (r == -EPERM || r == -ENOSPC || r == -EUSERS || r == -EINVAL)
		started->remedy =
			"a container needs user namespaces, which are forbidden here: allow them by "
			"user.max_user_namespaces and kernel.unprivileged_userns_clone, or run taoinit as root";
	return r;
}

const struct factory_class factory_container = {
	.name = "container",
	.ext = "Container",
	.takes = FACTORY_IMAGE,
	.chan = &chan_socketpair,
	.start = container_start,
	.signal = child_signal,
};
