/* SPDX-License-Identifier: MIT
 *
 * The environment: how everything is made, in order, and the loop that drives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../policy/name.h"
#include "audit.h"
#include "clock.h"
#include "counter.h"
#include "environment.h"
#include "initramfs.h"
#include "log.h"
#include "machine.h"
#include "manifest_change.h"
#include "mounts.h"
#include "output.h"
#include "policy_change.h"
#include "record.h"
#include "rescue.h"
#include "root_worker.h"
#include "sys.h"
#include "sys_acpi.h"
#include "sys_child.h"
#include "sys_parent.h"

#define EXIT_OURS 255
/* A root that cannot be opened because its worker died: so often is it tried. */
#define ROOT_TRIES 3
/* Timers that one turn acts upon. */
#define TIMERS_PER_TURN 256
/* After this long a turn begins no request of a program any more. Signals, ends of processes, workers and admin clients
 * are seen to in each turn. */
#define TURN_NS (5 * NS_PER_MS)
/* How long after the boot it is seen whether everything has come to rest. */
#define REST_NS (200 * NS_PER_MS)
/* Two large requests that follow each other come within this. */
#define MEMORY_KEPT NS_PER_S

/* ---- making it, in order ---- */

static int problem(struct env *env, int status, const char *what)
{
	snprintf(env->problem, sizeof env->problem, "%s", what);
	log_error("%s", what);
	if (env->place != PLACE_MACHINE)
		return status;
	log_error("no services are run; PID 1 stays: mend it and reboot (taoctl reboot)");
	return 0;
}

static int read_manifest(struct env *env)
{
	struct diag diag = { "" };
	static char warnings[4096];
	struct wr warn = wr_to(warnings, sizeof warnings - 1);
	struct span kept;
	int r = manifest_load(env->manifest_path, &env->arena, &env->manifest, &env->can_setuid, &diag, &warn,
			      &kept);
	log_warnings(warnings);
	if (r >= 0 &&
	    (manifest_give_places(&env->manifest, NULL, &env->arena) < 0 ||
	     manifest_successors(&env->manifest, &env->arena, &env->successors, &env->successor_at) < 0)) {
		snprintf(diag.text, sizeof diag.text, "%.255s: no memory for it", env->manifest_path);
		r = ERR_NO_SPACE;
	}
	if (r < 0) {
		memset(&env->manifest, 0, sizeof env->manifest);
		return problem(env, EXIT_MANIFEST, diag.text);
	}
	env->have_manifest = true;
	env->manifest_kept = manifest_keep(kept);
	manifest_unload(kept);
	return 0;
}

static void *array(size_t n, size_t size)
{
	return sys_map_own((n > 0 ? n : 1) * size);
}

int environment_make_room(struct env *env, const struct manifest *m)
{
	size_t largest = (size_t)1 << 20;
	for (uint16_t u = 0; u < m->n_services; u++)
		if (m->services[u].max_message > largest)
			largest = m->services[u].max_message;
	if (largest <= env->data_cap)
		return 0;
	uint8_t *data = array(1, largest), *answer = array(1, largest + 4096);
	if (data == NULL || answer == NULL)
		return -ENOMEM;
	if (env->data != NULL) {
		sys_unmap(env->data, env->data_cap);
		sys_unmap(env->answer, env->answer_cap);
	}
	env->data = data;
	env->answer = answer;
	env->data_cap = largest;
	env->answer_cap = largest + 4096;
	return 0;
}

