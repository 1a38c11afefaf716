/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "loop.h"
#include "sys.h"

/* The timerfd's own source; never handed out. */
#define SOURCE_TIMERFD UINT32_MAX

int loop_open(struct loop *loop, uint32_t n_timers)
{
	size_t each = sizeof *loop->when + sizeof *loop->heap + sizeof *loop->at;
	uint8_t *memory = sys_map_own(each * n_timers);
	if (memory == NULL)
		return -ENOMEM;
	loop->when = (int64_t *)(void *)memory;
	loop->heap = (uint32_t *)(loop->when + n_timers);
	loop->at = loop->heap + n_timers;
	loop->n_timers = n_timers;
	loop->heap_n = 0;
	loop->armed = 0;
	loop->rest = false;
	loop->ep = sys_epoll();
	if (loop->ep < 0)
		return loop->ep;
	loop->timer_fd = sys_timerfd();
	if (loop->timer_fd < 0)
		return loop->timer_fd;
	return loop_add(loop, SOURCE_TIMERFD, 0, loop->timer_fd, EPOLLIN);
}

static uint64_t tag(uint32_t source, uint32_t index)
{
	return (uint64_t)source << 32 | index;
}

int loop_add(struct loop *loop, uint32_t source, uint32_t index, int fd, uint32_t events)
{
	return sys_epoll_set(loop->ep, EPOLL_CTL_ADD, fd, events, tag(source, index));
}

int loop_change(struct loop *loop, uint32_t source, uint32_t index, int fd, uint32_t events)
{
	return sys_epoll_set(loop->ep, EPOLL_CTL_MOD, fd, events, tag(source, index));
}

void loop_remove(struct loop *loop, int fd)
{
	sys_epoll_set(loop->ep, EPOLL_CTL_DEL, fd, 0, 0);
}

static void put(struct loop *loop, uint32_t place, uint32_t timer)
{
	loop->heap[place] = timer;
	loop->at[timer] = place + 1;
}

static void rise(struct loop *loop, uint32_t place, uint32_t timer)
{
	while (place > 0) {
		uint32_t above = (place - 1) / 2;
		if (loop->when[loop->heap[above]] <= loop->when[timer])
			break;
		put(loop, place, loop->heap[above]);
		place = above;
	}
	put(loop, place, timer);
}

static void sink(struct loop *loop, uint32_t place, uint32_t timer)
{
	for (;;) {
		uint32_t below = 2 * place + 1;
		if (below >= loop->heap_n)
			break;
		if (below + 1 < loop->heap_n && loop->when[loop->heap[below + 1]] < loop->when[loop->heap[below]])
			below++;
		if (loop->when[timer] <= loop->when[loop->heap[below]])
			break;
		put(loop, place, loop->heap[below]);
		place = below;
	}
	put(loop, place, timer);
}

void loop_cancel(struct loop *loop, uint32_t timer)
{
	uint32_t place = loop->at[timer];
	if (place-- == 0)
		return;
	loop->at[timer] = 0;
	uint32_t last = loop->heap[--loop->heap_n];
	if (last == timer)
		return;
	if (place > 0 && loop->when[last] < loop->when[loop->heap[(place - 1) / 2]])
		rise(loop, place, last);
	else
		sink(loop, place, last);
}

void loop_timer(struct loop *loop, uint32_t timer, int64_t when)
{
	loop_cancel(loop, timer);
	loop->when[timer] = when;
	rise(loop, loop->heap_n++, timer);
}

int64_t loop_when(const struct loop *loop, uint32_t timer)
{
	return loop->at[timer] != 0 ? loop->when[timer] : 0;
}

bool loop_is_set(const struct loop *loop, uint32_t timer)
{
	return loop->at[timer] != 0;
}

bool loop_due(struct loop *loop, int64_t now, uint32_t *timer)
{
	if (loop->heap_n == 0 || loop->when[loop->heap[0]] > now)
		return false;
	*timer = loop->heap[0];
	loop_cancel(loop, *timer);
	return true;
}

/* The timerfd follows the heap's top only when it must fire earlier than it would, or when nothing is left:
 * a deadline that is set and cancelled with each request then costs no syscall. */
static void arm(struct loop *loop)
{
	int64_t first = loop->heap_n > 0 ? loop->when[loop->heap[0]] : 0;
	if (first == loop->armed || (first != 0 && loop->armed != 0 && loop->armed <= first))
		return;
	if (sys_timer_set(loop->timer_fd, first) == 0)
		loop->armed = first;
}

int loop_wait(struct loop *loop, struct loop_event events[static LOOP_EVENTS_MAX], bool block)
{
	struct epoll_event raw[LOOP_EVENTS_MAX];
	arm(loop);
	if (block && loop->rest) {
		loop->rest = false;
		sys_rest(loop->ep);
	}
	int n = sys_epoll_wait(loop->ep, raw, LOOP_EVENTS_MAX, block);
	int kept = 0;
	for (int i = 0; i < n; i++) {
		uint32_t source = (uint32_t)(raw[i].data.u64 >> 32);
		if (source == SOURCE_TIMERFD) {
			uint64_t expirations;
			sys_read(loop->timer_fd, &expirations, sizeof expirations);
			loop->armed = 0;
			continue;
		}
		events[kept++] = (struct loop_event){ source, (uint32_t)raw[i].data.u64, raw[i].events };
	}
	return kept;
}
