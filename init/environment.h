/* SPDX-License-Identifier: MIT
 *
 * The environment: everything around the Tao. It owns the loop, the units, the channels, the workers and the
 * guard; environment_open() makes them, in the order in which the design note wants them made.
 */
#ifndef TAO_ENVIRONMENT_H
#define TAO_ENVIRONMENT_H

#include "../crypto/root.h"
#include "../policy/guard.h"
#include "boundary.h"
#include "core.h"
#include "loop.h"
#include "measure.h"
#include "root_name.h"
#include "unit.h"
#include "worker.h"

/* Where taoinit finds itself. */
enum place {
	PLACE_PROCESS,	 /* an ordinary process: a child subreaper */
	PLACE_CONTAINER, /* PID 1 of a pid namespace */
	PLACE_MACHINE,	 /* PID 1 of a kernel */
};

enum ending { END_NONE, END_EXIT, END_REBOOT, END_POWEROFF, END_HALT };

enum source {
	SOURCE_SIGNAL,
	SOURCE_WORKER,
	SOURCE_EXEC,
	SOURCE_READY,
	SOURCE_NOTIFY,
	SOURCE_KEEPER,
	SOURCE_CGROUP,
	SOURCE_CHANNEL,
	SOURCE_LISTENER,
	SOURCE_CLIENT,
	SOURCE_BUTTON
};

enum worker_kind {
	WORKER_MOUNT,
	WORKER_ROOT,
	WORKER_MEASURE,
	WORKER_RECORD,
	WORKER_POLICY,
	WORKER_MANIFEST,
	WORKER_AUDIT,
	WORKER_OUTPUT,
	WORKERS
};

/* Clients of the admin channel at once; each has a timer and a stream. */
#define ADMIN_CLIENTS_MAX 64
#define ADMIN_LISTENERS_MAX 4
/* sysexits.h, EX_CONFIG: what a container or an ordinary process ends with when its manifest is bad. */
#define EXIT_MANIFEST 78

/* A program's name with all that it may be extended by; what is longer is refused. */
#define LAUNCH_NAME_MAX 8192
#define LAUNCH_ARGS_MAX 64
#define LAUNCH_ENV_MAX 256

/* Room for what one start needs while it is made. */
struct launch_scratch {
	char *env[LAUNCH_ENV_MAX + 12];
	char service[SERVICE_NAME_MAX + 16];
	char channel[32], spec[96];
	int sockets[SOCKETS_MAX];
	char listen_fds[24], listen_pid[32], listen_names[SOCKETS_MAX * (SERVICE_NAME_MAX + 1) + 16];
	char notify[128], watchdog[48], ready[32];
	/* From here on no child has it: a fork would have each page copied that is written next. */
	_Alignas(4096) uint8_t name[LAUNCH_NAME_MAX];			 /* of the launch or end being worked on */
	uint8_t program[LAUNCH_NAME_MAX];				 /* launch_name's own */
	uint8_t asker[LAUNCH_NAME_MAX + 64], terms[2 * LAUNCH_NAME_MAX]; /* boundary.c's own */
};

/* The numbers of the loop's timers. */
#define TIMER_UNIT(env, u) ((uint32_t)(u))
#define TIMER_CHANNEL(env, u) ((uint32_t)((env)->manifest.n_services + (u)))
#define TIMER_CLIENT(env, c) (2U * (env)->manifest.n_services + (uint32_t)(c))
#define TIMER_WORKER(env, w) (2U * (env)->manifest.n_services + ADMIN_CLIENTS_MAX + (uint32_t)(w))
#define TIMER_SHUTDOWN(env) TIMER_WORKER(env, WORKERS)
#define TIMER_COUNTER(env) (TIMER_SHUTDOWN(env) + 1)
#define TIMER_REST(env) (TIMER_COUNTER(env) + 1)
#define TIMER_AUDIT(env) (TIMER_REST(env) + 1)
#define TIMER_MEMORY(env) (TIMER_AUDIT(env) + 1)
#define TIMER_COUNT(env) (TIMER_MEMORY(env) + 1)

/* Which process is whose: open addressing, a power of two, at most half full. */
enum pid_role { PID_NONE, PID_MAIN, PID_KEEPER, PID_KILLER, PID_WORKER, PID_RESCUE };
struct pid_entry {
	pid_t pid;
	uint16_t index;
	uint8_t role;
};

/* Descriptors that come with one request. */
#define ADMIN_FDS_MAX 8

