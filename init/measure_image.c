/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure_elf.h"
#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

/* The clock of file times ticks coarsely: what changed within this before we hashed may change again unseen. */
#define SETTLED_S 2
/* A file that changes while it is read is read again, so often. */
#define CHANGE_TRIES 3
/* One write to the image: large enough to be few, small enough to stay in the cache between hash and copy. */
#define CHUNK ((size_t)256 << 10)

struct image {
	struct image *next;
	struct stat st;
	struct digest digest;
	int fd;
	bool debuggable, settled;
};

int measure_refuse(struct measure_reply *reply, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(reply->text, sizeof reply->text, format, args);
	va_end(args);
	reply->error = -error;
	return -error;
}

/* ---- opening ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* As exec would: looked up and permitted with the service's own rights. */
static int check_user(const struct measure_job *job, const char *path, const struct stat *st,
		      struct measure_reply *reply)
{
	const struct measure_request *q = job->request;
	struct stat seen;
	bool other = (q->flags & MEASURE_CHECK_USER) != 0;
	int r = other ? sys_as_user(q->uid, q->gid, q->groups, q->n_groups) : 0;
	int fd = r < 0 ? r : sys_open(path, O_PATH, 0);
	r = fd < 0 ? fd : sys_may_execute(fd);
	if (r == 0 && (r = sys_fstat(fd, &seen)) == 0 && (seen.st_dev != st->st_dev || seen.st_ino != st->st_ino))
		r = -EAGAIN;
	if (fd >= 0)
		sys_close(fd);
	if (other && sys_as_user(0, 0, NULL, 0) < 0)
		sys_exit(1); /* with somebody else's rights nothing that follows would be right */
	if (r == -EAGAIN)
		return measure_refuse(reply, EAGAIN, "%s: was replaced while it was looked at", path);
	if (r < 0)
		return measure_refuse(
			reply, -r,
			"%s: uid %u cannot execute it (%s); check its mode and that of the directories above, "
			"and that its file system is not mounted noexec",
			path, (unsigned)q->uid, strerror(-r));
	return 0;
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)	? "a directory"
	       : S_ISFIFO(mode) ? "a fifo"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

static int check_stat(const char *path, bool program, const struct stat *st, struct measure_reply *reply)
{
	if (!S_ISREG(st->st_mode))
		return measure_refuse(reply, EACCES, "%s: is %s, not a program file", path, kind_of(st->st_mode));
	if (program && (st->st_mode & (S_ISUID | S_ISGID)) != 0)
		return measure_refuse(
			reply, EACCES,
			"%s: is setuid or setgid, which its sealed image would not be; chmod ug-s it and give the "
			"service \"user\" and \"capabilities\"",
			path);
	if ((uint64_t)st->st_size > IMAGE_BYTES_MAX)
		return measure_refuse(reply, EFBIG, "%s: is larger than %u MiB", path,
				      (unsigned)(IMAGE_BYTES_MAX >> 20));
	return 0;
}

int image_open(const struct measure_state *state, const struct measure_job *job, const char *path, bool program,
	       struct opened *file, struct measure_reply *reply)
{
	(void)state;
	file->fd = sys_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0); /* a fifo must not hold us */
	if (file->fd < 0)
		return measure_refuse(reply, -file->fd, "%s: %s; check the path in %s", path, strerror(-file->fd),
				      program ? "exec" : "measure.files");
	int r = sys_fstat(file->fd, &file->st);
	if (r < 0)
		r = measure_refuse(reply, -r, "%s: %s", path, strerror(-r));
	if (r == 0)
		r = check_stat(path, program, &file->st, reply);
	if (r == 0 && program)
		r = check_user(job, path, &file->st, reply);
	if (r < 0) {
		sys_close(file->fd);
		file->fd = -1;
	}
	return r;
}

struct span image_head(int fd)
{
	static uint8_t head[4096];
	ssize_t n = sys_pread(fd, head, sizeof head, 0);
	return span_of(head, n > 0 ? (size_t)n : 0);
}

/* ---- hashing and copying ---- */

