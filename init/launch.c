/* SPDX-License-Identifier: MIT
 *
 * A measured launch, from the question to the measure worker to the exec: measure → name → policy → channel →
 * start → notify. Nothing of a refused launch is left: no process, descriptor, name or cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "../policy/name.h"
#include "boundary.h"
#include "environment.h"
#include "log.h"
#include "output.h"
#include "record.h"
#include "sys.h"

/* Questions under way at once. The worker answers one after another; more only fill its socket. */
#define MEASURING_MAX 64
/* The child puts its pid behind it. */
#define LISTEN_PID "LISTEN_PID="

static const struct service *service_of(const struct env *env, uint16_t u)
{
	return &env->manifest.services[u];
}

/* ---- names ---- */

static void write_program(const struct env *env, uint16_t u, struct wr *out)
{
	const struct service *s = service_of(env, u);
	struct span args[LAUNCH_ARGS_MAX];
	int n_args = -1;
	if (s->measure_args) {
		n_args = 0;
		for (int i = 1; i < s->n_exec && n_args < LAUNCH_ARGS_MAX; i++)
			args[n_args++] = span_str(s->exec[i]);
	}
	struct program_name name = {
		.ext = s->factory->ext,
		.sha256 = env->programs[u].b,
		.machine = s->machine != NULL ? env->parts[u].b[0].b : NULL,
		.command_line = span_str(s->machine != NULL ? s->machine->command_line : ""),
		.args = args,
		.n_args = n_args,
		.files_sha256 = s->n_files > 0 || service_has_verity(s) ? env->files[u].b : NULL,
		.verity = service_has_verity(s),
		.entry_sha256 = s->measure_entry ? s->entry.b : NULL,
		.trust_rootfs = s->trust_rootfs,
		.privileged = s->privileged,
	};
	name_write_program(out, &name);
}

void launch_subprin(const struct env *env, uint16_t u, struct wr *out)
{
	write_program(env, u, out);
}

void launch_name(const struct env *env, uint16_t u, bool extended, struct wr *out)
{
	struct wr program = wr_to(env->scratch->program, LAUNCH_NAME_MAX);
	const struct unit *unit = &env->units[u];
	write_program(env, u, &program);
	if (program.err != ERR_NONE) {
		out->err = program.err;
		return;
	}
	/* All three were checked when they were made, and this is a part of every request. */
	struct span head = span_of(env->base_name, env->base_head_n);
	const struct span subprins[NAME_PUT_MAX] = { span_of(env->base_name + head.n, env->base_name_n - head.n),
						     wr_span(&program),
						     span_of(unit->extension, unit->extension_n) };
	name_put(out, head, subprins, extended && unit->extension != NULL ? 3 : 2);
}

/* ---- asking for measurements ---- */

void launch_ask(struct env *env, uint16_t u)
{
	if (env->units[u].asking)
		return; /* already in the ring, not sent yet: it will carry the new launch's number */
	env->units[u].asking = true;
	env->to_measure[(env->to_measure_head + env->to_measure_n++) % env->manifest.n_services] = u;
	launch_pump(env);
}

static int send_request(struct env *env, uint16_t u)
{
	struct worker *worker = &env->workers[WORKER_MEASURE];
	struct wr message = wr_to(env->answer, MEASURE_MESSAGE_MAX);
	int r = measure_pack(service_of(env, u), env->units[u].launch << 16 | u,
			     env->can_setuid && !service_of(env, u)->as_root, &message);
	if (r < 0)
		return -E2BIG;
	ssize_t n = sys_send(worker->fd, wr_span(&message), NULL, 0);
	return n < 0 ? (int)n : 0;
}

void launch_pump(struct env *env)
{
	struct worker *worker = &env->workers[WORKER_MEASURE];
	while (env->to_measure_n > 0 && worker->fd >= 0 && env->measuring_n < MEASURING_MAX) {
		uint16_t u = env->to_measure[env->to_measure_head];
		int r = env->units[u].state == UNIT_MEASURING ? send_request(env, u) : -ECANCELED;
		if (r == -EAGAIN || r == -EPIPE || r == -ECONNRESET || r == -ENOBUFS)
			return; /* room comes with the next answer; a dead worker is started again */
		env->to_measure_head = (env->to_measure_head + 1) % env->manifest.n_services;
		env->to_measure_n--;
		env->units[u].asking = false;
		if (r == 0) {
			env->units[u].asked = true;
			env->measuring_n++;
		} else if (r != -ECANCELED) {
			unit_say(&env->units[u],
				 "exec, measure.files and groups together are too long to measure");
			unit_event(env, u, ON_REFUSED);
		}
	}
}

