/* SPDX-License-Identifier: MIT
 *
 * taoinit's own methods on the admin channel: services by name.
 */
#include <stdio.h>

#include "audit.h"
#include "events.h"
#include "log.h"
#include "manifest_change.h"
#include "output.h"
#include "policy_change.h"
#include "rpc.h"
#include "sys.h"

void admin_status(struct admin_call *call)
{
	call->with_graph = call->request.has_action && strcmp(call->request.action, "graph") == 0;
	call->with_host = call->only < 0 && call->request.position <= 1;
	call->with_services = true;
	call->with_usage = !call->with_graph && (call->only >= 0 || call->request.position > 0);
	if (call->only >= 0 || !call->with_usage)
		return;
	/* Where the next page begins, if there is one. */
	uint64_t n = call->env->manifest.n_services, first = call->request.position - 1;
	call->first = (uint16_t)(first < n ? first : n);
	call->response.has_position = call->first + USAGE_PAGE < n;
	call->response.position = call->request.position + USAGE_PAGE;
}

static bool names_a_service(struct admin_call *call)
{
	if (call->only >= 0)
		return true;
	snprintf(call->error, sizeof call->error, "which service?");
	return false;
}

/* What start and stop wait for. */
#define STATES_UP (1U << UNIT_UP | 1U << UNIT_DONE)
#define STATES_DOWN (1U << UNIT_DOWN | 1U << UNIT_DONE | 1U << UNIT_FAILED)

static void wait_for(struct admin_call *call, uint32_t states, enum waits_how how)
{
	call->env->clients[call->client].wait_states = states;
	admin_wait_for(call, how);
}

/* Does it as asked, and answers when it is done, or at once. */
static void order(struct admin_call *call, const char *word, int (*give)(struct env *, uint16_t), bool up)
{
	struct env *env = call->env;
	struct admin_client *client = &env->clients[call->client];
	if (!names_a_service(call))
		return;
	if (up && call->only >= first_program(env)) {
		snprintf(call->error, sizeof call->error, "%s is no service: start it as it was started",
			 env->manifest.services[call->only].name);
		return;
	}
	log_info("%s: %s, as uid %u asks", env->manifest.services[call->only].name, word,
		 (unsigned)client->peer.uid);
	if (give(env, (uint16_t)call->only) < 0) {
		snprintf(call->error, sizeof call->error, "the host is shutting down");
		return;
	}
	call->with_services = true;
	if (call->request.has_wait && call->request.wait)
		wait_for(call, up ? STATES_UP : STATES_DOWN, WAITS_ORDERED);
}

void admin_start(struct admin_call *call)
{
	order(call, "start", unit_start, true);
}

void admin_stop(struct admin_call *call)
{
	order(call, "stop", unit_stop, false);
}

void admin_restart(struct admin_call *call)
{
	order(call, "restart", unit_restart, true);
}

void admin_wait(struct admin_call *call)
{
	uint32_t states = 0;
	for (unsigned i = 0; i < UNIT_STATES; i++)
		if (strcmp(unit_state_text((enum unit_state)i), call->request.action) == 0)
			states = 1U << i;
	if (states == 0)
		snprintf(call->error, sizeof call->error, "%s is no state: up, down, done, failed ...",
			 call->request.action);
	else if (names_a_service(call))
		wait_for(call,
			 states == 1U << UNIT_UP     ? STATES_UP
			 : states == 1U << UNIT_DOWN ? STATES_DOWN
						     : states,
			 WAITS_STATES);
}

void admin_signal(struct admin_call *call)
{
	struct env *env = call->env;
	int number = signal_find(call->request.action);
	if (!names_a_service(call))
		return;
	const char *name = env->manifest.services[call->only].name;
	if (number == 0) {
		snprintf(call->error, sizeof call->error, "%s is no signal; say TERM, HUP, USR1 … or RTMIN+1",
			 call->request.action);
	} else if (env->units[call->only].pid <= 0) {
		snprintf(call->error, sizeof call->error, "%s does not run", name);
	} else {
		log_info("%s: signal %s, as uid %u asks", name, call->request.action,
			 (unsigned)env->clients[call->client].peer.uid);
		reaper_tell(env, (uint16_t)call->only, number);
	}
}

void admin_logs(struct admin_call *call)
{
	const tao_InitRequest *request = &call->request;
	if (!names_a_service(call))
		return;
	call->response.has_position = true;
	if (output_read(call->env, (uint16_t)call->only, request->position, request->after, request->lines,
			&call->text, &call->response.position) < 0)
		snprintf(call->error, sizeof call->error,
			 "of %s no lines are kept: its \"log\" is \"%s\"; see tao.manifest(5)",
			 call->request.service, output_where(call->env, (uint16_t)call->only));
}