static int copy_once(const struct measure_state *state, int from, int to, struct digest *digest)
{
	static uint8_t buffer[CHUNK];
	struct sha256 hash;
	off_t at = 0;
	sha256_init(&hash, state->sha256);
	for (;;) {
		ssize_t n = sys_pread(from, buffer, sizeof buffer, at);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		sha256_update(&hash, span_of(buffer, (size_t)n));
		int r = sys_write_all(to, buffer, (size_t)n);
		if (r < 0)
			return r;
		at += n;
		if ((uint64_t)at > IMAGE_BYTES_MAX)
			return -EFBIG;
	}
	sha256_out(&hash, digest->b);
	return 0;
}

int image_copy(const struct measure_state *state, const char *path, struct opened *file, int fd,
	       struct digest *digest, struct measure_reply *reply)
{
	for (int i = 0; i < CHANGE_TRIES; i++) {
		struct stat after;
		int r = sys_rewind_empty(fd);
		if (r == 0)
			r = copy_once(state, file->fd, fd, digest);
		if (r == 0)
			r = sys_fstat(file->fd, &after);
		if (r < 0)
			return measure_refuse(reply, -r, "%s: cannot be copied: %s", path, strerror(-r));
		if (same_file(&file->st, &after))
			return 0;
		file->st = after;
	}
	return measure_refuse(reply, EAGAIN, "%s: changes while it is read", path);
}

static bool is_settled(const struct stat *st)
{
	return sys_realtime() / 1000000000 - st->st_ctim.tv_sec > SETTLED_S;
}

/* ---- the cache ---- */

static void drop(struct measure_state *state, struct image **at)
{
	struct image *image = *at;
	*at = image->next;
	state->bytes -= (uint64_t)image->st.st_size;
	sys_close(image->fd);
	free(image);
}

static void keep_within_budget(struct measure_state *state)
{
	while (state->bytes > MEASURE_CACHE_BYTES && state->images != NULL) {
		struct image **last = &state->images;
		while ((*last)->next != NULL)
			last = &(*last)->next;
		/* The newest stays even if it alone is over the budget: it is being handed out. */
		if (last == &state->images)
			return;
		drop(state, last);
	}
}

static struct image *find(struct measure_state *state, const struct stat *st, bool debuggable)
{
	for (struct image **at = &state->images; *at != NULL; at = &(*at)->next) {
		struct image *image = *at;
		if (image->debuggable != debuggable || image->st.st_dev != st->st_dev ||
		    image->st.st_ino != st->st_ino)
			continue;
		if (!image->settled || !same_file(&image->st, st)) {
			drop(state, at);
			return NULL;
		}
		*at = image->next;
		image->next = state->images;
		state->images = image;
		return image;
	}
	return NULL;
}

static int memfd_for(const char *path, struct measure_reply *reply)
{
	const char *slash = strrchr(path, '/');
	int fd = sys_memfd(slash != NULL ? slash + 1 : path);
	if (fd == -EACCES)
		return measure_refuse(reply, EACCES,
				      "%s: this kernel forbids to execute sealed images; set the sysctl "
				      "vm.memfd_noexec to 0 or 1",
				      path);
	return fd < 0 ? measure_refuse(reply, -fd, "%s: no room for its image: %s", path, strerror(-fd)) : fd;
}

static struct image *make(struct measure_state *state, const struct measure_job *job, struct opened *file,
			  struct measure_reply *reply)
{
	bool debuggable = (job->request->flags & MEASURE_DEBUGGABLE) != 0;
	struct image *image = calloc(1, sizeof *image);
	int fd = image == NULL ? measure_refuse(reply, ENOMEM, "no memory") : memfd_for(job->path, reply);
	int r = fd < 0 ? fd : image_copy(state, job->path, file, fd, &image->digest, reply);
	if (r == 0) {
		r = sys_fchmod(fd, debuggable ? 0555 : 0111);
		if (r == 0)
			r = sys_seal(fd);
		if (r < 0)
			measure_refuse(reply, -r, "%s: its image cannot be sealed: %s", job->path, strerror(-r));
	}
	if (r < 0) {
		if (fd >= 0)
			sys_close(fd);
		free(image);
		return NULL;
	}
	image->fd = fd;
	image->st = file->st;
	image->debuggable = debuggable;
	image->settled = is_settled(&file->st);
	image->next = state->images;
	state->images = image;
	state->bytes += (uint64_t)image->st.st_size;
	keep_within_budget(state);
	return image;
}

