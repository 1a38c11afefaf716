/* SPDX-License-Identifier: MIT */
/* link: init/unit_orders.c init/shutdown.c crypto/base.c */
/* Every sequence of events for up to three services that depend on each other: from each state that can be reached,
 * everything that may happen next, until nothing new is found or so many steps are done (TAO_SOAK: ten times as many).
 * What must hold is checked in each state, and that a shutdown from there ends. Then: was every cell of the matrix
 * that does something really run?
 *
 * Time has no value here: a timer is set or not, a life was long or short. */
#define unit_event matrix_event
#include "../../init/unit.c"
#undef unit_event

void unit_event(struct env *e, uint16_t u, enum matrix_event event);
#include "unit_world.h"

static unsigned long hits[UNIT_STATES][UNIT_EVENTS];

/* What unit_orders.c and this test call: the matrix, counted. */
void unit_event(struct env *e, uint16_t u, enum matrix_event event)
{
	hits[e->units[u].state][event]++;
	matrix_event(e, u, event);
}

/* ---- states ---- */

struct point {
	struct unit units[N];
	uint8_t world[sizeof world];
	bool stopping, exit_decided;
	unsigned rounds;
};

/* Forgets what makes equal states look different: clocks, counters, numbers of launches. */
static void level(void)
{
	world.now = 1000 * NS_PER_S;
	world.shutdown_at = world.shutdown_at != 0 ? world.now + 60 * NS_PER_S : 0;
	env.launches = 0;
	for (int u = 0; u < N; u++) {
		struct unit *unit = &env.units[u];
		world.timer[u] = world.timer[u] != 0 ? world.now + NS_PER_S : 0;
		world.starts[u] = world.removed[u] = 0;
		world.added[u] = world.alive[u];
		unit->since = unit->window_start = world.now;
		unit->launch = 0;
		unit->restarts = 0;
		unit->streak = unit->streak > 2 ? 2 : unit->streak;
		unit->tries = unit->tries > 1 ? 1 : unit->tries;
		if (!unit->ended || unit_at_rest(unit))
			unit->status = unit->status != 0 ? 1 << 8 : 0;
	}
}

static void save(struct point *p)
{
	memcpy(p->units, env.units, sizeof p->units);
	memcpy(p->world, &world, sizeof world);
	p->stopping = env.stopping;
	p->exit_decided = env.exit_decided;
	p->rounds = env.stop_rounds;
}

static void load(const struct point *p)
{
	memcpy(env.units, p->units, sizeof p->units);
	memcpy(&world, p->world, sizeof world);
	env.stopping = p->stopping;
	env.exit_decided = p->exit_decided;
	env.stop_rounds = p->rounds;
	env.ending = END_EXIT;
	env.changed_head = env.changed_n = 0;
}

/* Points are zeroed before they are filled, so that padding is equal, too. */
static uint64_t hash(const struct point *p)
{
	const uint8_t *b = (const uint8_t *)p;
	uint64_t h = 14695981039346656037ULL;
	for (size_t i = 0; i < sizeof *p; i += 8) {
		uint64_t v = 0;
		memcpy(&v, b + i, sizeof *p - i < 8 ? sizeof *p - i : 8);
		h = (h ^ v) * 1099511628211ULL;
		h ^= h >> 29;
	}
	return h == 0 ? 1 : h;
}

#define SEEN ((size_t)1 << 20)
#define OPEN_MAX 40000
static uint64_t *seen;
static struct point *open_points;
static size_t n_seen, n_open;
static bool overflowed;

static void visit(void)
{
	static struct point p;
	level();
	save(&p);
	uint64_t h = hash(&p);
	size_t i = h & (SEEN - 1);
	while (seen[i] != 0 && seen[i] != h)
		i = (i + 1) & (SEEN - 1);
	if (seen[i] == h)
		return;
	if (n_open == OPEN_MAX || n_seen > SEEN / 2) {
		overflowed = true;
		return;
	}
	seen[i] = h;
	n_seen++;
	open_points[n_open++] = p;
}

