/* SPDX-License-Identifier: MIT */
/* link: init/unit.c init/unit_orders.c init/shutdown.c crypto/base.c */
/* A random walk gives every kind of event in every order and checks, after each, what must always hold. */
#include "unit_world.h"

/* ---- random walks ---- */

static uint32_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void step(void)
{
	uint16_t u = (uint16_t)pick(N);
	int status = pick(2) ? 0 : pick(2) ? 1 << 8 : SIGKILL;
	switch (pick(12)) {
	case 0:
	case 1:
	case 2:
		if (world.asked[u])
			measured(u);
		break;
	case 3:
		if (world.asked[u])
			refused(u, pick(2));
		break;
	case 4:
		if (world.exec_pending[u])
			exec_ok(u);
		break;
	case 5:
		if (world.exec_pending[u]) {
			env.units[u].retry = pick(2);
			world.exec_pending[u] = false;
			unit_event(&env, u, ON_EXEC_FAILED);
			end(u, 127 << 8, false);
		}
		break;
	case 6:
		if (world.alive[u])
			end(u, status, pick(3) == 0);
		break;
	case 7:
		if (world.stray[u])
			stray_ends(u);
		break;
	case 8:
		if (world.timer[u] != 0)
			fire(u);
		break;
	case 9:
		unit_start(&env, u);
		break;
	case 10:
		pick(2) ? unit_stop(&env, u) : unit_restart(&env, u);
		break;
	default:
		if ((world.term[u] || world.killed[u]) && world.alive[u])
			end(u, SIGTERM, false);
		world.now += NS_PER_MS * (int64_t)pick(20000);
		break;
	}
	unit_settle_all(&env);
}

/* From anywhere, a shutdown ends, when processes end at the latest when they are killed. */
static void finish(void)
{
	environment_stop(&env, END_EXIT, 0);
	unit_settle_all(&env);
	check_world();
	for (int i = 0; i < 200 && !shutdown_is_over(&env); i++) {
		for (uint16_t u = 0; u < N; u++) {
			if (world.alive[u] && (world.killed[u] || pick(2)))
				end(u, SIGTERM, pick(4) == 0);
			else if (world.stray[u] && world.killed[u])
				stray_ends(u);
			else if (world.timer[u] != 0)
				fire(u);
			unit_settle_all(&env);
			check_world();
		}
	}
	CHECK(shutdown_is_over(&env));
	CHECK(env.stop_rounds == 0);
	for (uint16_t u = 0; u < N; u++)
		CHECK(world.added[u] == world.removed[u]);
}

static void walk(uint32_t n)
{
	seed = n;
	set_up();
	world.no_cgroup = pick(2);
	for (uint16_t u = 0; u < N; u++) {
		services[u].type = pick(3) ? SERVICE_DAEMON : SERVICE_ONESHOT;
		services[u].restart = (enum restart_when)pick(3);
		services[u].essential = pick(6) == 0;
		services[u].max_restarts = pick(2) ? 0 : 2;
		for (uint16_t v = 0; v < u; v++)
			if (pick(2))
				depend(u, v, pick(2));
	}
	boot();
	check_world();
	for (int i = 0; i < 300 && !test_bad; i++) {
		step();
		check_world();
	}
	if (!test_bad)
		finish();
	if (test_bad)
		printf("# in the walk from seed %u\n", (unsigned)n);
}

TEST(every_walk_keeps_the_rules)
{
	for (uint32_t n = 1; n <= 4000 && !test_bad; n++)
		walk(n);
}

/* ---- single cells that users know ---- */

static void up(uint16_t u)
{
	measured(u);
	exec_ok(u);
	unit_settle_all(&env);
}

TEST(dependents_wait_for_what_they_require)
{
	set_up();
	depend(1, 0, true);
	boot();
	CHECK(world.asked[0] && !world.asked[1]);
	CHECK_INT(env.units[1].state, UNIT_WAITING);
	up(0);
	CHECK(world.asked[1]);
}

TEST(dependents_stay_while_the_required_one_is_restarted)
{
	set_up();
	depend(1, 0, true);
	boot();
	up(0);
	up(1);
	end(0, SIGKILL, false);
	unit_settle_all(&env);
	CHECK_INT(env.units[0].state, UNIT_MEASURING); /* the first restart is at once */
	CHECK_INT(env.units[1].state, UNIT_UP);
	up(0);
	end(0, SIGKILL, false);
	unit_settle_all(&env);
	CHECK_INT(env.units[0].state, UNIT_BACKOFF); /* the second is not */
	CHECK_INT(env.units[1].state, UNIT_UP);
}

