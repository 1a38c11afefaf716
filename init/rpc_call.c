/* SPDX-License-Identifier: MIT
 *
 * What the handlers of the Tao's methods share.
 */
#include <stdarg.h>
#include <stdio.h>

#include "rpc.h"

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

void rpc_ask_counter(struct rpc_call *call, const uint8_t *owner, enum counter_op op, struct span label,
		     int64_t value)
{
	int r = owner == NULL ? counter_ask(call->env, call->unit, op, label, value)
			      : counter_ask_of(call->env, call->unit, owner, op, label, value);
	if (r < 0)
		rpc_fail_counter(call, r);
	call->later = r == 0;
}
