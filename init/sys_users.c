/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: users and groups, from /etc/passwd and /etc/group themselves. The C library's functions may
 * ask a daemon, which is a service like any other and may not run yet.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "sys.h"

static void add_groups(const char *name, gid_t primary, gid_t *groups, int cap, int *n)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g;
	while (f != NULL && (g = fgetgrent(f)) != NULL)
		for (char **member = g->gr_mem; *member != NULL; member++)
			if (strcmp(*member, name) == 0 && g->gr_gid != primary && *n < cap)
				groups[(*n)++] = g->gr_gid;
	if (f != NULL)
		fclose(f);
}

int sys_user_find(const char *name, uid_t *uid, gid_t *gid, gid_t *groups, int *n_groups)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *p = NULL;
	int cap = *n_groups;
	*n_groups = 0;
	if (f == NULL)
		return -errno;
	while ((p = fgetpwent(f)) != NULL && strcmp(p->pw_name, name) != 0)
		;
	if (p != NULL) {
		*uid = p->pw_uid;
		*gid = p->pw_gid;
	}
	fclose(f);
	if (p == NULL)
		return -ENOENT;
	add_groups(name, *gid, groups, cap, n_groups);
	return 0;
}

int sys_group_find(const char *name, gid_t *gid)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g = NULL;
	if (f == NULL)
		return -errno;
	while ((g = fgetgrent(f)) != NULL && strcmp(g->gr_name, name) != 0)
		;
	if (g != NULL)
		*gid = g->gr_gid;
	fclose(f);
	return g == NULL ? -ENOENT : 0;
}
