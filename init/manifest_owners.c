/* SPDX-License-Identifier: MIT
 *
 * Whose rights each service has: the user it names, or a uid of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../crypto/sha256.h"
#include "manifest_read.h"
#include "measure.h"
#include "sys.h"

static bool number(const char *text, uint32_t *id)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || v >= UINT32_MAX)
		return false;
	*id = (uint32_t)v;
	return true;
}

static int named_user(struct reader *reader, struct service *s)
{
	gid_t groups[MEASURE_GROUPS_MAX];
	int n = MEASURE_GROUPS_MAX;
	uint32_t id;
	size_t mark = read_enter(reader, ".user");
	if (number(s->user, &id)) {
		s->uid = id;
		s->gid = id;
		n = 0;
		if (s->group == NULL)
			read_warn(reader, "a number, and no \"group\": its group is %u as well", (unsigned)id);
	} else if (sys_user_find(s->user, &s->uid, &s->gid, groups, &n) < 0) {
		return read_fail(reader,
				 "there is no user %.64s in /etc/passwd; add it, or leave \"user\" out for a uid "
				 "of its own",
				 s->user);
	}
	if (s->uid == 0 && !s->privileged)
		return read_fail(
			reader,
			"uid 0 can reach PID 1's keys; leave \"user\" out, or say \"privileged\": true, which "
			"then stands in the service's name");
	gid_t *copy = n > 0 ? arena_alloc(reader->arena, (size_t)n * sizeof *copy, sizeof *copy) : NULL;
	if (n > 0 && copy == NULL)
		return read_fail(reader, "the manifest takes too much memory");
	if (n > 0)
		memcpy(copy, groups, (size_t)n * sizeof *copy);
	s->groups = copy;
	s->n_groups = n;
	read_leave(reader, mark);
	return ERR_NONE;
}

static int named_group(struct reader *reader, struct service *s)
{
	uint32_t id;
	size_t mark = read_enter(reader, ".group");
	if (number(s->group, &id))
		s->gid = id;
	else if (sys_group_find(s->group, &s->gid) < 0)
		return read_fail(reader, "there is no group %.64s in /etc/group; add it or take this out",
				 s->group);
	read_leave(reader, mark);
	return ERR_NONE;
}

/* ---- uids of their own ---- */

static uint32_t preferred(const struct manifest_context *context, const char *name)
{
	uint8_t digest[32];
	sha256_of(sha256_pick(), span_str(name), digest);
	uint32_t bits =
		(uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
	return (bits >> 4) % context->uid_count;
}

struct claim {
	uint32_t offset;
	uint16_t service;
};

static int by_offset(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : x->service - y->service;
}

/* A uid follows from the name alone, unless two names want the same: then the later in the manifest takes the
 * next that is free. */
static int own_uids(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	const struct manifest_context *context = reader->context;
	struct claim *claims = calloc((size_t)m->n_services + 1, sizeof *claims);
	size_t n = 0;
	uint32_t last = 0;
	if (claims == NULL)
		return ERR_NO_SPACE;
	for (uint16_t i = 0; i < m->n_services; i++)
		if (m->services[i].user == NULL)
			claims[n++] = (struct claim){ preferred(context, m->services[i].name), i };
	qsort(claims, n, sizeof *claims, by_offset);
	for (size_t i = 0; i < n; i++) {
		struct service *s = &m->services[claims[i].service];
		if (i > 0 && claims[i].offset <= last)
			claims[i].offset = last + 1;
		last = claims[i].offset;
		s->uid = context->uid_base + last % context->uid_count;
		s->gid = s->group != NULL ? s->gid : s->uid;
		s->own_uid = true;
	}
	free(claims);
	return ERR_NONE;
}

int read_owners(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	const struct manifest_context *context = reader->context;
	size_t services = read_enter(reader, ".services");
	for (uint16_t i = 0; i < m->n_services; i++) {
		struct service *s = &m->services[i];
		size_t mark = read_enter(reader, ".%s", s->name);
		int r = s->user != NULL ? named_user(reader, s) : ERR_NONE;
		if (r == 0 && s->group != NULL)
			r = named_group(reader, s);
		if (r < 0)
			return r;
		if (!context->can_setuid) {
			if ((s->user != NULL && s->uid != context->own_uid) || s->capabilities != 0)
				read_warn(reader, "runs as taoinit's own user and without capabilities: taoinit "
						  "is not root here");
			s->uid = context->own_uid;
			s->gid = context->own_gid;
			s->n_groups = 0;
			s->capabilities = 0;
		}
		read_leave(reader, mark);
	}
	read_leave(reader, services);
	return context->can_setuid && context->uid_count > 0 ? own_uids(reader) : ERR_NONE;
}
