/* SPDX-License-Identifier: MIT
 *
 * Requests and answers of both channels (PROTOCOL, sections 3 and 7), as protobuf in frames. One table, rpc.def,
 * maps service and method to the verb that the guard is asked for (boundary.def) and to the handler.
 */
#ifndef TAO_RPC_H
#define TAO_RPC_H

#include <pb.h>

#include "boundary.h"
#include "counter.h"
#include "environment.h"
#include "proto/rpc.pb.h"

enum rpc_service { RPC_TAO, RPC_INIT, RPC_HOST };

/* A method of the Tao called by a hosted program. Handlers read: decode → may it? → Tao → may it? → encode;
 * decoding, the first question and encoding are done for them.
 *
 * One that needs a counter asks for it (rpc_ask_counter) and returns; it is called a second time with the same request
 * when there is an answer. What it has decrypted meanwhile it must have wiped: others use the same room. */
struct rpc_call {
	struct env *env;
	uint16_t unit;
	const struct rpc_method *method;
	tao_RpcRequest request;
	struct span data, issuer, policy, label; /* of the request, in the channel's buffer; p is NULL if absent */
	tao_RpcResponse response;
	struct span out_data; /* of the answer; sent if has_out_data */
	bool has_out_data;
	struct wr out; /* room for it; wiped when it has been sent */
	bool later;    /* a counter was asked for; no answer yet */
	bool counted;  /* second call: this is what it is */
	int64_t counter;
	char error[160];
};

/* What a method of LinuxHost.* is asked and answers besides. */
struct host_call {
	tao_HostRequest request;
	tao_HostResponse response;
	struct span subprin, path, dir; /* of the request */
	struct strings {
		struct span at[LAUNCH_ARGS_MAX];
		unsigned n; /* more than fit: LAUNCH_ARGS_MAX + 1 */
	} args, container_args;
	struct span prin;
};

/* So many services does one answer say of what they use. */
#define USAGE_PAGE 16U
/* Why an answer comes although what it waits for has not. */
enum wait_missed { WAIT_NEVER = 1, WAIT_LATE = 2, WAIT_BOOT = 3 };

/* A method of taoinit called by an admin client. */
struct admin_call {
	struct env *env;
	uint32_t client;
	tao_InitRequest request;
	tao_InitResponse response;
	struct span terms;	       /* of the request */
	struct span text;	       /* of the answer; p is NULL: none */
	int only;		       /* unit that the request names, -1: all of them */
	struct host_call *host;	       /* of LinuxHost.*, else NULL */
	bool with_host, with_services; /* what the answer has */
	bool with_graph;	       /* … of the services: their order instead of their names to the Tao */
	bool with_usage; /* … what they use; if it is not about one, of a page of them: see first */
	uint16_t first;
	bool later; /* answered when what it waits for has happened */
	char error[384];
};

struct rpc_method {
	const char *op; /* "Tao.GetTaoName" */
	enum verb verb; /* asked of the guard */
	enum rpc_service service;
	void (*tao)(struct rpc_call *call);
	void (*init)(struct admin_call *call);
};

/* NULL if the service has no such method; error then has the published text. */
const struct rpc_method *rpc_find(enum rpc_service service, const char *op, char *error, size_t cap);

/* Header of a request: false if it is malformed. */
bool rpc_read_header(struct span header, tao_RpcRequestHeader *out);

/* An answer of two frames. fields NULL: an empty body. 0 bytes if it does not fit. */
size_t rpc_write(struct wr *out, const char *op, uint64_t seq, const char *error, const pb_msgdesc_t *fields,
		 const void *body);

/* An answer to a hosted program, in pieces: little data is copied into the first, which is to be wiped when it has been
 * sent; other data stays where it is. */
struct rpc_answer {
	uint8_t head[1024], tail[320];
	struct span parts[3];
	unsigned n_parts;
};
int rpc_write_answer(struct rpc_answer *answer, const struct rpc_call *call, const char *op, uint64_t seq);

/* For handlers of admin clients: may the client do this to the unit that the request names (only), or to the host? If not,
 * error says so. about: the argument of the question; NULL: the unit's name. */
bool admin_may(struct admin_call *call, enum verb verb, const char *about);
/* The answer follows when the unit (only) is as how says, one of enum waits_how. */
void admin_wait_for(struct admin_call *call, enum waits_how how);

/* For handlers: the data of the answer; an error's words; a question about a counter of the caller's (owner NULL) or of
 * somebody else's, for which call->later is set unless it fails at once. */
void rpc_give(struct rpc_call *call, struct span data);
void rpc_fail(struct rpc_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rpc_ask_counter(struct rpc_call *call, const uint8_t *owner, enum counter_op op, struct span label,
		     int64_t value);
void rpc_fail_counter(struct rpc_call *call, int err);
/* Length and text of a part of the request, for "%.*s": no more than an error has room for. */
int rpc_text_n(struct span text);

/* A nanopb callback that leaves a bytes field where it is: arg is a struct span *. */
pb_callback_t rpc_span_in(struct span *span);
/* … and one that writes it; nothing if the span's pointer is NULL. */
pb_callback_t rpc_span_out(const struct span *span);

#define RPC(service, method, verb, handler) void handler(struct RPC_CALL_##service *call);
#define RPC_CALL_TAO rpc_call
#define RPC_CALL_INIT admin_call
#define RPC_CALL_HOST admin_call
#include "rpc.def"
#undef RPC

#endif
