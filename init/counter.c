/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "../crypto/sha256.h"
#include "clock.h"
#include "counter.h"
#include "log.h"
#include "policy_change.h"
#include "root_worker.h"
#include "sys.h"

/* A disk that has not written a few hundred KiB by then is not going to. */
#define ANSWER_TIMEOUT (30 * NS_PER_S)
/* A worker that nobody asks for so long is ended: it costs memory, and its next start a millisecond. */
#define LINGER (5 * NS_PER_S)

enum counter_state {
	COUNTER_IDLE,
	COUNTER_QUEUED,	  /* in the ring */
	COUNTER_SENT,	  /* with the worker */
	COUNTER_ANSWERED, /* in the ring, with an answer for the next turn */
};

struct counter_slot {
	uint8_t state; /* enum counter_state */
	bool in_ring;  /* also where the question was forgotten since */
	uint64_t id;
	struct counter_question question;
};

struct counter_desk {
	struct counter_slot *slots; /* by unit, and one for the host itself */
	uint16_t *ring;
	uint32_t ring_head, ring_n;
	uint32_t asked_n; /* questions that somebody waits for */
	uint32_t sent_n;  /* answers that the worker owes */
	uint64_t last_id;
	bool serving; /* the root worker that runs is one that answers questions */
	bool resting; /* … and we have ended it */
	bool time_asked, time_kept;
	struct root_report said; /* the last that was logged; empty when there was nothing to say since */
	struct counters memory;	 /* an ephemeral root's */
};

static struct worker *worker_of(struct env *env)
{
	return &env->workers[WORKER_ROOT];
}

/* Of the slots. The host's is the last. */
static uint16_t slots_n(const struct env *env)
{
	return (uint16_t)(env->manifest.n_services + 1);
}

int counter_go_ephemeral(struct env *env)
{
	struct counter_desk *desk = env->counters;
	desk->memory.at = sys_map(COUNTERS_ROWS * sizeof *desk->memory.at);
	desk->memory.cap = desk->memory.at != NULL ? COUNTERS_ROWS : 0;
	return desk->memory.at != NULL ? 0 : -ENOMEM;
}

int counter_open(struct env *env)
{
	size_t n = slots_n(env);
	struct counter_desk *desk = sys_map(sizeof *desk);
	if (desk == NULL)
		return -ENOMEM;
	desk->slots = sys_map(n * sizeof *desk->slots);
	desk->ring = sys_map(n * sizeof *desk->ring);
	env->counters = desk;
	if (env->manifest.host.root_ephemeral)
		(void)counter_go_ephemeral(env);
	return desk->slots != NULL && desk->ring != NULL ? 0 : -ENOMEM;
}

/* ---- the ring ---- */

static void push(struct env *env, uint16_t u)
{
	struct counter_desk *desk = env->counters;
	if (desk->slots[u].in_ring)
		return;
	desk->slots[u].in_ring = true;
	desk->ring[(desk->ring_head + desk->ring_n++) % slots_n(env)] = u;
}

static uint16_t pop(struct env *env)
{
	struct counter_desk *desk = env->counters;
	uint16_t u = desk->ring[desk->ring_head];
	desk->ring_head = (desk->ring_head + 1) % slots_n(env);
	desk->ring_n--;
	desk->slots[u].in_ring = false;
	return u;
}

static void answered(struct env *env, uint16_t u, int err, int64_t value)
{
	env->counters->slots[u].state = COUNTER_IDLE;
	env->counters->asked_n--;
	if (u < env->manifest.n_services)
		channel_counter_answered(env, u, err, value);
	else if (env->counters->time_asked)
		env->counters->time_kept = true;
	else
		policy_stored(env, err);
}

/* ---- to the worker ---- */

static void watch(struct env *env)
{
	bool waited_for = env->counters->asked_n > 0;
	loop_timer(&env->loop, TIMER_COUNTER(env), sys_now() + (waited_for ? ANSWER_TIMEOUT : LINGER));
}

