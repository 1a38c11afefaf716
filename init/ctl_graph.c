/* SPDX-License-Identifier: MIT
 *
 * taoctl tree and chart: what comes after what, and how long the parts of a boot took.
 */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* Deeper chains are cut, and say so. */
#define TREE_DEPTH 64

static const char *const kinds[] = { "requires", "wants", "after" };

static unsigned kind_of(const struct ctl_service *s, uint32_t i)
{
	return i < s->n_requires ? 0 : i - s->n_requires < s->n_wants ? 1 : 2;
}

static cJSON *json_graph(const struct ctl_answer *a, const struct ctl_service *s)
{
	static const char *const moments[] = { "waiting_ms", "measuring_ms", "starting_ms", "ready_ms" };
	cJSON *o = cJSON_CreateObject(), *lists[3];
	cJSON_AddStringToObject(o, "name", s->name);
	cJSON_AddStringToObject(o, "state", s->state);
	for (int k = 0; k < 3; k++)
		lists[k] = cJSON_AddArrayToObject(o, kinds[k]);
	for (uint32_t i = 0; i < s->n_after; i++)
		cJSON_AddItemToArray(lists[kind_of(s, i)], cJSON_CreateString(a->services[s->after[i]].name));
	for (int k = 0; k < 4; k++)
		if (s->moments[k] > 0)
			cJSON_AddNumberToObject(o, moments[k], s->moments[k] - 1);
	return o;
}

/* The host's graph; places are looked at before they are used. */
static int ask_graph(const struct ctl *ctl, const char *word, int argc, char **argv, struct ctl_answer *a)
{
	if (!ctl_no_argument(word, argc, argv))
		return CTL_USAGE;
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.Status", .action = "graph" }, a);
	for (size_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < a->services[i].n_after; k++)
			if (a->services[i].after[k] >= a->n)
				a->services[i].n_after = k;
	if (r == CTL_OK && ctl->json) {
		cJSON *all = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(all, "services");
		for (size_t i = 0; i < a->n; i++)
			cJSON_AddItemToArray(list, json_graph(a, &a->services[i]));
		ctl_put_json(all);
	}
	return r;
}

/* ---- tree ---- */

struct tree {
	const struct ctl_answer *answer;
	bool *shown; /* with what is below it */
	struct {
		uint32_t at, next;
	} stack[TREE_DEPTH];
	unsigned n;
};

/* One line; true if what is below it is to follow. */
static bool print_node(struct tree *t, uint32_t at, const char *kind)
{
	const struct ctl_service *s = &t->answer->services[at];
	for (unsigned i = 0; i < t->n; i++) {
		bool more = t->stack[i].next < t->answer->services[t->stack[i].at].n_after;
		fputs(i + 1 < t->n ? (more ? "│  " : "   ") : more ? "├─ " : "└─ ", stdout);
	}
	bool again = t->shown[at] && s->n_after > 0, deep = t->n == TREE_DEPTH && s->n_after > 0;
	printf("%s%s (%s)%s\n", kind, s->name, s->state, again ? " as above" : deep ? " …" : "");
	t->shown[at] = true;
	return !again && !deep;
}

static void print_tree(struct tree *t, uint32_t root)
{
	static const char *const words[] = { "requires ", "wants ", "after " };
	t->n = 0;
	if (!print_node(t, root, ""))
		return;
	t->stack[t->n].at = root;
	t->stack[t->n++].next = 0;
	while (t->n > 0) {
		const struct ctl_service *s = &t->answer->services[t->stack[t->n - 1].at];
		if (t->stack[t->n - 1].next == s->n_after) {
			t->n--;
			continue;
		}
		uint32_t i = t->stack[t->n - 1].next++;
		if (!print_node(t, s->after[i], words[kind_of(s, i)]))
			continue;
		t->stack[t->n].at = s->after[i];
		t->stack[t->n++].next = 0;
	}
}

int ctl_tree(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_answer a = { .n = 0 };
	int r = ask_graph(ctl, "tree", argc, argv, &a);
	struct tree t = { .answer = &a, .shown = calloc(a.n + 1, sizeof *t.shown) };
	bool *below = calloc(a.n + 1, sizeof *below);
	if (r == CTL_OK && !ctl->json && t.shown != NULL && below != NULL) {
		for (size_t i = 0; i < a.n; i++)
			for (uint32_t k = 0; k < a.services[i].n_after; k++)
				below[a.services[i].after[k]] = true;
		for (size_t i = 0; i < a.n; i++)
			if (!below[i])
				print_tree(&t, (uint32_t)i);
	}
	free(t.shown);
	free(below);
	ctl_free(&a);
	return r;
}

/* ---- chart ---- */

