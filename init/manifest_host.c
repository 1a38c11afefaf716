/* SPDX-License-Identifier: MIT
 *
 * The host of the manifest: root of trust, guard, admin transports, name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../crypto/root.h"
#include "../policy/guard.h"
#include "environment.h"
#include "manifest_read.h"
#include "measure.h"
#include "sys.h"
#include "transport.h"

#define DEFAULT_KEY_FILE "/var/lib/tao/keys"
#define DEFAULT_RUNTIME "/run/tao"
#define DEFAULT_ADMIN_SOCKET DEFAULT_RUNTIME "/admin_socket"
/* Of a descriptor that is inherited. */
#define ADMIN_FD_MAX 65535
#define DEFAULT_TPM_DIR "/var/lib/tao/tpm"
#define TPM_KEY_FILE "/keys"
/* Some hundred lines; what no service needs that is well. */
#define DEFAULT_LOG_RING 32768
#define DEFAULT_LOG_RATE 2000
#define DEFAULT_LOG_SIZE ((uint64_t)8 << 20)
#define AUTHORIZATION_FILE "/authorization"
#define DEFAULT_PCR 15
#define DEFAULT_COUNTER_INTERVAL (60 * NS_PER_S)
/* So that a host's name stays short enough for names to be made of it. */
#define PCRS_MAX 8
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
static const char *const guards[] = {
#define GUARD(id) #id,
#include "../policy/guard.def"
#undef GUARD
	NULL
};

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

/* ---- root ---- */

TAKE(root, type)
{
	int i = 0, r = read_word(reader, value, roots, NULL, &i);
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

TAKE(root, device)
{
	static const char swtpm[] = "swtpm:";
	struct host *host = into;
	int r = read_string(reader, value, &host->root_device);
	if (r < 0)
		return r;
	const char *path = host->root_device;
	if (strncmp(path, swtpm, sizeof swtpm - 1) == 0)
		path += sizeof swtpm - 1;
	if (path[0] != '/' || strlen(path) > SOCKET_PATH_MAX)
		return read_fail(reader, value, ERR_MALFORMED,
				 "%s is no place of a TPM; write \"" TPM_DEVICE "\", or \"swtpm:/path\"",
				 quote(host->root_device).text);
	return ERR_NONE;
}

TAKE(root, dir)
{
	return read_path(reader, value, sizeof(((struct root *)0)->file) - 32, &((struct host *)into)->root_dir);
}

TAKE(root, pcrs)
{
	struct host *host = into;
	int n = 0;
	int64_t last = -1, pcr = 0;
	int r = read_list(reader, value, 1, PCRS_MAX, "[4, 7, 15]", &n);
	if (r < 0)
		return r;
	for (const cJSON *at = value->child; at != NULL; at = at->next, last = pcr) {
		r = read_int(reader, at, 0, QUOTE_PCRS_TRUSTED - 1, &pcr);
		if (r < 0)
			return r;
		if (pcr <= last)
			return read_fail(reader, at, ERR_MALFORMED, "comes after a larger one; sort them");
		host->root_pcrs |= (uint32_t)1 << pcr;
	}
	host->root_pcr = (uint32_t)pcr;
	return ERR_NONE;
}

/* Hexadecimal digits in small letters. */
static int read_hex(struct reader *reader, const cJSON *value, size_t n, const char *what, const uint8_t **into)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	if (strlen(text) != 2 * n || strspn(text, digits) != 2 * n)
		return read_fail(reader, value, ERR_MALFORMED,
				 "is no %s; write %d hexadecimal digits in small letters", what, (int)(2 * n));
	uint8_t *bytes = arena_alloc(reader->arena, n, 1);
	if (bytes == NULL)
		return read_no_memory(reader);
	for (size_t i = 0; i < 2 * n; i++)
		bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (strchr(digits, text[i]) - digits));
	*into = bytes;
	return ERR_NONE;
}

TAKE(root, pcr_base)
{
	return read_hex(reader, value, SHA256_SIZE, "value of a PCR", &((struct host *)into)->root_pcr_base);
}

TAKE(root, srk_name)
{
	return read_hex(reader, value, 2 + SHA256_SIZE, "name of a key", &((struct host *)into)->root_srk_name);
}

TAKE(root, on_root_failure)
{
	static const char *const words[] = { "halt", "rescue", "ephemeral", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	if (r == 0)
		((struct host *)into)->on_root_failure = (enum root_failure)i;
	return r;
}

TAKE(root, nv_index)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	char *end;
	unsigned long index = strtoul(text, &end, 16);
	if (strlen(text) != 10 || strncmp(text, "0x01", 4) != 0 || end != text + 10)
		return read_fail(reader, value, ERR_MALFORMED, "is no NV index; write \"0x01817461\"");
	((struct host *)into)->root_nv_index = (uint32_t)index;
	return ERR_NONE;
}

