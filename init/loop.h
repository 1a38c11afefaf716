/* SPDX-License-Identifier: MIT
 *
 * The event loop: one epoll set, one timerfd. It knows sources by number and calls nobody; the environment
 * waits, and hands each event to whom it belongs. Handlers tolerate events that are no longer true.
 */
#ifndef TAO_LOOP_H
#define TAO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* What one wait gives at most: enough that a busy turn is one syscall, few enough that nobody waits long. */
#define LOOP_EVENTS_MAX 64

struct loop_event {
	uint32_t source;
	uint32_t index;
	uint32_t events; /* EPOLL* */
};

/* Timers are numbers below n_timers: a binary heap of those that are set. */
struct loop {
	int ep, timer_fd;
	bool rest;     /* the next wait may be a long one (sys_rest) */
	int64_t armed; /* what the timerfd is set to; 0: disarmed */
	uint32_t n_timers, heap_n;
	int64_t *when;	/* by timer */
	uint32_t *heap; /* timers */
	uint32_t *at;	/* by timer: place in the heap + 1; 0: not set */
};

/* Memory for n_timers timers is taken here and nowhere else. 0 or -errno. */
int loop_open(struct loop *loop, uint32_t n_timers);

int loop_add(struct loop *loop, uint32_t source, uint32_t index, int fd, uint32_t events);
int loop_change(struct loop *loop, uint32_t source, uint32_t index, int fd, uint32_t events);
void loop_remove(struct loop *loop, int fd);

/* when: CLOCK_MONOTONIC ns; a timer is set once at a time. */
void loop_timer(struct loop *loop, uint32_t timer, int64_t when);
void loop_cancel(struct loop *loop, uint32_t timer);
int64_t loop_when(const struct loop *loop, uint32_t timer); /* 0: not set */
bool loop_is_set(const struct loop *loop, uint32_t timer);
/* Takes the next timer that is due; false if there is none. */
bool loop_due(struct loop *loop, int64_t now, uint32_t *timer);

/* Waits for events (not at all unless block). Their number, 0 where only a timer is due. */
int loop_wait(struct loop *loop, struct loop_event events[static LOOP_EVENTS_MAX], bool block);

#endif