/* ---- what may happen ---- */

enum act {
	ACT_MEASURED,
	ACT_REFUSED,
	ACT_REFUSED_PASSING,
	ACT_DENIED, /* by the policy */
	ACT_EXEC_OK,
	ACT_EXEC_FAILED,
	ACT_EXEC_RETRY,
	ACT_END_WELL,
	ACT_END_BADLY,
	ACT_END_AFTER_LONG,
	ACT_END_STRAY,
	ACT_STRAY_ENDS,
	ACT_FIRE,
	ACT_READY,
	ACT_LEAVING,
	ACT_ALIVE,
	ACT_EXTENDED,
	ACT_BLAMED,
	ACT_LATE, /* events that come too late for the state they were meant for */
	ACT_START,
	ACT_STOP,
	ACT_RESTART,
	ACT_POLICY_STOPS,
	ACT_POLICY_ALLOWS,
	ACTS
};

static void fail_exec(uint16_t u, bool retry)
{
	env.units[u].retry = retry;
	world.exec_pending[u] = false;
	unit_event(&env, u, ON_EXEC_FAILED);
	end(u, 127 << 8, false);
}

static void long_end(uint16_t u)
{
	env.units[u].since = world.now - 11 * NS_PER_S;
	end(u, SIGKILL, false);
}

static void say(uint16_t u, enum matrix_event event)
{
	env.extension = NS_PER_S;
	unit_say(&env.units[u], "said");
	unit_event(&env, u, event);
}

/* False: that cannot happen here. */
static bool act(uint16_t u, enum act what)
{
	static const enum matrix_event said[] = { ON_READY, ON_LEAVING, ON_ALIVE, ON_EXTENDED, ON_BLAMED };
	bool alive = world.alive[u], measuring = world.asked[u] && env.units[u].state == UNIT_MEASURING;
	bool ok = true;
	switch (what) {
	case ACT_MEASURED:
		return measuring && (measured(u), true);
	case ACT_REFUSED:
	case ACT_REFUSED_PASSING:
		return measuring && (refused(u, what == ACT_REFUSED_PASSING), true);
	case ACT_DENIED:
		return measuring && (denied(u), true);
	case ACT_EXEC_OK:
		return world.exec_pending[u] && (exec_ok(u), true);
	case ACT_EXEC_FAILED:
	case ACT_EXEC_RETRY:
		return world.exec_pending[u] && (fail_exec(u, what == ACT_EXEC_RETRY), true);
	case ACT_END_WELL:
	case ACT_END_BADLY:
	case ACT_END_STRAY:
		return alive && (end(u, what == ACT_END_WELL ? 0 : 1 << 8, what == ACT_END_STRAY), true);
	case ACT_END_AFTER_LONG:
		return alive && env.units[u].state == UNIT_UP && (long_end(u), true);
	case ACT_STRAY_ENDS:
		return world.stray[u] && (stray_ends(u), true);
	case ACT_FIRE:
		return world.timer[u] != 0 && (fire(u), true);
	case ACT_READY:
	case ACT_LEAVING:
	case ACT_ALIVE:
	case ACT_EXTENDED:
	case ACT_BLAMED:
		return alive && services[u].ready == READY_NOTIFY && (say(u, said[what - ACT_READY]), true);
	case ACT_LATE:
		unit_event(&env, u, ON_EMPTY);
		break;
	case ACT_START:
		unit_start(&env, u);
		break;
	case ACT_STOP:
		unit_stop(&env, u);
		break;
	case ACT_RESTART:
		unit_restart(&env, u);
		break;
	case ACT_POLICY_STOPS:
		policy_stops(u);
		break;
	case ACT_POLICY_ALLOWS:
		policy_allows();
		break;
	case ACTS:
	default:
		ok = false;
	}
	return ok;
}

