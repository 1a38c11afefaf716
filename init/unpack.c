/* SPDX-License-Identifier: MIT */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "sys.h"
#include "sys_image.h"
#include "sys_measure.h"
#include "tar.h"
#include "unpack_layer.h"

/* So much of a name is shown, its end. */
#define NAME_SHOWN 72
/* What a directory is made with that no entry has said anything of. */
#define IMPLIED_MODE 0755

/* A layer is gone through three times: what it removes of the layers below goes first, wherever in it that is said; and
 * a directory's mtime is set when nothing more is made in it. So its headers have all been read before anything is done. */
enum pass { REMOVE, MAKE, FINISH, PASSES };

struct unpack {
	struct unpack_report *report;
	bool owners;
	unsigned layer, n_layers;
	struct tar tar;
	char path[TAR_PATH_MAX]; /* of the entry, without what says nothing */
	char link[TAR_PATH_MAX]; /* the same of a hard link's target */
};

static int refuse(struct unpack *u, int error, const char *why)
{
	const char *name = u->tar.entry.path;
	size_t n = strlen(name), at = 0, cap = sizeof u->report->text;
	bool cut = n > NAME_SHOWN;
	char *text = u->report->text;
	if (u->n_layers > 1)
		at += (size_t)snprintf(text, cap, "layer %u: ", u->layer + 1);
	if (n > 0)
		at += (size_t)snprintf(text + at, cap - at, "%s%s: ", cut ? "..." : "",
				       name + (cut ? n - NAME_SHOWN : 0));
	snprintf(text + at, cap - at, "%s", why);
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
	return -error;
}

/* ---- names ---- */

/* The path below the root: without leading /, without . and empty parts; the root itself is ".". NULL, or what is wrong. */
static const char *clean(const char *in, char out[static TAR_PATH_MAX])
{
	size_t n = 0, parts = 0;
	for (const char *c = in; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return "a control character in its name";
	while (*in != '\0') {
		size_t k = strcspn(in, "/");
		if (k == 2 && memcmp(in, "..", 2) == 0)
			return "its name leads upwards (..)";
		if (k > 0 && !(k == 1 && in[0] == '.')) {
			if (++parts > UNPACK_DEPTH_MAX)
				return "its name has more than 128 parts";
			if (n > 0)
				out[n++] = '/';
			memcpy(out + n, in, k);
			n += k;
		}
		in += in[k] == '/' ? k + 1 : k;
	}
	if (n == 0)
		out[n++] = '.';
	out[n] = '\0';
	return NULL;
}

/* ---- making ---- */

static int make_parents(char *path)
{
	int r = 0;
	for (char *slash = strchr(path, '/'); slash != NULL && r >= 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = sys_mkdir(path, IMPLIED_MODE);
		if (r == -EEXIST)
			r = 0;
		*slash = '/';
	}
	return r;
}

static int remove_whole(const char *path)
{
	int r = sys_unlink(path);
	if (r != -EISDIR)
		return r;
	r = sys_empty_directory(path);
	return r < 0 ? r : sys_rmdir(path);
}

static int make_file(const struct tar_entry *e, const char *path)
{
	int fd = sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, e->mode & 01777);
	if (fd < 0)
		return fd;
	int r = sys_write_all(fd, e->data.p, e->data.n);
	sys_close(fd);
	return r;
}

static int make_once(struct unpack *u)
{
	const struct tar_entry *e = &u->tar.entry;
	switch ((enum tar_type)e->type) {
	case TAR_FILE:
		return make_file(e, u->path);
	case TAR_HARD_LINK:
		return sys_link(u->link, u->path);
	case TAR_SYMLINK:
		return sys_symlink(e->link, u->path);
	case TAR_DIRECTORY:
		return sys_mkdir(u->path, e->mode & 01777);
	case TAR_CHARACTER:
	case TAR_BLOCK_DEVICE:
	case TAR_FIFO:
		break;
	}
	return -EPERM;
}

/* What is there goes, unless it is a directory and shall be one: *stays. */
static int make_way(struct unpack *u, bool *stays)
{
	struct stat st;
	int r = sys_lstat(u->path, &st);
	if (r < 0)
		return r;
	*stays = u->tar.entry.type == TAR_DIRECTORY && S_ISDIR(st.st_mode);
	return *stays ? 0 : remove_whole(u->path);
}

