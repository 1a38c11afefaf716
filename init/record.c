/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "log.h"
#include "record.h"
#include "sys.h"

/* Questions under way at once: their messages fit any socket buffer. */
#define RECORDS_SENT_MAX 8
/* A worker that dies so often with questions is not going to answer them. */
#define RECORD_TRIES 3

enum record_state { RECORD_IDLE, RECORD_QUEUED, RECORD_SENT };

struct record_slot {
	uint8_t state; /* enum record_state */
	bool in_ring, held;
	uint64_t id; /* the launch that waits */
	struct measured measured;
	struct digest asked, recorded; /* of names: waiting, and in the PCR */
};

/* What the host itself waits for. */
struct record_own {
	uint8_t state; /* enum record_state */
	uint16_t n;
	uint64_t id;
	record_done *done;
	uint8_t data[RECORD_HOST_MAX];
};

/* By their tags; their numbers end in 0xffff, 0xfffe, which no unit has. */
static const enum eventlog_tag own_tags[] = { EVENTLOG_POLICY, EVENTLOG_ROOT };
#define OWN_MAX (sizeof own_tags / sizeof own_tags[0])

struct record_desk {
	struct record_own own[OWN_MAX];
	uint64_t own_id;
	struct record_slot *slots; /* by unit */
	uint16_t *ring;
	uint32_t head, n, sent_n;
	bool full; /* the log is full, which has been said */
};

static struct worker *worker_of(struct env *env)
{
	return &env->workers[WORKER_RECORD];
}

int record_open(struct env *env)
{
	struct host *host = &env->manifest.host;
	size_t n = env->manifest.n_services > 0 ? env->manifest.n_services : 1;
	if (host->root == NULL || host->root->measure == NULL)
		return 0;
	host->root_log = sys_map_shared(sizeof *host->root_log);
	host->firmware_log = sys_map_shared(sizeof *host->firmware_log);
	env->records = sys_map(sizeof *env->records);
	if (env->records == NULL || host->root_log == NULL)
		return -ENOMEM;
	/* Pages are taken as they are used. */
	env->records->slots = sys_map(n * sizeof *env->records->slots);
	env->records->ring = sys_map(n * sizeof *env->records->ring);
	return env->records->slots != NULL && env->records->ring != NULL ? 0 : -ENOMEM;
}

static struct digest digest_of_name(struct env *env, uint16_t u)
{
	struct digest digest = { { 0 } };
	struct wr w = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	launch_subprin(env, u, &w);
	sha256_of(sha256_bearssl(), wr_span(&w), digest.b);
	return digest;
}

bool record_wanted(struct env *env, uint16_t u)
{
	if (env->records == NULL)
		return false;
	struct digest digest = digest_of_name(env, u);
	return memcmp(digest.b, env->records->slots[u].recorded.b, sizeof digest.b) != 0;
}

static void let_go(struct record_slot *slot)
{
	if (!slot->held)
		return;
	launch_close(&slot->measured);
	slot->held = false;
}

static void push(struct env *env, uint16_t u)
{
	struct record_desk *desk = env->records;
	desk->slots[u].state = RECORD_QUEUED;
	if (desk->slots[u].in_ring)
		return;
	desk->slots[u].in_ring = true;
	desk->ring[(desk->head + desk->n++) % env->manifest.n_services] = u;
}

void record_hold(struct env *env, uint16_t u, const struct measured *m)
{
	struct record_slot *slot = &env->records->slots[u];
	let_go(slot); /* of a launch that nobody waits for any more */
	slot->measured = *m;
	slot->held = true;
	slot->id = env->units[u].launch << 16 | u;
	slot->asked = digest_of_name(env, u);
	push(env, u);
	record_pump(env);
}

static bool waits(const struct env *env, uint16_t u)
{
	const struct record_slot *slot = &env->records->slots[u];
	return slot->held && env->units[u].state == UNIT_MEASURING && slot->id == (env->units[u].launch << 16 | u);
}

static struct record_question question;

static int send_question(struct env *env, uint64_t id, enum eventlog_tag tag, size_t size)
{
	question.id = id;
	question.tag = tag;
	question.n = (uint32_t)size;
	ssize_t n = sys_send(worker_of(env)->fd, span_of(&question, RECORD_QUESTION_SIZE(size)), NULL, 0);
	return n < 0 ? (int)n : 0;
}

static int send_launch(struct env *env, uint16_t u)
{
	struct wr w = wr_to(question.data, sizeof question.data);
	launch_subprin(env, u, &w);
	return send_question(env, env->records->slots[u].id, EVENTLOG_LAUNCH, w.n);
}

/* ---- The host's own ---- */

static bool own_waits(const struct record_desk *desk)
{
	bool any = false;
	for (size_t i = 0; i < OWN_MAX; i++)
		any |= desk->own[i].state == RECORD_QUEUED;
	return any;
}

void record_host(struct env *env, enum eventlog_tag tag, struct span data, record_done *done)
{
	struct record_desk *desk = env->records;
	size_t i = 0;
	while (i < OWN_MAX && own_tags[i] != tag)
		i++;
	bool bad = i == OWN_MAX || data.n > RECORD_HOST_MAX;
	if (desk == NULL || bad || desk->own[i].state != RECORD_IDLE) {
		done(env, desk == NULL ? ERR_NONE : bad ? ERR_RANGE : ERR_BUSY, "");
		return;
	}
	struct record_own *own = &desk->own[i];
	own->state = RECORD_QUEUED;
	own->n = (uint16_t)data.n;
	own->id = ++desk->own_id << 16 | (0xffff - i);
	own->done = done;
	memcpy(own->data, data.p, data.n);
	record_pump(env);
}

