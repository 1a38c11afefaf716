/* SPDX-License-Identifier: MIT
 *
 * The kernel. Every syscall of init/ goes through this seam, implemented in sys*.c; tests link a double in its
 * place to inject failures. Functions return zero or positive on success and -errno on failure, and are not
 * interrupted by signals (EINTR is retried where it may be). All descriptors made are close-on-exec.
 */
#ifndef TAO_SYS_H
#define TAO_SYS_H

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../crypto/base.h"

/* Descriptors and files. */
int sys_open(const char *path, int flags, mode_t mode);
int sys_close(int fd);
ssize_t sys_read(int fd, void *p, size_t n);
ssize_t sys_write(int fd, const void *p, size_t n);
/* All of n bytes, blocking; -EPIPE at an early end of file. Never in PID 1's loop. */
int sys_write_all(int fd, const void *p, size_t n);
int sys_pipe(int fds[2]);
int sys_socketpair(int type, int fds[2]);
int sys_nonblock(int fd);
int sys_mkdir(const char *path, mode_t mode);
int sys_rmdir(const char *path);
int sys_unlink(const char *path);
int sys_stat(const char *path, struct stat *st);
int sys_fstat(int fd, struct stat *st);
int sys_chmod(const char *path, mode_t mode);
/* A whole small file, NUL-terminated at p[n]; -EFBIG if it does not fit into cap - 1. */
ssize_t sys_read_file(const char *path, void *p, size_t cap);
int sys_write_file(const char *path, const char *text);

/* Messages with descriptors (SCM_RIGHTS). recv closes fds that do not fit into cap. Neither blocks. */
ssize_t sys_send(int fd, struct span bytes, const int *fds, int n_fds);
ssize_t sys_recv(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds);
int sys_listen_unix(const char *path, mode_t mode);
int sys_connect_unix(const char *path);
int sys_accept(int fd);
int sys_peer(int fd, struct ucred *who);

/* Events. */
int sys_epoll(void);
int sys_epoll_set(int ep, int op, int fd, uint32_t events, uint64_t data);
int sys_epoll_wait(int ep, struct epoll_event *events, int max);
int sys_timerfd(void);
/* Absolute CLOCK_MONOTONIC nanoseconds; 0 disarms. */
int sys_timer_set(int fd, int64_t when);
int sys_signalfd(const sigset_t *mask);
int64_t sys_now(void);      /* CLOCK_MONOTONIC (stops in suspend), ns */
int64_t sys_realtime(void); /* ns since 1970 */

/* Processes. */
pid_t sys_getpid(void);
uid_t sys_getuid(void);
gid_t sys_getgid(void);
/* fork without CLONE_VM; into the cgroup whose directory fd is given (or -1). 0 in the child. */
pid_t sys_fork(int cgroup);
int sys_kill(pid_t pid, int sig);
/* One ended child: its pid, 0 if none has ended, -ECHILD if there is none at all. */
pid_t sys_reap(int *status);
_Noreturn void sys_exit(int status);
int sys_random(void *p, size_t n);

/* Memory. */
void *sys_map(size_t n);               /* anonymous, private, lazily filled; NULL on failure */
void sys_unmap(void *p, size_t n);
/* Locked, not dumped, wiped in children (DESIGN, section 2); NULL on failure. */
void *sys_map_secret(size_t n);
/* Runs f(arg) on the stack whose end (highest address) is given. */
void sys_call_on_stack(void *stack_end, void (*f)(void *), void *arg);

#endif