void launch_worker_lost(struct env *env)
{
	env->measuring_n = 0;
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		bool asked = env->units[u].asked;
		env->units[u].asked = false;
		if (asked && env->units[u].state == UNIT_MEASURING)
			launch_ask(env, u);
	}
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		sys_close(fds[i]);
}

void launch_close(const struct measured *m)
{
	if (m->image >= 0)
		sys_close(m->image);
	if (m->files >= 0)
		sys_close(m->files);
	for (int i = 0; i < MEASURE_PARTS_MAX; i++)
		if (m->parts[i] >= 0)
			sys_close(m->parts[i]);
}

/* The descriptors come in the order of the reply; false if they are not those. */
static bool take_fds(const struct service *s, const struct measure_reply *reply, const int *fds, int n_fds,
		     struct measured *m)
{
	int n = 0;
	if (!reply->has_image || reply->n_parts != s->n_parts || n_fds != 1 + reply->has_files + reply->n_parts)
		return false;
	m->image = fds[n++];
	m->files = reply->has_files ? fds[n++] : -1;
	for (int i = 0; i < MEASURE_PARTS_MAX; i++)
		m->parts[i] = i < s->n_parts ? fds[n++] : -1;
	m->program = reply->program;
	m->files_digest = reply->files;
	m->part_digests = reply->parts;
	return true;
}

static bool is_sealed(const struct service *s, const struct measured *m)
{
	bool good = measure_check_image(m->image, s->debuggable) == 0;
	for (int i = 0; i < s->n_parts; i++)
		good = good && measure_check_image(m->parts[i], true) == 0;
	return good;
}

/* The manifest asks for what cannot be: at boot, where nobody is there to mend it, that is as bad as a manifest
 * that cannot be read. A machine goes on with its other services. */
static void refuse(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (unit->at_boot && env->place != PLACE_MACHINE && !env->stopping) {
		log_error("services.%s: %s", service_of(env, u)->name, unit->reason);
		env->exit_decided = true;
		environment_stop(env, END_EXIT, EXIT_MANIFEST);
	}
	unit_event(env, u, ON_REFUSED);
}

static int admit(struct env *env, uint16_t u, struct measured *m);

