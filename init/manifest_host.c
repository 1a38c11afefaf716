/* SPDX-License-Identifier: MIT
 *
 * The host of the manifest: root of trust, guard, admin transports, name.
 */
#include "../crypto/root.h"
#include "../policy/guard.h"
#include "environment.h"
#include "manifest_read.h"
#include "transport.h"

#define DEFAULT_KEY_FILE "/var/lib/tao/keys"
#define DEFAULT_RUNTIME "/run/tao"
#define DEFAULT_ADMIN_SOCKET DEFAULT_RUNTIME "/admin_socket"
/* As sockaddr_un has room for. */
#define SOCKET_PATH_MAX 107
#define HOSTNAME_MAX 64
/* With "/notify.PID/NUMBER" behind it. */
#define RUNTIME_MAX (SOCKET_PATH_MAX - 24)

/* What this version has, from the lists, and what the format knows besides. */
static const char *const roots[] = {
#define ROOT(id) #id,
#include "../crypto/root.def"
#undef ROOT
	NULL
};
static const char *const later_roots[] = { "tpm", "parent", NULL };
static const char *const guards[] = {
#define GUARD(id) #id,
#include "../policy/guard.def"
#undef GUARD
	NULL
};
static const char *const later_guards[] = { "acl", "datalog", NULL };

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

/* ---- root ---- */

TAKE(root, type)
{
	int i = 0, r = read_word(reader, value, roots, later_roots, &i);
	if (r == 0)
		((struct host *)into)->root = root_find(roots[i]);
	return r;
}

TAKE(root, file)
{
	/* Beside it a new file is written, and renamed. */
	return read_path(reader, value, sizeof(((struct root *)0)->file) - 16, &((struct host *)into)->root_file);
}

TAKE(root, ephemeral)
{
	return read_bool(reader, value, &((struct host *)into)->root_ephemeral);
}

TAKE(host, root)
{
	struct host *host = into;
	int r = read_object(reader, value, OBJECT_root, into);
	if (r == 0 && host->root_ephemeral && host->root_file != NULL)
		return read_fail(reader, cJSON_GetObjectItemCaseSensitive(value, "file"), ERR_MALFORMED,
				 "an ephemeral root keeps nothing in a file; take \"file\" or \"ephemeral\" out");
	return r;
}

/* ---- guard ---- */

TAKE(guard, type)
{
	int i = 0, r = read_word(reader, value, guards, later_guards, &i);
	if (r == 0)
		((struct host *)into)->guard = guard_find(guards[i]);
	return r;
}

TAKE(host, guard)
{
	int r = read_object(reader, value, OBJECT_guard, into);
	if (r == 0 && ((struct host *)into)->guard == NULL)
		return read_fail(reader, value, ERR_MALFORMED,
				 "has no \"type\"; write {\"type\": \"allow\"} or {\"type\": \"deny\"}");
	return r;
}

/* ---- admin ---- */

TAKE(admin, unix)
{
	struct admin_listener *listener = into;
	listener->transport = &transport_unix;
	return read_path(reader, value, SOCKET_PATH_MAX, &listener->path);
}

TAKE(host, admin)
{
	struct host *host = into;
	int n = 0, i = 0;
	int r = read_list(reader, value, 0, ADMIN_LISTENERS_MAX, "[{\"unix\": \"" DEFAULT_ADMIN_SOCKET "\"}]", &n);
	if (r < 0)
		return r;
	struct admin_listener *list = arena_alloc(reader->arena, (size_t)(n + 1) * sizeof *list, sizeof(void *));
	if (list == NULL)
		return read_no_memory(reader);
	for (const cJSON *at = value->child; at != NULL; at = at->next, i++) {
		r = read_object(reader, at, OBJECT_admin, &list[i]);
		if (r == 0 && list[i].transport == NULL)
			r = read_fail(reader, at, ERR_MALFORMED,
				      "has no \"unix\"; write {\"unix\": \"" DEFAULT_ADMIN_SOCKET "\"}");
		for (int k = 0; k < i && r == 0; k++)
			if (strcmp(list[k].path, list[i].path) == 0)
				r = read_fail(reader, at, ERR_EXISTS,
					      "is the same socket as [%d]; keep one of them", k);
		if (r < 0)
			return r;
	}
	host->admin = list;
	host->n_admin = n;
	return ERR_NONE;
}

/* ---- the rest ---- */

TAKE(host, runtime)
{
	return read_path(reader, value, RUNTIME_MAX, &((struct host *)into)->runtime);
}

TAKE(host, hostname)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	struct host *host = into;
	int r = read_string(reader, value, &host->hostname);
	if (r < 0)
		return r;
	const char *name = host->hostname;
	size_t n = strlen(name), good = 0;
	if (n <= HOSTNAME_MAX)
		for (good = 0; name[good] != '\0'; good++)
			if (strchr(ends, name[good]) == NULL && (good == 0 || strchr("-.", name[good]) == NULL))
				break;
	if (n == 0 || good != n)
		return read_fail(
			reader, value, ERR_MALFORMED,
			"%s is no hostname; write 1 to %d letters, digits, - and ., a letter or digit first",
			quote(name).text, HOSTNAME_MAX);
	return ERR_NONE;
}

TAKE(top, host)
{
	return read_object(reader, value, OBJECT_host, &((struct manifest *)into)->host);
}

int read_host_defaults(struct reader *reader)
{
	struct host *host = &reader->manifest->host;
	if (host->root == NULL)
		host->root = root_find("soft");
	if (host->root_file == NULL && !host->root_ephemeral)
		host->root_file = DEFAULT_KEY_FILE;
	if (host->runtime == NULL)
		host->runtime = DEFAULT_RUNTIME;
	if (host->admin == NULL) {
		struct admin_listener *one = arena_alloc(reader->arena, sizeof *one, sizeof(void *));
		if (one == NULL)
			return read_no_memory(reader);
		*one = (struct admin_listener){ &transport_unix, DEFAULT_ADMIN_SOCKET };
		host->admin = one;
		host->n_admin = 1;
	}
	if (host->guard == NULL) {
		host->guard = guard_find("deny");
		read_warn(reader, NULL,
			  "no host.guard, so nothing may run; write \"guard\": {\"type\": \"allow\"} in \"host\" "
			  "to let "
			  "everything run");
	}
	return ERR_NONE;
}
