/* SPDX-License-Identifier: MIT
 *
 * How services refer to each other: names become indexes, duplicates and cycles are refused, and the order of
 * starting is told.
 */
#include <stdio.h>
#include <stdlib.h>

#include "manifest_read.h"

/* Names with their indexes, sorted: every look-up is a binary search. */
struct named {
	const char *name;
	uint16_t index;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct named *sorted_names(const struct manifest *m)
{
	struct named *list = calloc((size_t)m->n_services + 1, sizeof *list);
	for (uint16_t i = 0; list != NULL && i < m->n_services; i++)
		list[i] = (struct named){ m->services[i].name, i };
	if (list != NULL)
		qsort(list, m->n_services, sizeof *list, by_name);
	return list;
}

static int find(struct reader *reader, const struct named *names, const char *name, uint16_t *index)
{
	const struct manifest *m = reader->manifest;
	struct named key = { name, 0 }, *found = bsearch(&key, names, m->n_services, sizeof *names, by_name);
	if (found != NULL) {
		*index = found->index;
		return ERR_NONE;
	}
	const char *near = NULL;
	for (uint16_t i = 0; i < m->n_services && near == NULL; i++)
		near = read_nearest(name, &names[i].name, 1);
	return read_fail(reader, "there is no service %.64s%s%s%s", name, near != NULL ? "; did you mean " : "",
			 near != NULL ? near : "", near != NULL ? "?" : "; add it or take this out");
}

static bool contains(const uint16_t *list, uint16_t n, uint16_t index)
{
	for (uint16_t i = 0; i < n; i++)
		if (list[i] == index)
			return true;
	return false;
}

/* Adds what the list at key names to list[*n]. */
static int add(struct reader *reader, const struct named *names, const cJSON *service, const char *key,
	       uint16_t self, uint16_t *list, uint16_t *n)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(service, key);
	int i = 0;
	for (const cJSON *at = value != NULL ? value->child : NULL; at != NULL; at = at->next, i++) {
		uint16_t index = 0;
		size_t mark = read_enter(reader, ".%s[%d]", key, i);
		int r = find(reader, names, at->valuestring, &index);
		if (r == 0 && index == self)
			r = read_fail(reader, "a service cannot wait for itself; take this out");
		if (r < 0)
			return r;
		if (!contains(list, *n, index))
			list[(*n)++] = index;
		read_leave(reader, mark);
	}
	return ERR_NONE;
}

static size_t length(const cJSON *service, const char *key)
{
	return (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(service, key));
}

static int link_one(struct reader *reader, const struct named *names, const cJSON *value, uint16_t index)
{
	struct service *s = &reader->manifest->services[index];
	size_t n_requires = length(value, "requires"), n_after = n_requires + length(value, "after");
	uint16_t *requires = arena_alloc(reader->arena, (n_requires + 1) * sizeof *requires, sizeof *requires);
	uint16_t *after = arena_alloc(reader->arena, (n_after + 1) * sizeof *after, sizeof *after);
	if (requires == NULL || after == NULL)
		return read_fail(reader, "the manifest takes too much memory");
	int r = add(reader, names, value, "requires", index, requires, &s->n_requires);
	for (uint16_t i = 0; i < s->n_requires; i++)
	after[s->n_after++] = requires[i];
	if (r == 0)
		r = add(reader, names, value, "after", index, after, &s->n_after);
	s->requires = requires;
	s->after = after;
	return r;
}

/* ---- cycles ---- */

enum colour { WHITE, GREY, BLACK };

static int say_cycle(struct reader *reader, const uint16_t *stack, size_t n, uint16_t again)
{
	char text[300] = "";
	size_t from = 0;
	while (stack[from] != again)
		from++;
	for (size_t i = from; i <= n && strlen(text) < 220; i++) {
		size_t used = strlen(text);
		uint16_t at = i < n ? stack[i] : again;
		snprintf(text + used, sizeof text - used, "%s%s", i > from ? " -> " : "",
			 reader->manifest->services[at].name);
	}
	read_enter(reader, ".%s", reader->manifest->services[again].name);
	return read_fail(reader, "waits for itself: %s; take one of these out of after or requires", text);
}