/* A place for a program that is started at run time: the unit of the same number, counted from the first of them. */
struct program {
	bool used;
	uint8_t n_fds; /* descriptors that came with the request, until it runs */
	int8_t std[3]; /* which of them become 0, 1, 2; -1: none */
	int fds[ADMIN_FDS_MAX];
	uid_t uid; /* of its own, for whom root starts */
	gid_t gid;
	uint64_t number; /* of the start: the least is the oldest */
	char *argv[LAUNCH_ARGS_MAX +
		   2]; /* the program, then what it is told: into text, which holds any request */
	char text[4096 + 2 * LAUNCH_ARGS_MAX];
};

struct admin_client {
	struct stream stream;
	struct admin_peer peer;
	bool open;
	bool inherited; /* the connection was there before us: nobody can come a second time */
	bool runnable;
	int32_t waits_for; /* unit whose coming up, or to rest, ends the request in progress; -1: none */
	enum waits_how {
		WAITS_ORDERED, /* one of wait_states, as its order has it */
		WAITS_STATES,  /* the same, of one who has ordered nothing */
		WAITS_EVENTS,  /* what happens from wait_position on */
		WAITS_MANIFEST,
		WAITS_PROGRAM_START,
		WAITS_PROGRAM_END
	} waits_how;	       /* … which of these: a service's, or a program's that was started at run time */
	uint32_t waits_policy; /* the reload that ends the request in progress; 0: none */
	int n_fds, fds[ADMIN_FDS_MAX]; /* came with the request that is there in part */
	uint32_t wait_states;	       /* 1 << enum unit_state */
	uint64_t wait_position;
	uint64_t wait_seq;
	const char *wait_op;
};

struct env {
	/* What it was told. */
	enum place place;
	const char *manifest_path;
	int manifest_kept; /* a memfd with its files, as manifest_load() keeps them */
	struct arena arena;
	struct manifest manifest;
	struct arena manifest_arena; /* of its services, when they are not in arena any more; else base is NULL */
	struct manifest_next *manifest_next; /* one that is to take its place; NULL: none */
	char manifest_problem[384];	     /* why the last one did not */
	struct span manifest_changes;	     /* what the last one changed, as manifest_diff() has it */
	bool rescue;			     /* asked for a shell instead of services */
	int64_t began;			     /* sys_now() then */
	bool have_manifest, mounted, root_open, booted;
	bool to_tell;	    /* somebody waits to hear that all which starts at boot is up or has failed */
	int ready;	    /* … at the other end of this; -1 */
	uint8_t verity[64]; /* root hash of what has become /, until it is measured */
	uint32_t verity_n;
	enum root_failure capping; /* the root worker caps the root, for this; ROOT_FAILURE_HALT: it does not */
	bool can_setuid;
	uid_t own_uid;
	gid_t own_gid;
	char problem[512]; /* why it does not run services: bad manifest, closed root */

	/* The Tao and who it is. */
	struct core *core;
	struct root_identity identity;
	uint8_t host_name[HOST_PRIN_MAX]; /* binary Prin of the host */
	size_t host_name_n;
	struct guard guard;
	struct span policy_memory;	 /* of the policy in force; p NULL: none */
	uint64_t policy_version;	 /* the last that was accepted, ever */
	struct policy_next *policy_next; /* one that waits to be stored and measured; NULL: none */
	uint64_t policy_changes;	 /* how often another one came into force */
	uint32_t policy_asked, policy_reading, policy_done; /* numbers of reloads */
	uint32_t policy_check;		  /* of the two rounds over all units that a new policy makes: the next */
	char policy_problem[384];	  /* why the last one was refused */
	int64_t clock_least, clock_since; /* clock.h; seconds, and when it was that, by sys_now() */
	struct audit *audit;
	struct events *events;			/* events.h; NULL: nobody has asked yet */
	uint8_t base_name[HOST_PRIN_MAX + 256]; /* host and guard: what hosted programs' names begin with */
	size_t base_name_n, base_head_n;	/* … of which so much stands before its SubPrin */

	/* The machinery. */
	struct loop loop;
	int signal_fd;
	int button;	       /* a machine's power button (sys_acpi.h) */
	int64_t turn_began;    /* of the loop */
	uint16_t turn_first;   /* the unit that a turn which was too long came to */
	uint32_t client_first; /* the client whose turn is next */
	struct worker workers[WORKERS];
	struct record_desk *records;   /* launches that wait to be measured into the root; NULL: it does not */
	struct counter_desk *counters; /* questions about rollback counters */
	struct stream_pool pool;
	uint8_t *answer, *data; /* one answer being made, and its data: as large as the largest max_message */
	size_t answer_cap, data_cap;
	bool data_warm; /* pages of data, wiped, wait for the next large answer */
	struct pid_entry *pids;
	uint32_t pids_cap;

