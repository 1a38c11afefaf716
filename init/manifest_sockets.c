/* SPDX-License-Identifier: MIT
 *
 * The sockets that a service is given.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest_read.h"

/* sun_path. */
#define UNIX_PATH_MAX 107

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

static int take_kind(struct reader *reader, const cJSON *value, struct service_socket *socket,
		     enum socket_kind kind)
{
	if (socket->kind != SOCKET_NONE)
		return read_fail(reader, value, ERR_MALFORMED,
				 "is a second one of tcp, udp, unix and fifo; write an object for each");
	socket->kind = kind;
	return ERR_NONE;
}

/* "127.0.0.1:80", "[::1]:80": a name would have to be looked up, and nobody is there at boot to answer. */
static bool parse_address(const char *text, struct service_socket *socket)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	bool six = text[0] == '[';
	if (colon == NULL || colon == text || (six && colon[-1] != ']'))
		return false;
	size_t n = (size_t)(colon - text) - (six ? 2 : 0), digits = strspn(colon + 1, "0123456789");
	if (n >= sizeof host || digits == 0 || digits > 5 || colon[1 + digits] != '\0' || colon[1] == '0')
		return false;
	memcpy(host, text + (six ? 1 : 0), n);
	host[n] = '\0';
	long port = strtol(colon + 1, NULL, 10);
	if (port > 65535)
		return false;
	if (six) {
		socket->address.in6.sin6_family = AF_INET6;
		socket->address.in6.sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &socket->address.in6.sin6_addr) == 1;
	}
	socket->address.in.sin_family = AF_INET;
	socket->address.in.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &socket->address.in.sin_addr) == 1;
}

static int take_address(struct reader *reader, const cJSON *value, struct service_socket *socket,
			enum socket_kind kind)
{
	int r = take_kind(reader, value, socket, kind);
	if (r == 0)
		r = read_string(reader, value, &socket->at);
	if (r == 0 && !parse_address(socket->at, socket))
		return read_fail(reader, value, ERR_MALFORMED,
				 "%s is no address and port; write one such as \"127.0.0.1:80\" or \"[::]:80\"",
				 quote(socket->at).text);
	return r;
}

TAKE(socket, tcp)
{
	return take_address(reader, value, into, SOCKET_TCP);
}

TAKE(socket, udp)
{
	return take_address(reader, value, into, SOCKET_UDP);
}

TAKE(socket, unix)
{
	struct service_socket *socket = into;
	int r = take_kind(reader, value, socket, SOCKET_UNIX);
	return r < 0 ? r : read_path(reader, value, UNIX_PATH_MAX, &socket->at);
}

TAKE(socket, fifo)
{
	struct service_socket *socket = into;
	int r = take_kind(reader, value, socket, SOCKET_FIFO);
	return r < 0 ? r : read_path(reader, value, 4095, &socket->at);
}

/* Colons part the names. */
TAKE(socket, name)
{
	struct service_socket *socket = into;
	int r = read_string(reader, value, &socket->name);
	if (r < 0)
		return r;
	size_t n = strlen(socket->name);
	for (const char *p = socket->name; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')
			n = 0;
	if (n == 0 || n > SERVICE_NAME_MAX)
		return read_fail(
			reader, value, ERR_MALFORMED,
			"is no name of a socket; write 1 to %d printable characters without blanks and colons",
			SERVICE_NAME_MAX);
	return ERR_NONE;
}

TAKE(socket, mode)
{
	return read_mode(reader, value, &((struct service_socket *)into)->mode);
}

TAKE(socket, group)
{
	return read_owner(reader, value, &((struct service_socket *)into)->group);
}

static int take_one(struct reader *reader, const cJSON *at, struct service *s, struct service_socket *socket)
{
	socket->name = s->name;
	socket->mode = 0600;
	int r = read_object(reader, at, OBJECT_socket, socket);
	if (r < 0)
		return r;
	if (socket->kind == SOCKET_NONE)
		return read_fail(reader, at, ERR_MALFORMED,
				 "says not where to listen; write one of tcp, udp, unix or fifo");
	const cJSON *extra = cJSON_GetObjectItemCaseSensitive(at, "mode");
	if (extra == NULL)
		extra = cJSON_GetObjectItemCaseSensitive(at, "group");
	if (extra != NULL && (socket->kind == SOCKET_TCP || socket->kind == SOCKET_UDP))
		return read_fail(reader, extra, ERR_MALFORMED, "belongs to a unix socket or a fifo; take it out");
	return ERR_NONE;
}

TAKE(service, sockets)
{
	struct service *s = into;
	int n = 0, r = read_list(reader, value, 0, SOCKETS_MAX, "[{\"tcp\": \"127.0.0.1:80\"}]", &n);
	if (r < 0)
		return r;
	struct service_socket *list =
		arena_alloc(reader->arena, ((size_t)n + 1) * sizeof *list, _Alignof(struct service_socket));
	if (list == NULL)
		return read_no_memory(reader);
	s->sockets = list;
	s->first_socket = reader->manifest->n_sockets;
	for (const cJSON *at = value->child; at != NULL && r == 0; at = at->next)
		r = take_one(reader, at, s, &list[s->n_sockets++]);
	reader->manifest->n_sockets += s->n_sockets;
	return r;
}