static void own_answered(struct env *env, struct record_own *own, int error, const char *text)
{
	own->state = RECORD_IDLE;
	own->done(env, error, text);
}

void record_close(struct env *env, int error, const char *text)
{
	struct record_desk *desk = env->records;
	env->records = NULL;
	for (size_t i = 0; desk != NULL && i < OWN_MAX; i++)
		if (desk->own[i].state != RECORD_IDLE)
			own_answered(env, &desk->own[i], error, text);
}

static void own_pump(struct env *env)
{
	struct record_desk *desk = env->records;
	for (size_t i = 0; i < OWN_MAX && desk->sent_n < RECORDS_SENT_MAX; i++) {
		struct record_own *own = &desk->own[i];
		if (own->state != RECORD_QUEUED)
			continue;
		memcpy(question.data, own->data, own->n);
		if (send_question(env, own->id, own_tags[i], own->n) < 0)
			return;
		own->state = RECORD_SENT;
		desk->sent_n++;
	}
}

void record_pump(struct env *env)
{
	struct record_desk *desk = env->records;
	struct worker *worker = worker_of(env);
	/* What the root itself measures comes first. */
	if (!env->root_open)
		return;
	if (worker->fd >= 0)
		own_pump(env);
	while (desk->n > 0 && worker->fd >= 0 && desk->sent_n < RECORDS_SENT_MAX) {
		uint16_t u = desk->ring[desk->head];
		bool wanted = waits(env, u);
		if (wanted && send_launch(env, u) < 0)
			return; /* room comes with the next answer; a dead worker is started again */
		if (!wanted)
			let_go(&desk->slots[u]);
		desk->head = (desk->head + 1) % env->manifest.n_services;
		desk->n--;
		desk->slots[u].in_ring = false;
		desk->slots[u].state = wanted ? RECORD_SENT : RECORD_IDLE;
		desk->sent_n += wanted;
	}
	if (record_wants_worker(env) && worker->pid == 0 &&
	    !loop_is_set(&env->loop, TIMER_WORKER(env, WORKER_RECORD)))
		loop_timer(&env->loop, TIMER_WORKER(env, WORKER_RECORD), sys_now());
}

/* What became of the launch that waits in a slot. */
static void answered(struct env *env, uint16_t u, int error, const char *text)
{
	struct record_slot *slot = &env->records->slots[u];
	slot->state = RECORD_IDLE;
	if (!slot->held)
		return;
	struct measured m = slot->measured;
	bool wanted = waits(env, u);
	slot->held = false;
	if (error == ERR_NONE)
		slot->recorded = slot->asked;
	if (wanted)
		launch_recorded(env, u, &m, error, text);
	launch_close(&m);
}

void record_reply(struct env *env)
{
	struct record_desk *desk = env->records;
	for (int i = 0; i < RECORDS_SENT_MAX && worker_of(env)->fd >= 0; i++) {
		struct record_answer answer = { 0 };
		ssize_t n = sys_recv(worker_of(env)->fd, &answer, sizeof answer, NULL, 0, NULL);
		if (n != (ssize_t)sizeof answer)
			break; /* nothing now, or its end, which is counted elsewhere */
		uint16_t u = (uint16_t)answer.id;
		answer.report.text[sizeof answer.report.text - 1] = '\0';
		if (desk->sent_n > 0)
			desk->sent_n--;
		worker_of(env)->deaths = 0;
		if (answer.error == ERR_NONE && answer.report.text[0] != '\0' && !desk->full) {
			log_error("%s", answer.report.text);
			desk->full = true;
		}
		struct record_own *own = u > 0xffff - OWN_MAX ? &desk->own[0xffff - u] : NULL;
		if (own != NULL && own->state == RECORD_SENT && own->id == answer.id)
			own_answered(env, own, answer.error, answer.report.text);
		if (u < env->manifest.n_services && desk->slots[u].state == RECORD_SENT &&
		    desk->slots[u].id == answer.id)
			answered(env, u, answer.error, answer.report.text);
	}
	record_pump(env);
}

bool record_worker_ended(struct env *env)
{
	struct record_desk *desk = env->records;
	bool give_up = worker_of(env)->deaths + 1 >= RECORD_TRIES;
	record_reply(env); /* what it said stands in the socket still */
	log_warning("the record worker ended; it is started again when a launch is to be measured");
	desk->sent_n = 0;
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		if (desk->slots[u].state == RECORD_SENT && give_up)
			answered(env, u, ERR_IO, "the record worker died, again and again");
		else if (desk->slots[u].state == RECORD_SENT)
			push(env, u); /* what it has recorded it finds in the log */
	}
	for (size_t i = 0; i < OWN_MAX; i++) {
		struct record_own *own = &desk->own[i];
		if (own->state == RECORD_SENT && give_up)
			own_answered(env, own, ERR_IO, "the record worker died, again and again");
		else if (own->state == RECORD_SENT)
			own->state = RECORD_QUEUED;
	}
	return record_wants_worker(env);
}

bool record_wants_worker(const struct env *env)
{
	return env->records != NULL && (env->records->n > 0 || own_waits(env->records));
}
