/* SPDX-License-Identifier: MIT
 *
 * A factory starts and stops programs and never decides whether. Factory and channel are a pair: the class
 * names its channel, so that no other combination can be written down. One const struct factory_class a kind,
 * in factory_<kind>.c, with one row in factory.def.
 */
#ifndef TAO_FACTORY_H
#define TAO_FACTORY_H

#include <sys/types.h>

#include "manifest.h"

/* How a program and its host talk. open makes both ends, close-on-exec; 0 or -errno. Never blocks. */
struct chan_class {
	const char *name;
	int (*open)(int *host_end, int *child_end);
};
extern const struct chan_class chan_socketpair, chan_virtio_serial;

/* What a measured program is made of; every fd belongs to the launch, which closes it when start has returned. */
struct measured {
	int image;		      /* sealed memfd of the program; what runs */
	int files;		      /* mount fd of the private read-only tmpfs, or -1 (DESIGN, section 4.3) */
	int parts[MEASURE_PARTS_MAX]; /* sealed memfds of the service's parts, in their order; -1 */
	bool by_path; /* the program has an interpreter and stands in files: run by its (covered) path */
	struct digest program;
	struct digest files_digest;
	struct part_digests part_digests;
	uint64_t admitted; /* under which policy (policy_changes) it may run */
};

/* What else a start needs: made by init/launch.c. */
struct start_plan {
	const struct service *service;
	const struct measured *measured;
	int channel; /* the child's end; becomes start_channel_fd() */
	int ready;   /* the child's end of the pipe of $TAO_READY_FD, which becomes the fd after it, or -1 */
	const int *sockets; /* the service's, which become fds 3 and up, as systemd's protocol has it */
	char *listen_pid;   /* where in env the child writes its pid, START_PID_MAX bytes; NULL without sockets */
	int in, out, err;   /* what becomes fds 0, 1, 2; -1: /dev/null for in, taoinit's own for out and err */
	bool keep;	    /* under a subreaper of its own (keeper.h) */
	pid_t keeper;	    /* in its child: whose end is its own; 0: none */
	int cgroup;	    /* fd of the service's cgroup directory, or -1 */
	unsigned held;	    /* 1 << enum group_limit: what the cgroup sees to */
	struct span host;   /* the name that its programs' names begin with */
	char *const *env;   /* complete */
};

#define START_PID_MAX 12

/* The number of a child's channel: 3, or what comes after its sockets. */
static inline int start_channel_fd(const struct service *service)
{
	return 3 + (int)service->n_sockets;
}

struct started {
	pid_t pid; /* of the program, or of its keeper */
	int exec_error; /* read end of a CLOEXEC pipe: end of file when the program runs, else a start_failure; never blocks */
	int keeper;	    /* socket of its keeper, -1: it has none */
	const char *remedy; /* where start fails: what may help, or NULL */
};

/* A few words and a path, or why an image is refused; written to a pipe at once. */
#define START_STEP_MAX 236

/* What the child writes to the pipe when it could not get as far as the program. */
struct start_failure {
	int32_t error;		   /* errno */
	char step[START_STEP_MAX]; /* "uid", "exec", "filesystem.hidden /home", …; NUL-terminated */
};

/* Which keys of an entry a factory is for; the others are refused. What is for one of these is checked, measured and
 * named as for the factories that are there; a factory has no keys of its own. */
enum factory_takes {
	FACTORY_EXEC = 1,   /* a program of this host, which must be there, and what is measured with it */
	FACTORY_IMAGE = 2,  /* image and what belongs to it; exec is a program in it */
	FACTORY_KERNEL = 4, /* kernel, initrd and what belongs to them */
};

/* To write one: init/factory_NAME.c with `const struct factory_class factory_NAME`, and the row FACTORY(NAME) in
 * factory.def, no more; tests/factory/factory_nice.c is one. All of it is const; state is the child's.
 *
 * When start is called, the program is measured, named and admitted, and the channel is open. PID 1 has one thread and
 * serves everybody: start must not wait, for the child neither, allocate, or read what an outsider could make slow. What
 * takes long is the child's, which has 10 s for it, and with an image start_timeout, until exec closes its pipe
 * (started->exec_error); then it is killed. Until exec the child is a copy of PID 1 with all rights and secrets; it does not
 * allocate either, and ends by child_fail(), whose words taoctl shows. child_start() does what start must; a child_way says
 * what the child does. Of the kernel both ask by sys*.h; in this tree tests/structure/symbols insists on that.
 *
 * Descriptors. Of the plan: the caller's, which closes them when start has returned, whatever it returned; the child has
 * its copies, which child_begin() lifts, child_set_descriptors() puts in their places, and exec closes. Of started: the
 * caller's from then on where start returned 0; where it failed, nothing was made: no process, no descriptor.
 *
 * The end. PID 1 reaps started->pid; what else the program has left is ended by cgroup, by uid, or by the keeper that
 * child_start() forks where plan->keep wants one. A factory with a keeper of its own (child_way.keep) speaks keeper.h, which
 * is told with each keeper_word there; all that it makes must end with it, SIGKILL included. For FACTORY_IMAGE PID 1 expects
 * the keeper of factory_container.c, which asks for ids and has its program say itself that it has started. */
struct factory_class {
	const char *name; /* the word in "factory"; that of the row, [a-z][a-z0-9_]* */
	/* What its programs are called in names, .Program([…]): a capital letter, letters and digits. A policy tells by
	 * nothing else which factory ran a program, so that no two have the same. */
	const char *ext;
	unsigned takes;		       /* one of enum factory_takes */
	const struct chan_class *chan; /* chan_socketpair, unless the program cannot inherit descriptors */
	/* Forks; never waits for the child. 0 and *started is filled in, or -errno (EAGAIN, ENOMEM: try again later; others:
	 * taoctl shows it, with started->remedy). Called again for each restart, with everything measured anew. */
	int (*start)(const struct start_plan *plan, struct started *started);
	/* To the main program alone, where there is no keeper to ask: its stop signal, and what taoctl signal sends; -errno.
	 * child_signal() unless the pid is not that of a process that understands it. Does not wait either. */
	int (*signal)(pid_t pid, int signal);
};

#define FACTORY(id) extern const struct factory_class factory_##id;
#include "factory.def"
#undef FACTORY

/* NULL if there is no such class. */
const struct factory_class *factory_find(const char *name);

#endif