static int make_units(struct env *env)
{
	size_t n = env->manifest.n_services;
	env->pids_cap = 64;
	while (env->pids_cap < 4 * n + 16)
		env->pids_cap *= 2;
	env->units = array(n, sizeof *env->units);
	env->programs = array(n, sizeof *env->programs);
	env->parts = array(n, sizeof *env->parts);
	env->files = array(n, sizeof *env->files);
	env->changed = array(n, sizeof *env->changed);
	env->to_measure = array(n, sizeof *env->to_measure);
	env->reach_list = array(n, sizeof *env->reach_list);
	env->reach_seen = array(n, 1);
	if (env->manifest.n_sockets > 0) /* without a manifest there is no arena */
		env->sockets = arena_alloc(&env->arena, env->manifest.n_sockets * sizeof *env->sockets,
					   sizeof *env->sockets);
	env->pids = array(env->pids_cap, sizeof *env->pids);
	env->clients = array(ADMIN_CLIENTS_MAX, sizeof *env->clients);
	env->started = sys_map((env->manifest.host.max_programs + 1U) * sizeof *env->started); /* arguments, too */
	env->scratch = sys_map(sizeof *env->scratch); /* a child's environment stands in it */
	if (env->scratch != NULL)
		sys_keep_from_children(env->scratch->name,
				       sizeof *env->scratch - offsetof(struct launch_scratch, name));
	if (!env->units || !env->programs || !env->files || (env->manifest.n_sockets > 0 && !env->sockets) ||
	    !env->changed || !env->to_measure || !env->reach_list || !env->reach_seen || !env->pids ||
	    !env->clients || !env->started || !env->scratch || environment_make_room(env, &env->manifest) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < env->manifest.n_sockets; i++)
		env->sockets[i] = -1;
	for (size_t u = 0; u < n; u++)
		unit_init(&env->units[u]);
	int r = audit_open(env);
	if (r == 0)
		r = output_open(env);
	return r < 0 ? r : counter_open(env);
}

static void all_signals(sigset_t *mask)
{
	sigfillset(mask);
	sigdelset(mask, SIGSEGV);
	sigdelset(mask, SIGBUS);
	sigdelset(mask, SIGILL);
	sigdelset(mask, SIGFPE);
}

static int make_loop(struct env *env)
{
	sigset_t mask;
	int r = loop_open(&env->loop, TIMER_COUNT(env));
	if (r < 0)
		return r;
	all_signals(&mask);
	env->signal_fd = sys_signalfd(&mask);
	if (env->signal_fd < 0)
		return env->signal_fd;
	r = loop_add(&env->loop, SOURCE_SIGNAL, 0, env->signal_fd, EPOLLIN);
	env->button = env->place == PLACE_MACHINE ? sys_acpi_open() : -ENOENT;
	if (r == 0 && env->button >= 0)
		r = loop_add(&env->loop, SOURCE_BUTTON, 0, env->button, EPOLLIN);
	return r < 0 ? r : stream_pool_open(&env->pool);
}

static int start_worker(struct env *env, enum worker_kind kind)
{
	struct worker *w = &env->workers[kind];
	int r = worker_start(w);
	if (r < 0)
		return r;
	pid_add(env, w->pid, PID_WORKER, (uint16_t)kind);
	return loop_add(&env->loop, SOURCE_WORKER, (uint32_t)kind, w->fd, EPOLLIN);
}

static int measure_body(int socket, void *arg)
{
	(void)arg;
	return measure_worker(socket);
}

static void start_or_retry(struct env *env, enum worker_kind kind)
{
	if (start_worker(env, kind) < 0)
		loop_timer(&env->loop, TIMER_WORKER(env, kind), sys_now() + 100 * NS_PER_MS);
}

/* What is not ours to do where a system runs around us. */
static void leave_to_others(struct env *env)
{
	struct host *host = &env->manifest.host;
	if (env->place != PLACE_MACHINE && (host->n_modules > 0 || host->switch_root != NULL)) {
		log_warning("host.modules and host.switch_root are left to the machine that this runs on");
		host->n_modules = 0;
		host->switch_root = NULL;
	}
	if (env->place == PLACE_PROCESS && host->n_mounts > 0) {
		log_warning("host.mounts is left to the system that runs this process");
		host->n_mounts = 0;
	}
}

/* When what they read stands where it will. */
static void start_the_rest(struct env *env)
{
	if (env->stopping)
		return;
	start_or_retry(env, WORKER_MEASURE);
	if (env->manifest.host.audit != NULL)
		start_or_retry(env, WORKER_AUDIT);
	if (output_wants_worker(env))
		start_or_retry(env, WORKER_OUTPUT);
	start_or_retry(env, WORKER_ROOT);
}