	/* The units. */
	struct unit *units;
	struct digest *programs, *files; /* as measured for the last start; files where there are any */
	struct part_digests *parts;	 /* … and parts */
	uint16_t *successors;		 /* of unit u: [successor_at[u], successor_at[u + 1]) */
	uint32_t *successor_at;
	uint16_t *changed; /* ring of units whose neighbours are to be told */
	uint32_t changed_head, changed_n;
	uint16_t *to_measure; /* ring of units that wait for the measure worker */
	uint32_t to_measure_head, to_measure_n, measuring_n;
	uint16_t *reach_list; /* of one order: n_services each */
	uint8_t *reach_seen;
	struct launch_scratch *scratch;
	uint64_t launches;
	int64_t extension; /* of ON_EXTENDED: how much, ns */
	uint32_t runnable_n, waiting_memory_n;

	/* cgroups: path of the directory below which each service gets its own, or ""; its part below the mount. */
	char cgroup_base[256];
	size_t cgroup_mount_n;
	bool cgroup_kills;	/* cgroup.kill is there */
	unsigned cgroup_limits; /* 1 << enum group_limit: those whose controllers the services' cgroups have */

	int *sockets;		      /* of all services; -1: not open */
	struct output_pipes *outputs; /* of all services; NULL: none has any */
	bool output_changes;	      /* the worker is ended in order to be started again */

	struct program *started; /* host.max_programs of them: the units from first_program() on */

	/* The admin channel. */
	int n_listeners;
	int listeners[ADMIN_LISTENERS_MAX];
	struct admin_listener listener_of[ADMIN_LISTENERS_MAX];
	uint32_t clients_n;
	struct admin_client *clients;
	bool admin_check; /* a unit has changed: somebody may be waiting for it */

	/* The end. */
	bool reap_more; /* more children have ended than one turn reaps */
	enum ending ending;
	bool stopping;
	bool exit_decided; /* by an essential service that ended by itself */
	int exit_code;
	unsigned stop_signals, stop_rounds;
};

/* Everything up to the first wait. Returns 0, or an exit status where there is nothing to run for. */
int environment_open(struct env *env);
/* Runs until the end; the exit status (containers and ordinary processes). */
int environment_run(struct env *env);

/* Begins an ordered stop of everything; further calls only make the ending stronger. */
void environment_stop(struct env *env, enum ending ending, int exit_code);
bool shutdown_is_over(const struct env *env);
void shutdown_kill(struct env *env); /* whatever still runs, at once */
void shutdown_timer(struct env *env);

/* The guard of manifest.host, and its part of every name, which the root measures, too, into manifest.host; then what the
 * host is called, and what hosted programs' names begin with, from identity. */
int environment_name_guard(struct env *env);
int environment_name_host(struct env *env);
/* For the largest message of a manifest: 0, or -ENOMEM. */
int environment_make_room(struct env *env, const struct manifest *manifest);
/* Everything is there that services need: starts them, unless it has. */
void environment_boot(struct env *env);

/* A worker's process is gone: what it meant, and when it is started again. */
void environment_worker_ended(struct env *env, uint16_t w);

void pid_add(struct env *env, pid_t pid, enum pid_role role, uint16_t index);
struct pid_entry pid_take(struct env *env, pid_t pid);

/* Units as launch.c, channel.c, cgroup.c see them; each says what it does there. */
void launch_ask(struct env *env, uint16_t u); /* puts u into the queue for measuring */
void launch_pump(struct env *env);	      /* sends what the worker has room for */
void launch_reply(struct env *env);	      /* reads the worker's answers */
void launch_worker_lost(struct env *env);     /* asks everything again */
int launch_start(struct env *env, uint16_t u,
		 const struct measured *measured); /* of what was admitted: channel → start → notify */
/* Closes what it has open. */
void launch_close(const struct measured *m);
/* What the worker measured, as names and policies have it. */
void launch_take_digests(const struct env *env, uint16_t u, struct digest program, struct digest files,
			 const struct part_digests *parts);
/* The record worker has answered for what record_hold() was given; m stays the caller's. */
void launch_recorded(struct env *env, uint16_t u, const struct measured *m, int error, const char *text);
void launch_exec_event(struct env *env, uint16_t u);
/* Its program runs. */
void launch_executed(struct env *env, uint16_t u);
void launch_ended(struct env *env, uint16_t u); /* the main process is gone: forget what belonged to it */
void launch_name(const struct env *env, uint16_t u, bool extended, struct wr *out); /* binary Prin */
void launch_subprin(const struct env *env, uint16_t u, struct wr *out); /* after the guard, as started */
void launch_forget(struct env *env, uint16_t u);			/* at rest for good: removes the cgroup */

