/* SPDX-License-Identifier: MIT
 *
 * How long a question takes a policy of N facts (PROTOCOL's worked rules, N program hashes and a host), and loading it:
 * N, then p50 and p99 in µs of an allowed question, of one about a principal that stands nowhere, of one that spends
 * the budget of steps; and loading in ms.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../policy/guard.h"
#include "../../policy/name.h"

#define ROUNDS 2000

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
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
	struct program_name p = { .sha256 = digest, .n_args = -1 };
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

int main(void)
{
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
