/* SPDX-License-Identifier: MIT
 *
 * A keeper is the parent of one service, and the reaper of what it leaves behind, where neither a cgroup nor a uid
 * of its own tells what belongs to it. A process of few pages that waits; it ends when nothing of the service is
 * left. It talks with PID 1 over a SOCK_SEQPACKET pair, in one message of two numbers.
 */
#ifndef TAO_KEEPER_H
#define TAO_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum keeper_word {
	KEEPER_STARTED, /* from it: the pid of the main process */
	KEEPER_ENDED,	/* from it: wait(2) status of the main process */
	KEEPER_SIGNAL,	/* to it: a signal for the main process, if that has not ended */
	KEEPER_KILL,	/* to it: SIGKILL for all, until nothing is left */
	KEEPER_IDS,	/* from a container's: it is in a user namespace that wants its ids; to it: 0, or -errno */
};

struct keeper_message {
	int32_t word, value;
};

/* The keeper's whole life, as parent of main and a subreaper, or pid 1 of a namespace, with all signals blocked. tell: it
 * says KEEPER_STARTED; else it is that pid 1, main has said so itself, as its pid is another for PID 1, and with PID 1 all
 * ends. qmp: the monitor of a machine, which SIGTERM then means the power button of, until it ends; -1: main is none. */
_Noreturn void keeper_run(int socket, pid_t main, bool tell, int qmp);

#endif