static void start_workers(struct env *env)
{
	env->workers[WORKER_MOUNT] = worker_made("tao-mount", mount_worker, &env->manifest.host);
	env->workers[WORKER_ROOT] = worker_made("tao-root", root_worker, &env->manifest.host);
	env->workers[WORKER_AUDIT] = worker_made("tao-audit", audit_worker, &env->manifest.host);
	env->workers[WORKER_OUTPUT] = worker_made("tao-log", output_worker, env);
	env->workers[WORKER_POLICY].fd = env->workers[WORKER_MANIFEST].fd = -1;
	env->workers[WORKER_MEASURE] = worker_made("tao-measure", measure_body, NULL);
	env->workers[WORKER_RECORD] = worker_made("tao-record", record_worker, &env->manifest.host);
	if (env->manifest.host.root == &root_parent)
		env->manifest.host.parent =
			sys_parent_take(env->place == PLACE_MACHINE, env->workers[WORKER_ROOT].keep);
	leave_to_others(env);
	const struct host *host = &env->manifest.host;
	env->mounted = host->n_mounts == 0 && host->n_modules == 0;
	if (env->mounted)
		start_the_rest(env);
	else
		start_or_retry(env, WORKER_MOUNT);
}

/* First of all the root is capped: root_capped() goes on. */
static void start_rescue(struct env *env)
{
	env->workers[WORKER_ROOT] = worker_made("tao-root", root_cap_worker, &env->manifest.host);
	env->capping = ROOT_FAILURE_RESCUE;
	start_or_retry(env, WORKER_ROOT);
}

int environment_name_guard(struct env *env)
{
	struct host *host = &env->manifest.host;
	struct wr name = wr_to(host->guard_name, sizeof host->guard_name);
	env->guard.class = host->guard;
	memcpy(env->guard.key, host->guard_key.b, sizeof env->guard.key);
	if (env->guard.class == NULL)
		return 0;
	int r = env->guard.class->identity(&env->guard, &name);
	host->guard_name_n = name.n;
	return r < 0 ? r : (int)name.err;
}

int environment_open(struct env *env)
{
	bool locked = false;
	env->began = sys_now();
	env->own_uid = sys_getuid();
	env->own_gid = sys_getgid();
	env->can_setuid = sys_can_setuid();
	sys_undumpable();
	sys_learn_oom_score();
	env->to_tell = sys_ready_take(env->place == PLACE_MACHINE, &env->ready);
	int status = read_manifest(env);
	if (status != 0)
		return status;
	if (env->manifest.host.hostname != NULL && env->place != PLACE_PROCESS)
		machine_set_hostname(env->manifest.host.hostname);
	int r = make_units(env);
	/* Three descriptors a service while it starts, five for its output, its sockets, and our own. */
	sys_raise_nofile((3 + 5 + SOCKETS_MAX) * (uint64_t)env->manifest.n_services + 256);
	if (r == 0)
		r = make_loop(env);
	/* The Tao, made of keys and names only; it learns them when the root has been opened. */
	env->core = core_open(&locked);
	if (r < 0 || env->core == NULL) {
		log_error("cannot begin: %s", strerror(r < 0 ? -r : ENOMEM));
		return EXIT_OURS;
	}
	if (!locked)
		log_warning("the host's keys may be swapped out: RLIMIT_MEMLOCK is too low to lock them");
	/* The domain, the factories with their channels, the admin channels, and last the parent: the root. */
	env->manifest.host.manifest_path = env->manifest_path;
	if (environment_name_guard(env) < 0 || record_open(env) < 0) {
		log_error("cannot begin: no memory for the event log");
		return EXIT_OURS;
	}
	cgroup_find(env);
	admin_open(env);
	if (env->rescue)
		start_rescue(env);
	else if (env->have_manifest)
		start_workers(env);
	return 0;
}

/* ---- what is mounted is mounted ---- */

static void mounts_fail(struct env *env, const char *text)
{
	env->mounted = true; /* answered: no further try */
	if (problem(env, EXIT_MANIFEST, text) != 0)
		environment_stop(env, END_EXIT, EXIT_MANIFEST);
}

