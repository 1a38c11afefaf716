/* SPDX-License-Identifier: MIT
 *
 * The Tao's methods as hosted programs call them (PROTOCOL, section 3).
 */
#include <stdlib.h>

#include "../policy/name.h"
#include "rpc.h"

void rpc_get_tao_name(struct rpc_call *call)
{
	launch_name(call->env, call->unit, true, &call->out);
	if (call->out.err != ERR_NONE) {
		rpc_fail(call, "name too long");
		return;
	}
	rpc_give(call, wr_span(&call->out));
}

void rpc_extend_tao_name(struct rpc_call *call)
{
	struct unit *unit = &call->env->units[call->unit];
	struct span old = span_of(unit->extension, unit->extension_n);
	int r = name_check(call->data, NAME_SUBPRIN);
	if (r < 0) {
		rpc_fail(call, "invalid subprincipal: %s", err_text(r));
		return;
	}
	if (unit->extension == NULL)
		wr_span_bytes(&call->out, call->data);
	else
		r = name_join(old, call->data, &call->out);
	uint8_t *copy = NULL;
	if (r < 0 || call->out.err != ERR_NONE || call->out.n > UNIT_EXTENSION_MAX) {
		rpc_fail(call, "name too long: it can be extended by at most %d bytes", UNIT_EXTENSION_MAX);
		return;
	}
	copy = realloc(unit->extension, call->out.n);
	if (copy == NULL) {
		rpc_fail(call, "out of memory");
		return;
	}
	memcpy(copy, call->out.p, call->out.n);
	unit->extension = copy;
	unit->extension_n = (uint32_t)call->out.n;
	unit->allowed = unit->denied = 0; /* it has another name now */
}

void rpc_get_random_bytes(struct rpc_call *call)
{
	const struct service *s = &call->env->manifest.services[call->unit];
	/* The answer must fit into a message, with its field's tag and length. */
	if (!call->request.has_size || call->request.size <= 0 ||
	    (size_t)call->request.size > s->max_message - 16) {
		rpc_fail(call, "invalid size");
		return;
	}
	size_t n = (size_t)call->request.size;
	int r = core_random(call->env->core, call->out.p, n);
	if (r < 0) {
		rpc_fail(call, "no random bytes: %s", err_text(r));
		return;
	}
	call->out.n = n;
	rpc_give(call, wr_span(&call->out));
}