/* Nobody ends before he is killed, and what is left neither. */
static void check_shutdown(void)
{
	environment_stop(&env, END_EXIT, 0);
	unit_settle_all(&env);
	check_world();
	for (int i = 0; i < 100 && !shutdown_is_over(&env) && !test_bad; i++)
		for (uint16_t u = 0; u < N; u++) {
			if (world.alive[u] && world.killed[u])
				end(u, SIGKILL, true);
			else if (world.stray[u] && world.killed[u])
				stray_ends(u);
			else if (world.timer[u] != 0)
				fire(u);
			unit_settle_all(&env);
			check_world();
		}
	CHECK(shutdown_is_over(&env));
	CHECK(env.stop_rounds == 0);
}

static void fall(void)
{
	for (int i = 0; i < 100; i++)
		for (uint16_t u = 0; u < N; u++) {
			if (world.alive[u] && (world.term[u] || world.killed[u]))
				end(u, SIGTERM, false);
			else if (world.stray[u] && env.units[u].state == UNIT_CLEANING)
				stray_ends(u);
			unit_settle_all(&env);
		}
	check_world();
}

/* Whoever was wanted is wanted again once a policy that stopped u has made way for another one, before or after all
 * that it stopped are down. */
static void check_policy(uint16_t u, bool after)
{
	bool wanted[N];
	for (uint16_t v = 0; v < N; v++)
		wanted[v] = env.units[v].wanted;
	policy_stops(u);
	unit_settle_all(&env);
	/* Others may give up meanwhile, also one that is being stopped and had been refused before. */
	for (uint16_t v = 0; v < N && after; v++)
		wanted[v] = wanted[v] && env.units[v].refused && !env.units[v].wanted;
	if (after)
		fall();
	policy_allows();
	/* One that failed meanwhile may have ended the host. */
	for (uint16_t v = 0; v < N && !env.stopping; v++)
		CHECK(!wanted[v] || env.units[v].wanted || env.units[v].state == UNIT_DONE);
	unit_settle_all(&env);
	check_world();
}

/* ---- the worlds ---- */

static void quiet(uint16_t u)
{
	services[u].on_call = true;
}

static void make_notifier(uint16_t u)
{
	services[u].ready = READY_NOTIFY;
	services[u].start_timeout = 60 * NS_PER_S;
	services[u].watchdog = NS_PER_S;
}

static void make_oneshot(uint16_t u)
{
	services[u].type = SERVICE_ONESHOT;
	services[u].ready = READY_EXIT;
	services[u].restart = RESTART_NEVER;
}

static void one_notifier(void)
{
	make_notifier(0);
	services[0].max_restarts = 2;
	quiet(1);
	quiet(2);
}

static void one_oneshot(void)
{
	make_oneshot(0);
	services[0].start_timeout = NS_PER_S;
	services[0].restart = RESTART_ON_FAILURE;
	quiet(1);
	quiet(2);
}

static void one_without_cgroup(void)
{
	world.no_cgroup = true;
	services[0].restart = RESTART_ALWAYS;
	quiet(1);
	quiet(2);
}

static void pair_requires(void)
{
	make_notifier(0);
	depend(1, 0, true);
	quiet(2);
}

static void pair_wants(void)
{
	make_oneshot(0);
	want(1, 0);
	services[1].essential = true;
	quiet(2);
}

static void pair_on_failure(void)
{
	services[0].restart = RESTART_NEVER;
	services[0].failure_start = 2;
	quiet(1);
	depend(1, 0, false);
	quiet(2);
}

static void pair_ends_the_host(void)
{
	services[0].failure_action = FAILURE_REBOOT;
	services[0].max_restarts = 1;
	depend(1, 0, true);
	quiet(2);
}

static void chain(void)
{
	depend(1, 0, true);
	depend(2, 1, true);
}

static void fork_and_order(void)
{
	make_oneshot(0);
	depend(1, 0, true);
	depend(2, 1, false);
	want(2, 0);
}