/* Depth first, with a stack of our own: chains may be as long as the manifest. */
static int visit(struct reader *reader, uint16_t first, uint8_t *colour, uint16_t *stack, uint16_t *next)
{
	const struct manifest *m = reader->manifest;
	size_t n = 0;
	stack[n++] = first;
	colour[first] = GREY;
	next[first] = 0;
	while (n > 0) {
		uint16_t at = stack[n - 1];
		const struct service *s = &m->services[at];
		if (next[at] == s->n_after) {
			colour[at] = BLACK;
			n--;
			continue;
		}
		uint16_t other = s->after[next[at]++];
		if (colour[other] == GREY)
			return say_cycle(reader, stack, n, other);
		if (colour[other] == WHITE) {
			colour[other] = GREY;
			next[other] = 0;
			stack[n++] = other;
		}
	}
	return ERR_NONE;
}

static int refuse_cycles(struct reader *reader)
{
	size_t n = reader->manifest->n_services;
	uint8_t *colour = calloc(n + 1, 1);
	uint16_t *stack = calloc(n + 1, sizeof *stack), *next = calloc(n + 1, sizeof *next);
	int r = colour == NULL || stack == NULL || next == NULL ? ERR_NO_SPACE : ERR_NONE;
	for (uint16_t i = 0; i < n && r == 0; i++)
		if (colour[i] == WHITE)
			r = visit(reader, i, colour, stack, next);
	free(colour);
	free(stack);
	free(next);
	return r;
}

int read_links(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	struct named *names = sorted_names(m);
	int r = names == NULL ? read_fail(reader, "takes too much memory to read") : ERR_NONE;
	size_t services = read_enter(reader, ".services");
	for (uint16_t i = 0; r == 0 && i + 1 < m->n_services; i++)
		if (strcmp(names[i].name, names[i + 1].name) == 0) {
			read_enter(reader, ".%.64s", names[i].name);
			r = read_fail(reader, "stands here twice; keep one of them");
		}
	uint16_t i = 0;
	for (const cJSON *at = reader->services->child; r == 0 && at != NULL; at = at->next, i++) {
		size_t mark = read_enter(reader, ".%.64s", at->string);
		r = link_one(reader, names, at, i);
		if (r == 0)
			r = read_entry_hash(reader, at, &m->services[i]);
		if (r == 0)
			read_leave(reader, mark);
	}
	if (r == 0)
		r = refuse_cycles(reader);
	if (r == 0)
		read_leave(reader, services);
	free(names);
	return r;
}

/* ---- what would run ---- */

static void describe_one(const struct manifest *m, const struct service *s, int width, struct wr *out)
{
	static const char *const restarts[] = { "never", "on-failure", "always" };
	char line[512], after[160] = "";
	for (uint16_t i = 0; i < s->n_after && strlen(after) < 120; i++) {
		size_t used = strlen(after);
		snprintf(after + used, sizeof after - used, "%s%s", i > 0 ? "," : "",
			 m->services[s->after[i]].name);
	}
	int n = snprintf(line, sizeof line, "%-*s  %-7s  %-10s  %10u  %-24s  %s%s%s\n", width, s->name,
			 s->type == SERVICE_ONESHOT ? "oneshot" : "daemon", restarts[s->restart], (unsigned)s->uid,
			 after[0] != '\0' ? after : "-", s->exec[0], s->essential ? "  (essential)" : "",
			 s->privileged ? "  (privileged)" : "");
	wr_bytes(out, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

int manifest_describe(const struct manifest *m, struct wr *out)
{
	uint8_t *told = calloc((size_t)m->n_services + 1, 1);
	char line[128];
	int width = 7;
	if (told == NULL)
		return ERR_NO_SPACE;
	for (uint16_t i = 0; i < m->n_services; i++)
		if ((int)strlen(m->services[i].name) > width)
			width = (int)strlen(m->services[i].name);
	int n = snprintf(line, sizeof line, "%-*s  %-7s  %-10s  %10s  %-24s  %s\n", width, "SERVICE", "TYPE",
			 "RESTART", "UID", "AFTER", "PROGRAM");
	wr_bytes(out, line, (size_t)n);
	/* In the order of starting: each round tells those all of whose predecessors have been told. */
	for (uint32_t left = m->n_services; left > 0;) {
		uint32_t before = left;
		for (uint16_t i = 0; i < m->n_services; i++) {
			const struct service *s = &m->services[i];
			bool ready = told[i] == 0;
			for (uint16_t k = 0; ready && k < s->n_after; k++)
				ready = told[s->after[k]] != 0;
			if (!ready)
				continue;
			describe_one(m, s, width, out);
			told[i] = 1;
			left--;
		}
		if (left == before)
			break;
	}
	free(told);
	return out->err;
}
