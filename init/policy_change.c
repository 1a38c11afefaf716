/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "boundary.h"
#include "clock.h"
#include "counter.h"
#include "log.h"
#include "policy_change.h"
#include "policy_open.h"
#include "record.h"
#include "sys.h"
#include "sys_measure.h"

/* A disk that takes longer is taken for one that never answers. */
#define READ_TIMEOUT (30 * NS_PER_S)
/* So much of a domain's name is logged. */
#define DOMAIN_SHOWN 80
/* Programs that one turn asks about, if it has the time. */
#define ASKED_A_TURN 4

/* What the worker says; a memfd with the file comes with it, sealed, unless error is set. */
struct policy_read {
	int32_t error;
	uint32_t size;
};

/* ---- the worker ---- */

static int read_all(const char *path, int *copy, uint32_t *size)
{
	struct stat st;
	int fd = sys_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	int r = sys_fstat(fd, &st);
	if (r >= 0 && !S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r >= 0 && (uint64_t)st.st_size > POLICY_FILE_MAX)
		r = -EFBIG;
	if (r >= 0)
		r = *copy = sys_memfd("tao-policy");
	off_t at = 0;
	while (r >= 0 && at < st.st_size) {
		ssize_t n = sys_send_file(*copy, fd, at, (size_t)(st.st_size - at));
		r = n < 0 ? (int)n : n == 0 ? -EAGAIN : 0;
		at += n > 0 ? n : 0;
	}
	sys_close(fd);
	*size = (uint32_t)at;
	return r < 0 ? r : sys_seal(*copy);
}

int policy_worker(int socket, void *arg)
{
	const struct host *host = arg;
	struct policy_read answer = { .error = 0 };
	int copy = -1;
	answer.error = read_all(host->guard_file, &copy, &answer.size);
	return sys_send_wait(socket, span_of(&answer, sizeof answer), &copy, answer.error < 0 ? 0 : 1) < 0;
}

/* ---- in PID 1 ---- */

bool policy_is_settled(const struct env *env)
{
	return env->guard.class == NULL || env->guard.class->load == NULL || env->guard.state != NULL;
}

int policy_reload(struct env *env)
{
	struct worker *worker = &env->workers[WORKER_POLICY];
	if (env->guard.class == NULL || env->guard.class->load == NULL)
		return ERR_UNSUPPORTED;
	if (!env->root_open || env->stopping)
		return ERR_STATE;
	env->policy_asked++;
	if (worker->pid > 0 || env->policy_next != NULL)
		return 0; /* when it has ended, another one is started */
	*worker = worker_made("tao-policy", policy_worker, &env->manifest.host);
	env->policy_reading = env->policy_asked;
	int r = worker_start(worker);
	if (r >= 0) {
		pid_add(env, worker->pid, PID_WORKER, WORKER_POLICY);
		r = loop_add(&env->loop, SOURCE_WORKER, WORKER_POLICY, worker->fd, EPOLLIN);
	}
	loop_timer(&env->loop, TIMER_WORKER(env, WORKER_POLICY),
		   sys_now() + (r < 0 ? 100 * NS_PER_MS : READ_TIMEOUT));
	return 0;
}

/* Who asked while one was being read, stored or measured is answered by another. */
static void read_again(struct env *env)
{
	if (env->policy_asked != env->policy_done) {
		env->policy_asked--; /* counted anew */
		policy_reload(env);
	}
}

static void answered(struct env *env)
{
	env->policy_done = env->policy_reading;
	env->admin_check = true;
}

static void refuse(struct env *env, const char *what, const char *remedy)
{
	const char *file = env->manifest.host.guard_file;
	bool first = env->guard.state == NULL;
	snprintf(env->policy_problem, sizeof env->policy_problem, "%.160s: %s; %s%s", file, what, remedy,
		 first ? ", then taoctl reload" : "; the old policy stays in force");
	log_error("%s", env->policy_problem);
	if (first) {
		snprintf(env->problem, sizeof env->problem, "%s", env->policy_problem);
		log_error("no services are run until there is a policy");
	}
	answered(env);
}

const char *policy_remedy(int err)
{
	switch (err) {
	case ERR_BAD_SIGNATURE:
		return "sign it with the key that host.guard.key names (taopolicy sign)";
	case ERR_EXPIRED:
		return "see to the clock, or sign one that is valid";
	case ERR_STATE:
		return "raise its version and sign it";
	default:
		return "mend it and sign it (taopolicy check)";
	}
}

