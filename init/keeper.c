/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "keeper.h"
#include "sys.h"

#define FD_SOCKET 3

static void say(enum keeper_word word, int value)
{
	struct keeper_message message = { (int32_t)word, value };
	sys_send_wait(FD_SOCKET, span_of(&message, sizeof message), NULL, 0);
}

/* Ends the process when there are no children any more. */
static void reap(pid_t *main)
{
	int status;
	pid_t pid;
	while ((pid = sys_reap(&status)) > 0) {
		if (pid != *main)
			continue;
		*main = 0;
		say(KEEPER_ENDED, status);
	}
	if (pid == -ECHILD)
		sys_exit(0);
}

/* Stopped first, so that they fork no more; what was forked meanwhile is met again. */
static void kill_all(void)
{
	sys_kill_descendants(SIGSTOP);
	sys_kill_descendants(SIGKILL);
}

_Noreturn void keeper_run(int socket, pid_t main, bool tell)
{
	struct keeper_message message;
	struct epoll_event event;
	sigset_t children;
	bool killing = false;
	sys_process_name("tao-keep");
	if (socket != FD_SOCKET)
		sys_dup2(socket, FD_SOCKET);
	sys_close_from(FD_SOCKET + 1);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	int ep = sys_epoll(), signals = sys_signalfd(&children);
	if (ep < 0 || signals < 0)
		sys_exit(127);
	sys_epoll_set(ep, EPOLL_CTL_ADD, signals, EPOLLIN, 0);
	sys_epoll_set(ep, EPOLL_CTL_ADD, FD_SOCKET, EPOLLIN, 0);
	if (tell)
		say(KEEPER_STARTED, main);
	for (;;) {
		struct signalfd_siginfo info;
		reap(&main);
		if (killing)
			kill_all();
		sys_epoll_wait(ep, &event, 1, true);
		sys_read(signals, &info, sizeof info);
		ssize_t n = sys_recv(FD_SOCKET, &message, sizeof message, NULL, 0, NULL);
		if (n == 0 && !tell)
			sys_exit(1);
		if (n == 0)
			sys_epoll_set(ep, EPOLL_CTL_DEL, FD_SOCKET, 0, 0); /* PID 1 is gone: reap on */
		if (n != (ssize_t)sizeof message)
			continue;
		killing = killing || message.word == KEEPER_KILL;
		if (message.word == KEEPER_SIGNAL && main > 0)
			sys_kill(main, message.value);
	}
}
