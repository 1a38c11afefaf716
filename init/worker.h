/* SPDX-License-Identifier: MIT
 *
 * Workers: small processes for what may block or is dangerous, each behind a SOCK_SEQPACKET pair. PID 1 survives
 * their death and starts them again, with a growing delay.
 */
#ifndef TAO_WORKER_H
#define TAO_WORKER_H

#include <stdint.h>
#include <sys/types.h>

struct worker {
	const char *name;
	int (*body)(int socket, void *arg); /* the worker's whole life: its exit status */
	void *arg;
	int fd; /* -1: not running */
	pid_t pid;
	uint32_t deaths;
	int64_t started;
	int keep[2]; /* high descriptors that its process has as 4 and 5; 0: none */
};

/* One that is not running. */
static inline struct worker worker_made(const char *name, int (*body)(int socket, void *arg), void *arg)
{
	return (struct worker){ .name = name, .body = body, .arg = arg, .fd = -1 };
}

/* Forks the worker: 0 or -errno. Its socket is non-blocking on our side. */
int worker_start(struct worker *worker);
/* Its process is gone: closes our end. Returns how long to wait before the next start, ns. */
int64_t worker_ended(struct worker *worker);

#endif
