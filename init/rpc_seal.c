/* SPDX-License-Identifier: MIT
 *
 * Sealing and shared secrets (PROTOCOL, sections 3 and 4): the policy goes into the bundle, the Tao encrypts bytes; what
 * it has decrypted is looked at here, and wiped where the caller may not have it.
 */
#include "../policy/bundle.h"
#include "boundary.h"
#include "rpc.h"

/* What frames an answer's or a request's data at the most: tags, lengths, policy, label. */
#define FRAMING 1024

static const struct service *service_of(const struct rpc_call *call)
{
	return &call->env->manifest.services[call->unit];
}

/* The caller as the host knows it; its name in the scratch. False, and the error said, if it is too long. */
static bool find_caller(struct rpc_call *call, struct seal_party *caller)
{
	struct env *env = call->env;
	struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	launch_name(env, call->unit, true, &name);
	if (name.err != ERR_NONE) {
		rpc_fail(call, "name too long");
		return false;
	}
	caller->name = wr_span(&name);
	caller->program = span_of(env->programs[call->unit].b, SEAL_HASH);
	caller->entry = span_of(service_of(call)->entry.b, SEAL_HASH);
	return true;
}

static const struct seal_policy *find_policy(struct rpc_call *call, const char *method)
{
	const struct seal_policy *policy = seal_policy_find(call->policy);
	if (policy == NULL)
		rpc_fail(call, "policy not supported for %s: %.*s", method, rpc_text_n(call->policy),
			 (const char *)call->policy.p);
	return policy;
}

void rpc_get_shared_secret(struct rpc_call *call)
{
	struct env *env = call->env;
	struct seal_party caller;
	struct wr tag = wr_to(env->answer, env->answer_cap);
	int32_t size = call->request.has_size ? call->request.size : 0;
	if (size <= 0 || size > TAO_SECRET_MAX) {
		rpc_fail(call, "invalid size");
		return;
	}
	if (call->policy.p == NULL) {
		rpc_fail(call, "missing policy");
		return;
	}
	const struct seal_policy *policy = find_policy(call, "GetSharedSecret");
	if (policy == NULL || !find_caller(call, &caller))
		return;
	if ((policy->by & SEAL_BY_RULE) != 0) {
		rpc_fail(call, "policy not supported for GetSharedSecret: %.*s", rpc_text_n(call->policy),
			 (const char *)call->policy.p);
		return;
	}
	seal_policy_tag(policy, &caller, &tag);
	int r = tag.err != ERR_NONE ? (int)tag.err
				    : core_shared_secret(env->core, wr_span(&tag), call->out.p, (size_t)size);
	if (r < 0) {
		rpc_fail(call, "no secret: %s", err_text(r));
		return;
	}
	call->out.n = (size_t)size;
	rpc_give(call, wr_span(&call->out));
}

/* ---- sealing ---- */

/* Encrypts the bundle where it is written. */
static void seal(struct rpc_call *call, const struct bundle *bundle)
{
	size_t limit = service_of(call)->max_message - FRAMING;
	struct wr inner = wr_to(call->out.p + TAO_ENCRYPT_HEAD, call->out.cap - TAO_ENCRYPT_OVERHEAD);
	int r = bundle_write(bundle, &inner);
	if (r == 0 && inner.n + TAO_ENCRYPT_OVERHEAD > limit)
		r = ERR_TOO_LARGE; /* it could never be sent back to be opened */
	if (r == 0)
		r = core_encrypt(call->env->core, span_str(BUNDLE_CONTEXT), wr_span(&inner), &call->out);
	if (r < 0) {
		wipe(inner.p, inner.n);
		if (r == ERR_TOO_LARGE || r == ERR_NO_SPACE)
			rpc_fail(call, "data too large: sealed it takes more than %zu bytes (tao.max_message)",
				 limit);
		else
			rpc_fail(call, "not sealed: %s", err_text(r));
		return;
	}
	rpc_give(call, wr_span(&call->out));
}