static void mounts_answered(struct env *env)
{
	struct mounts_made made;
	ssize_t n = sys_recv(env->workers[WORKER_MOUNT].fd, &made, sizeof made, NULL, 0, NULL);
	if (n != (ssize_t)sizeof made || env->mounted)
		return; /* its death follows */
	made.text[sizeof made.text - 1] = '\0';
	if (made.error < 0) {
		mounts_fail(env, made.text);
		return;
	}
	if (env->manifest.host.switch_root != NULL) {
		int r = initramfs_switch(&env->manifest.host);
		if (r < 0) {
			snprintf(made.text, sizeof made.text, "host.switch_root: %.200s cannot become /: %s",
				 env->manifest.host.switch_root, strerror(-r));
			mounts_fail(env, made.text);
			return;
		}
		env->verity_n = made.verity_n <= sizeof env->verity ? made.verity_n : 0;
		memcpy(env->verity, made.verity, env->verity_n);
		sys_write(env->workers[WORKER_MOUNT].fd, "", 1);
	}
	env->mounted = true;
	start_the_rest(env);
}

/* ---- the root is open ---- */

/* All but those that wait for somebody's failure, unless others need them. */
static void want_at_boot(struct env *env)
{
	const struct manifest *m = &env->manifest;
	bool more = true;
	for (uint16_t u = 0; u < m->n_services; u++)
		env->units[u].wanted = env->units[u].at_boot = !m->services[u].on_call;
	while (more) {
		more = false;
		for (uint16_t u = 0; u < m->n_services; u++)
			for (uint16_t i = 0;
			     env->units[u].wanted && i < m->services[u].n_requires + m->services[u].n_wants; i++) {
				struct unit *other = &env->units[m->services[u].requires[i]];
				more = more || !other->wanted;
				other->wanted = other->at_boot = true;
			}
	}
}

/* When the boot is over, its code need not stay in memory. */
static void come_to_rest(struct env *env)
{
	bool busy = env->to_measure_n > 0 || env->measuring_n > 0;
	for (uint16_t u = 0; u < env->manifest.n_services && !busy; u++)
		busy = env->units[u].state == UNIT_EXECUTING;
	if (busy)
		loop_timer(&env->loop, TIMER_REST(env), sys_now() + REST_NS);
	else
		env->loop.rest = true;
}

/* Whoever started us wants to know when all is up, or has failed. */
static void tell(struct env *env)
{
	if (!env->to_tell || !env->booted || env->stopping)
		return;
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (env->units[u].wanted &&
		    (1U << env->units[u].state & (1U << UNIT_UP | 1U << UNIT_DONE | 1U << UNIT_FAILED)) == 0)
			return;
	env->to_tell = false;
	sys_ready_tell(env->place == PLACE_MACHINE, env->ready);
}

static void verity_recorded(struct env *env, int error, const char *text)
{
	char what[256];
	if (error == ERR_NONE) {
		env->verity_n = 0;
		environment_boot(env);
	} else if (error != ERR_BUSY) { /* asked for already */
		snprintf(what, sizeof what, "host.switch_root: its root hash could not be measured: %.128s", text);
		(void)problem(env, EXIT_OURS, what); /* on a machine, where PID 1 stays */
	}
}

void environment_boot(struct env *env)
{
	if (!env->root_open || !policy_is_settled(env) || env->booted || env->stopping || !core_ready(env->core))
		return;
	/* What stands in / is known to others before any of it runs. */
	if (env->verity_n > 0) {
		record_host(env, EVENTLOG_ROOT, span_of(env->verity, env->verity_n), verity_recorded);
		return;
	}
	env->booted = true;
	sockets_open_all(env);
	loop_timer(&env->loop, TIMER_REST(env), sys_now() + REST_NS);
	want_at_boot(env);
	env->policy_check = 2U * env->manifest.n_services;
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (env->units[u].wanted)
			unit_event(env, u, ON_START);
}

