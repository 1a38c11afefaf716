/* SPDX-License-Identifier: MIT
 *
 * Counters of hosted programs (PROTOCOL, section 3). They are the root's: each method asks for one and is called again
 * with its value.
 */
#include "rpc.h"

void rpc_init_counter(struct rpc_call *call)
{
	if (call->counted)
		return;
	if (call->label.p == NULL || !call->request.has_counter) {
		rpc_fail(call, "Label or counter unspecified");
		return;
	}
	rpc_ask_counter(call, NULL, COUNTER_INIT, call->label, call->request.counter);
}

void rpc_get_counter(struct rpc_call *call)
{
	if (call->label.p == NULL) {
		rpc_fail(call, "Label unspecified");
		return;
	}
	if (!call->counted) {
		rpc_ask_counter(call, NULL, COUNTER_GET, call->label, 0);
		return;
	}
	call->response.has_counter = true;
	call->response.counter = call->counter;
}