/* A policy that is good, loaded beside the one in force. */
struct policy_next {
	struct guard guard;
	struct span memory;
	uint64_t version;
	uint8_t record[8 + SHA256_SIZE]; /* for the event log: version, hash of the file */
	char domain[DOMAIN_SHOWN + 1];
};

int policy_load_rules(const struct policy_file *file, struct guard *guard, struct span *memory, struct why *why)
{
	size_t n = guard_memory(file->policy.rules.n);
	void *room = sys_map(n);
	if (room == NULL) {
		snprintf(why->rule, sizeof why->rule, "no memory for it");
		return ERR_NO_SPACE;
	}
	*memory = span_of(room, n);
	int r = guard_load(guard, &file->policy, *memory, why);
	if (r < 0)
		sys_unmap(room, n);
	return r;
}

static void begin(struct env *env)
{
	env->policy_problem[0] = '\0';
	env->policy_check = 0; /* all running programs are asked about */
	answered(env);
	if (!env->booted) {
		env->problem[0] = '\0';
		environment_boot(env);
	}
}

/* The old one's memory is given back. */
static void put_in_force(struct env *env, const struct policy_next *next)
{
	if (env->policy_memory.p != NULL)
		sys_unmap((void *)(uintptr_t)env->policy_memory.p, env->policy_memory.n);
	env->policy_memory = next->memory;
	env->policy_version = next->version;
	env->guard.state = next->guard.state;
	boundary_forget(env);
	log_info("policy of %s, version %llu, is in force", next->domain, (unsigned long long)next->version);
	begin(env);
}

/* The one that waits is not taken. */
static void forget(struct env *env)
{
	sys_unmap((void *)(uintptr_t)env->policy_next->memory.p, env->policy_next->memory.n);
	env->policy_next = NULL;
}

/* It stands in the PCR, where there is one, or cannot. */
static void recorded(struct env *env, int error, const char *text)
{
	const struct policy_next *next = env->policy_next;
	if (error != ERR_NONE)
		forget(env);
	if (error == ERR_NONE) {
		env->policy_next = NULL;
		put_in_force(env, next);
	} else if (error == ERR_STATE) { /* record_close(): what matters is said already */
		snprintf(env->policy_problem, sizeof env->policy_problem, "the root of trust is closed");
		answered(env);
	} else {
		refuse(env, "it could not be measured", text[0] != '\0' ? text : err_text(error));
	}
	if (env->workers[WORKER_POLICY].pid == 0)
		read_again(env);
}

static void judge(struct env *env, struct span text)
{
	static struct policy_next next;
	const struct host *host = &env->manifest.host;
	const struct policy_trust trust = { .sha256 = sha256_pick(),
					    .key_sha256 = host->guard_key.b,
					    .now = clock_now(env) / NS_PER_S,
					    .least_version = env->policy_version,
					    .guard = host->guard->name };
	struct policy_file file;
	struct why why = { .rule = "" };
	struct wr w = wr_to(next.record, 8);
	next.guard = env->guard;
	int r = policy_open(text, &trust, &file, &why);
	if (r >= 0)
		r = policy_load_rules(&file, &next.guard, &next.memory, &why);
	if (r < 0) {
		refuse(env, why.rule, policy_remedy(r));
		return;
	}
	next.version = file.version;
	snprintf(next.domain, sizeof next.domain, "%.*s", (int)file.domain.n, (const char *)file.domain.p);
	wr_be64(&w, next.version);
	sha256_of(sha256_pick(), text, next.record + 8);
	env->policy_next = &next;
	r = counter_ask_policy(env, next.version);
	if (r < 0)
		policy_stored(env, r);
}

void policy_stored(struct env *env, int err)
{
	struct policy_next *next = env->policy_next;
	char what[128];
	if (next == NULL)
		return;
	if (err == ERR_NONE) {
		record_host(env, EVENTLOG_POLICY, span_of(next->record, sizeof next->record), recorded);
		return;
	}
	forget(env);
	snprintf(what, sizeof what, "its version cannot be stored: %s", err_text(err));
	if (err == ERR_LOWER)
		refuse(env, "an older version than the last one accepted", policy_remedy(ERR_STATE));
	else
		refuse(env, what, "mend that (the log says more)");
	if (env->workers[WORKER_POLICY].pid == 0)
		read_again(env);
}

