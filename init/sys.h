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
void sys_close_from(int first);		     /* every descriptor from first on */
void sys_close_between(int first, int last); /* those included */
ssize_t sys_read(int fd, void *p, size_t n);
ssize_t sys_write(int fd, const void *p, size_t n);
ssize_t sys_pread(int fd, void *p, size_t n, off_t at);
int sys_cut(int fd, off_t at); /* cuts a file to so many bytes and goes to their end */
/* All of n bytes, blocking; -EPIPE at an early end of file. Never in PID 1's loop. */
int sys_write_all(int fd, const void *p, size_t n);
int sys_pipe(int fds[2]);
int sys_socketpair(int type, int fds[2]);
int sys_nonblock(int fd);
bool sys_writable(int fd); /* would take at least PIPE_BUF bytes now */
int sys_fd_valid(int fd);  /* 1 or 0 */
int sys_dup2(int from, int to);
#define SYS_FD_HIGH 40
int sys_dup_high(int fd); /* a copy at SYS_FD_HIGH or above, where no child wants its own, close-on-exec */
/* A stream socket that was open when we were executed, from now on at a high number; -EBADF for one of our own, which
 * are close-on-exec. */
int sys_take_inherited(int fd);
int sys_mkdir(const char *path, mode_t mode);
int sys_rmdir(const char *path);
/* For oneself, until all descriptors that come from this one are closed; -EWOULDBLOCK where another has it. */
int sys_lock(int fd);
int sys_unlink(const char *path);
int sys_rename(const char *from, const char *to);
int sys_stat(const char *path, struct stat *st);
int sys_fstat(int fd, struct stat *st);
int sys_chmod(const char *path, mode_t mode);
int sys_chown(const char *path, uid_t uid, gid_t gid); /* of a link, the link itself */
int sys_chdir(const char *path);
ssize_t sys_readlink(const char *path, char *p, size_t cap); /* NUL-terminated */
mode_t sys_umask(mode_t mask);
/* A whole small file, NUL-terminated at p[n]; -EFBIG if it does not fit into cap - 1. */
ssize_t sys_read_file(const char *path, void *p, size_t cap);
int sys_write_file(const char *path, const char *text);

/* Messages with descriptors (SCM_RIGHTS). recv closes fds that do not fit into cap. Neither blocks. */
ssize_t sys_send(int fd, struct span bytes, const int *fds, int n_fds);
/* The fastest way, of a stream's bytes; descriptors that come with them are dropped. */
ssize_t sys_recv_bytes(int fd, void *p, size_t cap);
ssize_t sys_recv(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds);
/* The same without descriptors, and with the pid that the sender has for us, 0 if it is not known; once sys_tell_senders()
 * has been called. */
ssize_t sys_recv_of(int fd, void *p, size_t cap, pid_t *sender);
int sys_tell_senders(int fd);
/* Several pieces as one, without descriptors. */
#define SYS_PARTS_MAX 4
ssize_t sys_send_parts(int fd, const struct span *parts, unsigned n);
ssize_t sys_send_wait(int fd, struct span bytes, const int *fds, int n_fds);
/* The same, blocking: for workers and commands, never in PID 1's loop. */
ssize_t sys_recv_wait(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds);
int sys_listen_unix(const char *path, mode_t mode);
int sys_bind_datagram(const char *path, mode_t mode); /* non-blocking */
int sys_connect_unix(const char *path);
int sys_accept(int fd);
int sys_peer(int fd, struct ucred *who);
bool sys_peer_in_group(int fd, gid_t gid); /* supplementary; of the first 256 */

/* Events. */
int sys_epoll(void);
int sys_epoll_set(int ep, int op, int fd, uint32_t events, uint64_t data);
int sys_epoll_wait(int ep, struct epoll_event *events, int max, bool block);
int sys_timerfd(void);
/* Absolute CLOCK_MONOTONIC nanoseconds; 0 disarms. */
int sys_timer_set(int fd, int64_t when);
int sys_signalfd(const sigset_t *mask);
int64_t sys_now(void);	    /* CLOCK_MONOTONIC (stops in suspend), ns */
void sys_sleep(int64_t ns); /* never in PID 1's loop */
int64_t sys_realtime(void); /* ns since 1970 */

/* Processes. */
pid_t sys_getpid(void);
uid_t sys_getuid(void);
gid_t sys_getgid(void);
/* fork without CLONE_VM; into the cgroup whose directory fd is given (or -1). 0 in the child. */
pid_t sys_fork(int cgroup);
pid_t sys_fork_into(int cgroup, unsigned namespaces); /* the same, and into new ones: CLONE_NEW* */
pid_t sys_getppid(void);
int sys_reaches_any(
	void); /* is there a process, but PID 1 and us, that we may signal? 1, 0, -errno without /proc */
int sys_kill(pid_t pid, int sig);
/* To all descendants of the caller and their process groups; how many, or -errno without /proc. Allocates. */
int sys_kill_descendants(int sig);
pid_t sys_wait(pid_t pid, int *status); /* blocks: never in PID 1's loop */
int sys_setuid_only(uid_t uid);		/* real, effective and saved; groups stay */
int sys_subreaper(void);
int sys_undumpable(void);
int sys_process_name(const char *name);
/* Our command line, which everybody may read who sees the process: where it stands, and, in a child, away with it. */
void sys_note_arguments(char **argv);
void sys_hide_arguments(void);
int sys_die_with_parent(void);
int sys_no_new_privs(void);
bool sys_can_setuid(void);
void sys_block_signals(void);
void sys_unblock_signals(void);
int sys_signal_handler(int sig, void (*handler)(int));
int sys_limit(int resource, uint64_t *soft, uint64_t *hard);
/* Raises NOFILE for ourselves, and remembers what it was, for our children. */
void sys_raise_nofile(uint64_t want);
struct rlimit sys_original_nofile(void);
/* One ended child: its pid, 0 if none has ended, -ECHILD if there is none at all. */
pid_t sys_reap(int *status);
_Noreturn void sys_exit(int status);
int sys_random(void *p, size_t n);

/* Users, from /etc/passwd and /etc/group. n_groups: in: room; out: how many. Not in PID 1's loop. */
int sys_user_find(const char *name, uid_t *uid, gid_t *gid, gid_t *groups, int *n_groups);
int sys_group_find(const char *name, gid_t *gid);

/* Memory. */
void *sys_map(size_t n); /* anonymous, private, lazily filled; NULL on failure */
/* The same, for what no child needs: it does not get it, and forking does not have to copy its tables. */
void *sys_map_own(size_t n);
void sys_keep_from_children(void *p, size_t n); /* whole pages: the same of a part of a mapping */
/* For those who have come to rest: waits until there may be something to read, and meanwhile has hardly a page of code and
 * constants in memory: what is needed then is read in again. */
void sys_rest(int fd);
void *sys_map_shared(size_t n); /* the same memory in children */
/* What was shared is the caller's alone from now on, at the same place: the first used bytes of it, and zeros. */
int sys_map_private(void *p, size_t n, size_t used);
void sys_unmap(void *p, size_t n);
void sys_forget(void *p, size_t n); /* gives the pages back; they read as zeros from now on */
/* Locked, not dumped, wiped in children (DESIGN, section 2); a guard page stands below. NULL on failure;
 * locked is false where RLIMIT_MEMLOCK did not allow that. */
void *sys_map_secret(size_t n, bool *locked);
/* Runs f(arg) on the stack whose end (highest address) is given. */
void sys_call_on_stack(void *stack_end, void (*f)(void *), void *arg);

#endif