/* Whatever stands in its place or is missing on the way, is seen to once. */
static int make(struct unpack *u, bool *stays)
{
	bool parents = false, way = false;
	int r;
	while ((r = make_once(u)) < 0) {
		if (r == -ENOENT && !parents) {
			parents = true;
			r = make_parents(u->path);
		} else if (r == -EEXIST && !way) {
			way = true;
			r = make_way(u, stays);
		} else {
			return r;
		}
		if (r < 0 || *stays)
			return r;
	}
	return r;
}

static const char *unsupported(uint8_t type)
{
	switch ((enum tar_type)type) {
	case TAR_CHARACTER:
		return "a character device, which no image may bring";
	case TAR_BLOCK_DEVICE:
		return "a block device, which no image may bring";
	case TAR_FIFO:
		return "a fifo, which no image may bring";
	case TAR_FILE:
	case TAR_HARD_LINK:
	case TAR_SYMLINK:
	case TAR_DIRECTORY:
		break;
	}
	return NULL;
}

static int refuse_errno(struct unpack *u, int error)
{
	return refuse(u, error,
		      error == ENOSPC	? "no room is left in the container's memory for it"
		      : error == ENOENT ? "its directory is a link that leads nowhere, or what it links to is gone"
		      : error == ENOTDIR ? "its directory is a file"
					 : strerror(error));
}

/* A hard link that leads where it stands is there already. */
static int check_link(struct unpack *u, bool *there)
{
	struct stat to, here;
	const char *why = clean(u->tar.entry.link, u->link);
	if (why != NULL)
		return refuse(u, EINVAL, "a hard link to a name that leads upwards, or that no file can have");
	if (sys_lstat(u->link, &to) < 0)
		return refuse(u, ENOENT, "a hard link to what is not there");
	if (S_ISDIR(to.st_mode))
		return refuse(u, EPERM, "a hard link to a directory");
	*there = sys_lstat(u->path, &here) == 0 && here.st_ino == to.st_ino;
	return 0;
}

/* The owner of a link is the link's own; a hard link's is its file's. */
static int set_attributes(struct unpack *u, bool stays)
{
	const struct tar_entry *e = &u->tar.entry;
	int r = 0;
	if (u->owners && (stays || e->uid != 0 || e->gid != 0)) {
		r = sys_chown(u->path, e->uid, e->gid);
		if (r == -EINVAL)
			return refuse(u, EINVAL, "its owner is none of the container's ids");
	}
	if (r == 0 && stays)
		r = sys_chmod(u->path, e->mode & 01777);
	if (r == 0 && e->type != TAR_DIRECTORY)
		r = sys_set_mtime(u->path, e->mtime);
	return r < 0 ? refuse_errno(u, -r) : 0;
}

static int make_entry(struct unpack *u)
{
	uint8_t type = u->tar.entry.type;
	bool stays = false, there = false;
	const char *why = unsupported(type);
	if (why != NULL)
		return refuse(u, EPERM, why);
	if (type == TAR_SYMLINK && u->tar.entry.link[0] == '\0')
		return refuse(u, EINVAL, "a link to nothing");
	if (strcmp(u->path, ".") == 0 && type != TAR_DIRECTORY)
		return refuse(u, EINVAL, "the root can only be a directory");
	int r = type == TAR_HARD_LINK ? check_link(u, &there) : 0;
	if (r < 0 || there)
		return r;
	r = make(u, &stays);
	if (r < 0)
		return refuse_errno(u, -r);
	return type == TAR_HARD_LINK ? 0 : set_attributes(u, stays);
}

/* ---- whiteouts ---- */

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

/* The last part of a path that is a whiteout; NULL: it is none. */
static char *whiteout_of(char *path)
{
	char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	return strncmp(name, WHITEOUT, 4) == 0 ? name : NULL;
}

/* What it names of the layers below. That may be nothing. */
static int remove_below(struct unpack *u, char *name)
{
	int r;
	if (strcmp(name, OPAQUE) == 0) {
		memcpy(name, ".", 2);
		r = sys_empty_directory(u->path);
	} else if (strncmp(name, WHITEOUT WHITEOUT, 8) == 0) {
		return 0; /* AUFS's own affairs */
	} else {
		char *victim = name + 4;
		if (victim[0] == '\0' || strcmp(victim, ".") == 0 || strcmp(victim, "..") == 0)
			return refuse(u, EINVAL, "a whiteout of no name");
		memmove(name, victim, strlen(victim) + 1);
		r = remove_whole(u->path);
	}
	return r < 0 && r != -ENOENT && r != -ENOTDIR ? refuse_errno(u, -r) : 0;
}

