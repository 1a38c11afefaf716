/* SPDX-License-Identifier: MIT
 *
 * Whose rights each service has: the user it names, or a uid of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "manifest_read.h"
#include "measure.h"
#include "sys.h"

/* Most manifests name a handful of users, over and over. */
#define MEMO 16

struct owner {
	const char *name; /* NULL: an empty row */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	int n_groups;
};

struct owners {
	struct reader *reader;
	struct owner memo[MEMO];
	unsigned next;
	unsigned n_ignored; /* services that run as somebody else than they say */
	const cJSON *ignored;
};

static const cJSON *get(const struct owners *o, uint16_t index, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o->reader->entries[index], key);
}

/* "1000"; what begins with a digit and is no number may be a name. */
static bool is_number(const char *text, uint32_t *id)
{
	uint64_t v = 0;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || v >= UINT32_MAX)
			return false;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*id = (uint32_t)v;
	return text[0] != '\0' && v < UINT32_MAX;
}

/* ---- look-ups ---- */

static int look_up(struct owners *o, uint16_t index, const char *name, struct owner *found)
{
	gid_t groups[MEASURE_GROUPS_MAX];
	int n = MEASURE_GROUPS_MAX;
	int r = sys_user_find(name, &found->uid, &found->gid, groups, &n);
	if (r == -ENOENT)
		return read_fail(
			o->reader, get(o, index, "user"), ERR_NOT_FOUND,
			"there is no user %s in /etc/passwd; add it there, or leave \"user\" out for a uid of "
			"its own",
			quote(name).text);
	if (r == -E2BIG)
		return read_fail(o->reader, get(o, index, "user"), ERR_TOO_LARGE,
				 "%s is in more than %d groups; take it out of some", quote(name).text,
				 MEASURE_GROUPS_MAX);
	if (r < 0)
		return read_fail(
			o->reader, get(o, index, "user"), ERR_IO,
			"%s cannot be looked up: %s in /etc/passwd or /etc/group; mend the file, or write the "
			"user's number",
			quote(name).text, strerror(-r));
	gid_t *copy = arena_alloc(o->reader->arena, (size_t)n * sizeof *copy, sizeof *copy);
	if (copy == NULL)
		return read_no_memory(o->reader);
	memcpy(copy, groups, (size_t)n * sizeof *copy);
	found->name = name;
	found->groups = copy;
	found->n_groups = n;
	return ERR_NONE;
}

static int find_user(struct owners *o, uint16_t index, const char *name, struct owner *found)
{
	for (unsigned i = 0; i < MEMO; i++)
		if (o->memo[i].name != NULL && strcmp(o->memo[i].name, name) == 0) {
			*found = o->memo[i];
			return ERR_NONE;
		}
	int r = look_up(o, index, name, found);
	if (r == 0)
		o->memo[o->next++ % MEMO] = *found;
	return r;
}

static int find_group(struct owners *o, const cJSON *at, const char *name, gid_t *gid)
{
	uint32_t id;
	if (is_number(name, &id)) {
		*gid = id;
		return ERR_NONE;
	}
	int r = sys_group_find(name, gid);
	if (r == 0)
		return ERR_NONE;
	if (r == -ENOENT)
		return read_fail(o->reader, at, ERR_NOT_FOUND,
				 "there is no group %s in /etc/group; add it there, or take this out",
				 quote(name).text);
	return read_fail(o->reader, at, ERR_IO,
			 "%s cannot be looked up: %s in /etc/group; mend the file, or write the group's number",
			 quote(name).text, strerror(-r));
}