static void pump(struct env *env)
{
	struct counter_desk *desk = env->counters;
	struct worker *worker = worker_of(env);
	while (desk->ring_n > 0 && desk->serving && worker->fd >= 0 && desk->sent_n < ROOT_BATCH) {
		struct counter_slot *slot = &desk->slots[desk->ring[desk->ring_head]];
		struct root_question message;
		memset(&message, 0, sizeof message);
		message.id = slot->id;
		message.now = clock_now(env) / NS_PER_S;
		message.question = slot->question;
		if (slot->state == COUNTER_QUEUED) {
			if (sys_send(worker->fd, span_of(&message, sizeof message), NULL, 0) < 0)
				return; /* room comes with the next answer; a dead worker is started again */
			slot->state = COUNTER_SENT;
			desk->sent_n++;
		}
		pop(env);
	}
	/* One that is ending is waited for: its end brings the next. */
	if (desk->ring_n > 0 && worker->pid == 0 && !loop_is_set(&env->loop, TIMER_WORKER(env, WORKER_ROOT)))
		loop_timer(&env->loop, TIMER_WORKER(env, WORKER_ROOT), sys_now());
}

static int ask(struct env *env, uint16_t u, const uint8_t owner[static 32], const uint8_t label[static 32],
	       enum counter_op op, int64_t value)
{
	struct counter_desk *desk = env->counters;
	struct counter_slot *slot = &desk->slots[u];
	if (!core_ready(env->core))
		return ERR_STATE;
	if (slot->state != COUNTER_IDLE)
		return ERR_BUSY;
	slot->id = ++desk->last_id << 16 | u;
	slot->question = (struct counter_question){ .op = op, .value = value };
	memcpy(slot->question.program, owner, sizeof slot->question.program);
	memcpy(slot->question.label, label, sizeof slot->question.label);
	desk->asked_n++;
	push(env, u);
	if (env->manifest.host.root_ephemeral) {
		counters_answer(&desk->memory, &slot->question);
		slot->state = COUNTER_ANSWERED;
		return ERR_NONE;
	}
	slot->state = COUNTER_QUEUED;
	if (desk->asked_n == 1)
		watch(env);
	pump(env);
	return ERR_NONE;
}

int counter_owner(const struct env *env, uint16_t u, uint8_t owner[static 32])
{
	struct wr program = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	launch_subprin(env, u, &program);
	if (program.err == ERR_NONE)
		sha256_of(sha256_bearssl(), wr_span(&program), owner);
	return program.err;
}

int counter_ask(struct env *env, uint16_t u, enum counter_op op, struct span label, int64_t value)
{
	uint8_t owner[32];
	int r = counter_owner(env, u, owner);
	return r < 0 ? r : counter_ask_of(env, u, owner, op, label, value);
}

int counter_ask_of(struct env *env, uint16_t u, const uint8_t owner[static 32], enum counter_op op,
		   struct span label, int64_t value)
{
	uint8_t digest[32];
	sha256_of(sha256_bearssl(), label, digest);
	return ask(env, u, owner, digest, op, value);
}

int counter_ask_policy(struct env *env, uint64_t version)
{
	return ask(env, env->manifest.n_services, counters_host, env->manifest.host.guard_key.b, COUNTER_INIT,
		   (int64_t)version);
}

bool counter_keep_time(struct env *env)
{
	struct counter_desk *desk = env->counters;
	if (!core_ready(env->core) || env->manifest.host.root_ephemeral || desk->time_kept)
		return true;
	if (desk->slots[env->manifest.n_services].state == COUNTER_IDLE)
		desk->time_asked = ask(env, env->manifest.n_services, counters_host, counters_clock, COUNTER_INIT,
				       clock_now(env) / NS_PER_S) == ERR_NONE;
	return false;
}
void counter_forget(struct env *env, uint16_t u)
{
	struct counter_desk *desk = env->counters;
	if (desk->slots[u].state == COUNTER_IDLE)
		return;
	desk->slots[u].state = COUNTER_IDLE;
	desk->asked_n--;
	/* The worker's answer, if it owes one, finds that nobody waits for its number. */
}