int environment_name_host(struct env *env)
{
	struct wr host = wr_to(env->host_name, sizeof env->host_name);
	struct span guard = span_of(env->manifest.host.guard_name, env->manifest.host.guard_name_n);
	struct wr base = wr_to(env->base_name, sizeof env->base_name);
	root_name_write(&env->identity, &host);
	int r = host.err;
	/* A parent's name for us has the guard in it. */
	if (r == ERR_NONE && env->identity.name_n > 0)
		wr_span_bytes(&base, wr_span(&host));
	else if (r == ERR_NONE)
		r = name_extend(wr_span(&host), guard, &base);
	env->base_head_n = name_head_size(wr_span(&base));
	if (r < 0 || base.err != ERR_NONE || env->base_head_n == 0)
		return ERR_INTERNAL;
	env->host_name_n = host.n;
	env->base_name_n = base.n;
	return 0;
}

static void root_worker_next(struct env *env, int (*body)(int, void *))
{
	env->workers[WORKER_ROOT].body = body;
	env->workers[WORKER_ROOT].deaths = 0;
}

/* It stays closed for good. */
static void root_closed(struct env *env)
{
	env->root_open = true; /* answered: no further try */
	record_close(env, ERR_STATE, "");
}

static void go_on_ephemeral(struct env *env, int error, const char *text)
{
	struct host *host = &env->manifest.host;
	if (error != ERR_NONE)
		log_warning("the keys in the TPM could not be put out of reach of privileged services: %s", text);
	log_warning("the host goes on with new keys, in memory only (on_root_failure)");
	host->root = &root_soft;
	host->root_ephemeral = true;
	host->root_file = host->root_dir = host->root_device = NULL;
	env->problem[0] = '\0';
	record_close(env, ERR_NONE, "");
	root_worker_next(env, root_worker);
	if (counter_go_ephemeral(env) < 0)
		log_error("no memory for counters: there are none");
}

/* Nobody gets the keys in this boot any more, or error and text say why somebody might. */
static void root_capped(struct env *env, int error, const char *text)
{
	enum root_failure why = env->capping;
	env->capping = ROOT_FAILURE_HALT;
	if (why == ROOT_FAILURE_EPHEMERAL) {
		go_on_ephemeral(env, error, text);
		return;
	}
	if (error == ERR_NONE) {
		rescue_shell(env);
	} else {
		log_error("no rescue shell: the keys in the TPM could not be put out of its reach");
		problem(env, EXIT_OURS, text);
	}
	root_closed(env);
}

/* The root does not open. What the manifest wants then needs the root capped first: nobody gets its keys later, when a
 * shell or services run. */
static void root_failed(struct env *env, const char *text)
{
	const struct host *host = &env->manifest.host;
	bool shell = host->on_root_failure == ROOT_FAILURE_RESCUE && env->place == PLACE_MACHINE;
	if (!shell && host->on_root_failure != ROOT_FAILURE_EPHEMERAL) {
		int status = problem(env, EXIT_OURS, text);
		root_closed(env);
		if (status != 0)
			environment_stop(env, END_EXIT, status);
		return;
	}
	snprintf(env->problem, sizeof env->problem, "%s", text);
	log_error("%s", text);
	env->capping = host->on_root_failure;
	if (host->root->cap == NULL)
		root_capped(env, ERR_NONE, "");
	else
		root_worker_next(env, root_cap_worker);
}

