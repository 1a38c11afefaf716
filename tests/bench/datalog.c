/* SPDX-License-Identifier: MIT
 *
 * How long a question takes a policy of N facts (PROTOCOL's worked rules, N program hashes and a host), and loading it:
 * N, then p50 and p99 in µs of an allowed question, of one about a principal that stands nowhere, of one that spends
 * the budget of steps; and loading in ms.
 *
 * datalog worst: what rules can do that are made to take long. For each kind: p50, p99 and the longest of a question in
 * µs, and what it ended by.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../policy/guard.h"
#include "../../policy/name.h"

#define ROUNDS 2000
#define WORST_ROUNDS 200
#define TEXT_MAX (1 << 20)

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static char *make_rules(unsigned n)
{
	char *text = malloc(4096 + (size_t)n * 128);
	if (text == NULL)
		exit(1);
	size_t at = (size_t)sprintf(
		text,
		"TrustedHost(key([70]))\n"
		"(forall P: forall Host: forall Hash: TrustedHost(Host) and TrustedProgramHash(Hash) and "
		"Subprin(P, Host, Hash) implies MemberProgram(P))\n"
		"(forall P: MemberProgram(P) implies Authorized(P, \"Execute\"))\n"
		"(forall P: forall E: forall A: forall B: forall C: forall D: forall F: Subprin(P, key([70]), E) "
		"and TrustedProgramHash(A) and TrustedProgramHash(B) and TrustedProgramHash(C) and "
		"TrustedProgramHash(D) and TrustedProgramHash(F) and not TrustedProgramHash(F) implies "
		"Authorized(P, \"Spend\"))\n");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, "TrustedProgramHash(ext.Program([%064x]))\n", i);
	return text;
}

static void time_question(const struct guard *guard, unsigned program, const char *verb, enum verdict wanted,
			  unsigned rounds)
{
	static double times[ROUNDS];
	uint8_t host[64], sub[128], name[256], digest[32] = { 0 };
	struct wr h = wr_to(host, sizeof host), s = wr_to(sub, sizeof sub), w = wr_to(name, sizeof name);
	struct program_name p = { .ext = "Program", .sha256 = digest, .n_args = -1 };
	struct why why;
	digest[30] = (uint8_t)(program >> 8);
	digest[31] = (uint8_t)program;
	static const uint8_t prin[] = { 1, 3, 'k', 'e', 'y', 4, 1, 0x70, 17, 0 };
	wr_bytes(&h, prin, sizeof prin);
	name_write_program(&s, &p);
	name_extend(wr_span(&h), wr_span(&s), &w);
	struct ask ask = { .principal = wr_span(&w), .verb = verb };
	for (unsigned i = 0; i < rounds; i++) {
		double from = now_us();
		enum verdict verdict = guard_decide(guard, &ask, &why);
		times[i] = now_us() - from;
		if (verdict != wanted)
			exit(1);
	}
	qsort(times, rounds, sizeof *times, by_size);
	printf(" %.1f %.1f", times[rounds / 2], times[rounds * 99 / 100]);
}

/* ---- rules that are made to take long ---- */

static char *put(char *at, const char *text)
{
	size_t n = strlen(text);
	memcpy(at, text, n + 1);
	return at + n;
}

/* name(V0, … ) with n variables from v on, of 26. */
static char *put_wide(char *at, const char *name, unsigned v, unsigned n)
{
	at += sprintf(at, "%s(", name);
	for (unsigned i = 0; i < n; i++)
		at += sprintf(at, "%sV%u", i > 0 ? ", " : "", (v + i) % 26);
	return put(at, ")");
}