/* What became of launch_start(). */
static void started(struct env *env, uint16_t u, int r)
{
	if (r == 0)
		unit_event(env, u, ON_MEASURED);
	else if (r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		unit_event(env, u, ON_EXEC_FAILED);
	else if (r == -EBADMSG || r == -EOPNOTSUPP)
		refuse(env, u);
	else
		unit_event(env, u, ON_REFUSED);
}

void launch_recorded(struct env *env, uint16_t u, const struct measured *m, int error, const char *text)
{
	if (error != ERR_NONE) {
		unit_say(&env->units[u], "its launch could not be measured: %s",
			 text[0] != '\0' ? text : err_text(error));
		unit_event(env, u, ON_EXEC_FAILED);
		return;
	}
	/* Another policy may have come into force meanwhile. */
	struct measured again = *m;
	int r = m->admitted == env->policy_changes ? 0 : admit(env, u, &again);
	started(env, u, r < 0 ? r : launch_start(env, u, m));
}

/* True if the descriptors are kept. */
static bool measured(struct env *env, uint16_t u, const struct measure_reply *reply, const int *fds, int n_fds)
{
	struct unit *unit = &env->units[u];
	const struct service *s = service_of(env, u);
	struct measured m = { .by_path = reply->by_path != 0 };
	if (reply->error != 0) {
		unit_say(unit, "%s", reply->text);
		if (reply->error == -EAGAIN || reply->error == -ENOMEM || reply->error == -ENFILE ||
		    reply->error == -EMFILE)
			unit_event(env, u, ON_EXEC_FAILED);
		else
			refuse(env, u);
		return false;
	}
	if (!take_fds(s, reply, fds, n_fds, &m)) {
		unit_say(unit, "the measure worker sent no image");
		unit_event(env, u, ON_REFUSED);
		return false;
	}
	if (!is_sealed(s, &m)) {
		unit_say(unit, "the measure worker sent an image that is not sealed");
		unit_event(env, u, ON_REFUSED);
		return false;
	}
	/* What the policy refuses is not measured into the root either. */
	int r = admit(env, u, &m);
	if (r == 0 && record_wanted(env, u)) {
		record_hold(env, u, &m);
		return true;
	}
	started(env, u, r < 0 ? r : launch_start(env, u, &m));
	return false;
}

void launch_reply(struct env *env)
{
	/* Bounded: the others wait for us. */
	for (int i = 0; i < MEASURING_MAX; i++) {
		struct measure_reply reply;
		int fds[MEASURE_FDS_MAX], n_fds = 0;
		bool kept = false;
		ssize_t n = sys_recv(env->workers[WORKER_MEASURE].fd, &reply, sizeof reply, fds, MEASURE_FDS_MAX,
				     &n_fds);
		if (n < 0 || n == 0)
			return;
		if (n == (ssize_t)sizeof reply) {
			uint16_t u = (uint16_t)reply.id;
			reply.text[sizeof reply.text - 1] = '\0';
			if (u < env->manifest.n_services && env->units[u].asked) {
				env->units[u].asked = false;
				env->measuring_n--;
			}
			if (u < env->manifest.n_services && env->units[u].state == UNIT_MEASURING &&
			    env->units[u].launch << 16 == (reply.id & ~(uint64_t)0xffff))
				kept = measured(env, u, &reply, fds, n_fds);
		}
		if (!kept)
			close_all(fds, n_fds);
		launch_pump(env);
	}
}

/* ---- starting ---- */

static int add_sockets(const struct service *s, struct launch_scratch *scratch, int n)
{
	snprintf(scratch->listen_fds, sizeof scratch->listen_fds, "LISTEN_FDS=%u", s->n_sockets);
	snprintf(scratch->listen_pid, sizeof scratch->listen_pid, "%s", LISTEN_PID);
	size_t at = (size_t)snprintf(scratch->listen_names, sizeof scratch->listen_names, "LISTEN_FDNAMES=");
	for (uint32_t i = 0; i < s->n_sockets && at < sizeof scratch->listen_names; i++)
		at += (size_t)snprintf(scratch->listen_names + at, sizeof scratch->listen_names - at, "%s%s",
				       i > 0 ? ":" : "", s->sockets[i].name);
	scratch->env[n++] = scratch->listen_fds;
	scratch->env[n++] = scratch->listen_pid;
	scratch->env[n++] = scratch->listen_names;
	return n;
}

/* Pointers and added strings of one child's environment; valid until the next start. */
static char *const *make_environment(const struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	struct launch_scratch *scratch = env->scratch;
	int n = 0;
	bool has_path = false;
	for (int i = 0; i < s->n_env; i++) {
		if (n >= LAUNCH_ENV_MAX)
			return NULL;
		scratch->env[n++] = s->env[i];
		has_path = has_path || strncmp(s->env[i], "PATH=", 5) == 0;
	}
	if (!has_path)
		scratch->env[n++] =
			(char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	snprintf(scratch->service, sizeof scratch->service, "TAO_SERVICE=%s", s->name);
	scratch->env[n++] = scratch->service;
	int fd = start_channel_fd(s);
	snprintf(scratch->channel, sizeof scratch->channel, "TAO_CHANNEL_FD=%d", fd);
	scratch->env[n++] = scratch->channel;
	scratch->env[n++] = (char *)(uintptr_t) "CLOUDPROXY_TAO_HOST_CHANNEL_TYPE=pipe";
	snprintf(scratch->spec, sizeof scratch->spec,
		 "CLOUDPROXY_TAO_HOST_SPEC=tao::RPC+tao::FDMessageChannel(%d, %d)", fd, fd);
	scratch->env[n++] = scratch->spec;
	if (s->n_sockets > 0)
		n = add_sockets(s, scratch, n);
	if (notify_wanted(s)) {
		memcpy(scratch->notify, "NOTIFY_SOCKET=", 14);
		notify_path(env, u, scratch->notify + 14, sizeof scratch->notify - 14);
		scratch->env[n++] = scratch->notify;
	}
	if (s->watchdog > 0) {
		snprintf(scratch->watchdog, sizeof scratch->watchdog, "WATCHDOG_USEC=%lld",
			 (long long)(s->watchdog / 1000));
		scratch->env[n++] = scratch->watchdog;
	}
	if (s->ready == READY_FD) {
		snprintf(scratch->ready, sizeof scratch->ready, "TAO_READY_FD=%d", fd + 1);
		scratch->env[n++] = scratch->ready;
	}
	scratch->env[n] = NULL;
	return scratch->env;
}

static void printable(const struct env *env, uint16_t u, char *text, size_t cap)
{
	struct wr b = wr_to(env->scratch->name, LAUNCH_NAME_MAX), t = wr_to(text, cap - 1);
	launch_subprin(env, u, &b);
	if (b.err != ERR_NONE || name_print_binary(wr_span(&b), NAME_SUBPRIN, &t) < 0)
		t.n = 0;
	text[t.n] = '\0';
}

void launch_take_digests(const struct env *env, uint16_t u, struct digest program, struct digest files,
			 const struct part_digests *parts)
{
	const struct service *s = service_of(env, u);
	env->programs[u] = program;
	env->files[u] = files;
	if (s->machine == NULL)
		return;
	/* Its program is all that decides what it does; which emulator executes that does not. */
	struct sha256 hash;
	sha256_init(&hash, sha256_pick());
	env->parts[u] = *parts;
	sha256_update(&hash, span_of(parts, sizeof *parts));
	sha256_update(&hash, span_str(s->machine->command_line));
	sha256_out(&hash, env->programs[u].b);
}

/* Name and policy: 0, or with the reason said -EBADMSG (not what the manifest pins) or -EACCES. */
static int admit(struct env *env, uint16_t u, struct measured *m)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	struct wr w = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	struct why why = { .rule = "" };
	if (s->sha256 != NULL && memcmp(s->sha256->b, m->program.b, sizeof m->program.b) != 0) {
		char hex[65];
		for (int i = 0; i < 32; i++)
			snprintf(hex + 2 * i, 3, "%02x", m->program.b[i]);
		unit_say(unit,
			 "%s: its SHA-256 is %s, not the one in the manifest; if the change was meant, set "
			 "services.%s.sha256",
			 measure_path(s), hex, s->name);
		return -EBADMSG;
	}
	launch_take_digests(env, u, m->program, m->files_digest, &m->part_digests);
	launch_name(env, u, false, &w);
	if (w.err != ERR_NONE) {
		unit_say(unit, "its name would be longer than %d bytes; leave measure.args out", LAUNCH_NAME_MAX);
		return -EACCES;
	}
	unit->refused = boundary_may_execute(env, u, &why) != ALLOW;
	if (unit->refused) {
		unit_say(unit, "the policy refuses to run it (%s)", why.rule);
		return -EACCES;
	}
	m->admitted = env->policy_changes;
	return 0;
}

static int fork_it(struct env *env, uint16_t u, const struct measured *m, int host_end, int child_end)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	struct started started = { 0, -1, -1, NULL };
	struct start_plan plan = {
		.service = s,
		.measured = m,
		.channel = child_end,
		.in = -1,
		.out = -1,
		.err = -1,
		.host = span_of(env->base_name, env->base_name_n),
		.env = make_environment(env, u),
	};
	program_set_fds(env, u, &plan);
	if (plan.env == NULL) {
		unit_say(unit, "more than %d variables in env", LAUNCH_ENV_MAX);
		return -E2BIG;
	}
	int r = sockets_open(env, u);
	if (r == 0)
		r = output_give(env, u, &plan.out, &plan.err);
	if (r < 0)
		return r;
	if (s->n_sockets > 0) {
		memcpy(env->scratch->sockets, env->sockets + s->first_socket, s->n_sockets * sizeof *env->sockets);
		plan.sockets = env->scratch->sockets; /* a child has that, and not all of the heap */
		plan.listen_pid = env->scratch->listen_pid + sizeof LISTEN_PID - 1;
	}
	r = notify_open(env, u, &plan.ready);
	if (r < 0)
		return r;
	r = cgroup_make(env, u, &plan.cgroup, &plan.held);
	if (r == 0) {
		plan.keep = reaper_wants_keeper(env, u, plan.cgroup);
		r = s->factory->start(&plan, &started);
		if (r < 0)
			unit_say(unit, "cannot start a process: %s%s%s", strerror(-r),
				 started.remedy != NULL ? "; " : "", started.remedy != NULL ? started.remedy : "");
	}
	if (plan.ready >= 0)
		sys_close(plan.ready);
	if (plan.cgroup >= 0)
		sys_close(plan.cgroup);
	if (r < 0) {
		notify_close(env, u);
		cgroup_remove(env, u);
		return r;
	}
	unit->exec_error = started.exec_error;
	unit->keeper_fd = started.keeper;
	if (started.keeper < 0) {
		unit->pid = started.pid;
		pid_add(env, started.pid, PID_MAIN, u);
	} else {
		unit->keeper = started.pid; /* which tells the other's pid */
		pid_add(env, started.pid, PID_KEEPER, u);
		loop_add(&env->loop, SOURCE_KEEPER, u, started.keeper, EPOLLIN);
	}
	if (started.exec_error >= 0)
		loop_add(&env->loop, SOURCE_EXEC, u, started.exec_error, EPOLLIN);
	channel_open(env, u, host_end);
	return 0;
}

