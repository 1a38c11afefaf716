/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

/* So much of a path is shown, its end; the rest of the text is for the reason and the remedy. */
#define PATH_SHOWN 72

int measure_refuse(struct measure_reply *reply, const char *path, int error, const char *format, ...)
{
	size_t n = strlen(path), cap = sizeof reply->text;
	bool cut = n > PATH_SHOWN;
	int at = snprintf(reply->text, cap, "%s%s: ", cut ? "..." : "", path + (cut ? n - PATH_SHOWN : 0));
	va_list args;
	va_start(args, format);
	vsnprintf(reply->text + at, cap - (size_t)at, format, args);
	va_end(args);
	/* File names may hold anything; a terminal should not. */
	for (char *c = reply->text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	reply->error = -error;
	return -error;
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)	? "a directory"
	       : S_ISFIFO(mode) ? "a fifo"
	       : S_ISSOCK(mode) ? "a socket"
	       : S_ISBLK(mode)	? "a block device"
	       : S_ISCHR(mode)	? "a character device"
				: "no regular file";
}

/* The key that names it. */
static const char *where_of(enum measure_use use)
{
	return use == USE_PROGRAM ? "exec" : use == USE_FILE ? "measure.files" : "the manifest";
}

/* What the host gives to a factory, nobody else needs to be allowed to read. */
static bool is_hosts(enum measure_use use)
{
	return use >= USE_PART;
}

static int check_stat(const char *path, enum measure_use use, const struct stat *st, struct measure_reply *reply)
{
	const char *where = where_of(use);
	if (use == USE_IMAGE && S_ISDIR(st->st_mode))
		return 0;
	if (!S_ISREG(st->st_mode))
		return measure_refuse(reply, path, EACCES, "is %s; name a regular file in %s",
				      kind_of(st->st_mode), where);
	if (use == USE_PROGRAM && (st->st_mode & (S_ISUID | S_ISGID)) != 0)
		return measure_refuse(reply, path, EACCES,
				      "is set%cid, which its sealed image would lose; chmod %c-s it and give the "
				      "service a \"user\" and \"capabilities\" instead",
				      (st->st_mode & S_ISUID) != 0 ? 'u' : 'g',
				      (st->st_mode & S_ISUID) != 0 ? 'u' : 'g');
	if ((uint64_t)st->st_size > IMAGE_BYTES_MAX && use != USE_VERITY)
		return measure_refuse(reply, path, EFBIG, "is larger than %u MiB, the most that is measured",
				      (unsigned)(IMAGE_BYTES_MAX >> 20));
	return 0;
}

static int not_permitted(const struct measure_job *job, const char *path, enum measure_use use, int error,
			 struct measure_reply *reply)
{
	const char *where = where_of(use);
	if (error == ENOENT || error == ENOTDIR)
		return measure_refuse(reply, path, error, "there is no such file; correct %s", where);
	if (error != EACCES && error != EPERM)
		return measure_refuse(reply, path, error, "cannot be opened: %s", strerror(error));
	return measure_refuse(reply, path, error,
			      "uid %u may not %s it; see to its mode, to the directories above it, and that its "
			      "file system is not mounted noexec",
			      (unsigned)job->request.uid, use == USE_PROGRAM ? "execute" : "read");
}

/* Nothing is opened but a handle: a device or a fifo must not notice. */
static int look(const char *path, enum measure_use use, struct stat *st)
{
	int fd = sys_open(path, O_PATH, 0);
	if (fd < 0)
		return fd;
	int r = sys_fstat(fd, st);
	/* Whatever else is wrong with what is no file is said first. */
	if (r == 0 && S_ISREG(st->st_mode) && !is_hosts(use)) {
		r = use == USE_FILE ? sys_may_read(fd) : sys_may_execute(fd);
		if (r == -EACCES && use == USE_FILE)
			r = sys_may_execute(fd);
	}
	sys_close(fd);
	return r;
}

int measure_permit(const struct measure_job *job, const char *path, enum measure_use use, struct stat *st,
		   struct measure_reply *reply)
{
	const struct measure_request *q = &job->request;
	bool other = (q->flags & MEASURE_CHECK_USER) != 0 && !is_hosts(use);
	int r = other ? sys_as_user(q->uid, q->gid, q->groups, q->n_groups) : 0;
	bool became = r == 0;
	if (became)
		r = look(path, use, st);
	/* With somebody else's rights nothing that follows would be right. */
	if (other && sys_as_user(0, 0, NULL, 0) < 0 && became)
		sys_exit(1);
	if (!became)
		return measure_refuse(reply, path, -r, "the measure worker cannot take the rights of uid %u: %s",
				      (unsigned)q->uid, strerror(-r));
	return r < 0 ? not_permitted(job, path, use, -r, reply) : check_stat(path, use, st, reply);
}

int measure_open(const struct measure_job *job, const char *path, enum measure_use use, struct opened *file,
		 struct measure_reply *reply)
{
	struct stat seen = { 0 };
	file->fd = -1;
	int r = measure_permit(job, path, use, &seen, reply);
	if (r < 0)
		return r;
	/* If it has become a fifo meanwhile, that must not hold us. */
	int fd = sys_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	r = fd < 0 ? fd : sys_fstat(fd, &file->st);
	if (r < 0)
		measure_refuse(reply, path, -r, "cannot be read: %s", strerror(-r));
	else if (file->st.st_dev != seen.st_dev || file->st.st_ino != seen.st_ino)
		r = measure_refuse(reply, path, EAGAIN, "was replaced while it was looked at");
	else
		r = check_stat(path, use, &file->st, reply);
	if (r < 0 && fd >= 0)
		sys_close(fd);
	if (r >= 0)
		file->fd = fd;
	return r < 0 ? r : 0;
}