/* Numbers, as the image's own names are not known here. */
static int resolve_inside(struct owners *o, uint16_t index)
{
	struct service *s = &o->reader->manifest->services[index];
	struct container *c = (struct container *)(uintptr_t)s->container;
	const char *const key[] = { "user", "group" }, *const said[] = { s->user, s->group };
	uint32_t id[2] = { CONTAINER_AS_IMAGE, CONTAINER_AS_IMAGE };
	for (int i = 0; i < 2; i++)
		if (said[i] != NULL && (!is_number(said[i], &id[i]) || id[i] >= CONTAINER_IDS))
			return read_fail(o->reader, get(o, index, key[i]), ERR_RANGE,
					 "%s is no id of a container; write a number from 0 to %u, or leave it "
					 "out for the image's",
					 quote(said[i]).text, CONTAINER_IDS - 1);
	c->uid = id[0];
	c->gid = s->group == NULL ? id[0] : id[1];
	return ERR_NONE;
}

static int resolve(struct owners *o, uint16_t index)
{
	struct service *s = &o->reader->manifest->services[index];
	uint32_t id;
	int r = ERR_NONE;
	if (s->container != NULL) {
		r = resolve_inside(o, index);
	} else if (s->user != NULL && is_number(s->user, &id)) {
		s->uid = id;
		s->gid = id;
	} else if (s->user != NULL) {
		struct owner owner = { NULL, 0, 0, NULL, 0 };
		r = find_user(o, index, s->user, &owner);
		s->uid = owner.uid;
		s->gid = owner.gid;
		s->groups = owner.groups;
		s->n_groups = owner.n_groups;
	}
	if (r == 0 && s->group != NULL && s->container == NULL)
		r = find_group(o, get(o, index, "group"), s->group, &s->gid);
	const cJSON *sockets = s->n_sockets > 0 ? get(o, index, "sockets") : NULL;
	for (uint32_t i = 0; i < s->n_sockets && r == 0; i++)
		if (s->sockets[i].group != NULL)
			r = find_group(
				o, cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(sockets, (int)i), "group"),
				s->sockets[i].group, &s->sockets[i].gid);
	if (r == 0 && s->user != NULL && s->uid == 0 && s->container == NULL && !s->privileged)
		return read_fail(o->reader, get(o, index, "user"), ERR_DENIED,
				 "uid 0 owns the key file; leave \"user\" out for a uid of its own, or write "
				 "\"privileged\": true, which then stands in the service's name");
	return r;
}

/* ---- uids of their own ---- */

/* Uids that somebody has: open addressing, a power of two, at most half full; 0 is free. */
struct taken {
	uint32_t *uids;
	size_t mask;
};

/* False if it was there already. */
static bool take(struct taken *t, uint32_t uid)
{
	size_t at = uid * 2654435761U & t->mask;
	while (t->uids[at] != 0 && t->uids[at] != uid)
		at = (at + 1) & t->mask;
	bool is_new = t->uids[at] == 0;
	t->uids[at] = uid;
	return is_new;
}

struct claim {
	uint32_t offset; /* from the first uid */
	const char *name;
	struct service *service;
};

static int by_offset(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : strcmp(x->name, y->name);
}

/* The first 28 bits of the name's hash: the same uid at each boot, whatever else the manifest says. */
static uint32_t preferred(const struct reader *reader, const char *name, uint32_t count)
{
	uint8_t h[32];
	sha256_of(reader->sha256, span_str(name), h);
	uint32_t bits = (uint32_t)h[0] << 20 | (uint32_t)h[1] << 12 | (uint32_t)h[2] << 4 | h[3] >> 4;
	return bits % count;
}

/* Uids to give away: count of them, step from each other. */
struct uids {
	uint32_t base, count, step;
};

/* Where two names want one uid, the later in the alphabet takes the next that is free. */
static int assign(struct claim *claims, size_t n, struct taken *taken, struct uids uids)
{
	if (n > 0)
		qsort(claims, n, sizeof *claims, by_offset);
	for (size_t i = 0; i < n; i++) {
		struct service *s = claims[i].service;
		uint32_t tries = 0;
		for (; tries < uids.count; tries++) {
			s->uid = uids.base + (claims[i].offset + tries) % uids.count * uids.step;
			if (take(taken, s->uid))
				break;
		}
		if (tries == uids.count)
			return ERR_NO_SPACE;
		s->gid = s->group != NULL && s->container == NULL ? s->gid : s->uid;
		s->own_uid = true;
	}
	return ERR_NONE;
}