int launch_start(struct env *env, uint16_t u, const struct measured *m)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	int host_end = -1, child_end = -1;
	int r = s->factory->chan->open(&host_end, &child_end);
	if (r < 0) {
		unit_say(unit, "cannot make its channel: %s", strerror(-r));
		return r;
	}
	sys_nonblock(host_end);
	r = fork_it(env, u, m, host_end, child_end);
	sys_close(child_end);
	if (r < 0) {
		sys_close(host_end);
		return r;
	}
	struct wr w = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	launch_subprin(env, u, &w);
	core_added(env->core, wr_span(&w));
	unit->added = true;
	unit->at_boot = false;
	char text[512];
	printable(env, u, text, sizeof text);
	log_info("%s: started%s%s", s->name, text[0] != '\0' ? " as " : "", text);
	return 0;
}

/* Which failures of a child's way to its program are worth another try, whatever the restart policy says. */
static bool is_passing(int error)
{
	return error == EAGAIN || error == ENOMEM || error == ENFILE || error == EMFILE || error == EINTR ||
	       error == ETXTBSY;
}

void launch_executed(struct env *env, uint16_t u)
{
	program_close_fds(env, u);
	unit_event(env, u, ON_EXEC_OK);
}

void launch_exec_event(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	struct start_failure failure;
	if (unit->exec_error < 0)
		return;
	ssize_t n = sys_read(unit->exec_error, &failure, sizeof failure);
	if (n == -EAGAIN)
		return;
	loop_remove(&env->loop, unit->exec_error);
	sys_close(unit->exec_error);
	unit->exec_error = -1;
	if (n == 0) {
		/* A keeper that has not said so yet will, or was killed on the way: then no program runs, and the end follows. */
		if (unit->keeper > 0 && unit->pid == 0)
			reaper_keeper_event(env, u);
		else
			launch_executed(env, u);
		return;
	}
	if (n == (ssize_t)sizeof failure) {
		failure.step[sizeof failure.step - 1] = '\0';
		unit_say(unit, "%s: could not be run: %s: %s", measure_path(service_of(env, u)), failure.step,
			 strerror(failure.error));
		unit->retry = is_passing(failure.error);
	} else {
		unit_say(unit, "%s: could not be run", measure_path(service_of(env, u)));
	}
	unit_event(env, u, ON_EXEC_FAILED);
}

void launch_ended(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	/* What it said of its exec comes before its end. */
	launch_exec_event(env, u);
	if (unit->exec_error >= 0) {
		/* Somebody else holds the pipe's other end: it had not reached exec, and never will. */
		loop_remove(&env->loop, unit->exec_error);
		sys_close(unit->exec_error);
		unit->exec_error = -1;
	}
	channel_close(env, u);
	notify_close(env, u);
	output_ended(env, u);
	unit->last_pid = unit->pid;
	unit->pid = 0;
	if (unit->added) {
		struct wr w = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
		launch_subprin(env, u, &w);
		core_removed(env->core, wr_span(&w));
		unit->added = false;
	}
	free(unit->extension);
	unit->extension = NULL;
	unit->extension_n = 0;
	unit->allowed = unit->denied = 0;
}

void launch_forget(struct env *env, uint16_t u)
{
	cgroup_remove(env, u);
	program_close_fds(env, u);
}
