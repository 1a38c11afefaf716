/* SPDX-License-Identifier: MIT
 *
 * Attest: "issuer from time until expiration says form", signed by the host (PROTOCOL, sections 3 and 5).
 */
#include "../policy/name.h"
#include "../policy/statement.h"
#include "boundary.h"
#include "clock.h"
#include "rpc.h"
#include "sys.h"

#define YEAR ((int64_t)365 * 24 * 3600 * NS_PER_S)

static int64_t year_after(int64_t time)
{
	return time > INT64_MAX - YEAR ? INT64_MAX : time + YEAR;
}

void rpc_attest(struct rpc_call *call)
{
	struct env *env = call->env;
	struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	struct wr statement = wr_to(env->answer, env->answer_cap);
	struct why why = { .rule = "" };
	launch_name(env, call->unit, true, &name);
	if (name.err != ERR_NONE) {
		rpc_fail(call, "name too long");
		return;
	}
	struct span issuer = call->issuer.p != NULL ? call->issuer : wr_span(&name);
	if (boundary_may_issue(env, call->unit, wr_span(&name), issuer, &why) != ALLOW) {
		rpc_fail(call, "invalid issuer in statement");
		return;
	}
	int64_t time = call->request.has_time ? call->request.time : clock_now(env);
	int64_t expiration = call->request.has_expiration ? call->request.expiration : year_after(time);
	int r = statement_write(issuer, time, expiration, call->data, &statement);
	if (r < 0)
		rpc_fail(call, "invalid statement: %s", err_text(r));
	else if ((r = core_attest(env->core, wr_span(&statement), &call->out)) < 0)
		rpc_fail(call, "no attestation: %s", err_text(r));
	else
		rpc_give(call, wr_span(&call->out));
	if (statement.n > STREAM_CHUNK)
		sys_forget(env->answer, env->answer_cap);
}
