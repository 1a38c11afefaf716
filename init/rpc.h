/* SPDX-License-Identifier: MIT
 *
 * Requests and answers of both channels (PROTOCOL, sections 3 and 7), as protobuf in frames. One table, rpc.def,
 * maps service and method to the verb that the guard is asked for and to the handler.
 */
#ifndef TAO_RPC_H
#define TAO_RPC_H

#include <pb.h>

#include "environment.h"
#include "proto/rpc.pb.h"

enum rpc_service { RPC_TAO, RPC_INIT };

/* A method of the Tao called by a hosted program. Handlers read: decode → may it? → Tao → may it? → encode;
 * decoding, the first question and encoding are done for them. */
struct rpc_call {
	struct env *env;
	uint16_t unit;
	tao_RpcRequest request;
	struct span data, issuer; /* of the request; in the channel's buffer */
	tao_RpcResponse response;
	struct span out_data; /* of the answer; sent if has_out_data */
	bool has_out_data;
	struct wr out; /* room for it */
	char error[160];
};

/* A method of taoinit called by an admin client. */
struct admin_call {
	struct env *env;
	uint32_t client;
	tao_InitRequest request;
	tao_InitResponse response;
	int only;		       /* unit that the request names, -1: all of them */
	bool with_host, with_services; /* what the answer has */
	bool later;		       /* answered when what it waits for has happened */
	char error[160];
};

struct rpc_method {
	const char *op; /* "Tao.GetTaoName" */
	const char *verb;
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

/* A nanopb callback that leaves a bytes field where it is: arg is a struct span *. */
pb_callback_t rpc_span_in(struct span *span);
/* … and one that writes it; nothing if the span's pointer is NULL. */
pb_callback_t rpc_span_out(const struct span *span);

#define RPC(service, method, verb, handler) void handler(struct RPC_CALL_##service *call);
#define RPC_CALL_TAO rpc_call
#define RPC_CALL_INIT admin_call
#include "rpc.def"
#undef RPC

#endif