TEST(delays_grow_and_are_forgotten)
{
	static const int64_t want[] = {
		0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000
	};
	set_up();
	boot();
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		up(0);
		world.now += NS_PER_MS;
		end(0, SIGSEGV, false);
		if (want[i] == 0) {
			CHECK_INT(env.units[0].state, UNIT_MEASURING);
			continue;
		}
		CHECK_INT(env.units[0].state, UNIT_BACKOFF);
		CHECK_INT((world.timer[0] - world.now) / NS_PER_MS, want[i]);
		fire(0);
	}
	up(0);
	world.now += 11 * NS_PER_S;
	end(0, SIGSEGV, false);
	CHECK_INT(env.units[0].state, UNIT_MEASURING);
}

TEST(a_fork_that_fails_is_tried_from_a_tenth_of_a_second_on)
{
	static const int64_t want[] = { 100, 200, 200, 200 };
	set_up();
	boot();
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		refused(0, true);
		CHECK_INT((world.timer[0] - world.now) / NS_PER_MS, want[i]);
		fire(0);
	}
}

TEST(stopping_takes_dependents_first)
{
	set_up();
	depend(1, 0, true);
	boot();
	up(0);
	up(1);
	unit_stop(&env, 0);
	unit_settle_all(&env);
	CHECK_INT(env.units[1].state, UNIT_STOPPING);
	CHECK_INT(env.units[0].state, UNIT_UP);
	end(1, SIGTERM, false);
	unit_settle_all(&env);
	CHECK_INT(env.units[0].state, UNIT_STOPPING);
	end(0, SIGTERM, false);
	CHECK_INT(env.units[0].state, UNIT_DOWN);
}

TEST(what_does_not_stop_is_killed_after_seven_seconds)
{
	set_up();
	boot();
	up(0);
	unit_stop(&env, 0);
	CHECK_INT((world.timer[0] - world.now) / NS_PER_MS, 7000);
	CHECK(!world.killed[0]);
	fire(0);
	CHECK(world.killed[0]);
}

TEST(an_essential_end_is_the_hosts_end)
{
	set_up();
	services[0].essential = true;
	services[0].restart = RESTART_NEVER;
	boot();
	up(0);
	up(1);
	up(2);
	end(0, 37 << 8, false);
	CHECK(env.stopping);
	CHECK_INT(env.exit_code, 37);
	end(1, SIGTERM, false);
	end(2, SIGTERM, false);
	unit_settle_all(&env);
	CHECK(shutdown_is_over(&env));
	CHECK_INT(env.exit_code, 37);
}

TEST(failed_tries_do_not_count_as_crashes)
{
	set_up();
	boot();
	for (int i = 0; i < 5; i++) {
		refused(0, true);
		fire(0);
	}
	up(0);
	CHECK_INT(env.units[0].tries, 0);
	end(0, SIGSEGV, false);
	CHECK_INT(env.units[0].state, UNIT_MEASURING); /* the first restart is at once */
}

TEST(more_time_is_never_less)
{
	set_up();
	services[0].ready = services[1].ready = READY_NOTIFY;
	services[0].start_timeout = 10 * NS_PER_S;
	boot();
	up(0);
	up(1);
	CHECK_INT(env.units[0].state, UNIT_STARTING);
	env.extension = NS_PER_S;
	unit_event(&env, 0, ON_EXTENDED);
	unit_event(&env, 1, ON_EXTENDED);
	CHECK_INT(world.timer[0] - world.now, 10 * NS_PER_S);
	CHECK_INT(world.timer[1], 0); /* no limit stays no limit */
	env.extension = 20 * NS_PER_S;
	unit_event(&env, 0, ON_EXTENDED);
	CHECK_INT(world.timer[0] - world.now, 20 * NS_PER_S);
	fire(0);
	CHECK_INT(env.units[0].state, UNIT_STOPPING);
	CHECK(world.term[0]);
	end(0, 0, false);
	CHECK_INT(env.units[0].state, UNIT_MEASURING); /* it had failed, whatever its status */
}