/* ---- layers ---- */

static int take_entry(struct unpack *u, enum pass pass)
{
	const struct tar_entry *e = &u->tar.entry;
	const char *why = clean(e->path, u->path);
	if (why != NULL)
		return refuse(u, EINVAL, why);
	if (pass == REMOVE && ++u->report->entries > UNPACK_ENTRIES_MAX)
		return refuse(u, E2BIG, "this is one entry more than the 524288 that are unpacked");
	char *whiteout = whiteout_of(u->path);
	if (whiteout != NULL)
		return pass == REMOVE ? remove_below(u, whiteout) : 0;
	if (pass == MAKE)
		return make_entry(u);
	/* It may be something else by now, which a later entry has made of it; its mtime is nobody's business. */
	if (pass == FINISH && e->type == TAR_DIRECTORY)
		sys_set_mtime(u->path, e->mtime);
	return 0;
}

static int take_tar(struct unpack *u, struct span bytes)
{
	int r = 1;
	u->report->bytes += bytes.n;
	for (enum pass pass = REMOVE; pass < PASSES && r >= 0; pass++) {
		tar_begin(&u->tar, bytes);
		while ((r = tar_next(&u->tar)) > 0) {
			r = take_entry(u, pass);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return refuse(u, -r, u->tar.why);
	}
	return r;
}

static int decode_layer(struct unpack *u, struct span bytes, enum image_kind kind, size_t room)
{
	uint8_t *to = sys_map(room);
	int64_t n = to == NULL ? -ENOMEM : unpack_decode(kind, bytes, to, room);
	int r = n == -EFBIG    ? refuse(u, EFBIG, "larger, when it is decoded, than an image may be")
		: n == -EINVAL ? refuse(u, EINVAL, "its compressed data is damaged, or a part is missing")
		: n < 0	       ? refuse(u, (int)-n, strerror((int)-n))
			       : take_tar(u, span_of(to, (size_t)n));
	if (to != NULL)
		sys_unmap(to, room);
	return r;
}

static int take_layer(struct unpack *u, const struct image_layer *layer, struct span image, size_t max)
{
	struct span bytes = span_of(image.p + layer->offset, (size_t)layer->bytes);
	size_t room = max - (size_t)u->report->bytes;
	u->tar.entry.path[0] = '\0';
	if (room == 0 || (layer->kind == IMAGE_TAR && bytes.n > room))
		return refuse(u, EFBIG, "larger than an image may be");
	return layer->kind == IMAGE_TAR ? take_tar(u, bytes)
					: decode_layer(u, bytes, (enum image_kind)layer->kind, room);
}

static int take_image(struct unpack *u, struct span bytes, size_t max)
{
	static struct image_view view;
	int r = 0;
	if (!image_view(bytes, &view))
		return refuse(u, EINVAL, "no image of the measure worker's");
	u->n_layers = view.n_layers;
	for (u->layer = 0; u->layer < view.n_layers && r == 0; u->layer++)
		r = take_layer(u, &view.layers[u->layer], bytes, max);
	return r;
}

int unpack_image(int image_fd, size_t max_bytes, bool owners, struct unpack_report *report)
{
	static struct unpack u;
	struct stat st;
	memset(report, 0, sizeof *report);
	u = (struct unpack){ .report = report, .owners = owners };
	int r = sys_fstat(image_fd, &st);
	if (r < 0)
		return refuse(&u, -r, strerror(-r));
	if (!sys_is_sealed(image_fd) || st.st_size <= 0)
		return refuse(&u, EPERM, "its image is not sealed");
	const uint8_t *bytes = sys_map_file(image_fd, (size_t)st.st_size);
	if (bytes == NULL)
		return refuse(&u, ENOMEM, "no memory for its image");
	sys_umask(0);
	r = take_image(&u, span_of(bytes, (size_t)st.st_size), max_bytes);
	sys_unmap((void *)(uintptr_t)bytes, (size_t)st.st_size);
	return r;
}