static void root_answered(struct env *env)
{
	struct root_opened *opened = core_room(env->core);
	_Static_assert(sizeof *opened <= CORE_ROOM, "the room takes the root's answer");
	ssize_t n = sys_recv(env->workers[WORKER_ROOT].fd, opened, sizeof *opened, NULL, 0, NULL);
	if (n == -EAGAIN || n == 0 || env->root_open)
		return;
	if (n != (ssize_t)sizeof *opened)
		return; /* its death follows, and is counted */
	opened->report.text[sizeof opened->report.text - 1] = '\0';
	if (env->capping != ROOT_FAILURE_HALT) {
		root_capped(env, opened->error, opened->report.text);
		return;
	}
	if (opened->error != ERR_NONE) {
		root_failed(env, opened->report.text);
		return;
	}
	env->identity = opened->identity;
	env->root_open = true;
	env->policy_version = opened->policy_version;
	clock_learn(env, opened->time);
	if (opened->report.text[0] != '\0')
		log_warning("%s", opened->report.text);
	core_keep_keks(env->core, opened->kek, opened->file_key);
	int r = core_init(env->core, &opened->seed);
	if (r == 0)
		r = environment_name_host(env);
	if (r < 0) {
		problem(env, EXIT_OURS, "the root gave keys that cannot be used");
		environment_stop(env, END_EXIT, EXIT_OURS);
		return;
	}
	char text[640]; /* of many PCRs only the first */
	struct wr t = wr_to(text, sizeof text - 1);
	r = name_print_binary(span_of(env->base_name, env->base_name_n), NAME_PRIN, &t);
	text[t.n] = '\0';
	log_info("this host is %s%s%s", text, r < 0 ? "…" : "", env->identity.created ? " (new keys)" : "");
	policy_reload(env);
	environment_boot(env);
}

/* True if another one is to be started. */
static bool root_worker_ended(struct env *env, struct worker *worker)
{
	if (worker->body != root_counter_worker && env->root_open) {
		worker->body = root_counter_worker; /* from now on */
		worker->deaths = 0;
	}
	if (env->root_open)
		return counter_wants_worker(env);
	if (worker->deaths < ROOT_TRIES)
		return true;
	static const char text[] = "the root worker died, again and again";
	if (env->capping != ROOT_FAILURE_HALT)
		root_capped(env, ERR_IO, text);
	else
		root_failed(env, text);
	return !env->root_open;
}

void environment_worker_ended(struct env *env, uint16_t w)
{
	struct worker *worker = &env->workers[w];
	/* What they said stands in the socket still. */
	if (w == WORKER_ROOT && worker->fd >= 0 && !env->root_open)
		root_answered(env);
	if (w == WORKER_ROOT)
		counter_worker_ended(env);
	if (w == WORKER_MOUNT && worker->fd >= 0)
		mounts_answered(env);
	bool records = w == WORKER_RECORD && record_worker_ended(env);
	if (w == WORKER_POLICY || w == WORKER_MANIFEST) {
		(w == WORKER_POLICY ? policy_worker_ended : manifest_worker_ended)(env);
		return;
	}
	int64_t delay = worker_ended(worker);
	if (w == WORKER_MOUNT) {
		if (!env->mounted)
			mounts_fail(env, "host.mounts: the worker that mounts has died");
		return;
	}
	if ((w == WORKER_ROOT && !root_worker_ended(env, worker)) || (w == WORKER_RECORD && !records))
		return;
	if (w == WORKER_MEASURE) {
		if (!env->stopping)
			log_warning("the measure worker ended; starting it again");
		launch_worker_lost(env);
	}
	if (w == WORKER_OUTPUT) {
		if (!env->output_changes)
			log_warning("the output worker ended; starting it again");
		env->output_changes = false;
		output_worker_lost(env);
	}
	loop_timer(&env->loop, TIMER_WORKER(env, w), sys_now() + delay);
}

static void worker_timer(struct env *env, uint32_t w)
{
	if (w == WORKER_POLICY || w == WORKER_MANIFEST) {
		(w == WORKER_POLICY ? policy_timer : manifest_timer)(env);
		return;
	}
	/* Programs that are told to stop may still have something to seal, and to say. */
	bool counters = w == WORKER_ROOT && env->root_open;
	bool stopping = env->stopping && w != WORKER_OUTPUT;
	if (w == WORKER_OUTPUT && env->workers[w].pid > 0)
		output_pump(env);
	if (env->workers[w].pid > 0 || (counters ? !counter_wants_worker(env) : stopping))
		return;
	start_or_retry(env, (enum worker_kind)w);
	if (w == WORKER_MEASURE)
		launch_pump(env);
	else if (w == WORKER_RECORD && env->workers[w].pid > 0)
		record_pump(env);
	else if (counters && env->workers[w].pid > 0)
		counter_worker_started(env);
	else if (w == WORKER_OUTPUT && env->workers[w].pid > 0)
		output_pump(env);
}

