/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "keeper.h"
#include "manifest.h"
#include "sys.h"

#define FD_SOCKET 3
#define FD_QMP 4
/* A kernel that has not come to listening to the button yet does not hear it. */
#define PRESS_EACH NS_PER_S

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

/* QEMU is asked one thing at a time, whatever it has to say. What it does not take is not waited for. */
static void ask_machine(const char *line)
{
	sys_send(FD_QMP, span_str(line), NULL, 0);
}

static void press(int timer)
{
	ask_machine("{\"execute\":\"system_powerdown\"}\n");
	sys_timer_set(timer, sys_now() + PRESS_EACH);
}

/* A turn's worth of it; false: it has hung up. */
static bool drain_machine(void)
{
	char said[4096];
	ssize_t n = sys_recv_bytes(FD_QMP, said, sizeof said);
	return n > 0 || n == -EAGAIN;
}

static void take(int socket, int qmp)
{
	int from = sys_dup_high(socket), monitor = qmp >= 0 ? sys_dup_high(qmp) : -1;
	sys_dup2(from, FD_SOCKET);
	if (monitor >= 0)
		sys_dup2(monitor, FD_QMP);
	sys_close_from(monitor >= 0 ? FD_QMP + 1 : FD_SOCKET + 1);
}

_Noreturn void keeper_run(int socket, pid_t main, bool tell, int qmp)
{
	struct keeper_message message;
	struct epoll_event event;
	sigset_t children;
	bool killing = false, machine = qmp >= 0;
	sys_process_name("tao-keep");
	take(socket, qmp);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	int ep = sys_epoll(), signals = sys_signalfd(&children), timer = machine ? sys_timerfd() : -1;
	if (ep < 0 || signals < 0 || (machine && timer < 0))
		sys_exit(127);
	sys_epoll_set(ep, EPOLL_CTL_ADD, signals, EPOLLIN, 0);
	sys_epoll_set(ep, EPOLL_CTL_ADD, FD_SOCKET, EPOLLIN, 0);
	if (machine) {
		sys_epoll_set(ep, EPOLL_CTL_ADD, timer, EPOLLIN, 0);
		sys_epoll_set(ep, EPOLL_CTL_ADD, FD_QMP, EPOLLIN, 0);
		ask_machine("{\"execute\":\"qmp_capabilities\"}\n");
	}
	if (tell)
		say(KEEPER_STARTED, main);
	for (;;) {
		struct signalfd_siginfo info;
		uint64_t due;
		reap(&main);
		if (killing)
			kill_all();
		sys_epoll_wait(ep, &event, 1, true);
		sys_read(signals, &info, sizeof info);
		if (machine && !drain_machine()) {
			machine = false;
			sys_epoll_set(ep, EPOLL_CTL_DEL, FD_QMP, 0, 0);
		}
		if (machine && sys_read(timer, &due, sizeof due) > 0)
			press(timer);
		ssize_t n = sys_recv(FD_SOCKET, &message, sizeof message, NULL, 0, NULL);
		if (n == 0) {
			/* PID 1 is gone: a process may go on, a container or a machine has nobody who could stop it. */
			if (!tell)
				sys_exit(1);
			sys_epoll_set(ep, EPOLL_CTL_DEL, FD_SOCKET, 0, 0);
			if (qmp >= 0)
				kill_all();
		}
		if (n != (ssize_t)sizeof message)
			continue;
		killing = killing || message.word == KEEPER_KILL;
		if (message.word == KEEPER_SIGNAL && message.value == SIGTERM && machine)
			press(timer);
		else if (message.word == KEEPER_SIGNAL && main > 0)
			sys_kill(main, message.value);
	}
}