static int own_uids(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	const struct manifest_context *context = reader->context;
	const struct uids own = { context->uid_base, context->uid_count, 1 };
	const struct uids containers = { CONTAINER_UID_BASE, CONTAINER_RANGES, CONTAINER_IDS };
	size_t n = 0, n_containers = 0, size = 16;
	while (size < 6 * (size_t)m->n_services)
		size *= 2;
	struct claim *claims = calloc((size_t)m->n_services + 1, sizeof *claims);
	struct taken taken = { calloc(size, sizeof *taken.uids), size - 1 };
	if (claims == NULL || taken.uids == NULL) {
		free(claims);
		free(taken.uids);
		return read_no_memory(reader);
	}
	int r = ERR_NONE;
	for (uint16_t i = 0; i < m->n_services; i++) {
		struct service *s = &m->services[i];
		if (s->container != NULL && context->container_ids) {
			claims[m->n_services - ++n_containers] =
				(struct claim){ preferred(reader, s->name, containers.count), s->name, s };
			continue;
		}
		if (s->user != NULL && s->uid != 0)
			take(&taken, s->uid);
		if ((s->user != NULL || s->group != NULL) && s->gid != 0)
			take(&taken, s->gid);
		if (s->user == NULL || s->container != NULL)
			claims[n++] = (struct claim){ preferred(reader, s->name, own.count), s->name, s };
	}
	/* There are more ranges than services. */
	assign(claims + m->n_services - n_containers, n_containers, &taken, containers);
	for (size_t i = m->n_services - n_containers; i < m->n_services; i++)
		((struct container *)(uintptr_t)claims[i].service->container)->uid_base = claims[i].service->uid;
	if (assign(claims, n, &taken, own) < 0)
		r = read_fail(
			reader, NULL, ERR_NO_SPACE,
			"%zu services are to have a uid of their own, and there are %lu; map more uids, or name "
			"users",
			n, (unsigned long)context->uid_count);
	free(claims);
	free(taken.uids);
	return r;
}

/* ---- all ---- */

static void as_ourselves(struct owners *o, uint16_t index)
{
	const struct manifest_context *context = o->reader->context;
	struct service *s = &o->reader->manifest->services[index];
	struct container *c = (struct container *)(uintptr_t)s->container;
	/* Root in a container is ourselves. */
	uid_t own_uid = c != NULL ? 0 : context->own_uid;
	gid_t own_gid = c != NULL ? 0 : context->own_gid;
	bool other = (s->user != NULL && (c != NULL ? c->uid : s->uid) != own_uid) ||
		     (s->group != NULL && (c != NULL ? c->gid : s->gid) != own_gid) || s->capabilities != 0;
	if (other && o->n_ignored++ == 0)
		o->ignored = o->reader->entries[index];
	s->uid = context->own_uid;
	s->gid = context->own_gid;
	s->groups = NULL;
	s->n_groups = 0;
	s->capabilities = 0;
	if (c != NULL)
		c->uid = c->gid = 0;
}

int read_owners(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	struct owners o = { .reader = reader };
	for (uint16_t i = 0; i < m->n_services; i++) {
		int r = resolve(&o, i);
		if (r < 0)
			return r;
		if (!reader->context->can_setuid)
			as_ourselves(&o, i);
	}
	if (o.n_ignored > 0)
		read_warn(reader, o.ignored,
			  "runs as taoinit's own user, without capabilities, not as \"user\", \"group\" or "
			  "\"capabilities\" say (%u service%s): taoinit may not change users here; run it as root",
			  o.n_ignored, o.n_ignored > 1 ? "s" : "");
	if (!reader->context->can_setuid)
		return ERR_NONE;
	if (reader->context->uid_count == 0)
		return read_fail(reader, NULL, ERR_RANGE, "there are no uids for services; map some");
	return own_uids(reader);
}