/* ---- signals ---- */

struct signal_row {
	int signal;
	enum ending in_process, in_container, on_machine; /* END_NONE: ignored */
};

/* busybox's reboot, halt and poweroff send TERM, USR1 and USR2; 37 to 39 are RTMIN+3 to RTMIN+5 as glibc and
 * container tools count them (musl keeps one more for itself). */
static const struct signal_row signals[] = {
	{ SIGTERM, END_EXIT, END_EXIT, END_REBOOT },  { SIGINT, END_EXIT, END_EXIT, END_REBOOT },
	{ SIGUSR1, END_NONE, END_NONE, END_HALT },    { SIGUSR2, END_NONE, END_NONE, END_POWEROFF },
	{ SIGPWR, END_NONE, END_EXIT, END_POWEROFF }, { 37, END_EXIT, END_EXIT, END_HALT },
	{ 38, END_EXIT, END_EXIT, END_POWEROFF },     { 39, END_EXIT, END_EXIT, END_REBOOT },
};

static void on_signal(struct env *env, const struct signalfd_siginfo *info)
{
	int sig = (int)info->ssi_signo;
	enum ending ending = END_NONE;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (signals[i].signal == sig)
			ending = env->place == PLACE_MACHINE	 ? signals[i].on_machine
				 : env->place == PLACE_CONTAINER ? signals[i].in_container
								 : signals[i].in_process;
	if (sig == SIGHUP && env->guard.class != NULL && env->guard.class->load != NULL) {
		log_info("signal %d from pid %u: reloading the policy", sig, info->ssi_pid);
		policy_reload(env);
		return;
	}
	if (ending == END_NONE) {
		/* SIGURG is what Go programs, container runtimes among them, wake their threads with. */
		if (sig != SIGCHLD && sig != SIGPIPE && sig != SIGURG)
			log_info("signal %d from pid %u is ignored", sig, info->ssi_pid);
		return;
	}
	log_info("signal %d from pid %u", sig, info->ssi_pid);
	environment_stop(env, ending, 0);
	/* Who asks again does not want to wait: a second ctrl-C on a terminal. */
	if (++env->stop_signals > 1 && env->place == PLACE_PROCESS)
		shutdown_kill(env);
}

static void read_signals(struct env *env)
{
	struct signalfd_siginfo info[16];
	ssize_t n = sys_read(env->signal_fd, info, sizeof info);
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof info[0]; i++)
		on_signal(env, &info[i]);
	/* SIGCHLDs merge: one look for all. */
	reaper_signal(env);
}

/* ---- the loop ---- */

static void dispatch(struct env *env, const struct loop_event *e)
{
	switch ((enum source)e->source) {
	case SOURCE_SIGNAL:
		read_signals(env);
		break;
	case SOURCE_WORKER:
		if (env->workers[e->index].fd < 0)
			break;
		if (e->index == WORKER_ROOT)
			env->root_open ? counter_reply(env) : root_answered(env);
		else if (e->index == WORKER_MOUNT)
			mounts_answered(env);
		else if (e->index == WORKER_RECORD)
			record_reply(env);
		else if (e->index == WORKER_POLICY)
			policy_answered(env);
		else if (e->index == WORKER_AUDIT)
			audit_reply(env);
		else if (e->index == WORKER_OUTPUT)
			output_reply(env, e->events);
		else
			launch_reply(env);
		/* An end of file would be reported for ever; the worker's death comes as a signal. */
		if ((e->events & EPOLLHUP) != 0 && env->workers[e->index].fd >= 0)
			loop_remove(&env->loop, env->workers[e->index].fd);
		break;
	case SOURCE_EXEC:
		launch_exec_event(env, (uint16_t)e->index);
		break;
	case SOURCE_READY:
		notify_ready_event(env, (uint16_t)e->index);
		break;
	case SOURCE_NOTIFY:
		notify_event(env, (uint16_t)e->index);
		break;
	case SOURCE_KEEPER:
		reaper_keeper_event(env, (uint16_t)e->index);
		break;
	case SOURCE_CGROUP:
		if (reaper_is_empty(env, (uint16_t)e->index))
			unit_event(env, (uint16_t)e->index, ON_EMPTY);
		break;
	case SOURCE_CHANNEL:
		channel_event(env, (uint16_t)e->index, e->events);
		break;
	case SOURCE_LISTENER:
		admin_accept(env, e->index);
		break;
	case SOURCE_CLIENT:
		admin_event(env, e->index, e->events);
		break;
	case SOURCE_BUTTON:
		if (!sys_acpi_pressed(env->button))
			break;
		log_info("the power button");
		environment_stop(env, END_POWEROFF, 0);
		break;
	}
}