/* Conditions as wide as they may be, and as many: each step looks at all of them. */
static void wide_rules(char *at)
{
	at = put(at, "Never(\"x\")\n");
	for (unsigned i = 0; i < 256; i++)
		at += sprintf(at, "Wide(%u, %u, %u, %u, %u, %u, %u, %u)\n", i & 1, i >> 1 & 1, i >> 2 & 1,
			      i >> 3 & 1, i >> 4 & 1, i >> 5 & 1, i >> 6 & 1, i >> 7);
	at = put(at, "(forall P: ");
	for (unsigned i = 0; i < 26; i++)
		at += sprintf(at, "forall V%u: ", i);
	for (unsigned i = 0; i < 26; i++)
		at = put(put_wide(at, "Wide", i, 8), " and ");
	put(at, "Never(V25) and Subprin(P, key([70]), ext.A()) implies Authorized(P, \"Spend\"))\n");
}

static void cross_join(char *at)
{
	for (unsigned i = 0; i < 1000; i++)
		at += sprintf(at, "N(%u)\n", i);
	put(at, "(forall P: forall E: forall A: forall B: forall C: forall D: Subprin(P, key([70]), E) and N(A) "
		"and N(B) "
		"and N(C) and N(D) and not N(D) implies Authorized(P, \"Spend\"))\n");
}

/* Twice as many names with each extension. */
static void growing(char *at)
{
	put(at, "Grow(key([70]))\n"
		"(forall P: forall Q: Grow(P) and Subprin(Q, P, ext.A()) implies Grow(Q))\n"
		"(forall P: forall Q: Grow(P) and Subprin(Q, P, ext.B()) implies Grow(Q))\n"
		"(forall P: forall Q: forall E: Subprin(P, key([70]), E) and Grow(Q) and Nope(Q) implies "
		"Authorized(P, \"Spend\"))\n(forall X: Never(X) implies Nope(X))\nNever(1)\n");
}

/* A goal for each node and a fact for each pair. */
static void closure(char *at)
{
	for (unsigned i = 0; i < 2000; i++)
		at += sprintf(at, "Edge(%u, %u)\n", i, (i * 7 + 1) % 2000);
	put(at, "(forall X: forall Y: Edge(X, Y) implies Path(X, Y))\n"
		"(forall X: forall Y: forall Z: Edge(X, Y) and Path(Y, Z) implies Path(X, Z))\n"
		"(forall P: forall E: forall X: forall Y: Subprin(P, key([70]), E) and Path(X, Y) and Nope(Y) "
		"implies "
		"Authorized(P, \"Spend\"))\n(forall X: Never(X) implies Nope(X))\nNever(\"x\")\n");
}

static char *put_name(char *at, unsigned n, const char *last)
{
	for (unsigned i = 0; i + 1 < n; i++)
		at = put(at, ".A()");
	return put(at, last);
}

/* Names as long as they may be, compared again and again. */
static void long_names(char *at)
{
	for (unsigned i = 0; i < 400; i++) {
		char last[32];
		sprintf(last, ".A(%u)", i);
		at = put_name(put(at, "Triple(key([70])"), 250, last);
		at = put_name(put(at, ", key([71]), ext"), 250, last);
		at = put(at, ")\n");
		at += sprintf(at, "N(%u)\n", i);
	}
	put(at, "(forall P: forall X: forall S: forall Q: forall E: Subprin(P, key([70]), ext.A()) and N(X) and "
		"Triple(S, Q, E) and Subprin(S, Q, E) implies Authorized(P, \"Spend\"))\n");
}

/* Names taken apart wherever they can be. */
static void splitting(char *at)
{
	for (unsigned i = 0; i < 400; i++) {
		char last[32];
		sprintf(last, ".B(%u)", i);
		at = put_name(put(at, "Long(key([70])"), 250, last);
		at = put(at, ")\n");
	}
	at = put_name(put(at, "Tail(ext"), 250, ".C()");
	put(at,
	    ")\nHost(key([72]))\n"
	    "(forall P: forall X: forall Q: forall E: Host(Q) and Tail(E) and Long(X) and Subprin(X, Q, E) and "
	    "Subprin(P, key([70]), ext.A()) implies Authorized(P, \"Spend\"))\n"
	    "(forall P: forall X: forall Q: forall E: Subprin(P, key([70]), ext.A()) and Long(X) and Host(Q) and "
	    "Tail(E) and "
	    "Subprin(X, Q, E) implies Authorized(P, \"Spend\"))\n");
}