int cgroup_find(struct env *env);
/* directory fd, -1: none. held: 1 << enum group_limit, the limits it sees to; what it has no controller for is warned of
 * once, or, where that is required, -EOPNOTSUPP with the reason said. */
int cgroup_make(struct env *env, uint16_t u, int *directory, unsigned *held);
/* In which unit's cgroup is the process? -1: in none; -ENOENT: it is gone, or nobody can tell. */
int cgroup_unit_of(const struct env *env, pid_t pid);
void cgroup_remove(struct env *env, uint16_t u);
bool cgroup_is_empty(struct env *env, uint16_t u);
/* A file of its cgroup, as sys_read_file(). */
ssize_t cgroup_read(const struct env *env, uint16_t u, const char *file, char *text, size_t cap);
int cgroup_kill(struct env *env, uint16_t u);
int cgroup_watch(struct env *env, uint16_t u); /* SOURCE_CGROUP events from now on */
void cgroup_unwatch(struct env *env, uint16_t u);
void cgroup_close(struct env *env);

/* Sockets that services are given: opened at boot, and kept until the end. */
int sockets_open(struct env *env, uint16_t u); /* those that are not open; 0, or -errno with the reason said */
void sockets_open_all(struct env *env);
void sockets_close(struct env *env, const struct service *service, uint32_t i); /* its i-th, if it is open */
void sockets_close_all(struct env *env);

/* Has it to have a subreaper of its own, for want of a cgroup and a uid? */
bool reaper_wants_keeper(const struct env *env, uint16_t u, int cgroup);
void reaper_keeper_event(struct env *env, uint16_t u); /* it said something */
/* A signal for its main process alone. */
void reaper_tell(struct env *env, uint16_t u, int signal);
/* Kills everything of a unit: its cgroup, else all processes of its own uid, else all that its keeper keeps. */
void reaper_kill_all(struct env *env, uint16_t u);
/* Is anything left that we can know of? */
bool reaper_is_empty(struct env *env, uint16_t u);
void reaper_signal(struct env *env);

/* What a service says of itself (notify.c). open: before its start; *ready_end is the child's end of the pipe of
 * $TAO_READY_FD, the caller's to close, or -1. */
int notify_open(struct env *env, uint16_t u, int *ready_end);
void notify_path(const struct env *env, uint16_t u, char *path, size_t cap);
bool notify_wanted(const struct service *service); /* has it a socket to notify on? */
void notify_event(struct env *env, uint16_t u);
void notify_ready_event(struct env *env, uint16_t u);
void notify_close(struct env *env, uint16_t u);
void notify_close_all(struct env *env); /* at the end: the directory */

void channel_open(struct env *env, uint16_t u, int fd);
void channel_close(struct env *env, uint16_t u);
void channel_event(struct env *env, uint16_t u, uint32_t events);
void channel_timer(struct env *env, uint16_t u);
void channel_turn(struct env *env); /* one request of each channel that has some waiting */
/* The answer to counter_ask(): an enum err, or 0 and the counter's value. */
void channel_counter_answered(struct env *env, uint16_t u, int err, int64_t value);

/* Programs that are started at run time (programs.c). */
static inline uint16_t first_program(const struct env *env)
{
	return (uint16_t)(env->manifest.n_services - env->manifest.host.max_programs);
}
struct start_plan;
/* False: the place is free, so nobody needs to hear of the unit. */
bool program_is_there(const struct env *env, uint16_t u);
void program_set_fds(const struct env *env, uint16_t u, struct start_plan *plan);
void program_close_fds(struct env *env, uint16_t u); /* it runs, or never will */

/* What a service uses, as rpc.proto has it. Reads at most five small files of the kernel's. */
#define USAGES 5
void usage_read(const struct env *env, uint16_t u, uint64_t usage[static USAGES]);

int admin_open(struct env *env);
void admin_accept(struct env *env, uint32_t listener);
void admin_event(struct env *env, uint32_t client, uint32_t events);
void admin_timer(struct env *env, uint32_t client);
void admin_time_is_up(struct env *env, uint32_t client); /* of one that waits */
void admin_turn(struct env *env);
bool admin_is_busy(const struct env *env); /* whole requests stand in buffers */
void admin_close(struct env *env);

/* Has this turn of the loop gone on for so long that what can wait is left to the next one? A turn is as long as that and
 * the dearest of what may be begun in it: a decision (DATALOG_STEPS), an Attest. */
bool environment_turn_is_long(const struct env *env);

const char *environment_version(void);

#endif