int image_get(struct measure_state *state, const struct measure_job *job, struct opened *file,
	      struct measure_reply *reply)
{
	bool debuggable = (job->request->flags & MEASURE_DEBUGGABLE) != 0;
	struct image *image = find(state, &file->st, debuggable);
	reply->cached = image != NULL;
	if (image == NULL)
		image = make(state, job, file, reply);
	if (image == NULL)
		return reply->error;
	reply->program = image->digest;
	return image->fd;
}

/* ---- programs that need other files ---- */

static int copy_into(const struct measure_state *state, const char *path, struct opened *file, int mount,
		     int index, mode_t mode, struct digest *digest, struct measure_reply *reply)
{
	char name[16];
	snprintf(name, sizeof name, "%d", index);
	int fd = sys_openat(mount, name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return measure_refuse(reply, -fd, "%s: no room for its copy: %s", path, strerror(-fd));
	int r = image_copy(state, path, file, fd, digest, reply);
	if (r == 0 && (r = sys_fchmod(fd, mode)) < 0)
		measure_refuse(reply, -r, "%s: its copy cannot be finished: %s", path, strerror(-r));
	sys_close(fd);
	return r;
}

/* The list's digest, as docs/measured-files.md has it: be32 length of the path, path, SHA-256 of the file. */
static void add_to_list(struct sha256 *list, const char *path, const struct digest *digest)
{
	uint8_t length[4];
	struct wr w = wr_to(length, sizeof length);
	wr_be32(&w, (uint32_t)strlen(path));
	sha256_update(list, wr_span(&w));
	sha256_update(list, span_str(path));
	sha256_update(list, span_of(digest->b, sizeof digest->b));
}

static int copy_listed(const struct measure_state *state, const struct measure_job *job, const char *interpreter,
		       int mount, struct sha256 *list, struct measure_reply *reply)
{
	bool debuggable = (job->request->flags & MEASURE_DEBUGGABLE) != 0;
	for (int i = 0; i < job->request->n_files; i++) {
		struct opened file;
		struct digest digest;
		/* What is executed need not be readable, and its process cannot be traced then. */
		bool executed = strcmp(job->files[i], interpreter) == 0;
		int r = image_open(state, job, job->files[i], false, &file, reply);
		if (r < 0)
			return r;
		r = copy_into(state, job->files[i], &file, mount, i + 1, executed && !debuggable ? 0111 : 0555,
			      &digest, reply);
		sys_close(file.fd);
		if (r < 0)
			return r;
		add_to_list(list, job->files[i], &digest);
	}
	return 0;
}

int image_files(const struct measure_state *state, const struct measure_job *job, struct opened *program,
		struct measure_reply *reply)
{
	struct sha256 list;
	char interpreter[256];
	enum program_kind kind = program_inspect(image_head(program->fd), interpreter);
	bool debuggable = (job->request->flags & MEASURE_DEBUGGABLE) != 0;
	int mount = sys_new_tmpfs();
	if (mount < 0)
		return measure_refuse(
			reply, -mount,
			"%s: cannot mount the private copies of its files (%s); that needs root, or a container "
			"with CAP_SYS_ADMIN",
			job->path, strerror(-mount));
	sha256_init(&list, state->sha256);
	mode_t mode = kind == PROGRAM_SCRIPT || debuggable ? 0555 : 0111;
	int r = copy_into(state, job->path, program, mount, 0, mode, &reply->program, reply);
	if (r == 0)
		r = copy_listed(state, job, kind == PROGRAM_SCRIPT ? interpreter : "", mount, &list, reply);
	if (r == 0 && (r = sys_tmpfs_read_only(mount)) < 0)
		measure_refuse(reply, -r, "%s: its files cannot be made read-only: %s", job->path, strerror(-r));
	if (r < 0) {
		sys_close(mount);
		return r;
	}
	sha256_out(&list, reply->files.b);
	return mount;
}