TAKE(root, domain_key)
{
	return read_hex(reader, value, SHA256_SIZE, "hash of a key", &((struct host *)into)->root_domain_key);
}

TAKE(root, authorization)
{
	return read_path(reader, value, 4095, &((struct host *)into)->root_authorization);
}

TAKE(root, counter_interval)
{
	return read_duration(reader, value, 0, 86400 * NS_PER_S, &((struct host *)into)->counter_interval);
}

/* Keys of one kind of root in another. */
static int check_root(struct reader *reader, const cJSON *value, const struct host *host)
{
	static const char *const of_soft[] = { "file", "ephemeral", NULL };
	static const char *const of_tpm[] = { "device",		  "dir",      "pcrs",	    "pcr_base",
					      "srk_name",	  "nv_index", "domain_key", "authorization",
					      "counter_interval", NULL };
	bool tpm = host->root != NULL && host->root->room > 0;
	for (const char *const *key = tpm ? of_soft : of_tpm; *key != NULL; key++) {
		const cJSON *at = cJSON_GetObjectItemCaseSensitive(value, *key);
		if (at != NULL)
			return read_fail(reader, at, ERR_MALFORMED,
					 "is for a root of type \"%s\"; take it out, or write \"type\": \"%s\"",
					 tpm ? "soft" : "tpm", tpm ? "soft" : "tpm");
	}
	return ERR_NONE;
}

TAKE(host, root)
{
	struct host *host = into;
	int r = read_object(reader, value, OBJECT_root, into);
	if (r == 0)
		r = check_root(reader, value, host);
	if (r == 0 && host->root_authorization != NULL && host->root_domain_key == NULL)
		return read_fail(reader, cJSON_GetObjectItemCaseSensitive(value, "authorization"), ERR_MALFORMED,
				 "is by nobody; write \"domain_key\", too, as taopolicy keygen printed it");
	if (r == 0 && host->root_ephemeral && host->root_file != NULL)
		return read_fail(reader, cJSON_GetObjectItemCaseSensitive(value, "file"), ERR_MALFORMED,
				 "an ephemeral root keeps nothing in a file; take \"file\" or \"ephemeral\" out");
	return r;
}

/* ---- guard ---- */

TAKE(guard, type)
{
	int i = 0, r = read_word(reader, value, guards, NULL, &i);
	if (r == 0)
		((struct host *)into)->guard = guard_find(guards[i]);
	return r;
}

TAKE(guard, file)
{
	return read_path(reader, value, 4095, &((struct host *)into)->guard_file);
}

TAKE(guard, key)
{
	struct host *host = into;
	host->guard_keyed = true;
	return read_sha256(reader, value, &host->guard_key);
}

TAKE(guard, strict)
{
	return read_bool(reader, value, &((struct host *)into)->guard_strict);
}

TAKE(host, guard)
{
	int r = read_object(reader, value, OBJECT_guard, into);
	const struct host *host = into;
	if (r < 0)
		return r;
	if (host->guard == NULL)
		return read_fail(reader, value, ERR_MALFORMED,
				 "has no \"type\"; write {\"type\": \"allow\"} or {\"type\": \"deny\"}");
	bool policy = host->guard->load != NULL;
	if (policy && (host->guard_file == NULL || !host->guard_keyed))
		return read_fail(
			reader, value, ERR_MALFORMED,
			"has no \"%s\"; a guard with a policy needs \"file\", and \"key\" as taopolicy keygen "
			"printed it",
			host->guard_file == NULL ? "file" : "key");
	if (!policy && (host->guard_file != NULL || host->guard_keyed || host->guard_strict))
		return read_fail(
			reader, value, ERR_MALFORMED,
			"has a \"file\", \"key\" or \"strict\", but the guard %s has no policy; take it out, "
			"or write \"type\": \"datalog\"",
			host->guard->name);
	return ERR_NONE;
}

/* ---- admin ---- */

TAKE(admin, unix)
{
	struct admin_listener *listener = into;
	listener->transport = &transport_unix;
	return read_path(reader, value, SOCKET_PATH_MAX, &listener->path);
}

TAKE(admin, fd)
{
	struct admin_listener *listener = into;
	int64_t number = 0;
	int r = read_int(reader, value, 3, ADMIN_FD_MAX, &number);
	listener->transport = &transport_fd;
	listener->fd = (int)number;
	return r < 0 ? r : read_owner(reader, value, &listener->path);
}

/* 1: it is a name. */
static int read_id(struct reader *reader, const cJSON *value, uint32_t *id)
{
	int64_t number = 0;
	if (cJSON_IsString(value))
		return 1;
	int r = read_int(reader, value, 0, UINT32_MAX - 1, &number);
	*id = (uint32_t)number;
	return r;
}

