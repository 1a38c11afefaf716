/* SPDX-License-Identifier: MIT
 *
 * A unit is a service at run time. Its whole behaviour is a matrix of state × event cells (unit.c); the lists
 * below make the enums, the names and the manual's table.
 */
#ifndef TAO_UNIT_H
#define TAO_UNIT_H

#include "manifest.h"
#include "stream.h"

struct env;

enum unit_state {
#define STATE(id, text, meaning) UNIT_##id,
#define EVENT(id, meaning)
#include "unit.def"
#undef STATE
	UNIT_STATES
};

enum unit_event {
#define STATE(id, text, meaning)
#undef EVENT
#define EVENT(id, meaning) ON_##id,
#include "unit.def"
#undef EVENT
#undef STATE
	UNIT_EVENTS
};

/* What a program may add to its own name: names travel in every attestation. */
#define UNIT_EXTENSION_MAX 4096
/* Why it is in its state, for people. */
#define UNIT_REASON_MAX 320

/* Of its first start, if it is the boot's, for the picture of that: it waits, is measured, is starting, and is ready or has failed. */
#define UNIT_MOMENTS 4

/* There is one for each service, so that it is as small as it can be: by size, flags as bits. */
struct unit {
	struct stream channel;
	uint8_t *extension; /* what the program added to its name: a binary SubPrin, or NULL */
	char *reason; /* UNIT_REASON_MAX bytes, made when there is something to say: why it is in its state */
	int64_t window_start;	/* CLOCK_MONOTONIC ns, as since */
	int64_t since;		/* when it came into its state */
	uint64_t launch;	/* number of the launch in progress: late answers to others are dropped */
	int64_t counters_until; /* until when its changes of counters use up the time, by sys_now() */
	uint64_t decided_under; /* policy that allowed and denied are about */
	uint32_t extension_n;
	uint32_t allowed;   /* bit by enum verb: questions without arguments that are allowed */
	uint32_t denied;    /* bit by enum verb: the log has a denial */
	pid_t pid;	    /* main process, 0: none */
	pid_t last_pid;	    /* of the one that has ended */
	pid_t killer;	    /* helper that kills what is left, 0: none */
	pid_t keeper;	    /* its subreaper, where it has one, 0: none */
	int keeper_fd;	    /* … to talk to it, -1: none */
	int exec_error;	    /* end of the pipe that tells of exec, -1: none */
	int notify;	    /* its $NOTIFY_SOCKET, -1: none */
	int ready;	    /* end of the pipe of $TAO_READY_FD, -1: none */
	int cgroup_events;  /* open while we wait for the cgroup to be empty, -1: none */
	int status;	    /* wait(2) status of the last end */
	uint32_t restarts;  /* since boot */
	uint32_t streak;    /* ends in a row without ten good seconds between */
	uint32_t tries;	    /* starts in a row that failed for want of something */
	uint32_t in_window; /* restarts since window_start */
	/* 1 + ms since the host began; 0: not yet. */
	uint32_t moments[UNIT_MOMENTS];
	uint8_t state;		    /* enum unit_state */
	uint8_t complaints;	    /* lines of the log about what it notified in vain */
	bool wanted : 1;	    /* somebody wants it up */
	bool again : 1;		    /* being stopped in order to be started again */
	bool added : 1;		    /* the Tao was told that it is there */
	bool at_boot : 1;	    /* its first start, as part of the boot */
	bool killing : 1;	    /* SIGKILL has been sent to all of it */
	bool ready_said : 1;	    /* it was ready before we knew that its program runs */
	bool blamed : 1;	    /* ended by us for a fault of its own, which reason tells */
	bool call_help : 1;	    /* it has failed: on_failure.start is due */
	bool status_said : 1;	    /* reason is what it says of itself */
	bool reloading : 1;	    /* … namely that */
	bool queued : 1;	    /* in the queue of those whose neighbours changed */
	bool exec_failed : 1;	    /* error and step of the last start are in reason */
	bool retry : 1;		    /* … and it is worth trying again, whatever restart says */
	bool asking : 1, asked : 1; /* its question is in the ring, with the measure worker */
	bool waiting_memory : 1;    /* its channel waits for room in the pool */
	bool waiting_counter : 1;   /* … for a counter, and keeps the request in its buffer */
	bool has_cgroup : 1;	    /* its directory is there … */
	bool cgroup_killed : 1;	    /* … and is one that was killed */
	bool refused : 1;	    /* the policy did not let it run, or stopped it, or what it requires */
	bool runnable : 1;	    /* a whole request stands in its channel's buffer */
	bool swept : 1;		    /* the killer found nobody left of its uid */
	bool ended : 1;		    /* there was one */
};

/* At rest, and nothing of it is there. */
void unit_init(struct unit *unit);

/* Delivers one event to one unit: finds the cell and runs it. */
void unit_event(struct env *env, uint16_t u, enum unit_event event);

/* Orders. start brings up what the service requires and wants, too; stop takes down what requires it. ERR_STATE during
 * shutdown. */
int unit_start(struct env *env, uint16_t u);
int unit_stop(struct env *env, uint16_t u);
int unit_restart(struct env *env, uint16_t u);
/* As unit_stop; marks in back[] those that it stops, or would. */
void unit_stop_for(struct env *env, uint16_t u, uint8_t *back);
/* A stop by the policy: it and what requires it are marked (refused), and started again when the policy allows it. */
void unit_refuse(struct env *env, uint16_t u);

/* Tells the neighbours of all units whose state has changed: once a turn, until it is quiet. */
void unit_settle_all(struct env *env);

/* For unit_orders.c: does the service require the other; tells its main process to stop. */
bool unit_requires(const struct service *service, uint16_t other);
void unit_begin_stop(struct env *env, uint16_t u);

/* At rest: nothing of it runs and nothing is under way. */
bool unit_at_rest(const struct unit *unit);
const char *unit_state_text(enum unit_state state);
void unit_say(struct unit *unit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A small number for exit statuses: 128 + signal, as shells and container tools count. */
int unit_exit_code(int wait_status);

#endif
