/* SPDX-License-Identifier: MIT */
#include <ctype.h>

#include "../crypto/root.h"
#include "../policy/guard.h"
#include "manifest_read.h"
#include "transport.h"

#define DEFAULT_KEY_FILE "/var/lib/tao/keys"
#define DEFAULT_ADMIN_SOCKET "/run/tao/admin_socket"
/* As sockaddr_un has room for. */
#define SOCKET_PATH_MAX 107
#define LISTENERS_MAX 4

/* ---- root ---- */

static int take_root_type(struct reader *reader, const cJSON *value, void *into)
{
	struct host *host = into;
	host->root = cJSON_IsString(value) ? root_find(value->valuestring) : NULL;
	return host->root != NULL ? ERR_NONE
				  : read_fail(reader, "must be \"soft\", the one root of trust of this version");
}

static int take_root_file(struct reader *reader, const cJSON *value, void *into)
{
	struct host *host = into;
	int r = read_path(reader, value, &host->root_file);
	return r == 0 && strlen(host->root_file) > 200 ? read_fail(reader, "longer than 200 bytes") : r;
}

static int take_root_ephemeral(struct reader *reader, const cJSON *value, void *into)
{
	return read_bool(reader, value, &((struct host *)into)->root_ephemeral);
}

static int take_root(struct reader *reader, const cJSON *value, void *into)
{
	static const struct key keys[] = { { "type", take_root_type },
					   { "file", take_root_file },
					   { "ephemeral", take_root_ephemeral } };
	struct host *host = into;
	int r = read_object(reader, value, keys, sizeof keys / sizeof keys[0], into);
	if (r == 0 && host->root == NULL)
		return read_fail(reader, "\"type\" is missing; say {\"type\": \"soft\"}");
	if (r == 0 && host->root_ephemeral && host->root_file != NULL)
		return read_fail(reader, "an ephemeral root keeps nothing; take \"file\" or \"ephemeral\" out");
	return r;
}

/* ---- guard ---- */

static int take_guard_type(struct reader *reader, const cJSON *value, void *into)
{
	struct host *host = into;
	host->guard = cJSON_IsString(value) ? guard_find(value->valuestring) : NULL;
	return host->guard != NULL ? ERR_NONE : read_fail(reader, "must be \"allow\" or \"deny\" in this version");
}

static int take_guard(struct reader *reader, const cJSON *value, void *into)
{
	static const struct key keys[] = { { "type", take_guard_type }, { "file", NULL }, { "key", NULL } };
	int r = read_object(reader, value, keys, sizeof keys / sizeof keys[0], into);
	if (r == 0 && ((struct host *)into)->guard == NULL)
		return read_fail(reader, "\"type\" is missing; say {\"type\": \"allow\"} or {\"type\": \"deny\"}");
	return r;
}

/* ---- admin ---- */

static int take_unix(struct reader *reader, const cJSON *value, void *into)
{
	struct admin_listener *listener = into;
	int r = read_path(reader, value, &listener->path);
	listener->transport = &transport_unix;
	return r == 0 && strlen(listener->path) > SOCKET_PATH_MAX
		       ? read_fail(reader, "longer than %d bytes, the most that a socket's path can have",
				   SOCKET_PATH_MAX)
		       : r;
}

static int take_admin(struct reader *reader, const cJSON *value, void *into)
{
	static const struct key keys[] = {
		{ "unix", take_unix }, { "fd", NULL }, { "as", NULL }, { "group", NULL }
	};
	struct host *host = into;
	int n = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : -1, i = 0;
	if (n < 0 || n > LISTENERS_MAX)
		return read_fail(reader, "must be a list of at most %d objects such as {\"unix\": \"%s\"}",
				 LISTENERS_MAX, DEFAULT_ADMIN_SOCKET);
	struct admin_listener *list = arena_alloc(reader->arena, (size_t)(n + 1) * sizeof *list, sizeof(void *));
	if (list == NULL)
		return read_fail(reader, "the manifest takes too much memory");
	for (const cJSON *at = value->child; at != NULL; at = at->next, i++) {
		size_t mark = read_enter(reader, "[%d]", i);
		int r = read_object(reader, at, keys, sizeof keys / sizeof keys[0], &list[i]);
		if (r == 0 && list[i].transport == NULL)
			r = read_fail(reader, "\"unix\" is missing; say {\"unix\": \"%s\"}", DEFAULT_ADMIN_SOCKET);
		if (r < 0)
			return r;
		read_leave(reader, mark);
	}
	host->admin = list;
	host->n_admin = n;
	return ERR_NONE;
}

/* ---- the rest ---- */

static int take_hostname(struct reader *reader, const cJSON *value, void *into)
{
	struct host *host = into;
	int r = read_string(reader, value, &host->hostname);
	size_t n = r == 0 ? strlen(host->hostname) : 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!isalnum((unsigned char)host->hostname[i]) &&
		    (i == 0 || strchr("-.", host->hostname[i]) == NULL))
			r = read_fail(reader, "\"%.64s\" is no hostname: letters, digits, - and . only",
				      host->hostname);
	if (r == 0 && (n == 0 || n > 64))
		r = read_fail(reader, "must have 1 to 64 characters");
	return r;
}

int read_host(struct reader *reader, const cJSON *value, struct host *host)
{
	static const struct key keys[] = {
		{ "root", take_root },	       { "guard", take_guard }, { "admin", take_admin },
		{ "hostname", take_hostname }, { "mounts", NULL },	{ "log", NULL },
		{ "max_programs", NULL },
	};
	static const struct admin_listener at_default = { &transport_unix, DEFAULT_ADMIN_SOCKET };
	int r = value != NULL ? read_object(reader, value, keys, sizeof keys / sizeof keys[0], host) : ERR_NONE;
	if (r < 0)
		return r;
	if (host->root == NULL)
		host->root = &root_soft;
	if (host->root_file == NULL && !host->root_ephemeral)
		host->root_file = DEFAULT_KEY_FILE;
	if (host->admin == NULL) {
		host->admin = &at_default;
		host->n_admin = 1;
	}
	if (host->guard == NULL) {
		host->guard = &guard_deny;
		read_warn(reader,
			  "no host.guard, so nothing may run; say \"host\": {\"guard\": {\"type\": \"allow\"}}");
	}
	return ERR_NONE;
}
