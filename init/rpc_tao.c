/* SPDX-License-Identifier: MIT
 *
 * The Tao's methods as hosted programs call them (PROTOCOL, section 3).
 */
#include <stdio.h>
#include <stdlib.h>

#include "../policy/name.h"
#include "rpc.h"

static void answer_with(struct rpc_call *call, struct span data)
{
	call->out_data = data;
	call->has_out_data = true;
}

void rpc_get_tao_name(struct rpc_call *call)
{
	launch_name(call->env, call->unit, true, &call->out);
	if (call->out.err != ERR_NONE) {
		snprintf(call->error, sizeof call->error, "name too long");
		return;
	}
	answer_with(call, wr_span(&call->out));
}

void rpc_extend_tao_name(struct rpc_call *call)
{
	struct unit *unit = &call->env->units[call->unit];
	struct span old = span_of(unit->extension, unit->extension_n);
	int r = name_check(call->data, NAME_SUBPRIN);
	if (r < 0) {
		snprintf(call->error, sizeof call->error, "invalid subprincipal: %s", err_text(r));
		return;
	}
	if (unit->extension == NULL)
		wr_span_bytes(&call->out, call->data);
	else
		r = name_join(old, call->data, &call->out);
	uint8_t *copy = NULL;
	if (r < 0 || call->out.err != ERR_NONE || call->out.n > UNIT_EXTENSION_MAX) {
		snprintf(call->error, sizeof call->error, "name too long: it can be extended by at most %d bytes",
			 UNIT_EXTENSION_MAX);
		return;
	}
	copy = realloc(unit->extension, call->out.n);
	if (copy == NULL) {
		snprintf(call->error, sizeof call->error, "out of memory");
		return;
	}
	memcpy(copy, call->out.p, call->out.n);
	unit->extension = copy;
	unit->extension_n = call->out.n;
}

void rpc_get_random_bytes(struct rpc_call *call)
{
	const struct service *s = &call->env->manifest.services[call->unit];
	/* The answer must fit into a message, with its field's tag and length. */
	if (!call->request.has_size || call->request.size <= 0 ||
	    (size_t)call->request.size > s->max_message - 16) {
		snprintf(call->error, sizeof call->error, "invalid size");
		return;
	}
	size_t n = (size_t)call->request.size;
	int r = core_random(call->env->core, call->out.p, n);
	if (r < 0) {
		snprintf(call->error, sizeof call->error, "no random bytes: %s", err_text(r));
		return;
	}
	answer_with(call, span_of(call->out.p, n));
}