/* As many goals as there is room for, each asked for again and again. */
static void many_goals(char *at)
{
	for (unsigned i = 0; i < 2000; i++)
		at += sprintf(at, "N(%u)\n", i);
	put(at, "(forall X: forall Y: N(X) and Pair(Y, X) and Never(X) implies Pair(X, Y))\n"
		"(forall X: forall Y: N(X) and N(Y) and not Pair(X, Y) and Nope(Y) implies Odd(X))\n"
		"(forall P: forall E: forall X: Subprin(P, key([70]), E) and N(X) and Odd(X) implies "
		"Authorized(P, \"Spend\"))\n(forall X: Never(X) implies Nope(X))\nNever(\"x\")\n");
}

#define KIND(name)                                                                                                \
	{                                                                                                         \
#name, name                                                                                       \
	}
static const struct {
	const char *name;
	void (*make)(char *at);
} kinds[] = { KIND(cross_join), KIND(wide_rules), KIND(growing),   KIND(closure),
	      KIND(long_names), KIND(splitting),  KIND(many_goals) };

static int worst(void)
{
	static char text[TEXT_MAX + 4096];
	static double times[WORST_ROUNDS];
	static const uint8_t prin[] = { NODE_PRIN,    3, 'k',	   'e', 'y', NODE_BYTES, 1, 0x70,
					NODE_SUBPRIN, 1, NODE_EXT, 1,	'A', 0 };
	struct ask ask = { .principal = { prin, sizeof prin }, .verb = "Spend" };
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		kinds[k].make(text);
		struct guard_policy policy = { span_str(text), 1 };
		struct guard guard = { .class = guard_find("datalog") };
		struct why why = { .rule = "" };
		size_t room = guard_memory(policy.rules.n);
		void *memory = malloc(room);
		if (memory == NULL || guard_load(&guard, &policy, span_of(memory, room), &why) < 0) {
			fprintf(stderr, "%s: %s\n", kinds[k].name, why.rule);
			return 1;
		}
		for (unsigned i = 0; i < WORST_ROUNDS; i++) {
			double from = now_us();
			if (guard_decide(&guard, &ask, &why) == ALLOW)
				return 1;
			times[i] = now_us() - from;
		}
		qsort(times, WORST_ROUNDS, sizeof *times, by_size);
		printf("%s %.0f %.0f %.0f %s\n", kinds[k].name, times[WORST_ROUNDS / 2],
		       times[WORST_ROUNDS * 99 / 100], times[WORST_ROUNDS - 1], why.rule);
		free(memory);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return strcmp(argv[1], "worst") == 0 ? worst() : 2;
	static const unsigned sizes[] = { 10, 100, 1000, 10000 };
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *text = make_rules(sizes[i]);
		struct guard_policy policy = { span_str(text), 1 };
		struct guard guard = { .class = guard_find("datalog") };
		struct why why;
		size_t room = guard_memory(policy.rules.n);
		void *memory = malloc(room);
		double from = now_us();
		if (memory == NULL || guard_load(&guard, &policy, span_of(memory, room), &why) < 0) {
			fprintf(stderr, "%s\n", why.rule);
			return 1;
		}
		double loading = now_us() - from;
		printf("%u", sizes[i]);
		time_question(&guard, sizes[i] / 2, "Execute", ALLOW, ROUNDS);
		time_question(&guard, 60000, "Execute", DENY, ROUNDS);
		time_question(&guard, 60000, "Spend", DENY, 50);
		printf(" %.2f\n", loading / 1e3);
		free(memory);
		free(text);
	}
	return 0;
}
