/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: users and groups, from /etc/passwd and /etc/group themselves. The C library's functions may ask a
 * daemon, which is a service like any other and may not run yet.
 */
#include <errno.h>

#include "sys.h"

/* A host with more users than fit here does not keep them in a file. */
#define FILE_MAX ((size_t)1 << 20)

/* A file being read, line by line, in a mapping of its own. */
struct lines {
	char *bytes, *at;
};

static int lines_open(struct lines *lines, const char *path)
{
	lines->bytes = sys_map(FILE_MAX);
	if (lines->bytes == NULL)
		return -ENOMEM;
	lines->at = lines->bytes;
	ssize_t n = sys_read_file(path, lines->bytes, FILE_MAX);
	if (n >= 0)
		return 0;
	sys_unmap(lines->bytes, FILE_MAX);
	return (int)n;
}

static void lines_close(struct lines *lines)
{
	sys_unmap(lines->bytes, FILE_MAX);
}

/* The next line, cut at its colons into n fields; NULL for fields that it lacks. False at the end. */
static bool lines_next(struct lines *lines, char **field, int n)
{
	if (*lines->at == '\0')
		return false;
	char *p = lines->at, *end = p + strcspn(p, "\n");
	lines->at = *end == '\n' ? end + 1 : end;
	*end = '\0';
	for (int i = 0; i < n; i++) {
		field[i] = p;
		if (p == NULL)
			continue;
		p = strchr(p, ':');
		if (p != NULL)
			*p++ = '\0';
	}
	return true;
}

/* A decimal id; (id_t)-1 is none. */
static bool parse_id(const char *text, uint32_t *id)
{
	uint64_t v = 0;
	if (text == NULL || *text == '\0')
		return false;
	for (; *text >= '0' && *text <= '9' && v < UINT32_MAX; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	*id = (uint32_t)v;
	return *text == '\0' && v < UINT32_MAX;
}

/* Is the name one of the list's, a,b,c? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p != NULL && *p != '\0'; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

static bool contains(const gid_t *groups, int n, gid_t gid)
{
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static int find_groups(const char *name, gid_t primary, gid_t *groups, int cap, int *n)
{
	struct lines lines;
	char *field[4]; /* name:password:gid:members */
	uint32_t gid;
	int r = lines_open(&lines, "/etc/group");
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* no groups, then */
	while (r == 0 && lines_next(&lines, field, 4)) {
		if (!listed(field[3], name) || !parse_id(field[2], &gid) || gid == primary ||
		    contains(groups, *n, gid))
			continue;
		if (*n == cap)
			r = -E2BIG;
		else
			groups[(*n)++] = gid;
	}
	lines_close(&lines);
	return r;
}

int sys_user_find(const char *name, uid_t *uid, gid_t *gid, gid_t *groups, int *n_groups)
{
	struct lines lines;
	char *field[4]; /* name:password:uid:gid:… */
	int cap = *n_groups, r = lines_open(&lines, "/etc/passwd");
	*n_groups = 0;
	if (r < 0)
		return r;
	r = -ENOENT;
	while (r == -ENOENT && lines_next(&lines, field, 4))
		if (strcmp(field[0], name) == 0)
			r = parse_id(field[2], uid) && parse_id(field[3], gid) ? 0 : -EINVAL;
	lines_close(&lines);
	return r < 0 ? r : find_groups(name, *gid, groups, cap, n_groups);
}

int sys_group_find(const char *name, gid_t *gid)
{
	struct lines lines;
	char *field[3];
	int r = lines_open(&lines, "/etc/group");
	if (r < 0)
		return r;
	r = -ENOENT;
	while (r == -ENOENT && lines_next(&lines, field, 3))
		if (strcmp(field[0], name) == 0)
			r = parse_id(field[2], gid) ? 0 : -EINVAL;
	lines_close(&lines);
	return r;
}