TEST(who_pulls_his_watchdog_is_killed_and_backs_off)
{
	set_up();
	services[0].ready = READY_NOTIFY;
	services[0].watchdog = NS_PER_S;
	boot();
	for (int i = 0; i < 2; i++) {
		up(0);
		unit_event(&env, 0, ON_READY);
		CHECK_INT(env.units[0].state, UNIT_UP);
		world.now += NS_PER_S / 2;
		unit_event(&env, 0, ON_ALIVE);
		CHECK_INT(world.timer[0] - world.now, NS_PER_S);
		fire(0);
		CHECK(world.killed[0] && !world.term[0]);
		end(0, SIGKILL, false);
		CHECK(strstr(env.units[0].reason, "watchdog") != NULL);
	}
	CHECK_INT(env.units[0].state, UNIT_BACKOFF);
}

TEST(giving_up_says_so)
{
	set_up();
	services[0].max_restarts = 1;
	boot();
	up(0);
	end(0, SIGSEGV, false);
	up(0);
	end(0, SIGSEGV, false);
	CHECK_INT(env.units[0].state, UNIT_FAILED);
	CHECK(strstr(env.units[0].reason, "gave up") != NULL);
}

static bool wants(uint16_t u)
{
	return env.units[u].wanted;
}

TEST(what_the_policy_stopped_comes_back_with_what_requires_it)
{
	set_up();
	depend(1, 0, true);
	depend(2, 1, true);
	boot();
	up(0);
	up(1);
	unit_stop(&env, 2); /* by hand, before: it stays away */
	policy_stops(0);
	unit_settle_all(&env);
	end(1, SIGTERM, false);
	unit_settle_all(&env);
	end(0, SIGTERM, false);
	unit_settle_all(&env);
	CHECK(env.units[0].state == UNIT_DOWN && env.units[1].state == UNIT_DOWN);
	policy_allows();
	unit_settle_all(&env);
	CHECK(wants(0) && wants(1) && !wants(2));
	up(0);
	up(1);
	/* While they are still being stopped, too. */
	policy_stops(0);
	unit_settle_all(&env);
	CHECK(env.units[1].state == UNIT_STOPPING && !wants(0) && !wants(1));
	policy_allows();
	unit_settle_all(&env);
	CHECK(wants(0));
	end(1, SIGTERM, false);
	unit_settle_all(&env);
	up(1);
	CHECK(env.units[0].state == UNIT_UP && env.units[1].state == UNIT_UP);
	/* Stopped by hand after the policy did: then they stay away. */
	policy_stops(0);
	unit_stop(&env, 0);
	unit_settle_all(&env);
	policy_allows();
	CHECK(!wants(0) && !wants(1));
	check_world();
}

TEST(what_requires_one_that_was_never_allowed_comes_when_it_is)
{
	set_up();
	depend(1, 0, true);
	boot();
	denied(0);
	unit_settle_all(&env);
	CHECK(env.units[0].state == UNIT_FAILED && env.units[1].state == UNIT_DOWN && env.units[1].refused);
	policy_allows();
	unit_settle_all(&env);
	CHECK(wants(0) && wants(1));
	up(0);
	up(1);
	/* It had crashed, and is not allowed when it should come back. */
	end(0, SIGSEGV, false);
	unit_settle_all(&env);
	denied(0);
	unit_settle_all(&env);
	CHECK(!wants(1) && env.units[1].refused);
	end(1, SIGTERM, false);
	unit_settle_all(&env);
	policy_allows();
	CHECK(wants(0) && wants(1));
	/* For another reason it does not: the policy has nothing to do with it. */
	unit_settle_all(&env);
	refused(0, false);
	unit_settle_all(&env);
	CHECK_INT(env.units[0].state, UNIT_FAILED);
}

int main(void)
{
	RUN(what_the_policy_stopped_comes_back_with_what_requires_it);
	RUN(what_requires_one_that_was_never_allowed_comes_when_it_is);
	RUN(dependents_wait_for_what_they_require);
	RUN(dependents_stay_while_the_required_one_is_restarted);
	RUN(delays_grow_and_are_forgotten);
	RUN(a_fork_that_fails_is_tried_from_a_tenth_of_a_second_on);
	RUN(stopping_takes_dependents_first);
	RUN(what_does_not_stop_is_killed_after_seven_seconds);
	RUN(an_essential_end_is_the_hosts_end);
	RUN(failed_tries_do_not_count_as_crashes);
	RUN(more_time_is_never_less);
	RUN(who_pulls_his_watchdog_is_killed_and_backs_off);
	RUN(giving_up_says_so);
	RUN(every_walk_keeps_the_rules);
	return test_end();
}
