/* SPDX-License-Identifier: MIT
 *
 * A keeper is the parent of one service, and the reaper of what it leaves behind, where neither a cgroup nor a uid
 * of its own tells what belongs to it. A process of few pages that waits; it ends when nothing of the service is
 * left. It talks with PID 1 over a SOCK_SEQPACKET pair, in one message of two numbers.
 */
#ifndef TAO_KEEPER_H
#define TAO_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

enum keeper_word {
	KEEPER_STARTED, /* from it: the pid of the main process */
	KEEPER_ENDED,	/* from it: wait(2) status of the main process */
	KEEPER_SIGNAL,	/* to it: a signal for the main process, if that has not ended */
	KEEPER_KILL,	/* to it: SIGKILL for all, until nothing is left */
};

struct keeper_message {
	int32_t word, value;
};

/* The keeper's whole life, as parent of main and a subreaper, with all signals blocked. qmp: the monitor of a machine,
 * which SIGTERM then means the power button of, until it ends; -1: main is none. */
_Noreturn void keeper_run(int socket, pid_t main, int qmp);

#endif