#define ROW 20
#define LEFT 200
#define LETTER 8
#define WIDTH 800

static uint32_t last_moment(const struct ctl_service *s)
{
	uint32_t last = 0;
	for (int k = 0; k < 4; k++)
		last = s->moments[k] > last ? s->moments[k] : last;
	return last;
}

/* By when they began; those that did not are last. */
static uint32_t first_moment(const struct ctl_service *s)
{
	for (int k = 0; k < 4; k++)
		if (s->moments[k] > 0)
			return s->moments[k];
	return UINT32_MAX;
}

static int by_beginning(const void *a, const void *b)
{
	uint32_t x = first_moment(a), y = first_moment(b);
	return (x > y) - (x < y);
}

/* The names stand in the picture; a host that is none of ours must not write into it. */
static void put_text(int x, unsigned y, const char *anchor, const char *text, const char *more)
{
	printf("<text x=\"%d\" y=\"%u\" text-anchor=\"%s\">", x, y, anchor);
	for (; *text != '\0'; text++)
		putchar(strchr("<>&", *text) != NULL ? '?' : *text);
	printf("%s</text>\n", more);
}

static void put_bar(uint64_t from, uint64_t to, uint64_t span, unsigned y, const char *colour)
{
	if (to > from)
		printf("<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%d\" fill=\"%s\"/>\n",
		       (unsigned)(LEFT + from * WIDTH / span), y, (unsigned)((to - from) * WIDTH / span + 1),
		       ROW - 6, colour);
}

static void put_service(const struct ctl_service *s, uint64_t span, unsigned y)
{
	static const char *const colours[] = { "#c8c8c8", "#4a90d9", "#f5a623", "#5cb85c" };
	bool failed = strcmp(s->state, "failed") == 0;
	put_text(LEFT - 8, y + ROW - 8, "end", s->name, "");
	for (int k = 0; k < 4; k++) {
		uint64_t end = span;
		for (int next = 3; next > k; next--)
			end = s->moments[next] > 0 ? s->moments[next] - 1 : end;
		if (s->moments[k] > 0)
			put_bar(s->moments[k] - 1, end, span, y + 2, k == 3 && failed ? "#d9534f" : colours[k]);
	}
}

static void put_legend(void)
{
	static const struct {
		const char *colour, *word;
	} rows[] = { { "#c8c8c8", "waiting" },
		     { "#4a90d9", "measuring" },
		     { "#f5a623", "starting" },
		     { "#5cb85c", "ready" },
		     { "#d9534f", "failed" } };
	for (int i = 0; i < 5; i++) {
		printf("<rect x=\"%d\" y=\"8\" width=\"14\" height=\"14\" fill=\"%s\"/>\n", LEFT + 110 * i,
		       rows[i].colour);
		put_text(LEFT + 110 * i + 20, 20, "start", rows[i].word, "");
	}
}

/* A line every 1, 2 or 5 times a power of ten: at most ten of them. */
static void put_scale(uint64_t span, unsigned bottom)
{
	uint64_t step = 1;
	for (int i = 0; span / step > 10; i++)
		step = i % 3 == 1 ? step / 2 * 5 : step * 2;
	for (uint64_t t = 0; t <= span; t += step) {
		char text[24];
		int x = (int)(LEFT + t * WIDTH / span);
		snprintf(text, sizeof text, "%llu", (unsigned long long)t);
		printf("<line x1=\"%d\" y1=\"46\" x2=\"%d\" y2=\"%u\" stroke=\"#ddd\"/>\n", x, x, bottom);
		put_text(x, 42, "middle", text, " ms");
	}
}

int ctl_chart(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_answer a = { .n = 0 };
	uint64_t span = 1;
	int r = ask_graph(ctl, "chart", argc, argv, &a), left = LEFT;
	if (r == CTL_OK && !ctl->json) {
		unsigned bottom = 50 + (unsigned)a.n * ROW;
		qsort(a.services, a.n, sizeof *a.services, by_beginning);
		for (size_t i = 0; i < a.n; i++) {
			int room = LEFT - LETTER * (int)(strlen(a.services[i].name) + 2);
			left = room < left ? room : left;
			span = last_moment(&a.services[i]) > span ? last_moment(&a.services[i]) : span;
		}
		span += span / 16 + 1; /* room to see what is ready last */
		printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"%d 0 %d %u\" "
		       "font-family=\"sans-serif\" "
		       "font-size=\"12\">\n",
		       left, LEFT + WIDTH + 40 - left, bottom + 10);
		put_legend();
		put_scale(span, bottom);
		for (size_t i = 0; i < a.n; i++)
			put_service(&a.services[i], span, 50 + (unsigned)i * ROW);
		puts("</svg>");
	}
	ctl_free(&a);
	return r;
}
