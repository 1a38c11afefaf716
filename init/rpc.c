/* SPDX-License-Identifier: MIT */
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>

#include "rpc.h"

/* clang-format off */
#define ROW_TAO(method, verb, handler) { "Tao." method, VERB_##verb, RPC_TAO, handler, NULL },
#define ROW_INIT(method, verb, handler) { "TaoInit." method, VERB_##verb, RPC_INIT, NULL, handler },
#define ROW_HOST(method, verb, handler) { "LinuxHost." method, VERB_##verb, RPC_HOST, NULL, handler },
#define RPC(service, method, verb, handler) ROW_##service(method, verb, handler)
static const struct rpc_method methods[] = {
#include "rpc.def"
};
#undef RPC
/* clang-format on */

static const char *const prefixes[] = { [RPC_TAO] = "Tao.", [RPC_INIT] = "TaoInit.", [RPC_HOST] = "LinuxHost." };

const struct rpc_method *rpc_find(enum rpc_service service, const char *op, char *error, size_t cap)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (methods[i].service == service && strcmp(methods[i].op, op) == 0)
			return &methods[i];
	/* The texts of Go's net/rpc, which existing programs know. */
	bool known = strncmp(op, prefixes[service], strlen(prefixes[service])) == 0;
	snprintf(error, cap, known ? "rpc: can't find method %s" : "rpc: can't find service %s", op);
	return NULL;
}

bool rpc_read_header(struct span header, tao_RpcRequestHeader *out)
{
	pb_istream_t in = pb_istream_from_buffer(header.p, header.n);
	return pb_decode_noinit(&in, tao_RpcRequestHeader_fields, out);
}

static void put_length(struct wr *out, size_t at, size_t n)
{
	for (int i = 0; i < 4; i++)
		out->p[at + (size_t)i] = (uint8_t)(n >> (24 - 8 * i));
}

static void write_message(struct wr *out, const pb_msgdesc_t *fields, const void *message)
{
	size_t at = out->n;
	wr_be32(out, 0);
	if (out->err != ERR_NONE)
		return;
	if (fields != NULL) {
		pb_ostream_t stream = pb_ostream_from_buffer(out->p + out->n, out->cap - out->n);
		if (!pb_encode(&stream, fields, message)) {
			out->err = ERR_NO_SPACE;
			return;
		}
		out->n += stream.bytes_written;
	}
	put_length(out, at, out->n - at - 4);
}

size_t rpc_write(struct wr *out, const char *op, uint64_t seq, const char *error, const pb_msgdesc_t *fields,
		 const void *body)
{
	tao_RpcResponseHeader header = tao_RpcResponseHeader_init_zero;
	snprintf(header.op, sizeof header.op, "%s", op);
	header.seq = seq;
	if (error != NULL && error[0] != '\0') {
		header.has_error = true;
		snprintf(header.error, sizeof header.error, "%s", error);
		fields = NULL;
	}
	write_message(out, tao_RpcResponseHeader_fields, &header);
	write_message(out, fields, body);
	return out->err == ERR_NONE ? out->n : 0;
}

int rpc_write_answer(struct rpc_answer *answer, const struct rpc_call *call, const char *op, uint64_t seq)
{
	struct wr head = wr_to(answer->head, sizeof answer->head), tail = wr_to(answer->tail, sizeof answer->tail);
	tao_RpcResponseHeader header = { .seq = seq };
	bool failed = call->error[0] != '\0', data = !failed && call->has_out_data;
	_Static_assert(sizeof header.error > sizeof call->error, "an error fits");
	strcpy(header.op, op);
	header.has_error = failed;
	if (failed)
		strcpy(header.error, call->error);
	write_message(&head, tao_RpcResponseHeader_fields, &header);
	pb_ostream_t stream = pb_ostream_from_buffer(tail.p, tail.cap);
	bool more = call->response.has_policy || call->response.has_counter;
	if (!failed && more && !pb_encode(&stream, tao_RpcResponse_fields, &call->response))
		return ERR_NO_SPACE;
	/* The body: data, of which the tag and the length are written here, is its first field. */
	size_t at = head.n;
	wr_be32(&head, 0);
	if (data) {
		wr_u8(&head, tao_RpcResponse_data_tag << 3 | PB_WT_STRING);
		wr_varint(&head, call->out_data.n);
	}
	struct span parts[2] = { span_of(call->out_data.p, data ? call->out_data.n : 0),
				 span_of(tail.p, stream.bytes_written) };
	put_length(&head, at, head.n - at - 4 + parts[0].n + parts[1].n);
	answer->n_parts = 1;
	for (int i = 0; i < 2; i++)
		if (answer->n_parts == 1 && parts[i].n <= head.cap - head.n)
			wr_span_bytes(&head, parts[i]);
		else
			answer->parts[answer->n_parts++] = parts[i];
	answer->parts[0] = wr_span(&head);
	return head.err;
}

static bool span_in(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct span *span = *arg;
	(void)field;
	/* A stream over a buffer keeps its place in state (pb_decode.c, buf_read): the bytes stay where they are. */
	*span = span_of(stream->state, stream->bytes_left);
	return pb_read(stream, NULL, stream->bytes_left);
}

static bool span_out(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct span *span = *arg;
	if (span->p == NULL)
		return true;
	return pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, span->p, span->n);
}

pb_callback_t rpc_span_in(struct span *span)
{
	return (pb_callback_t){ .funcs.decode = span_in, .arg = span };
}

pb_callback_t rpc_span_out(const struct span *span)
{
	return (pb_callback_t){ .funcs.encode = span_out, .arg = (void *)(uintptr_t)span };
}
