/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "sys.h"
#include "version.h"

int64_t clock_latest(int64_t seconds)
{
	int64_t now = sys_realtime();
	if (seconds < TAOINIT_EPOCH)
		seconds = TAOINIT_EPOCH;
	if (seconds > INT64_MAX / NS_PER_S)
		seconds = INT64_MAX / NS_PER_S;
	return now > seconds * NS_PER_S ? now : seconds * NS_PER_S;
}

int64_t clock_now(const struct env *env)
{
	int64_t since = env->clock_least < TAOINIT_EPOCH ? TAOINIT_EPOCH : env->clock_least;
	return clock_latest(since + (sys_now() - env->clock_since) / NS_PER_S);
}

void clock_learn(struct env *env, int64_t seconds)
{
	env->clock_least = seconds < INT64_MAX / NS_PER_S ? seconds : INT64_MAX / NS_PER_S;
	env->clock_since = sys_now();
}
