/* SPDX-License-Identifier: MIT */
/* link: init/loop.c init/sys.c crypto/base.c */
#include <errno.h>
#include <unistd.h>

#include "../../init/loop.h"
#include "../../init/sys.h"
#include "test.h"

TEST(timers_come_in_their_order)
{
	struct loop loop;
	static const int64_t when[] = { 50, 10, 40, 30, 20, 60, 15 };
	uint32_t timer;
	int64_t last = 0;
	int n = 0;
	CHECK_INT(loop_open(&loop, 7), 0);
	for (uint32_t i = 0; i < 7; i++)
		loop_timer(&loop, i, when[i]);
	loop_cancel(&loop, 3);
	loop_timer(&loop, 0, 5);
	CHECK(!loop_due(&loop, 4, &timer));
	while (loop_due(&loop, 1000, &timer)) {
		int64_t w = timer == 0 ? 5 : when[timer];
		CHECK(w >= last);
		CHECK(timer != 3);
		last = w;
		n++;
	}
	CHECK_INT(n, 6);
}

/* Against the obvious: an array that is searched. */
TEST(the_heap_agrees_with_a_search)
{
	enum { N = 40 };
	struct loop loop;
	int64_t when[N] = { 0 };
	uint32_t seed = 7;
	CHECK_INT(loop_open(&loop, N), 0);
	for (int step = 0; step < 20000; step++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t t = (seed >> 8) % N;
		int64_t w = 1 + (seed >> 16) % 1000;
		if ((seed >> 28) < 9) {
			loop_timer(&loop, t, w);
			when[t] = w;
		} else if ((seed >> 28) < 12) {
			loop_cancel(&loop, t);
			when[t] = 0;
		} else {
			uint32_t due;
			int64_t least = 0;
			for (int i = 0; i < N; i++)
				if (when[i] != 0 && (least == 0 || when[i] < least))
					least = when[i];
			bool any = loop_due(&loop, w, &due);
			CHECK(any == (least != 0 && least <= w));
			if (any) {
				CHECK(when[due] == least);
				when[due] = 0;
			}
		}
		CHECK(loop_is_set(&loop, t) == (when[t] != 0));
	}
}

TEST(events_and_timers_wake_the_wait)
{
	struct loop loop;
	struct loop_event events[LOOP_EVENTS_MAX];
	int fds[2];
	uint32_t timer;
	CHECK_INT(loop_open(&loop, 2), 0);
	CHECK_INT(sys_pipe(fds), 0);
	CHECK_INT(loop_add(&loop, 3, 77, fds[0], EPOLLIN), 0);
	CHECK_INT(loop_wait(&loop, events, false), 0);
	CHECK_INT(sys_write(fds[1], "x", 1), 1);
	CHECK_INT(loop_wait(&loop, events, true), 1);
	CHECK_INT(events[0].source, 3);
	CHECK_INT(events[0].index, 77);
	loop_remove(&loop, fds[0]);
	loop_timer(&loop, 1, sys_now() + 1000000);
	while (!loop_due(&loop, sys_now(), &timer))
		loop_wait(&loop, events, true);
	CHECK_INT(timer, 1);
}

int main(void)
{
	RUN(timers_come_in_their_order);
	RUN(the_heap_agrees_with_a_search);
	RUN(events_and_timers_wake_the_wait);
	return test_end();
}