void rpc_seal(struct rpc_call *call)
{
	struct bundle bundle = { .kind = BUNDLE_PLAIN, .policy = call->policy, .data = call->data };
	if (call->policy.p == NULL)
		rpc_fail(call, "missing policy");
	else if (find_policy(call, "Seal") != NULL && find_caller(call, &bundle.sealer))
		seal(call, &bundle);
}

void rpc_rollback_seal(struct rpc_call *call)
{
	uint8_t owner[SEAL_HASH];
	struct bundle bundle = { .kind = BUNDLE_ROLLBACK,
				 .policy = call->policy,
				 .owner = span_of(owner, sizeof owner),
				 .label = call->label,
				 .counter = call->counter,
				 .data = call->data };
	if (call->label.p == NULL) {
		rpc_fail(call, "Label unspecified");
	} else if (call->policy.p == NULL) {
		rpc_fail(call, "Policy unspecified");
	} else if (call->data.p == NULL) {
		rpc_fail(call, "Data unspecified");
	} else if (call->label.n > BUNDLE_LABEL_MAX) {
		rpc_fail(call, "label too long: at most %d bytes", BUNDLE_LABEL_MAX);
	} else if (find_policy(call, "Seal") == NULL) {
		return;
	} else if (!call->counted) {
		rpc_ask_counter(call, NULL, COUNTER_NEXT, call->label, 0);
	} else if (counter_owner(call->env, call->unit, owner) < 0) {
		rpc_fail(call, "name too long");
	} else if (find_caller(call, &bundle.sealer)) {
		seal(call, &bundle);
	}
}

/* ---- unsealing ---- */

/* What was decrypted must not stay: the answer is an error, or comes later. */
static void drop(struct rpc_call *call)
{
	wipe(call->out.p, call->out.n);
	call->out.n = 0;
}

/* Decrypts, and decides: only a bundle that the caller may have is still there when this returns true. */
static bool open_bundle(struct rpc_call *call, enum bundle_kind kind, struct bundle *bundle)
{
	struct env *env = call->env;
	struct seal_party caller;
	struct why why = { .rule = "" };
	*bundle = (struct bundle){ .kind = kind };
	int r = core_decrypt(env->core, span_str(BUNDLE_CONTEXT), call->data, &call->out);
	if (r == 0)
		r = bundle_read(wr_span(&call->out), bundle);
	if (r < 0) {
		rpc_fail(call, "cannot unseal: %s", err_text(r));
	} else if (seal_policy_find(bundle->policy) == NULL) {
		rpc_fail(call, "invalid policy in sealed data");
	} else if (find_caller(call, &caller)) {
		if (boundary_may_open(env, call->unit, bundle, &caller, &why) != ALLOW) {
			rpc_fail(call, "principal not authorized for unseal");
		} else if (bundle->kind != kind) {
			rpc_fail(call, kind == BUNDLE_PLAIN
					       ? "the data is rollback-protected: RollbackProtectedUnseal opens it"
					       : "the data is not rollback-protected: Unseal opens it");
		}
	}
	if (call->error[0] != '\0')
		drop(call);
	return call->error[0] == '\0';
}

static void give_bundle(struct rpc_call *call, const struct bundle *bundle)
{
	call->response.has_policy = true;
	memcpy(call->response.policy, bundle->policy.p, bundle->policy.n);
	call->response.policy[bundle->policy.n] = '\0';
	rpc_give(call, bundle->data);
}

void rpc_unseal(struct rpc_call *call)
{
	struct bundle bundle = { 0 };
	if (open_bundle(call, BUNDLE_PLAIN, &bundle))
		give_bundle(call, &bundle);
}

void rpc_rollback_unseal(struct rpc_call *call)
{
	struct bundle bundle = { 0 };
	if (call->data.p == NULL) {
		rpc_fail(call, "Data unspecified");
		return;
	}
	if (!open_bundle(call, BUNDLE_ROLLBACK, &bundle))
		return;
	if (call->counted && bundle.counter == call->counter) {
		give_bundle(call, &bundle);
		return;
	}
	if (call->counted)
		rpc_fail(call, "RollbackProtectedUnseal bad counter");
	else
		rpc_ask_counter(call, bundle.owner.p, COUNTER_GET, bundle.label, 0);
	drop(call);
}
