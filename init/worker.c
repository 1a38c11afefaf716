/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "manifest.h"
#include "sys.h"
#include "worker.h"

/* A worker that dies at once is started again at once, then after 10 ms, 20 ms … up to this. */
#define DELAY_MAX (5 * NS_PER_S)
/* After so long a life its deaths are forgotten. */
#define GOOD_LIFE (10 * NS_PER_S)

static _Noreturn void be(const struct worker *worker, int socket)
{
	sys_process_name(worker->name);
	sys_die_with_parent();
	sys_undumpable();
	/* Everything else that PID 1 has open is none of a worker's business. */
	if (socket != 3)
		sys_dup2(socket, 3);
	int first = 4;
	for (int i = 0; i < 2 && worker->keep[i] > 0; i++)
		sys_dup2(worker->keep[i], first++);
	sys_close_from(first);
	/* That nobody reads any more, a console or a parent, is an error like others. */
	sys_signal_handler(SIGPIPE, SIG_IGN);
	sys_unblock_signals();
	sys_exit(worker->body(3, worker->arg));
}

int worker_start(struct worker *worker)
{
	int fds[2];
	int r = sys_socketpair(SOCK_SEQPACKET, fds);
	if (r < 0)
		return r;
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		be(worker, fds[1]);
	sys_close(fds[1]);
	if (pid < 0) {
		sys_close(fds[0]);
		return pid;
	}
	sys_nonblock(fds[0]);
	worker->fd = fds[0];
	worker->pid = pid;
	worker->started = sys_now();
	return 0;
}

int64_t worker_ended(struct worker *worker)
{
	if (worker->fd >= 0)
		sys_close(worker->fd);
	worker->fd = -1;
	worker->pid = 0;
	if (sys_now() - worker->started > GOOD_LIFE)
		worker->deaths = 0;
	worker->deaths++;
	int64_t delay = worker->deaths < 2 ? 0 : 10 * NS_PER_MS << (worker->deaths < 12 ? worker->deaths - 2 : 10);
	return delay > DELAY_MAX ? DELAY_MAX : delay;
}
