/* SPDX-License-Identifier: MIT */
/* link: init/clock.c crypto/base.c */
/* The host's clock, with the kernel's and the root's as variables. */
#include "../../init/clock.h"
#include "../../init/sys.h"
#include "test.h"
#include "version.h"

static struct env env;
static int64_t realtime, now;

int64_t sys_realtime(void)
{
	return realtime;
}

int64_t sys_now(void)
{
	return now;
}

#define YEAR (365LL * 86400)

TEST(it_is_the_latest_of_three)
{
	env = (struct env){ .clock_least = 0 };
	now = 0;
	realtime = 0;
	CHECK_INT(clock_now(&env), TAOINIT_EPOCH * NS_PER_S);
	realtime = (TAOINIT_EPOCH + 5) * NS_PER_S + 17;
	CHECK_INT(clock_now(&env), realtime);
	clock_learn(&env, TAOINIT_EPOCH + YEAR);
	CHECK_INT(clock_now(&env), (TAOINIT_EPOCH + YEAR) * NS_PER_S);
	realtime = (TAOINIT_EPOCH + 2 * YEAR) * NS_PER_S;
	CHECK_INT(clock_now(&env), realtime);
	/* Nothing stored: the day of this version stays. */
	clock_learn(&env, 0);
	realtime = 0;
	CHECK_INT(clock_now(&env), TAOINIT_EPOCH * NS_PER_S);
}

/* Set back ten years at a reboot, it goes on from where it was. */
TEST(a_clock_that_was_set_back_goes_on)
{
	int64_t stored = TAOINIT_EPOCH + YEAR;
	now = 1000 * NS_PER_S;
	realtime = (stored - 10 * YEAR) * NS_PER_S;
	clock_learn(&env, stored);
	now += 3600 * NS_PER_S;
	realtime += 3600 * NS_PER_S;
	CHECK_INT(clock_now(&env), (stored + 3600) * NS_PER_S);
	/* Set right while we run. */
	realtime = (stored + 3601) * NS_PER_S;
	CHECK_INT(clock_now(&env), realtime);
}

TEST(no_stored_time_overflows)
{
	clock_learn(&env, INT64_MAX - 5);
	CHECK(clock_now(&env) > 0);
	CHECK(clock_latest(INT64_MAX) > 0);
	CHECK_INT(clock_latest(-1), realtime > TAOINIT_EPOCH * NS_PER_S ? realtime : TAOINIT_EPOCH * NS_PER_S);
}

int main(void)
{
	RUN(it_is_the_latest_of_three);
	RUN(a_clock_that_was_set_back_goes_on);
	RUN(no_stored_time_overflows);
	return test_end();
}