static int nobody(struct reader *reader, const cJSON *value, const char *what, const char *file)
{
	return read_fail(reader, value, ERR_NOT_FOUND,
			 "there is no %s %s in /etc/%s; add it there, or write its number", what,
			 quote(value->valuestring).text, file);
}

TAKE(admin, as)
{
	struct admin_listener *listener = into;
	gid_t groups[MEASURE_GROUPS_MAX];
	int n = MEASURE_GROUPS_MAX;
	int r = read_id(reader, value, &listener->uid);
	gid_t gid = listener->uid;
	listener->has_uid = true;
	if (r > 0 && sys_user_find(value->valuestring, &listener->uid, &gid, groups, &n) < 0)
		return nobody(reader, value, "user", "passwd");
	if (!listener->has_group)
		listener->gid = gid;
	return r < 0 ? r : ERR_NONE;
}

TAKE(admin, group)
{
	struct admin_listener *listener = into;
	int r = read_id(reader, value, &listener->gid);
	listener->has_group = true;
	if (r > 0 && sys_group_find(value->valuestring, &listener->gid) < 0)
		return nobody(reader, value, "group", "group");
	return r < 0 ? r : ERR_NONE;
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
		bool is_unix = cJSON_GetObjectItemCaseSensitive(at, "unix") != NULL, is_fd = list[i].fd != 0;
		if (r == 0 && (is_unix == is_fd || is_fd != list[i].has_uid))
			r = read_fail(reader, at, ERR_MALFORMED,
				      "has no \"unix\" alone, nor \"fd\" and \"as\"; write one of them");
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

TAKE(host, max_programs)
{
	int64_t n = 0;
	int r = read_int(reader, value, 0, MANIFEST_PROGRAMS_MAX, &n);
	((struct host *)into)->max_programs = (uint16_t)n;
	return r;
}

TAKE(host, max_services)
{
	int64_t n = 0;
	int r = read_int(reader, value, 1, MANIFEST_SERVICES_MAX, &n);
	((struct host *)into)->max_services = (uint16_t)n;
	return r;
}

TAKE(host, audit)
{
	struct host *host = into;
	if (!cJSON_IsString(value) || strcmp(value->valuestring, "kmsg") != 0)
		return read_path(reader, value, 4095, &host->audit);
	host->audit = "kmsg";
	return ERR_NONE;
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
	struct host *host = &((struct manifest *)into)->host;
	host->log_rate = DEFAULT_LOG_RATE;
	host->counter_interval = -1;
	return read_object(reader, value, OBJECT_host, host);
}

static const char *in_dir(struct reader *reader, const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 1;
	char *path = arena_alloc(reader->arena, n, 1);
	if (path != NULL)
		(void)snprintf(path, n, "%s%s", dir, name);
	return path;
}

static int read_tpm_defaults(struct reader *reader, struct host *host)
{
	if (host->root_device == NULL)
		host->root_device = TPM_DEVICE;
	if (host->counter_interval < 0)
		host->counter_interval = DEFAULT_COUNTER_INTERVAL;
	if (host->root_dir == NULL)
		host->root_dir = DEFAULT_TPM_DIR;
	if (host->root_pcrs == 0) {
		host->root_pcrs = 1 << DEFAULT_PCR;
		host->root_pcr = DEFAULT_PCR;
	}
	if (host->root_authorization == NULL)
		host->root_authorization = in_dir(reader, host->root_dir, AUTHORIZATION_FILE);
	host->root_file = in_dir(reader, host->root_dir, TPM_KEY_FILE);
	return host->root_file != NULL && host->root_authorization != NULL ? ERR_NONE : ERR_NO_SPACE;
}

int read_host_defaults(struct reader *reader)
{
	struct host *host = &reader->manifest->host;
	if (host->root == NULL)
		host->root = root_find("soft");
	if (host->root->room > 0 && read_tpm_defaults(reader, host) < 0)
		return read_no_memory(reader);
	if (host->root_file == NULL && !host->root_ephemeral)
		host->root_file = DEFAULT_KEY_FILE;
	if (host->runtime == NULL)
		host->runtime = DEFAULT_RUNTIME;
	if (host->log_ring == 0)
		host->log_ring = DEFAULT_LOG_RING;
	if (host->log_size == 0)
		host->log_size = DEFAULT_LOG_SIZE;
	if (host->admin == NULL) {
		struct admin_listener *one = arena_alloc(reader->arena, sizeof *one, sizeof(void *));
		if (one == NULL)
			return read_no_memory(reader);
		*one = (struct admin_listener){ .transport = &transport_unix, .path = DEFAULT_ADMIN_SOCKET };
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