bool counter_is_busy(const struct env *env)
{
	return env->manifest.host.root_ephemeral && env->counters->ring_n > 0;
}

void counter_turn(struct env *env)
{
	if (!counter_is_busy(env))
		return;
	/* Those that ask in answer to an answer are for the next turn. */
	for (uint32_t n = env->counters->ring_n; n > 0; n--) {
		uint16_t u = pop(env);
		const struct counter_slot *slot = &env->counters->slots[u];
		if (slot->state == COUNTER_ANSWERED)
			answered(env, u, slot->question.error, slot->question.value);
	}
}

/* ---- from the worker ---- */

static void log_report(struct env *env, struct root_answer *answer)
{
	struct counter_desk *desk = env->counters;
	answer->report.text[sizeof answer->report.text - 1] = '\0';
	if (answer->report.text[0] != '\0' && strcmp(answer->report.text, desk->said.text) != 0)
		log_line(answer->error != ERR_NONE ? LOG_ERROR : LOG_WARNING, "%s", answer->report.text);
	desk->said = answer->report;
}

void counter_reply(struct env *env)
{
	struct counter_desk *desk = env->counters;
	/* Bounded: the others wait for us. */
	for (int i = 0; i < ROOT_BATCH && desk->serving && worker_of(env)->fd >= 0; i++) {
		struct root_answer answer = { 0 };
		ssize_t n = sys_recv(worker_of(env)->fd, &answer, sizeof answer, NULL, 0, NULL);
		if (n != (ssize_t)sizeof answer)
			break; /* nothing now, or its end, which is counted elsewhere */
		uint16_t u = (uint16_t)answer.id;
		if (desk->sent_n > 0)
			desk->sent_n--;
		log_report(env, &answer);
		if (u < slots_n(env) && desk->slots[u].state == COUNTER_SENT && desk->slots[u].id == answer.id)
			answered(env, u, answer.error, answer.value);
		watch(env);
	}
	pump(env);
}

static void fail(struct env *env, enum counter_state from, int err)
{
	for (uint16_t u = 0; u < slots_n(env); u++) {
		uint8_t state = env->counters->slots[u].state;
		if (state != COUNTER_IDLE && state >= from)
			answered(env, u, err, 0);
	}
}

void counter_worker_started(struct env *env)
{
	struct counter_desk *desk = env->counters;
	struct worker *worker = worker_of(env);
	desk->serving = true;
	if (sys_send(worker->fd, core_kek(env->core), NULL, 0) < 0)
		sys_kill(worker->pid, SIGKILL);
	watch(env);
	pump(env);
}

void counter_worker_ended(struct env *env)
{
	struct counter_desk *desk = env->counters;
	struct worker *worker = worker_of(env);
	if (!desk->serving)
		return;
	counter_reply(env); /* what it said stands in the socket still */
	desk->serving = false;
	desk->sent_n = 0;
	if (desk->resting)
		worker->deaths = 0;
	else
		log_warning("the root worker ended; it is started again when somebody asks for a counter");
	desk->resting = false;
	fail(env, COUNTER_SENT, ERR_IO);
}

bool counter_wants_worker(const struct env *env)
{
	return env->counters->ring_n > 0 && !env->manifest.host.root_ephemeral;
}

/* From here on what it says is not heard. */
static void hang_up(struct env *env)
{
	struct worker *worker = worker_of(env);
	if (!env->counters->serving || worker->fd < 0)
		return;
	loop_remove(&env->loop, worker->fd);
	sys_close(worker->fd);
	worker->fd = -1;
}

void counter_timer(struct env *env)
{
	struct counter_desk *desk = env->counters;
	bool hung = desk->asked_n > 0;
	if (worker_of(env)->pid > 0 && desk->serving) {
		desk->resting = !hung;
		hang_up(env);
		if (hung)
			sys_kill(worker_of(env)->pid, SIGKILL);
	}
	if (!hung)
		return;
	log_error("no answer about a counter in 30 s: the disk of %s hangs", env->manifest.host.root_file);
	desk->sent_n = 0;
	fail(env, COUNTER_QUEUED, ERR_TIMEOUT);
}
