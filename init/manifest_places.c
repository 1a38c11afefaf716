/* SPDX-License-Identifier: MIT
 *
 * Where services stand: all that a host has of them goes by their numbers, which stay while it runs.
 */
#include "environment.h"

static int find(const struct manifest *m, const char *name)
{
	for (uint16_t i = 0; i < m->n_services; i++)
		if (strcmp(m->services[i].name, name) == 0)
			return i;
	return -1;
}

static size_t places_of(const struct manifest *m)
{
	size_t n = m->host.max_services, all;
	if (n == 0)
		n = (size_t)(m->n_services - m->host.max_programs) + SERVICES_SPARE;
	all = n + m->host.max_programs;
	all = all < MANIFEST_SERVICES_MAX ? all : MANIFEST_SERVICES_MAX;
	return all > m->n_services ? all : m->n_services;
}

/* Which numbers the services that it names have. */
static void renumber(struct service *s, const uint16_t *place)
{
	uint16_t *list = (uint16_t *)(uintptr_t)s->after; /* in the arena */
	for (uint16_t i = 0; i < s->n_after; i++)
		list[i] = place[list[i]];
	if (s->failure_start > 0)
		s->failure_start = (uint16_t)(1 + place[s->failure_start - 1]);
}

int manifest_give_places(struct manifest *m, const struct manifest *was, struct arena *arena)
{
	static const struct service nobody = { .name = "", .on_call = true, .confinement = &confinement_none };
	size_t all = was != NULL ? was->n_services : places_of(m);
	uint16_t programs = m->host.max_programs, n = (uint16_t)(m->n_services - programs), free = 0;
	struct service *placed = arena_alloc(arena, all * sizeof *placed, _Alignof(struct service));
	uint16_t *place = arena_alloc(arena, m->n_services * sizeof *place, sizeof *place);
	if (placed == NULL || place == NULL)
		return ERR_NO_SPACE;
	for (size_t i = 0; i < all; i++)
		placed[i] = nobody;
	for (uint16_t i = 0; i < m->n_services; i++) {
		int old = i >= n	? (int)(all - programs) + i - n
			  : was != NULL ? find(was, m->services[i].name)
					: -1;
		while (old < 0 && free < all - programs && was != NULL && was->services[free].name[0] != '\0')
			free++;
		if (old < 0 && free == all - programs)
			return ERR_NO_SPACE;
		place[i] = old < 0 ? free++ : (uint16_t)old;
		placed[place[i]] = m->services[i];
	}
	for (uint16_t i = 0; i < n; i++)
		renumber(&placed[place[i]], place);
	m->services = placed;
	m->n_services = (uint16_t)all;
	return ERR_NONE;
}

int manifest_successors(const struct manifest *m, struct arena *arena, uint16_t **successors,
			uint32_t **successor_at)
{
	size_t edges = 0;
	for (uint16_t u = 0; u < m->n_services; u++)
		edges += m->services[u].n_after;
	uint16_t *list = arena_alloc(arena, edges * sizeof *list, sizeof *list);
	uint32_t *at = arena_alloc(arena, (m->n_services + 1U) * sizeof *at, sizeof *at);
	if (list == NULL || at == NULL)
		return ERR_NO_SPACE;
	for (uint16_t u = 0; u < m->n_services; u++)
		for (uint16_t i = 0; i < m->services[u].n_after; i++)
			at[m->services[u].after[i]]++;
	for (uint16_t u = 0; u < m->n_services; u++)
		at[u + 1] += at[u];
	/* Filled from the back of each range: from its end, at[u] comes to its start. */
	for (uint16_t u = m->n_services; u-- > 0;)
		for (uint16_t i = 0; i < m->services[u].n_after; i++)
			list[--at[m->services[u].after[i]]] = u;
	*successors = list;
	*successor_at = at;
	return ERR_NONE;
}
