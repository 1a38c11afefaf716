/* SPDX-License-Identifier: MIT */
/* link: init policy crypto */
/* Places of services: those that stay keep theirs, whatever a later manifest's order; links follow; random pairs of
 * manifests besides. */
#include <stdio.h>
#include <stdlib.h>

#include "../../init/manifest.h"
#include "test.h"

#define N 24
static uint8_t memory[2][1 << 20];

static struct manifest read_text(int which, const char *json, struct arena *arena)
{
	struct manifest_context context = { "m.json", true, 1000, 1001, 0x70000000, 0x0ffeffff, true, NULL, NULL };
	struct manifest m;
	struct diag diag;
	*arena = (struct arena){ memory[which], 0, sizeof memory[which] };
	int r = manifest_parse(span_str(json), &context, arena, &m, &diag, NULL);
	if (r < 0)
		fprintf(stderr, "%s\n", diag.text);
	CHECK(r == 0);
	return m;
}

static int place(const struct manifest *m, const char *name)
{
	for (int i = 0; i < m->n_services; i++)
		if (strcmp(m->services[i].name, name) == 0)
			return i;
	return -1;
}

static bool comes_after(const struct manifest *m, const char *name, const char *other)
{
	const struct service *s = &m->services[place(m, name)];
	for (int i = 0; i < s->n_after; i++)
		if (strcmp(m->services[s->after[i]].name, other) == 0)
			return true;
	return false;
}

#define HOST "{\"version\":1,\"host\":{\"max_programs\":2,\"max_services\":6},\"services\":{"
#define S(name) "\"" name "\":{\"exec\":[\"/a\"]}"

TEST(those_that_stay_keep_their_places_and_links_follow)
{
	struct arena a, b;
	struct manifest was =
		read_text(0, HOST S("x") "," S("y") ",\"z\":{\"exec\":[\"/a\"],\"requires\":[\"y\"]}}}", &a);
	CHECK(manifest_give_places(&was, NULL, &a) == 0);
	CHECK(was.n_services == 8 && place(&was, "x") == 0 && place(&was, "y") == 1 && place(&was, "z") == 2);
	CHECK(place(&was, "@1") == 6 && place(&was, "@2") == 7 && was.services[3].name[0] == '\0');
	CHECK(was.services[3].on_call && was.services[3].confinement != NULL);
	struct manifest is =
		read_text(1,
			  HOST "\"new\":{\"exec\":[\"/a\"],\"after\":[\"z\",\"x\"],\"on_failure\":{\"start\":"
			       "\"z\"}},\"z\":{\"exec\":[\"/a\"],\"requires\":[\"x\"]}," S("x") "}}",
			  &b);
	CHECK(manifest_give_places(&is, &was, &b) == 0);
	CHECK(is.n_services == 8 && place(&is, "x") == 0 && place(&is, "z") == 2);
	/* That of y may be in use still. */
	CHECK(place(&is, "new") == 3 && is.services[1].name[0] == '\0');
	CHECK(comes_after(&is, "new", "z") && comes_after(&is, "new", "x") && comes_after(&is, "z", "x"));
	CHECK(is.services[place(&is, "new")].failure_start == 1 + place(&is, "z"));
	CHECK(is.services[place(&is, "z")].n_requires == 1 && is.services[place(&is, "z")].requires[0] == 0);
	CHECK(place(&is, "@1") == 6 && place(&is, "@2") == 7);
	uint16_t *after;
	uint32_t *at;
	CHECK(manifest_successors(&is, &b, &after, &at) == 0);
	CHECK(at[0] == 0 && at[1] == 2 && at[2] == 2 && at[3] == 3 && at[8] == 3);
	CHECK((after[0] == 2 && after[1] == 3) || (after[0] == 3 && after[1] == 2));
	CHECK(after[2] == 3);
}

TEST(no_place_is_an_error)
{
	struct arena a, b;
	struct manifest was =
		read_text(0, HOST S("a") "," S("b") "," S("c") "," S("d") "," S("e") "," S("f") "}}", &a);
	CHECK(manifest_give_places(&was, NULL, &a) == 0 && was.n_services == 8);
	struct manifest is = read_text(1, HOST S("g") "}}", &b);
	CHECK(manifest_give_places(&is, &was, &b) == ERR_NO_SPACE);
	is = read_text(1, HOST S("f") "," S("a") "}}", &b);
	CHECK(manifest_give_places(&is, &was, &b) == 0 && place(&is, "f") == 5 && place(&is, "a") == 0);
	/* The arena's end. */
	b.n = b.cap;
	CHECK(manifest_give_places(&is, &was, &b) == ERR_NO_SPACE);
}

