/* SPDX-License-Identifier: MIT
 *
 * What the handlers of the Tao's methods share.
 */
#include <stdarg.h>
#include <stdio.h>

#include "rpc.h"
#include "sys.h"

/* Changes of counters that one program may make at once (host.root.counter_interval). */
#define CHANGES_AT_ONCE 10
/* Some of what a program sent, in an error that it gets back. */
#define QUOTED_MAX 80

void rpc_give(struct rpc_call *call, struct span data)
{
	call->out_data = data;
	call->has_out_data = true;
}

void rpc_fail(struct rpc_call *call, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(call->error, sizeof call->error, format, args);
	va_end(args);
}

int rpc_text_n(struct span text)
{
	return text.n < QUOTED_MAX ? (int)text.n : QUOTED_MAX;
}

void rpc_fail_counter(struct rpc_call *call, int err)
{
	rpc_fail(call, "%s",
		 err == ERR_NOT_FOUND  ? "No such counter"
		 : err == ERR_NO_SPACE ? "No space left to store it"
				       : err_text(err));
}

/* Each change wears the TPM out a little. What may come at once is as if it had been saved up: so many intervals may be
 * used before they have passed. */
static bool may_change_counters(struct rpc_call *call)
{
	int64_t every = call->env->manifest.host.counter_interval, now = sys_now();
	int64_t *until = &call->env->units[call->unit].counters_until, ahead = *until - now;
	if (every <= 0)
		return true;
	if (ahead > (CHANGES_AT_ONCE - 1) * every) {
		rpc_fail(call, "counters are changed too often: again in %lld s (host.root.counter_interval)",
			 (long long)(ahead - (CHANGES_AT_ONCE - 1) * every + NS_PER_S - 1) / NS_PER_S);
		return false;
	}
	*until = (ahead > 0 ? *until : now) + every;
	return true;
}

void rpc_ask_counter(struct rpc_call *call, const uint8_t *owner, enum counter_op op, struct span label,
		     int64_t value)
{
	if (op != COUNTER_GET && !may_change_counters(call))
		return;
	int r = owner == NULL ? counter_ask(call->env, call->unit, op, label, value)
			      : counter_ask_of(call->env, call->unit, owner, op, label, value);
	if (r < 0)
		rpc_fail_counter(call, r);
	call->later = r == 0;
}
