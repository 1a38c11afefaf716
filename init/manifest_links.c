/* SPDX-License-Identifier: MIT
 *
 * How services refer to each other: names become indexes; duplicates and cycles are refused.
 */
#include <stdio.h>
#include <stdlib.h>

#include "manifest_read.h"

/* Of a cycle's path: the rest is told as a number. */
#define CYCLE_SHOWN 6

struct links {
	struct reader *reader;
	uint16_t *sorted; /* indexes of services, by name */
	uint16_t *mark;	  /* 1 + the service that listed this one last: duplicates at one look */
};

/* qsort takes no argument for its comparison. */
static const struct service *sorting;

static int by_name(const void *a, const void *b)
{
	const uint16_t *x = a, *y = b;
	int r = strcmp(sorting[*x].name, sorting[*y].name);
	return r != 0 ? r : *x - *y;
}

static int find(const struct links *l, const char *name)
{
	const struct manifest *m = l->reader->manifest;
	int low = 0, high = m->n_services - 1;
	while (low <= high) {
		int middle = (low + high) / 2, r = strcmp(name, m->services[l->sorted[middle]].name);
		if (r == 0)
			return l->sorted[middle];
		if (r < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return -1;
}

static int no_service(const struct links *l, const cJSON *at)
{
	const struct manifest *m = l->reader->manifest;
	struct nearest nearest = { NULL, 0 };
	for (uint16_t i = 0; i < m->n_services; i++)
		nearest_try(&nearest, at->valuestring, m->services[i].name);
	return read_fail(l->reader, at, ERR_NOT_FOUND, "there is no service %s; %s", quote(at->valuestring).text,
			 hint_of(&nearest, "add it or take this out").text);
}

/* The service that at names; a mark of 2 * MANIFEST_SERVICES_MAX at most fits. */
static int resolve(const struct links *l, const cJSON *at, uint16_t self)
{
	if (!cJSON_IsString(at))
		return read_fail(l->reader, at, ERR_MALFORMED,
				 "is no string; write a service's name in \"double quotes\"");
	int index = find(l, at->valuestring);
	if (index < 0)
		return no_service(l, at);
	if (index == self)
		return read_fail(l->reader, at, ERR_MALFORMED,
				 "a service does not wait for itself (%s → %s); take it out", at->valuestring,
				 at->valuestring);
	return index;
}

/* Appends to list[*n] what the list under key names. Known ones are an error, unless they come from requires. */
static int add(const struct links *l, const cJSON *entry, const char *key, uint16_t self, uint16_t *list,
	       uint16_t *n)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(entry, key);
	uint16_t known = *n;
	for (const cJSON *at = value != NULL ? value->child : NULL; at != NULL; at = at->next) {
		int index = resolve(l, at, self);
		if (index < 0)
			return index;
		bool listed = l->mark[index] == self + 1;
		for (uint16_t i = known; listed && i < *n; i++)
			if (list[i] == index)
				return read_fail(l->reader, at, ERR_EXISTS,
						 "\"%s\" is listed a second time; keep one of them",
						 at->valuestring);
		if (listed)
			continue;
		l->mark[index] = (uint16_t)(self + 1);
		list[(*n)++] = (uint16_t)index;
	}
	return ERR_NONE;
}

static size_t length(const cJSON *entry, const char *key)
{
	return (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(entry, key));
}

/* after is requires, then wants, then what only after names: one array. */
static int link_one(const struct links *l, uint16_t self)
{
	struct reader *reader = l->reader;
	struct service *s = &reader->manifest->services[self];
	const cJSON *entry = reader->entries[self];
	size_t n = length(entry, "requires") + length(entry, "wants") + length(entry, "after");
	uint16_t *list = arena_alloc(reader->arena, n * sizeof *list, sizeof *list);
	if (list == NULL)
		return read_no_memory(reader);
	int r = add(l, entry, "requires", self, list, &s->n_requires);
	s->n_after = s->n_requires;
	if (r == 0)
		r = add(l, entry, "wants", self, list, &s->n_after);
	s->n_wants = (uint16_t)(s->n_after - s->n_requires);
	if (r == 0)
		r = add(l, entry, "after", self, list, &s->n_after);
	s->requires = list;
	s->after = list;
	return r;
}

static int refuse_duplicates(const struct links *l)
{
	const struct manifest *m = l->reader->manifest;
	for (uint16_t i = 1; i < m->n_services; i++) {
		uint16_t a = l->sorted[i - 1], b = l->sorted[i];
		if (strcmp(m->services[a].name, m->services[b].name) != 0)
			continue;
		const char *first = read_file_of(l->reader, l->reader->entries[a]);
		const char *second = read_file_of(l->reader, l->reader->entries[b]);
		return read_fail(l->reader, l->reader->entries[b], ERR_EXISTS,
				 "stands %s%.160s a second time; keep one of them, or give this one another name",
				 first == second ? "here" : "here after ", first == second ? "" : first);
	}
	return ERR_NONE;
}

/* ---- order ---- */

/* Depth first, with a stack of our own: chains may be as long as the manifest. state: of each service, 0 not seen,
 * 1 + the number of its predecessors already followed while it is on the stack. */
struct walk {
	const struct manifest *m;
	uint16_t *order, *followed, *stack;
	size_t n_order, n_stack;
};

#define DONE UINT16_MAX

/* False: what the top of the stack waits for, *cycle, is on the stack already. */
static bool walk_from(struct walk *w, uint16_t first, uint16_t *cycle)
{
	w->stack[w->n_stack++] = first;
	w->followed[first] = 1;
	while (w->n_stack > 0) {
		uint16_t at = w->stack[w->n_stack - 1];
		const struct service *s = &w->m->services[at];
		if (w->followed[at] == s->n_after + 1) {
			w->followed[at] = DONE;
			w->order[w->n_order++] = at;
			w->n_stack--;
			continue;
		}
		uint16_t other = s->after[w->followed[at]++ - 1];
		if (w->followed[other] == DONE)
			continue;
		if (w->followed[other] != 0) {
			*cycle = other;
			return false;
		}
		w->followed[other] = 1;
		w->stack[w->n_stack++] = other;
	}
	return true;
}

size_t manifest_order(const struct manifest *m, uint16_t *order, uint16_t *scratch, uint16_t *cycle,
		      size_t *n_cycle)
{
	struct walk w = { m, order, scratch, scratch + m->n_services, 0, 0 };
	uint16_t again = 0;
	memset(scratch, 0, m->n_services * sizeof *scratch);
	*n_cycle = 0;
	for (uint16_t i = 0; i < m->n_services; i++) {
		if (w.followed[i] != 0 || walk_from(&w, i, &again))
			continue;
		size_t from = 0;
		while (w.stack[from] != again)
			from++;
		*n_cycle = w.n_stack - from;
		memcpy(cycle, w.stack + from, *n_cycle * sizeof *cycle);
		break;
	}
	return w.n_order;
}

static int say_cycle(struct reader *reader, const uint16_t *cycle, size_t n_cycle)
{
	const struct service *services = reader->manifest->services;
	const cJSON *entry = reader->entries[cycle[0]];
	const cJSON *at = cJSON_GetObjectItemCaseSensitive(entry, services[cycle[0]].n_requires > 0 ? "requires"
								  : services[cycle[0]].n_wants > 0  ? "wants"
												    : "after");
	char path[CYCLE_SHOWN * (SERVICE_NAME_MAX + 4) + 64];
	size_t n = 0;
	for (size_t i = 0; i < n_cycle && i < CYCLE_SHOWN && n < 180; i++)
		n += (size_t)snprintf(path + n, sizeof path - n, "%s → ", services[cycle[i]].name);
	if (n_cycle > CYCLE_SHOWN || n >= 180)
		n += (size_t)snprintf(path + n, sizeof path - n, "… (%zu services) → ", n_cycle);
	snprintf(path + n, sizeof path - n, "%.64s", services[cycle[0]].name);
	return read_fail(reader, at, ERR_MALFORMED,
			 "a cycle, each waiting for the next: %s; take one of them out of \"after\", \"wants\" or "
			 "\"requires\"",
			 path);
}

static int refuse_cycles(struct reader *reader)
{
	size_t n = reader->manifest->n_services, n_cycle = 0;
	uint16_t *room = calloc(4 * n + 1, sizeof *room);
	if (room == NULL)
		return read_no_memory(reader);
	manifest_order(reader->manifest, room, room + n, room + 3 * n, &n_cycle);
	int r = n_cycle == 0 ? ERR_NONE : say_cycle(reader, room + 3 * n, n_cycle);
	free(room);
	return r;
}

/* ---- on failure ---- */

/* What a failure starts, with all that is started along with it, must not lead back to the failure: each round
 * would be at once. room: 2 for each service. */
static bool leads_back(const struct manifest *m, uint16_t self, uint16_t *room)
{
	uint16_t *list = room, *seen = room + m->n_services;
	size_t n = 0;
	memset(seen, 0, m->n_services * sizeof *seen);
	list[n++] = (uint16_t)(m->services[self].failure_start - 1);
	seen[list[0]] = 1;
	for (size_t i = 0; i < n; i++) {
		const struct service *s = &m->services[list[i]];
		if (list[i] == self)
			return true;
		for (uint16_t k = 0; k <= s->n_requires + s->n_wants; k++) {
			uint16_t next = k < s->n_requires + s->n_wants ? s->requires[k]
					: s->failure_start > 0	       ? (uint16_t)(s->failure_start - 1)
								       : list[0];
			if (!seen[next]) {
				seen[next] = 1;
				list[n++] = next;
			}
		}
	}
	return false;
}

static int link_failures(const struct links *l, uint16_t *room)
{
	struct manifest *m = l->reader->manifest;
	bool any = false;
	for (uint16_t i = 0; i < m->n_services; i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(l->reader->entries[i], "on_failure");
		if (m->services[i].failure_name == NULL)
			continue;
		const cJSON *at = cJSON_GetObjectItemCaseSensitive(value, "start");
		int index = find(l, at->valuestring);
		if (index < 0)
			return no_service(l, at);
		m->services[i].failure_start = (uint16_t)(index + 1);
		m->services[index].on_call = true;
		any = true;
	}
	for (uint16_t i = 0; any && i < m->n_services; i++)
		if (m->services[i].failure_start > 0 && leads_back(m, i, room))
			return read_fail(l->reader,
					 cJSON_GetObjectItemCaseSensitive(l->reader->entries[i], "on_failure"),
					 ERR_MALFORMED,
					 "would start %s again, at once and for ever; take that out of what is "
					 "started then",
					 m->services[i].name);
	return ERR_NONE;
}

int read_links(struct reader *reader)
{
	const struct manifest *m = reader->manifest;
	uint16_t *room = calloc(2 * (size_t)m->n_services + 1, sizeof *room);
	if (room == NULL)
		return read_no_memory(reader);
	struct links l = { reader, room, room + m->n_services };
	for (uint16_t i = 0; i < m->n_services; i++)
		l.sorted[i] = i;
	sorting = m->services;
	qsort(l.sorted, m->n_services, sizeof *l.sorted, by_name);
	int r = refuse_duplicates(&l);
	for (uint16_t i = 0; i < m->n_services && r == 0; i++)
		r = link_one(&l, i);
	if (r == 0)
		r = link_failures(&l, room);
	free(room);
	return r == 0 ? refuse_cycles(reader) : r;
}