/* Memory for large requests is kept while there are some, because new pages cost more than sealing what they hold;
 * the host at rest has none. */
static void give_memory_back(struct env *env)
{
	stream_pool_give_back(&env->pool);
	if (env->data_warm)
		sys_forget(env->data, env->data_cap);
	env->data_warm = false;
}

static void memory_turn(struct env *env)
{
	if ((env->data_warm || stream_pool_has_spares(&env->pool)) && !loop_is_set(&env->loop, TIMER_MEMORY(env)))
		loop_timer(&env->loop, TIMER_MEMORY(env), sys_now() + MEMORY_KEPT);
}

static void on_timer(struct env *env, uint32_t timer)
{
	uint32_t n = env->manifest.n_services;
	if (timer < n)
		unit_event(env, (uint16_t)timer, ON_TIMER);
	else if (timer < 2 * n)
		channel_timer(env, (uint16_t)(timer - n));
	else if (timer < TIMER_WORKER(env, 0))
		admin_timer(env, timer - TIMER_CLIENT(env, 0));
	else if (timer < TIMER_SHUTDOWN(env))
		worker_timer(env, timer - TIMER_WORKER(env, 0));
	else if (timer == TIMER_SHUTDOWN(env))
		shutdown_timer(env);
	else if (timer == TIMER_COUNTER(env))
		counter_timer(env);
	else if (timer == TIMER_REST(env))
		come_to_rest(env);
	else if (timer == TIMER_MEMORY(env))
		give_memory_back(env);
	/* TIMER_AUDIT: each turn sends what it may. */
}

bool environment_turn_is_long(const struct env *env)
{
	return sys_now() - env->turn_began > TURN_NS;
}

static void turn(struct env *env)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	bool busy = env->runnable_n > 0 || env->reap_more || env->changed_n > 0 || env->admin_check ||
		    admin_is_busy(env) || counter_is_busy(env) || policy_is_busy(env);
	int n = loop_wait(&env->loop, events, !busy);
	env->turn_began = sys_now();
	channel_turn(env); /* first those that an earlier turn had no time for */
	for (int i = 0; i < n; i++)
		dispatch(env, &events[i]);
	if (env->reap_more)
		reaper_signal(env);
	int64_t now = sys_now();
	uint32_t timer;
	for (int i = 0; i < TIMERS_PER_TURN && loop_due(&env->loop, now, &timer); i++)
		on_timer(env, timer);
	counter_turn(env);
	policy_turn(env);
	unit_settle_all(env);
	tell(env);
	manifest_turn(env);
	admin_turn(env);
	audit_turn(env);
	memory_turn(env);
}

int environment_run(struct env *env)
{
	while (!shutdown_is_over(env) || !counter_keep_time(env))
		turn(env);
	/* Those who waited for a service hear of it. */
	env->admin_check = true;
	admin_turn(env);
	admin_close(env);
	output_close(env);
	for (int w = 0; w < WORKERS; w++)
		if (env->workers[w].pid > 0)
			sys_kill(env->workers[w].pid, SIGKILL);
	cgroup_close(env);
	sockets_close_all(env);
	notify_close_all(env);
	int left = core_ready(env->core) ? core_wipe(env->core) : 0;
	if (left != 0)
		log_error("the Tao counts %d programs that were not said to have ended", left);
	return env->exit_code;
}
