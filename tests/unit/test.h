/* SPDX-License-Identifier: MIT
 *
 * The smallest test harness that speaks TAP. A test is a function; CHECK counts as failed where it stands and
 * goes on; the program's exit status is the number of failed tests (at most 125).
 *
 *	TEST(adds) { CHECK(1 + 1 == 2); }
 *	int main(void) { RUN(adds); return test_end(); }
 */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned test_n, test_failed;
static int test_bad;

#define TEST(name) static void name(void)

#define CHECK(cond)                                                                                               \
	do {                                                                                                      \
		if (!(cond)) {                                                                                    \
			printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                               \
			test_bad = 1;                                                                             \
		}                                                                                                 \
	} while (0)

/* For equality of integers: prints both. */
#define CHECK_INT(got, want)                                                                                      \
	do {                                                                                                      \
		long long got_ = (long long)(got), want_ = (long long)(want);                                     \
		if (got_ != want_) {                                                                              \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_, want_);         \
			test_bad = 1;                                                                             \
		}                                                                                                 \
	} while (0)

#define CHECK_STR(got, want)                                                                                      \
	do {                                                                                                      \
		const char *got_ = (got), *want_ = (want);                                                        \
		if (strcmp(got_, want_) != 0) {                                                                   \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, got_, want_);     \
			test_bad = 1;                                                                             \
		}                                                                                                 \
	} while (0)

#define RUN(name)                                                                                                 \
	do {                                                                                                      \
		test_bad = 0;                                                                                     \
		name();                                                                                           \
		test_n++;                                                                                         \
		test_failed += (unsigned)test_bad;                                                                \
		printf("%sok %u - %s\n", test_bad ? "not " : "", test_n, #name);                                  \
		fflush(stdout);                                                                                   \
	} while (0)

static int test_end(void)
{
	printf("1..%u\n", test_n);
	return test_failed > 125 ? 125 : (int)test_failed;
}

#endif
