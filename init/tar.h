/* SPDX-License-Identifier: MIT
 *
 * Reads a tar archive that stands in memory: ustar (POSIX.1-1988), GNU's long names, pax (POSIX.1-2001: path, linkpath,
 * size, uid, gid, mtime). Pure; the archive's bytes may be any. What may be read in two ways (a size that is not an octal
 * number, data behind a link) is refused: what one program takes for data must not be another's entry.
 *
 *	struct tar tar;
 *	tar_begin(&tar, bytes);
 *	while ((r = tar_next(&tar)) > 0)
 *		… tar.entry …
 *	if (r < 0)
 *		… tar.why, of tar.entry.path …
 */
#ifndef TAO_TAR_H
#define TAO_TAR_H

#include "../crypto/base.h"

/* With its NUL, as the kernel's PATH_MAX. */
#define TAR_PATH_MAX 4096
/* One extended header: a path, a link and some hundred KiB of attributes. */
#define TAR_EXTENDED_MAX ((size_t)1 << 20)
#define TAR_BLOCK 512

enum tar_type {
	TAR_FILE = '0',
	TAR_HARD_LINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHARACTER = '3',
	TAR_BLOCK_DEVICE = '4',
	TAR_DIRECTORY = '5',
	TAR_FIFO = '6',
};

struct tar_entry {
	char path[TAR_PATH_MAX]; /* as it stands there */
	char link[TAR_PATH_MAX]; /* of links */
	uint8_t type;		 /* enum tar_type */
	uint16_t mode;		 /* 07777 */
	uint32_t uid, gid;
	int64_t mtime;	  /* s since 1970 */
	struct span data; /* of files */
};

struct tar {
	struct span left;
	struct tar_entry entry;
	const char *why;
	/* What extended headers have said of the entry that comes. */
	unsigned said;
	uint64_t size;
};

/* Large, and filled as it is read. */
static inline void tar_begin(struct tar *tar, struct span bytes)
{
	tar->left = bytes;
	tar->why = "";
	tar->said = 0;
	tar->size = 0;
}

/* The next entry: 1, 0 at the end, or -EINVAL, -ENOTSUP, -ENAMETOOLONG, and for good. */
int tar_next(struct tar *tar);

#endif