/* The file, whatever came of it. */
static bool is_read(const struct env *env)
{
	return env->policy_next != NULL || env->policy_done == env->policy_reading;
}

void policy_answered(struct env *env)
{
	struct policy_read answer = { 0 };
	struct stat st;
	int fd = -1, n_fds = 0;
	ssize_t n = sys_recv(env->workers[WORKER_POLICY].fd, &answer, sizeof answer, &fd, 1, &n_fds);
	if (n != (ssize_t)sizeof answer || is_read(env)) {
		if (n_fds > 0)
			sys_close(fd);
		return; /* its death follows */
	}
	if (answer.error < 0 || n_fds != 1) {
		refuse(env,
		       answer.error == -EFBIG	 ? "it is longer than a policy may be"
		       : answer.error == -EINVAL ? "it is no regular file"
						 : strerror(-answer.error),
		       "put a signed policy there");
	} else if (!sys_is_sealed(fd) || sys_fstat(fd, &st) < 0 || st.st_size != (off_t)answer.size ||
		   answer.size > POLICY_FILE_MAX) {
		refuse(env, "the worker that reads it sent something else", "see to the log");
	} else {
		const uint8_t *text = answer.size > 0 ? sys_map_file(fd, answer.size) : (const uint8_t *)"";
		if (text == NULL)
			refuse(env, "no memory for it", "free some");
		else
			judge(env, span_of(text, answer.size));
		if (text != NULL && answer.size > 0)
			sys_unmap((void *)(uintptr_t)text, answer.size);
	}
	if (n_fds > 0)
		sys_close(fd);
}

void policy_worker_ended(struct env *env)
{
	struct worker *worker = &env->workers[WORKER_POLICY];
	if (worker->fd >= 0 && !is_read(env))
		policy_answered(env);
	worker_ended(worker);
	loop_cancel(&env->loop, TIMER_WORKER(env, WORKER_POLICY));
	if (env->policy_next != NULL)
		return;
	if (!is_read(env))
		refuse(env, "the worker that reads it has died", "try again");
	read_again(env);
}

void policy_timer(struct env *env)
{
	const struct worker *worker = &env->workers[WORKER_POLICY];
	if (worker->pid > 0)
		sys_kill(worker->pid, SIGKILL); /* its end is told, then */
	else if (env->policy_next == NULL && env->policy_done != env->policy_asked && !env->stopping) {
		env->policy_asked--;
		policy_reload(env);
	}
}

/* ---- running programs ---- */

static bool is_running(const struct unit *unit)
{
	return unit->state == UNIT_EXECUTING || unit->state == UNIT_STARTING || unit->state == UNIT_UP;
}

static void ask_about(struct env *env, uint16_t u)
{
	const struct service *s = &env->manifest.services[u];
	struct unit *unit = &env->units[u];
	struct why why = { .rule = "" };
	if (!is_running(unit) || boundary_may_execute(env, u, &why) == ALLOW)
		return;
	if (s->on_policy_change == POLICY_CHANGE_KEEP) {
		log_warning(
			"%s: the policy would not start it any more (%s); it is kept, as on_policy_change says",
			s->name, why.rule);
		return;
	}
	log_warning("%s: stopped: the policy would not start it any more (%s)", s->name, why.rule);
	unit_refuse(env, u);
	unit_say(unit, "the policy does not let it run any more (%.200s)", why.rule);
}

bool policy_is_busy(const struct env *env)
{
	return env->policy_check < 2U * env->manifest.n_services && env->booted;
}

/* First, whom the old policy had refused or stopped gets another try, also while it is being stopped; then those are
 * asked about who run: so none whom that takes down is taken for one of the former. */
static void check_next(struct env *env)
{
	uint32_t n = env->manifest.n_services, i = env->policy_check++;
	if (i >= n)
		ask_about(env, (uint16_t)(i - n));
	else if (env->units[i].refused && !env->stopping && i < first_program(env))
		unit_start(env, (uint16_t)i);
}

void policy_turn(struct env *env)
{
	for (int i = 0; i < ASKED_A_TURN && policy_is_busy(env) && (i == 0 || !environment_turn_is_long(env)); i++)
		check_next(env);
}