void admin_shutdown(struct admin_call *call)
{
	static const struct {
		const char *word;
		enum ending ending;
	} actions[] = {
		{ "exit", END_EXIT }, { "reboot", END_REBOOT }, { "poweroff", END_POWEROFF }, { "halt", END_HALT }
	};
	struct env *env = call->env;
	enum ending ending = env->place == PLACE_MACHINE ? END_POWEROFF : END_EXIT;
	if (call->request.has_action && call->request.action[0] != '\0') {
		ending = END_NONE;
		for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
			if (strcmp(actions[i].word, call->request.action) == 0)
				ending = actions[i].ending;
	}
	if (ending == END_NONE) {
		snprintf(call->error, sizeof call->error, "unknown action %s: exit, reboot, poweroff or halt",
			 call->request.action);
		return;
	}
	if (env->place == PLACE_MACHINE && ending == END_EXIT)
		ending = END_POWEROFF; /* the kernel would panic */
	if (env->place != PLACE_MACHINE)
		ending = END_EXIT; /* there is no machine of ours to turn off */
	environment_stop(env, ending, 0);
}

static void reload_manifest(struct admin_call *call)
{
	struct env *env = call->env;
	int r = manifest_reload(env);
	if (r < 0)
		snprintf(call->error, sizeof call->error, "%s",
			 r == ERR_BUSY	  ? "another one is being taken over: try again when it is"
			 : r == ERR_STATE ? "not now: the host begins or ends"
					  : "no memory or process for it");
	else {
		admin_wait_for(call, WAITS_MANIFEST);
		env->clients[call->client].waits_for = INT32_MAX; /* no unit */
	}
}

void admin_reload(struct admin_call *call)
{
	struct env *env = call->env;
	struct admin_client *client = &env->clients[call->client];
	if (call->request.has_action && strcmp(call->request.action, "manifest") == 0) {
		reload_manifest(call);
		return;
	}
	int r = policy_reload(env);
	if (r < 0) {
		snprintf(call->error, sizeof call->error,
			 r == ERR_UNSUPPORTED ? "the guard of this host has no policy"
					      : "not now: the host begins or ends");
		return;
	}
	client->waits_policy = env->policy_asked;
	call->later = true;
}

/* ---- what was decided, and why ---- */

static void give_text(struct admin_call *call, const struct wr *w)
{
	call->text = wr_span(w);
}

/* The answer is made in env->answer; the text meanwhile in the room for channels' data. */
static struct wr room(const struct admin_call *call)
{
	return wr_to(call->env->data, call->env->data_cap);
}

void admin_audit(struct admin_call *call)
{
	struct wr w = room(call);
	audit_list(call->env, &w);
	give_text(call, &w);
}

void admin_events(struct admin_call *call)
{
	struct env *env = call->env;
	struct admin_client *client = &env->clients[call->client];
	client->wait_position = call->request.position;
	if (events_begin(env, &client->wait_position) < 0) {
		snprintf(call->error, sizeof call->error, "no memory for it");
		return;
	}
	admin_wait_for(call, WAITS_EVENTS);
	client->waits_for = INT32_MAX; /* no unit */
}

void admin_manifest(struct admin_call *call)
{
	struct env *env = call->env;
	ssize_t n = env->have_manifest ? sys_pread(env->manifest_kept, env->data, env->data_cap, 0) : 0;
	if (n <= 0 || (size_t)n == env->data_cap)
		snprintf(call->error, sizeof call->error, n > 0 ? "too large for an answer" : "there is none");
	else
		call->text = span_of(env->data, (size_t)n);
}

void admin_explain(struct admin_call *call)
{
	struct env *env = call->env;
	struct span terms[ASK_ARGS_MAX];
	struct rd r = rd_from(call->terms);
	struct wr w = room(call);
	unsigned n = 0;
	if (call->only < 0) {
		audit_explain(env, &w);
		give_text(call, &w);
		return;
	}
	while (r.n > 0 && n < ASK_ARGS_MAX)
		terms[n++] = rd_var_bytes(&r);
	if (rd_end(&r) != ERR_NONE || !call->request.has_verb) {
		snprintf(call->error, sizeof call->error, "which verb? At most %d arguments", ASK_ARGS_MAX);
		return;
	}
	w.cap = w.cap < BOUNDARY_EXPLAIN_MAX ? w.cap : BOUNDARY_EXPLAIN_MAX;
	boundary_explain(env, (uint16_t)call->only, call->request.verb, terms, n, &w);
	give_text(call, &w);
}

void admin_event_log(struct admin_call *call)
{
	const struct host *host = &call->env->manifest.host;
	bool firmware = call->request.has_action && strcmp(call->request.action, "firmware") == 0;
	const struct root_log *log = firmware ? host->firmware_log : host->root_log;
	uint32_t n = log != NULL ? __atomic_load_n(&log->n, __ATOMIC_ACQUIRE) : 0;
	if (n == 0 || n > ROOT_LOG_MAX)
		snprintf(call->error, sizeof call->error,
			 firmware && log != NULL ? "the kernel has no log of this machine's firmware"
						 : "nothing has been measured: the host's root is none in a TPM, "
						   "or was not reached");
	else
		call->text = span_of(log->bytes, n);
}