TEST(without_a_number_there_are_some_to_spare)
{
	struct arena a;
	struct manifest m = read_text(0, "{\"version\":1,\"services\":{" S("a") "}}", &a);
	CHECK(manifest_give_places(&m, NULL, &a) == 0 && m.n_services == 1 + SERVICES_SPARE);
	m = read_text(0, "{\"version\":1}", &a);
	CHECK(manifest_give_places(&m, NULL, &a) == 0 && m.n_services == SERVICES_SPARE);
}

/* A manifest of some of N services, in some order, each after some that stand before it. */
static const char *random_manifest(char *text, size_t cap)
{
	int order[N];
	size_t n =
		(size_t)snprintf(text, cap, "{\"version\":1,\"host\":{\"max_services\":%d},\"services\":{", 2 * N);
	int count = rand() % (N + 1);
	for (int i = 0; i < N; i++)
		order[i] = i;
	for (int i = 0; i < N; i++) {
		int k = rand() % N, t = order[i];
		order[i] = order[k];
		order[k] = t;
	}
	for (int i = 0; i < count; i++) {
		n += (size_t)snprintf(text + n, cap - n, "%s\"s%d\":{\"exec\":[\"/a\"],\"after\":[",
				      i > 0 ? "," : "", order[i]);
		const char *comma = "";
		for (int k = 0; k < i; k++)
			if (rand() % 4 == 0) {
				n += (size_t)snprintf(text + n, cap - n, "%s\"s%d\"", comma, order[k]);
				comma = ",";
			}
		n += (size_t)snprintf(text + n, cap - n, "]}");
	}
	snprintf(text + n, cap - n, "}}");
	return text;
}

/* The same services with the same orders between them, by name, as read; every edge once in the turned one. */
static void check_placed(const struct manifest *placed, const struct manifest *read, const struct manifest *was,
			 struct arena *arena)
{
	uint16_t *after;
	uint32_t *at;
	int there = 0;
	size_t edges = 0;
	CHECK(manifest_successors(placed, arena, &after, &at) == 0);
	for (int i = 0; i < read->n_services; i++) {
		const struct service *s = &read->services[i];
		int p = place(placed, s->name);
		CHECK(p >= 0 && placed->services[p].n_after == s->n_after);
		if (was != NULL && place(was, s->name) >= 0)
			CHECK(place(was, s->name) == p);
		else if (was != NULL)
			CHECK(was->services[p].name[0] == '\0');
		for (int k = 0; k < s->n_after; k++) {
			int other = placed->services[p].after[k], found = 0;
			for (uint32_t e = at[other]; e < at[other + 1]; e++)
				found += after[e] == p;
			CHECK(found == 1);
		}
		edges += s->n_after;
	}
	for (int i = 0; i < placed->n_services; i++)
		there += placed->services[i].name[0] != '\0';
	CHECK(there == read->n_services && at[placed->n_services] == edges);
}

TEST(random_pairs)
{
	static char text[1 << 14];
	static uint8_t copies[1 << 18];
	srand(5);
	for (int round = 0; round < 500; round++) {
		struct arena a, b, extra = { copies, 0, sizeof copies };
		struct manifest was = read_text(0, random_manifest(text, sizeof text), &a), read = was;
		CHECK(manifest_give_places(&was, NULL, &a) == 0);
		memset(copies, 0, sizeof copies);
		check_placed(&was, &read, NULL, &extra);
		struct manifest is = read_text(1, random_manifest(text, sizeof text), &b);
		/* With max_services twice as many as there are names, there is always a place. */
		read = is;
		CHECK(manifest_give_places(&is, &was, &b) == 0 && is.n_services == was.n_services);
		check_placed(&is, &read, &was, &extra);
	}
}

int main(void)
{
	RUN(those_that_stay_keep_their_places_and_links_follow);
	RUN(no_place_is_an_error);
	RUN(without_a_number_there_are_some_to_spare);
	RUN(random_pairs);
	return test_end();
}
