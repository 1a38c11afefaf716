/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: descriptors, files, events, memory, time. Processes are in sys_process.c, sockets in
 * sys_socket.c, what only a machine's PID 1 does in sys_machine.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

static int result(int r)
{
	return r < 0 ? -errno : r;
}

/* Not through musl, which sets close-on-exec a second time, for kernels that no longer run. */
int sys_open(const char *path, int flags, mode_t mode)
{
	int fd;
	do
		fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC | O_LARGEFILE, mode);
	while (fd < 0 && errno == EINTR);
	return result(fd);
}

int sys_close(int fd)
{
	/* On Linux the descriptor is gone even after EINTR. */
	return result(close(fd));
}

void sys_close_between(int first, int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	struct rlimit r = { 1024, 1024 };
	prlimit(0, RLIMIT_NOFILE, NULL, &r);
	for (int fd = first; fd <= last && (rlim_t)fd < r.rlim_cur; fd++)
		close(fd);
}

void sys_close_from(int first)
{
	sys_close_between(first, INT_MAX);
}

ssize_t sys_read(int fd, void *p, size_t n)
{
	ssize_t r;
	do
		r = read(fd, p, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t sys_write(int fd, const void *p, size_t n)
{
	ssize_t r;
	do
		r = write(fd, p, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t sys_pread(int fd, void *p, size_t n, off_t at)
{
	ssize_t r;
	do
		r = pread(fd, p, n, at);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int sys_cut(int fd, off_t at)
{
	if (ftruncate(fd, at) < 0 || lseek(fd, at, SEEK_SET) < 0)
		return -errno;
	return 0;
}

int sys_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *b = p;
	while (n > 0) {
		ssize_t r = sys_write(fd, b, n);
		if (r <= 0)
			return r < 0 ? (int)r : -EPIPE;
		b += r;
		n -= (size_t)r;
	}
	return 0;
}

bool sys_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

int sys_pipe(int fds[2])
{
	return result(pipe2(fds, O_CLOEXEC));
}

int sys_nonblock(int fd)
{
	return result(fcntl(fd, F_SETFL, O_NONBLOCK));
}

int sys_fd_valid(int fd)
{
	return result(fcntl(fd, F_GETFD)) < 0 ? 0 : 1;
}

int sys_dup2(int from, int to)
{
	return result(dup2(from, to));
}

int sys_dup_high(int fd)
{
	return result((int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, SYS_FD_HIGH)); /* as in sys_open */
}

int sys_mkdir(const char *path, mode_t mode)
{
	return result(mkdir(path, mode));
}

int sys_rmdir(const char *path)
{
	return result(rmdir(path));
}

int sys_lock(int fd)
{
	return result(flock(fd, LOCK_EX | LOCK_NB));
}

int sys_unlink(const char *path)
{
	return result(unlink(path));
}

int sys_rename(const char *from, const char *to)
{
	return result(rename(from, to));
}

int sys_stat(const char *path, struct stat *st)
{
	return result(stat(path, st));
}

int sys_fstat(int fd, struct stat *st)
{
	return result(fstat(fd, st));
}

int sys_chown(const char *path, uid_t uid, gid_t gid)
{
	return result(lchown(path, uid, gid));
}

int sys_chmod(const char *path, mode_t mode)
{
	return result(chmod(path, mode));
}

int sys_chdir(const char *path)
{
	return result(chdir(path));
}

ssize_t sys_readlink(const char *path, char *p, size_t cap)
{
	ssize_t n = readlink(path, p, cap - 1);
	if (n < 0)
		return -errno;
	p[n] = '\0';
	return n;
}

mode_t sys_umask(mode_t mask)
{
	return umask(mask);
}

ssize_t sys_read_file(const char *path, void *p, size_t cap)
{
	int fd = sys_open(path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	uint8_t *b = p;
	size_t n = 0;
	ssize_t r = 1;
	while (r > 0 && n < cap) {
		r = sys_read(fd, b + n, cap - n);
		if (r > 0)
			n += (size_t)r;
	}
	sys_close(fd);
	if (r < 0)
		return r;
	if (n == cap)
		return -EFBIG;
	b[n] = '\0';
	return (ssize_t)n;
}

int sys_write_file(const char *path, const char *text)
{
	int fd = sys_open(path, O_WRONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	size_t n = strlen(text);
	ssize_t r = sys_write(fd, text, n);
	sys_close(fd);
	return r < 0 ? (int)r : (size_t)r == n ? 0 : -EIO;
}

int sys_epoll(void)
{
	return result(epoll_create1(EPOLL_CLOEXEC));
}

int sys_epoll_set(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };
	return result(epoll_ctl(ep, op, fd, &e));
}

int sys_epoll_wait(int ep, struct epoll_event *events, int max, bool block)
{
	int n = epoll_wait(ep, events, max, block ? -1 : 0);
	return n < 0 && errno == EINTR ? 0 : result(n);
}

int sys_timerfd(void)
{
	return result(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

int sys_timer_set(int fd, int64_t when)
{
	struct itimerspec t = { .it_value = { when / 1000000000, when % 1000000000 } };
	return result(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
}

int sys_signalfd(const sigset_t *mask)
{
	return result(signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t = { 0, 0 };
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sys_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t sys_realtime(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void sys_sleep(int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };
	nanosleep(&t, NULL);
}

int sys_random(void *p, size_t n)
{
	uint8_t *b = p;
	while (n > 0) {
		ssize_t r = getrandom(b, n, 0);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0) {
			b += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

void *sys_map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void sys_keep_from_children(void *p, size_t n)
{
	madvise(p, n, MADV_DONTFORK);
}

void *sys_map_own(size_t n)
{
	void *p = sys_map(n);
	if (p != NULL)
		sys_keep_from_children(p, n);
	return p;
}

/* The linker's name for the beginning of the program. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* A system call without any of the C library's code. */
static inline void bare_call(long number, uintptr_t a, uintptr_t b, uintptr_t c)
{
#if defined(__x86_64__)
	register uintptr_t d __asm__("r10") = 0;
	__asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(d) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register uintptr_t x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = 0;
	register long x8 __asm__("x8") = number;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x8) : "memory");
#endif
}

/* Whatever runs between forgetting and waiting comes back at once, with its neighbours in 64 KiB: so it is this
 * function and nothing else. */
void sys_rest(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	const uintptr_t page = 4096, base = (uintptr_t)&__ehdr_start;
	const ElfW(Phdr) *h = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);
	/* The headers stand in the first segment. */
	for (int i = __ehdr_start.e_phnum - 1; i >= 0; i--) {
		/* What is written to, by us or by relocation, has nowhere to come back from. */
		if (h[i].p_type != PT_LOAD || (h[i].p_flags & PF_W) != 0)
			continue;
		uintptr_t first = (base + h[i].p_vaddr) & ~(page - 1);
		bare_call(SYS_madvise, first, base + h[i].p_vaddr + h[i].p_filesz - first, MADV_DONTNEED);
	}
	bare_call(SYS_ppoll, (uintptr_t)&wait, 1, 0);
}

void *sys_map_shared(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int sys_map_private(void *p, size_t n, size_t used)
{
	void *copy = sys_map(n);
	if (copy == NULL)
		return -errno;
	memcpy(copy, p, used);
	return mremap(copy, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, p) == MAP_FAILED ? -errno : 0;
}

void sys_unmap(void *p, size_t n)
{
	munmap(p, n);
}

void sys_forget(void *p, size_t n)
{
	madvise(p, n, MADV_DONTNEED);
}

void *sys_map_secret(size_t n, bool *locked)
{
	/* A guard page below: a stack that grows out of its pages faults instead of writing elsewhere. */
	const size_t page = 4096;
	uint8_t *base = mmap(NULL, n + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	uint8_t *p = base + page;
	if (mprotect(p, n, PROT_READ | PROT_WRITE) < 0 || madvise(p, n, MADV_WIPEONFORK) < 0 ||
	    madvise(p, n, MADV_DONTDUMP) < 0) {
		munmap(base, n + page);
		return NULL;
	}
	/* Page by page, as they are used: most of the stack never is. */
	*locked = mlock2(p, n, MLOCK_ONFAULT) == 0 || mlock(p, n) == 0;
	return p;
}

/* Inline assembly because musl has no makecontext, and a signal stack or a thread would be more machinery than
 * three instructions. The compiler is told that everything a call may change changes. */
void sys_call_on_stack(void *stack_end, void (*f)(void *), void *arg)
{
	uintptr_t top = (uintptr_t)stack_end & ~(uintptr_t)15;
#if defined(__x86_64__)
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %[top], %%rsp\n\t"
			 "callq *%[f]\n\t"
			 "movq %%rbx, %%rsp"
			 : "+D"(arg), [top] "+r"(top), [f] "+r"(f)
			 :
			 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
			   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
			   "xmm13", "xmm14", "xmm15", "memory", "cc");
#elif defined(__aarch64__)
	register void *x0 __asm__("x0") = arg;
	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, %[top]\n\t"
			 "blr %[f]\n\t"
			 "mov sp, x19"
			 : "+r"(x0), [top] "+r"(top), [f] "+r"(f)
			 :
			 : "x19", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x30", "memory", "cc", "v0", "v1", "v2", "v3", "v4", "v5",
			   "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
			   "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30",
			   "v31");
#else
#error "sys_call_on_stack: this processor has no stack switch yet"
#endif
}
