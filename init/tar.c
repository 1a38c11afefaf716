/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "tar.h"

/* Of a header block: offset and length of each field. */
enum {
	AT_NAME = 0,
	N_NAME = 100,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	N_ID = 8,
	AT_SIZE = 124,
	AT_MTIME = 136,
	N_LONG = 12,
	AT_SUM = 148,
	N_SUM = 8,
	AT_TYPE = 156,
	AT_LINK = 157,
	N_LINK = 100,
	AT_MAGIC = 257,
	AT_PREFIX = 345,
	N_PREFIX = 155,
};

enum said { SAID_PATH = 1, SAID_LINK = 2, SAID_SIZE = 4, SAID_UID = 8, SAID_GID = 16, SAID_MTIME = 32 };

static int fail(struct tar *tar, int error, const char *why)
{
	tar->why = why;
	tar->left.n = 0;
	return -error;
}

/* ---- fields ---- */

/* Octal, with blanks before and after and an end at NUL; or, for what is larger, base 256. false: neither, or beyond
 * 63 bits. */
static bool number(const uint8_t *p, size_t n, int64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	if ((p[0] & 0x80) != 0) {
		/* Two's complement behind a bit that says so. */
		bool negative = (p[0] & 0x40) != 0;
		for (v = negative ? ~(uint64_t)0 << 6 | (p[0] & 0x3f) : (p[0] & 0x3f), i = 1; i < n; i++) {
			if (v >> 55 != (negative ? 0x1ff : 0))
				return false;
			v = v << 8 | p[i];
		}
		memcpy(out, &v, sizeof v);
		return true;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
		if (v >> 60 != 0)
			return false;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	*out = (int64_t)v;
	return i == n || p[i] == ' ' || p[i] == '\0';
}

static bool is_sum_right(const uint8_t *block)
{
	int64_t said;
	unsigned sum = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= AT_SUM && i < AT_SUM + N_SUM ? ' ' : block[i];
	return number(block + AT_SUM, N_SUM, &said) && said == (int64_t)sum;
}

static bool is_zero(struct span bytes)
{
	return bytes.n == 0 || (bytes.p[0] == 0 && memcmp(bytes.p, bytes.p + 1, bytes.n - 1) == 0);
}

/* A text, up to a NUL if there is one. */
static bool put_text(char to[static TAR_PATH_MAX], struct span text)
{
	size_t n = strnlen((const char *)text.p, text.n);
	bool fits = n < TAR_PATH_MAX;
	if (!fits)
		n = TAR_PATH_MAX - 1;
	memcpy(to, text.p, n);
	to[n] = '\0';
	return fits;
}

/* So many bytes that follow, and what fills their last block up. */
static bool take(struct tar *tar, uint64_t n, struct span *data)
{
	uint64_t padded = (n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	if (n > tar->left.n || padded > tar->left.n)
		return false;
	*data = span_of(tar->left.p, (size_t)n);
	tar->left = span_of(tar->left.p + padded, tar->left.n - (size_t)padded);
	return true;
}

/* ---- extended headers ---- */

static bool is_key(struct span key, const char *name)
{
	return span_equal(key, span_str(name));
}

/* Decimal. fraction: one may follow, and counts for nothing. */
static bool decimal(struct span text, bool fraction, uint64_t *out)
{
	size_t i = 0;
	uint64_t v = 0;
	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		if (v > (UINT64_MAX >> 1) / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	*out = v;
	return i > 0 && (i == text.n || (fraction && text.p[i] == '.'));
}

static int take_id(struct tar *tar, struct span value, enum said said, uint32_t *id)
{
	uint64_t v;
	/* The last one means "none" to the kernel. */
	if (!decimal(value, false, &v) || v >= UINT32_MAX)
		return fail(tar, EINVAL, "its uid or gid is no number that one can have");
	*id = (uint32_t)v;
	tar->said |= said;
	return 0;
}

static int take_path(struct tar *tar, struct span value, enum said said, char to[static TAR_PATH_MAX])
{
	if (memchr(value.p, 0, value.n) != NULL)
		return fail(tar, EINVAL, "a NUL stands in its name");
	if (!put_text(to, value))
		return fail(tar, ENAMETOOLONG, "its name is longer than 4095 bytes");
	tar->said |= said;
	return 0;
}

static int take_mtime(struct tar *tar, struct span value)
{
	uint64_t v;
	bool before = value.n > 0 && value.p[0] == '-';
	if (!decimal(span_of(value.p + before, value.n - before), true, &v))
		return fail(tar, EINVAL, "its mtime is no number");
	tar->entry.mtime = before ? -(int64_t)v : (int64_t)v;
	tar->said |= SAID_MTIME;
	return 0;
}

static int take_record(struct tar *tar, struct span key, struct span value, bool global)
{
	struct tar_entry *e = &tar->entry;
	if (key.n >= 11 && memcmp(key.p, "GNU.sparse.", 11) == 0)
		return fail(tar, ENOTSUP,
			    "a sparse file, of which an archive may say any size; pack it without --sparse");
	bool path = is_key(key, "path"), link = is_key(key, "linkpath"), size = is_key(key, "size");
	bool uid = is_key(key, "uid"), gid = is_key(key, "gid"), mtime = is_key(key, "mtime");
	if (!path && !link && !size && !uid && !gid && !mtime)
		return 0;
	if (global)
		return fail(tar, ENOTSUP, "a pax header that says something of all entries");
	if (path)
		return take_path(tar, value, SAID_PATH, e->path);
	if (link)
		return take_path(tar, value, SAID_LINK, e->link);
	if (uid)
		return take_id(tar, value, SAID_UID, &e->uid);
	if (gid)
		return take_id(tar, value, SAID_GID, &e->gid);
	if (mtime)
		return take_mtime(tar, value);
	if (!decimal(value, false, &tar->size))
		return fail(tar, EINVAL, "its size is no number");
	tar->said |= SAID_SIZE;
	return 0;
}

/* Records "LENGTH KEY=VALUE\n", where LENGTH is of all of it. */
static int take_records(struct tar *tar, struct span data, bool global)
{
	int r = 0;
	while (data.n > 0 && r == 0) {
		uint64_t n = 0;
		const uint8_t *blank = memchr(data.p, ' ', data.n < 20 ? data.n : 20);
		size_t head = blank != NULL ? (size_t)(blank - data.p) : 0;
		if (blank == NULL || !decimal(span_of(data.p, head), false, &n) || n > data.n || n < head + 2 ||
		    data.p[n - 1] != '\n')
			return fail(tar, EINVAL, "its pax header has a record of a wrong length");
		struct span record = span_of(blank + 1, (size_t)n - head - 2);
		const uint8_t *equals = memchr(record.p, '=', record.n);
		if (equals == NULL || equals == record.p)
			return fail(tar, EINVAL, "its pax header has a record without a key");
		struct span key = span_of(record.p, (size_t)(equals - record.p));
		r = take_record(tar, key, span_of(equals + 1, record.n - key.n - 1), global);
		data = span_of(data.p + n, data.n - (size_t)n);
	}
	return r;
}

/* ---- entries ---- */

static int take_extended(struct tar *tar, uint8_t type, int64_t size)
{
	struct span data;
	if (size < 0 || (uint64_t)size > TAR_EXTENDED_MAX)
		return fail(tar, EINVAL, "an extended header of more than 1 MiB");
	if (!take(tar, (uint64_t)size, &data))
		return fail(tar, EINVAL, "the archive ends within an extended header");
	if (type == 'x' || type == 'g')
		return take_records(tar, data, type == 'g');
	/* GNU's have a NUL at the end, which belongs to nothing. */
	while (data.n > 0 && data.p[data.n - 1] == '\0')
		data.n--;
	return type == 'L' ? take_path(tar, data, SAID_PATH, tar->entry.path)
			   : take_path(tar, data, SAID_LINK, tar->entry.link);
}

/* What an extended header has not said stands in the block. */
static int take_names(struct tar *tar, const uint8_t *block)
{
	struct tar_entry *e = &tar->entry;
	bool posix = memcmp(block + AT_MAGIC, "ustar", 6) == 0;
	if ((tar->said & SAID_PATH) == 0) {
		size_t n = 0, k = strnlen((const char *)block + AT_NAME, N_NAME);
		if (posix && block[AT_PREFIX] != '\0') {
			n = strnlen((const char *)block + AT_PREFIX, N_PREFIX);
			memcpy(e->path, block + AT_PREFIX, n);
			e->path[n++] = '/';
		}
		memcpy(e->path + n, block + AT_NAME, k);
		e->path[n + k] = '\0';
	}
	if ((tar->said & SAID_LINK) == 0)
		put_text(e->link, span_of(block + AT_LINK, N_LINK));
	return 0;
}

static int take_numbers(struct tar *tar, const uint8_t *block)
{
	struct tar_entry *e = &tar->entry;
	int64_t mode, uid, gid, mtime, size;
	if (!number(block + AT_MODE, N_ID, &mode) || !number(block + AT_UID, N_ID, &uid) ||
	    !number(block + AT_GID, N_ID, &gid) || !number(block + AT_MTIME, N_LONG, &mtime) ||
	    !number(block + AT_SIZE, N_LONG, &size))
		return fail(tar, EINVAL, "a field of its header is no number");
	e->mode = (uint16_t)(mode & 07777);
	if ((tar->said & SAID_MTIME) == 0)
		e->mtime = mtime;
	if ((tar->said & SAID_SIZE) == 0) {
		if (size < 0)
			return fail(tar, EINVAL, "its size is less than nothing");
		tar->size = (uint64_t)size;
	}
	if (((tar->said & SAID_UID) == 0 && (uid < 0 || uid >= UINT32_MAX)) ||
	    ((tar->said & SAID_GID) == 0 && (gid < 0 || gid >= UINT32_MAX)))
		return fail(tar, EINVAL, "its uid or gid is no number that one can have");
	if ((tar->said & SAID_UID) == 0)
		e->uid = (uint32_t)uid;
	if ((tar->said & SAID_GID) == 0)
		e->gid = (uint32_t)gid;
	return 0;
}

static int take_type(struct tar *tar, uint8_t type)
{
	struct tar_entry *e = &tar->entry;
	size_t n = strlen(e->path);
	if (type == 'S')
		return fail(tar, ENOTSUP,
			    "a sparse file, of which an archive may say any size; pack it without --sparse");
	if (type == '\0' || type == '7')
		type = TAR_FILE;
	if (type < TAR_FILE || type > TAR_FIFO)
		return fail(tar, ENOTSUP,
			    "an entry of a kind that no image has (a multi-volume archive, an incremental one)");
	/* Before POSIX there was no other way to say it. */
	if (type == TAR_FILE && n > 0 && e->path[n - 1] == '/')
		type = TAR_DIRECTORY;
	e->type = type;
	if (type != TAR_FILE && tar->size != 0)
		return fail(tar, EINVAL, "it has data, and is no file");
	return 0;
}

static int take_entry(struct tar *tar, const uint8_t *block)
{
	int r = take_names(tar, block);
	if (r == 0)
		r = take_numbers(tar, block);
	if (r == 0)
		r = take_type(tar, block[AT_TYPE]);
	if (r == 0 && !take(tar, tar->size, &tar->entry.data))
		r = fail(tar, EINVAL, "the archive ends within it");
	tar->said = 0;
	return r < 0 ? r : 1;
}

static int end(struct tar *tar)
{
	if (tar->said != 0)
		return fail(tar, EINVAL, "an extended header without an entry");
	if (!is_zero(tar->left))
		return fail(tar, EINVAL, "something stands behind the end of the archive");
	tar->left.n = 0;
	return 0;
}

int tar_next(struct tar *tar)
{
	tar->entry.path[0] = '\0';
	for (;;) {
		struct span block;
		int64_t size;
		if (tar->left.n < TAR_BLOCK)
			return fail(tar, EINVAL, "the archive ends without its end mark: a part of it is missing");
		take(tar, TAR_BLOCK, &block);
		if (is_zero(block))
			return end(tar);
		if (!is_sum_right(block.p))
			return fail(tar, EINVAL, "a header's checksum is wrong: no tar archive, or a damaged one");
		uint8_t type = block.p[AT_TYPE];
		if (type == '\0' || strchr("xgLK", type) == NULL)
			return take_entry(tar, block.p);
		/* The name that an extended header has itself tells whose it is, until it says so. */
		if ((tar->said & SAID_PATH) == 0)
			put_text(tar->entry.path, span_of(block.p + AT_NAME, N_NAME));
		if (!number(block.p + AT_SIZE, N_LONG, &size))
			return fail(tar, EINVAL, "a field of its header is no number");
		int r = take_extended(tar, type, size);
		if (r < 0)
			return r;
	}
}
