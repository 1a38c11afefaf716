/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/name.h"
#include "ctl.h"
#include "rpc.h"
#include "sys.h"

/* 4,096 services of half a kilobyte, and more. */
#define ANSWER_MAX ((uint32_t)16 << 20)

static char *name_text(struct span binary)
{
	size_t cap = 4 * binary.n + 256;
	char *text = malloc(cap);
	struct wr w = wr_to(text, text != NULL ? cap - 1 : 0);
	if (text == NULL || name_print_binary(binary, NAME_PRIN, &w) < 0) {
		free(text);
		return NULL;
	}
	text[w.n] = '\0';
	return text;
}

static bool take_after(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct ctl_service *s = *arg;
	uint32_t *more = realloc(s->after, (s->n_after + 1) * sizeof *more);
	(void)field;
	if (more == NULL)
		return false;
	s->after = more;
	return pb_decode_varint32(stream, &more[s->n_after++]);
}

static bool take_service(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct ctl_answer *answer = *arg;
	struct ctl_service graph = { .after = NULL };
	tao_ServiceStatus in = tao_ServiceStatus_init_zero;
	struct span program = { NULL, 0 }, principal = { NULL, 0 };
	(void)field;
	in.program = rpc_span_in(&program);
	in.principal = rpc_span_in(&principal);
	in.after = (pb_callback_t){ .funcs.decode = take_after, .arg = &graph };
	if (!pb_decode(stream, tao_ServiceStatus_fields, &in)) {
		free(graph.after);
		return false;
	}
	struct ctl_service *more = realloc(answer->services, (answer->n + 1) * sizeof *more);
	if (more == NULL) {
		free(graph.after);
		return false;
	}
	answer->services = more;
	struct ctl_service *s = &more[answer->n++];
	*s = graph;
	s->n_requires = in.requires;
	s->n_wants = in.wants;
	memcpy(s->moments, in.moments, sizeof s->moments);
	memcpy(s->usage, in.usage, sizeof s->usage);
	snprintf(s->name, sizeof s->name, "%s", in.name);
	snprintf(s->state, sizeof s->state, "%s", in.state);
	snprintf(s->type, sizeof s->type, "%s", in.type);
	snprintf(s->reason, sizeof s->reason, "%s", in.reason);
	s->pid = in.pid;
	s->uid = in.uid;
	s->ended = in.has_status;
	s->status = in.status;
	s->since = in.since;
	s->restarts = in.restarts;
	s->essential = in.essential;
	s->has_program = program.n == sizeof s->program;
	if (s->has_program)
		memcpy(s->program, program.p, program.n);
	if (principal.n > 0)
		s->principal = name_text(principal);
	return true;
}

void ctl_free(struct ctl_answer *answer)
{
	for (size_t i = 0; i < answer->n; i++) {
		free(answer->services[i].principal);
		free(answer->services[i].after);
	}
	free(answer->services);
	free(answer->host_principal);
	free(answer->text);
	memset(answer, 0, sizeof *answer);
}

