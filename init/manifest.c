/* SPDX-License-Identifier: MIT
 *
 * The manifest as a whole: scan, parse, take, link.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "../crypto/sha256.h"
#include "manifest_read.h"

/* cJSON's tree of a manifest of MANIFEST_BYTES_MAX that is all small numbers would be this large, and no more. */
#define TREE_BYTES_MAX ((size_t)64 << 20)

static size_t tree_bytes; /* taken from malloc by cJSON since the parse began */

static void *tree_alloc(size_t n)
{
	if (n > TREE_BYTES_MAX || tree_bytes > TREE_BYTES_MAX - n)
		return NULL;
	tree_bytes += n;
	return malloc(n);
}

/* ---- services ---- */

static int check_name(struct reader *reader, const char *name)
{
	size_t n = strlen(name);
	bool good = n > 0 && n <= SERVICE_NAME_MAX && isalnum((unsigned char)name[0]);
	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)name[i]) || strchr("_.@-", name[i]) != NULL;
	return good ? ERR_NONE
		    : read_fail(reader,
				"no name for a service: letters, digits and _ . @ -, beginning with a letter or "
				"digit, "
				"at most %d",
				SERVICE_NAME_MAX);
}

static int take_services(struct reader *reader, const cJSON *value, void *into)
{
	struct manifest *m = into;
	int n = cJSON_IsObject(value) ? cJSON_GetArraySize(value) : -1;
	if (n < 0)
		return read_fail(reader, "must be an object: { \"name\": { \"exec\": [ … ] } }");
	if (n > MANIFEST_SERVICES_MAX)
		return read_fail(reader, "%d services; at most %d", n, MANIFEST_SERVICES_MAX);
	m->services = arena_alloc(reader->arena, (size_t)(n + 1) * sizeof *m->services, sizeof(void *));
	if (m->services == NULL)
		return read_fail(reader, "the manifest takes too much memory");
	reader->services = value;
	for (const cJSON *at = value->child; at != NULL; at = at->next) {
		struct service *s = &m->services[m->n_services];
		size_t mark = read_enter(reader, ".%.64s", at->string), size = strlen(at->string) + 1;
		char *name = arena_alloc(reader->arena, size, 1);
		int r = name == NULL ? read_fail(reader, "the manifest takes too much memory")
				     : check_name(reader, at->string);
		if (r == 0) {
			s->name = memcpy(name, at->string, size);
			r = read_service(reader, at, s);
		}
		if (r < 0)
			return r;
		m->n_services++;
		read_leave(reader, mark);
	}
	return ERR_NONE;
}

/* ---- the whole ---- */

static int take_version(struct reader *reader, const cJSON *value, void *into)
{
	int64_t version = 0;
	(void)into;
	if (read_int(reader, value, 0, INT32_MAX, &version) < 0 || version != MANIFEST_VERSION)
		return read_fail(reader, "must be %d, the one version that this taoinit reads", MANIFEST_VERSION);
	return ERR_NONE;
}

static int take_host(struct reader *reader, const cJSON *value, void *into)
{
	return read_host(reader, value, &((struct manifest *)into)->host);
}

static int take_all(struct reader *reader, const cJSON *tree)
{
	static const struct key keys[] = { { "version", take_version },
					   { "host", take_host },
					   { "services", take_services },
					   { "include", NULL } };
	struct manifest *m = reader->manifest;
	int r = read_object(reader, tree, keys, sizeof keys / sizeof keys[0], m);
	if (r == 0 && cJSON_GetObjectItemCaseSensitive(tree, "version") == NULL)
		r = read_fail(reader, "\"version\" is missing; say \"version\": %d", MANIFEST_VERSION);
	if (r == 0 && m->services == NULL)
		r = read_fail(reader, "\"services\" is missing; say \"services\": {}");
	if (r == 0 && m->host.guard == NULL)
		r = read_host(reader, NULL, &m->host);
	if (r == 0)
		r = read_links(reader);
	return r == 0 ? read_owners(reader) : r;
}

int manifest_parse(struct span json, const struct manifest_context *context, struct arena *arena,
		   struct manifest *manifest, struct diag *diag, struct wr *warnings)
{
	cJSON_Hooks hooks = { tree_alloc, free };
	struct reader reader = {
		.context = context, .arena = arena, .diag = diag, .warnings = warnings, .manifest = manifest
	};
	memset(manifest, 0, sizeof *manifest);
	if (json.n > MANIFEST_BYTES_MAX) {
		snprintf(diag->text, sizeof diag->text, "%s: larger than %zu MiB; split the host's work",
			 context->file, MANIFEST_BYTES_MAX >> 20);
		return ERR_TOO_LARGE;
	}
	int r = manifest_scan(json, context->file, diag);
	if (r < 0)
		return r;
	tree_bytes = 0;
	cJSON_InitHooks(&hooks);
	cJSON *tree = cJSON_ParseWithLength((const char *)json.p, json.n);
	r = tree == NULL ? read_fail(&reader, "takes too much memory to read") : take_all(&reader, tree);
	cJSON_Delete(tree);
	cJSON_InitHooks(NULL);
	sha256_of(sha256_pick(), json, manifest->sha256.b);
	return r;
}