static void chain_of_notifiers(void)
{
	make_notifier(0);
	make_notifier(1);
	depend(1, 0, true);
	depend(2, 0, true);
	depend(2, 1, false);
}

static void start_from(void (*make)(void))
{
	set_up();
	for (uint16_t u = 0; u < N; u++) {
		unit_say(&env.units[u], "nothing yet");
		env.units[u].since = world.now;
	}
	make();
	memset(seen, 0, SEEN * sizeof *seen);
	n_seen = n_open = 0;
	overflowed = false;
	boot();
	check_world();
	visit();
}

static void explore(const char *name, void (*make)(void), unsigned long budget)
{
	static struct point here;
	unsigned long steps = 0;
	start_from(make);
	while (n_open > 0 && !test_bad && steps < budget) {
		here = open_points[--n_open];
		for (uint16_t u = 0; u < N && !test_bad; u++) {
			if (services[u].on_call && services[0].failure_start != u + 1)
				continue;
			for (int what = 0; what < ACTS && !test_bad; what++) {
				load(&here);
				if (!act(u, (enum act)what))
					continue;
				unit_settle_all(&env);
				check_world();
				if (test_bad)
					printf("# %s: after act %d of unit %u in state %s\n", name, what, u,
					       unit_state_text(here.units[u].state));
				steps++;
				visit();
			}
		}
		for (uint16_t u = 0; u < 2 * N && !here.stopping && !test_bad; u++) {
			load(&here);
			check_policy(u / 2, u % 2);
		}
		load(&here);
		if (!here.stopping && !test_bad)
			check_shutdown();
		load(&here);
		environment_stop(&env, END_EXIT, 0);
		unit_settle_all(&env);
		visit();
	}
	printf("# %s: %zu states, %lu steps%s\n", name, n_seen, steps,
	       n_open == 0 && !overflowed ? ", all there are" : "");
}

#define WORLD(name, share)                                                                                        \
	{                                                                                                         \
#name, name, share                                                                                \
	}
static const struct {
	const char *name;
	void (*make)(void);
	unsigned share; /* of 100 of the steps */
} worlds[] = {
	WORLD(one_notifier, 10),       WORLD(one_oneshot, 5), WORLD(one_without_cgroup, 5),
	WORLD(pair_requires, 15),      WORLD(pair_wants, 10), WORLD(pair_on_failure, 10),
	WORLD(pair_ends_the_host, 5),  WORLD(chain, 15),      WORLD(fork_and_order, 10),
	WORLD(chain_of_notifiers, 15),
};

TEST(every_sequence_keeps_the_rules)
{
	unsigned long all = getenv("TAO_SOAK") != NULL ? 80000000 : 8000000;
	seen = calloc(SEEN, sizeof *seen);
	open_points = calloc(OPEN_MAX, sizeof *open_points);
	CHECK(seen != NULL && open_points != NULL);
	for (size_t i = 0; i < sizeof worlds / sizeof worlds[0] && !test_bad; i++)
		explore(worlds[i].name, worlds[i].make, all / 100 * worlds[i].share);
	for (int u = 0; u < N; u++) {
		free(env.units[u].reason);
		env.units[u].reason = NULL;
	}
	free(seen);
	free(open_points);
}

TEST(every_cell_was_run)
{
	static const char *const events[] = {
#define STATE(id, text, meaning)
#define EVENT(id, meaning) #id,
#include "../../init/unit.def"
#undef STATE
#undef EVENT
	};
	for (int s = 0; s < UNIT_STATES; s++)
		for (int e = 0; e < UNIT_EVENTS; e++) {
			CHECK(matrix[s][e] != NULL);
			if (matrix[s][e] != nothing && hits[s][e] == 0) {
				printf("# nobody ran %s × %s\n", unit_state_text((enum unit_state)s), events[e]);
				test_bad = 1;
			}
		}
}

int main(void)
{
	RUN(every_sequence_keeps_the_rules);
	RUN(every_cell_was_run);
	return test_end();
}