static int read_exactly(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t r = sys_read(fd, p, n);
		if (r <= 0)
			return -1;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/* One message of a frame pair: malloc'd. */
static uint8_t *read_message(int fd, uint32_t *n)
{
	uint8_t length[4];
	if (read_exactly(fd, length, sizeof length) < 0)
		return NULL;
	*n = (uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 | (uint32_t)length[2] << 8 | length[3];
	if (*n > ANSWER_MAX)
		return NULL;
	uint8_t *p = malloc(*n > 0 ? *n : 1);
	if (p != NULL && read_exactly(fd, p, *n) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

/* Of the question. A connection that others use, too, may still have the answer to somebody who did not wait for it. */
static uint64_t number;
#define CTL_ANOTHER (-1)

/* A socket's path, or fd:N. */
static int reach(const char *socket)
{
	char *end;
	if (strncmp(socket, "fd:", 3) != 0)
		return sys_connect_unix(socket);
	long fd = strtol(socket + 3, &end, 10);
	return *end != '\0' ? -EBADF : sys_dup_high((int)fd);
}

static int send_request(int fd, const struct ctl *ctl, const struct ctl_question *q)
{
	const char *service = q->service, *action = q->action;
	static uint8_t buffer[8192];
	struct wr out = wr_to(buffer, sizeof buffer);
	tao_InitRequest request = tao_InitRequest_init_zero;
	request.has_service = service != NULL;
	request.has_action = action != NULL;
	if ((service != NULL && strlen(service) >= sizeof request.service) ||
	    (action != NULL && strlen(action) >= sizeof request.action)) {
		fprintf(stderr, "taoctl: %s: no such %s\n", service != NULL ? service : action,
			service != NULL ? "service" : "action");
		return -1;
	}
	snprintf(request.service, sizeof request.service, "%s", service != NULL ? service : "");
	snprintf(request.action, sizeof request.action, "%s", action != NULL ? action : "");
	request.has_verb = q->verb != NULL;
	snprintf(request.verb, sizeof request.verb, "%s", q->verb != NULL ? q->verb : "");
	request.terms = rpc_span_out(&q->terms);
	request.has_position = q->position > 0;
	request.position = q->position;
	request.has_after = q->after > 0;
	request.after = q->after;
	request.has_lines = q->lines > 0;
	request.lines = q->lines;
	request.has_timeout = q->timeout > 0;
	request.timeout = q->timeout;
	request.has_wait = true;
	request.wait = ctl->wait;
	/* A request's header is an answer's without its error. */
	if (rpc_write(&out, q->op, number, NULL, tao_InitRequest_fields, &request) == 0)
		return -1;
	return sys_write_all(fd, out.p, out.n);
}

static int decode_body(struct span body, struct ctl_answer *answer)
{
	tao_InitResponse response = tao_InitResponse_init_zero;
	struct span principal = { NULL, 0 }, text = { NULL, 0 };
	pb_istream_t in = pb_istream_from_buffer(body.p, body.n);
	response.text = rpc_span_in(&text);
	response.host.principal = rpc_span_in(&principal);
	response.service = (pb_callback_t){ .funcs.decode = take_service, .arg = answer };
	if (!pb_decode(&in, tao_InitResponse_fields, &response))
		return CTL_PROTOCOL;
	answer->position = response.position;
	answer->missed = response.missed;
	if (!response.has_host && answer->has_host)
		return CTL_OK; /* the next page */
	answer->has_host = response.has_host;
	snprintf(answer->place, sizeof answer->place, "%s", response.host.place);
	snprintf(answer->problem, sizeof answer->problem, "%s", response.host.problem);
	snprintf(answer->version, sizeof answer->version, "%s", response.host.version);
	if (principal.n > 0)
		answer->host_principal = name_text(principal);
	if (text.p != NULL && (answer->text = malloc(text.n + 1)) != NULL) {
		memcpy(answer->text, text.p, text.n);
		answer->text[text.n] = '\0';
		answer->text_n = text.n;
	}
	return CTL_OK;
}

static int read_answer(int fd, struct ctl_answer *answer)
{
	tao_RpcResponseHeader header = tao_RpcResponseHeader_init_zero;
	uint32_t header_n = 0, body_n = 0;
	uint8_t *raw = read_message(fd, &header_n), *body = raw != NULL ? read_message(fd, &body_n) : NULL;
	int r = CTL_PROTOCOL;
	if (body != NULL) {
		pb_istream_t in = pb_istream_from_buffer(raw, header_n);
		if (pb_decode(&in, tao_RpcResponseHeader_fields, &header))
			r = header.seq != number ? CTL_ANOTHER
			    : header.has_error	 ? CTL_REFUSED
						 : decode_body(span_of(body, body_n), answer);
	}
	if (r == CTL_PROTOCOL)
		fprintf(stderr, "taoctl: the host closed the connection or sent no valid answer\n");
	if (r == CTL_REFUSED)
		fprintf(stderr, "taoctl: %s\n", header.error);
	free(raw);
	free(body);
	return r;
}

int ctl_ask(const struct ctl *ctl, const struct ctl_question *question, struct ctl_answer *answer)
{
	if (!question->more)
		memset(answer, 0, sizeof *answer);
	int fd = reach(ctl->socket);
	number = (uint64_t)sys_getpid() << 32 | (uint32_t)(number + 1);
	if (fd < 0) {
		fprintf(stderr,
			"taoctl: %s: %s; is taoinit running, and are you root? (-S names another socket)\n",
			ctl->socket, strerror(-fd));
		return CTL_UNREACHABLE;
	}
	int r = send_request(fd, ctl, question) < 0 ? CTL_PROTOCOL : CTL_ANOTHER;
	while (r == CTL_ANOTHER)
		r = read_answer(fd, answer);
	sys_close(fd);
	return r;
}

int ctl_order(const struct ctl *ctl, const struct ctl_question *question)
{
	struct ctl_answer answer = { .n = 0 };
	int r = ctl_ask(ctl, question, &answer);
	ctl_free(&answer);
	return r;
}

uint64_t ctl_left(const struct ctl *ctl)
{
	int64_t left = ctl->deadline - sys_now();
	return ctl->deadline == 0 ? 0 : left > 0 ? (uint64_t)left : 1;
}

bool ctl_no_argument(const char *word, int argc, char **argv)
{
	if (argc > 0)
		fprintf(stderr, "taoctl: %s takes no argument (%s)\n", word, argv[0]);
	return argc == 0;
}
