/* SPDX-License-Identifier: MIT
 *
 * What factories have in common: a child that makes itself the service, step by step, and says over a close-on-exec
 * pipe which step failed. It allocates nothing and calls nothing that could wait for PID 1; a step that fails ends it.
 */
#ifndef TAO_CHILD_H
#define TAO_CHILD_H

#include "factory.h"

/* The child's descriptors, at numbers that the final ones cannot hit; close-on-exec. -1 is none. */
struct child {
	const struct start_plan *plan;
	const struct service *service;
	int pipe; /* to say what failed */
	int channel, ready, in, out, err;
	int sockets[SOCKETS_MAX];
	int parts[MEASURE_PARTS_MAX];
	int files;   /* mount of the measured copies */
	int program; /* what to execute, or the image */
	int rules;   /* of its Landlock domain */
	gid_t group; /* one more that it is in; 0: none */
	uid_t uid;   /* the service's, unless a factory says otherwise */
	gid_t gid;
	const char *cwd;
};

/* Says what failed, and ends the process. */
_Noreturn void child_fail(int pipe, const char *step, int error);
void child_must(const struct child *c, const char *step, int r);

/* In this order: a session of its own, and its descriptors kept from what follows. */
void child_begin(struct child *c, const struct start_plan *plan, int pipe);
/* Descriptors 0 to 2, sockets, channel, ready pipe and parts stand where the program finds them; nothing else will be
 * open after exec. The number of the first part. */
int child_set_descriptors(struct child *c);
/* Of the descriptors that PID 1 has, those of the child stay, 0 to 2, and this one: for who does not come to exec soon. */
void child_close_others(const struct child *c, int keep);
/* While there are the rights to: what child_confine will set can be set without them. */
void child_allow_limits(const struct child *c);
/* After mounts and namespaces: limits, rights, directory, signals and system calls. own_view: it has mounts of its own. */
void child_confine(struct child *c, bool own_view);

/* Namespaces, mounts and what follows: of a process of this host (factory_process.c). */
void child_settle(struct child *c);
/* All of that, and exec: a program of this host, FACTORY_EXEC (factory_process.c). For a factory that does more before. */
_Noreturn void child_be_process(const struct start_plan *plan, int pipe);

/* How a factory starts: functions that do not return. */
struct child_way {
	unsigned namespaces; /* CLONE_NEW* that the first process begins in */
	void (*be)(const struct start_plan *plan, int pipe);
	/* The first process, as the keeper (keeper.h) of the one that is to be the service; NULL: one that does nothing
	 * else, where the plan wants any. */
	void (*keep)(const struct start_plan *plan, int pipe, int socket);
};

/* A factory's start and signal (factory.h). */
int child_start(const struct child_way *way, const struct start_plan *plan, struct started *started);
int child_signal(pid_t pid, int signal);

#endif
