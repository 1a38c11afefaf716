/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

/* A file that changes while it is read is read again, so often. */
#define CHANGE_TRIES 3
/* One write to the image: large enough to be few, small enough to stay in the cache between hash and copy. */
#define CHUNK ((size_t)128 << 10)
/* From here on the copy is made by a process of its own, while we hash behind it: on two processors the copy
 * costs no time then. Below, the fork would cost more than it saves. */
#define LARGE ((off_t)8 << 20)
#define LARGE_CHUNK ((size_t)1 << 20)

bool measure_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static _Alignas(4096) uint8_t buffer[CHUNK];

/* The hash is of what is written: both see the one buffer. */
static int64_t copy_small(int from, int to, struct sha256 *hash)
{
	off_t at = 0;
	for (;;) {
		ssize_t n = sys_pread(from, buffer, sizeof buffer, at);
		if (n <= 0)
			return n < 0 ? n : at;
		at += n;
		if ((uint64_t)at > IMAGE_BYTES_MAX)
			return -EFBIG;
		sha256_update(hash, span_of(buffer, (size_t)n));
		int r = sys_write_all(to, buffer, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* The copying process: says after each piece how many bytes there are, or at last -errno. */
static _Noreturn void copier(int from, int to, int progress)
{
	int64_t at = 0;
	ssize_t n;
	sys_die_with_parent();
	while ((n = sys_send_file(to, from, at, LARGE_CHUNK)) > 0) {
		at += n;
		if ((uint64_t)at > IMAGE_BYTES_MAX)
			n = -EFBIG;
		if (n < 0 || sys_write_all(progress, &at, sizeof at) < 0)
			break;
	}
	int64_t end = n;
	if (n < 0)
		sys_write_all(progress, &end, sizeof end);
	sys_exit(n == 0 ? 0 : 1);
}

/* The hash is of the image itself, which nobody but the copier writes, and it never twice. Reading costs less than a
 * mapping would, whose pages come and go one by one. */
static int64_t hash_behind(int progress, int image, off_t base, off_t size, struct sha256 *hash)
{
	int64_t done = 0, there;
	ssize_t n;
	while ((n = sys_read(progress, &there, sizeof there)) == (ssize_t)sizeof there) {
		if (there < done)
			return there < 0 ? there : -EIO;
		if (there > size)
			return -ESTALE; /* it has grown */
		for (ssize_t k; done < there; done += k) {
			size_t want =
				(size_t)(there - done) < sizeof buffer ? (size_t)(there - done) : sizeof buffer;
			k = sys_pread(image, buffer, want, base + done);
			if (k <= 0)
				return k < 0 ? k : -EIO;
			sha256_update(hash, span_of(buffer, (size_t)k));
		}
	}
	return n == 0 ? done : n < 0 ? n : -EIO;
}

static int64_t copy_large(int from, int to, off_t base, off_t size, struct sha256 *hash)
{
	int progress[2], status = 0;
	int r = sys_pipe(progress);
	pid_t pid = r < 0 ? r : sys_fork(-1);
	if (pid == 0)
		copier(from, to, progress[1]);
	if (r == 0)
		sys_close(progress[1]);
	int64_t n = pid < 0 ? pid : hash_behind(progress[0], to, base, size, hash);
	/* Closed before the wait: a copier that we no longer listen to ends then. */
	if (r == 0)
		sys_close(progress[0]);
	/* Its end is the end of the file only if it says so: it may have been killed. */
	if (pid > 0 && (sys_wait(pid, &status) != pid || (status != 0 && n >= 0)))
		n = -EIO;
	return n;
}

int64_t measure_copy(const struct measure_state *state, const char *path, struct opened *file, int fd, off_t at,
		     struct digest *digest, struct measure_reply *reply)
{
	for (int i = 0; i < CHANGE_TRIES; i++) {
		struct sha256 hash;
		struct stat after;
		sha256_init(&hash, state->sha256);
		int64_t n = sys_cut(fd, at);
		if (n == 0)
			n = file->st.st_size < LARGE ? copy_small(file->fd, fd, &hash)
						     : copy_large(file->fd, fd, at, file->st.st_size, &hash);
		sys_forget(buffer, sizeof buffer); /* the worker at rest is small */
		int r = n < 0 && n != -ESTALE ? (int)n : sys_fstat(file->fd, &after);
		if (r < 0)
			return measure_refuse(reply, path, -r, "cannot be copied: %s", strerror(-r));
		if (n >= 0 && measure_same_file(&file->st, &after)) {
			sha256_out(&hash, digest->b);
			return n;
		}
		file->st = after;
	}
	return measure_refuse(reply, path, EAGAIN, "changes while it is read; let whoever writes it finish");
}
