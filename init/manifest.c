/* SPDX-License-Identifier: MIT
 *
 * The manifest as a whole: scan, tree, keys, links, owners.
 */
#include <stdio.h>
#include <stdlib.h>

#include "manifest_read.h"

/* The tree of the densest manifest that is of any use (4 MiB of short names in lists) takes some 50 MiB. */
#define TREE_BYTES_MAX ((size_t)64 << 20)

/* What cJSON has taken since the parse began. */
static size_t tree_bytes;

static void *tree_alloc(size_t n)
{
	if (n > TREE_BYTES_MAX - tree_bytes)
		return NULL;
	tree_bytes += n;
	return malloc(n);
}

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

TAKE(top, version)
{
	(void)into;
	if (!cJSON_IsNumber(value) || value->valuedouble != MANIFEST_VERSION)
		return read_fail(reader, value, ERR_BAD_VERSION,
				 "is no version that this taoinit reads; write %d, and what it says of version %d",
				 MANIFEST_VERSION, MANIFEST_VERSION);
	return ERR_NONE;
}

static bool is_name(const char *name)
{
	static const char letters[] = "_.@-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strlen(name);
	return n > 0 && n <= SERVICE_NAME_MAX && strspn(name, letters) == n && strchr("_.@-", name[0]) == NULL;
}

static int take_service(struct reader *reader, const cJSON *at)
{
	struct manifest *m = reader->manifest;
	struct service *s = &m->services[m->n_services];
	if (!is_name(at->string))
		return read_fail(
			reader, at, ERR_MALFORMED,
			"no name for a service; write 1 to %d letters, digits, _ . @ and -, a letter or digit "
			"first",
			SERVICE_NAME_MAX);
	s->name = read_keep(reader, at->string);
	if (s->name == NULL)
		return read_no_memory(reader);
	reader->entries[m->n_services] = at;
	int r = read_service(reader, at, s);
	if (r == 0)
		entry_hash(reader->sha256, s);
	m->n_services++;
	return r;
}

TAKE(top, services)
{
	int r = ERR_NONE;
	(void)into;
	if (!cJSON_IsObject(value))
		return read_fail(reader, value, ERR_MALFORMED,
				 "is no object; write one, such as {\"main\": {\"exec\": [\"/bin/main\"]}}");
	for (const cJSON *at = value->child; at != NULL && r == 0; at = at->next)
		r = take_service(reader, at);
	return r;
}

/* Read before all others: read_include(). */
TAKE(top, include)
{
	(void)reader;
	(void)value;
	(void)into;
	return ERR_NONE;
}

/* Another version may mean other keys, so it is looked at before them. */
static int check_version(struct reader *reader, const cJSON *tree)
{
	if (!cJSON_IsObject(tree))
		return read_fail(reader, tree, ERR_MALFORMED,
				 "is no object; write { \"version\": 1, \"services\": {} }");
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(tree, "version");
	return version == NULL ? read_fail(reader, tree, ERR_BAD_VERSION,
					   "has no version; write \"version\": %d first", MANIFEST_VERSION)
			       : take_top_version(reader, version, NULL);
}

/* Places for programs that are started at run time: as services that have only defaults, under names that no service can
 * have. Their memory, their numbers and their uids are there from the boot on. */
static int add_programs(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	size_t n = m->n_services, all = n + m->host.max_programs, places = m->host.max_services;
	char name[8];
	int r = ERR_NONE;
	if (places > 0 && n > places)
		return read_fail(reader, NULL, ERR_TOO_LARGE,
				 "services are %zu and host.max_services is %zu; raise that", n, places);
	if (places + m->host.max_programs > MANIFEST_SERVICES_MAX)
		return read_fail(reader, NULL, ERR_TOO_LARGE,
				 "host.max_services and host.max_programs are more than %d together; lower one",
				 MANIFEST_SERVICES_MAX);
	if (m->host.max_programs == 0)
		return r;
	if (all > MANIFEST_SERVICES_MAX)
		return read_fail(reader, NULL, ERR_TOO_LARGE,
				 "services and host.max_programs are %zu; write at most %d", all,
				 MANIFEST_SERVICES_MAX);
	struct service *services = arena_alloc(reader->arena, all * sizeof *services, _Alignof(struct service));
	const cJSON **entries = realloc(reader->entries, (all + 1) * sizeof *entries);
	reader->entries = entries != NULL ? entries : reader->entries;
	reader->program = cJSON_Parse("{\"exec\":[\"/program\"],\"restart\":\"never\"}");
	if (services == NULL || entries == NULL || reader->program == NULL)
		return read_no_memory(reader);
	if (n > 0)
		memcpy(services, m->services, n * sizeof *services);
	m->services = services;
	for (; m->n_services < all && r == 0; m->n_services++) {
		struct service *s = &services[m->n_services];
		snprintf(name, sizeof name, "@%u", (unsigned)(m->n_services - n) + 1);
		s->name = read_keep(reader, name);
		if (s->name == NULL)
			return read_no_memory(reader);
		reader->entries[m->n_services] = reader->program;
		r = read_service(reader, reader->program, s);
		s->on_call = true;
	}
	return r;
}

/* Grammar, tree, version. */
static int read_file(struct reader *reader, int i)
{
	const struct manifest_file *file = &reader->files[i];
	int r = manifest_scan(file->json, file->name, reader->diag);
	if (r < 0)
		return r;
	reader->trees[i] = cJSON_ParseWithLength((const char *)file->json.p, file->json.n);
	if (reader->trees[i] == NULL)
		return read_no_memory(reader);
	reader->n_files = i + 1;
	return check_version(reader, reader->trees[i]);
}

/* What an included file has besides its services belongs to the host. */
static int read_included(struct reader *reader, int i)
{
	static const char *const not_here[] = { "host", "include" };
	int r = read_file(reader, i);
	for (int k = 0; k < 2 && r == 0; k++) {
		const cJSON *at = cJSON_GetObjectItemCaseSensitive(reader->trees[i], not_here[k]);
		if (at != NULL)
			r = read_fail(reader, at, ERR_MALFORMED,
				      "belongs into %.160s, which includes this file; take it out",
				      reader->context->file);
	}
	return r;
}

static int read_include(struct reader *reader)
{
	const struct manifest_context *context = reader->context;
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->trees[0], "include");
	struct diag why = { "" };
	int r = 0, n = 0;
	if (value == NULL)
		return ERR_NONE;
	if (!cJSON_IsString(value) || value->valuestring[0] == '\0')
		return read_fail(reader, value, ERR_MALFORMED,
				 "is no directory; write one, such as \"/etc/tao/manifest.d\"");
	if (context->include != NULL)
		n = context->include(context->include_arg, value->valuestring, reader->files + 1, &why);
	if (n < 0)
		return read_fail(reader, value, n, "%s", why.text);
	for (int i = 1; i <= n && r == 0; i++)
		r = read_included(reader, i);
	return r;
}

/* The services of all files stand in one table. */
static int make_room(struct reader *reader)
{
	struct manifest *m = reader->manifest;
	size_t n = 0;
	for (int i = 0; i < reader->n_files; i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->trees[i], "services");
		n += (size_t)cJSON_GetArraySize(value);
		if (n > MANIFEST_SERVICES_MAX)
			return read_fail(reader, value, ERR_TOO_LARGE, "are %zu; write at most %d", n,
					 MANIFEST_SERVICES_MAX);
	}
	m->services = arena_alloc(reader->arena, n * sizeof *m->services, _Alignof(struct service));
	reader->entries = calloc(n + 1, sizeof *reader->entries);
	return m->services == NULL || reader->entries == NULL ? read_no_memory(reader) : ERR_NONE;
}

static int read_trees(struct reader *reader)
{
	int r = read_file(reader, 0);
	if (r == 0)
		r = read_include(reader);
	if (r == 0)
		r = make_room(reader);
	for (int i = 0; i < reader->n_files && r == 0; i++)
		r = read_object(reader, reader->trees[i], OBJECT_top, reader->manifest);
	if (r == 0)
		r = read_host_defaults(reader);
	if (r == 0)
		r = read_check_switch_root(reader);
	if (r == 0)
		r = read_links(reader);
	if (r == 0)
		r = add_programs(reader);
	if (r == 0)
		r = read_owners(reader);
	if (r == 0 && reader->manifest->n_services == 0)
		read_warn(reader, NULL, "no services, so nothing will run; write some into \"services\"");
	return r;
}

static void hash_files(const struct reader *reader, uint8_t out[static SHA256_SIZE])
{
	struct sha256 hash;
	sha256_init(&hash, reader->sha256);
	for (int i = 0; i < reader->n_files; i++)
		sha256_update(&hash, reader->files[i].json);
	sha256_out(&hash, out);
}

int manifest_parse(struct span json, const struct manifest_context *context, struct arena *arena,
		   struct manifest *manifest, struct diag *diag, struct wr *warnings)
{
	cJSON_Hooks hooks = { tree_alloc, free };
	/* One manifest is read at a time. */
	static struct manifest_file files[MANIFEST_FILES_MAX];
	static cJSON *trees[MANIFEST_FILES_MAX];
	struct reader reader = { .files = files,
				 .trees = trees,
				 .context = context,
				 .arena = arena,
				 .diag = diag,
				 .warnings = warnings,
				 .manifest = manifest,
				 .sha256 = sha256_pick() };
	files[0] = (struct manifest_file){ context->file, json };
	memset(manifest, 0, sizeof *manifest);
	diag->text[0] = '\0';
	tree_bytes = 0;
	cJSON_InitHooks(&hooks);
	int r = read_trees(&reader);
	hash_files(&reader, manifest->sha256.b);
	for (int i = 0; i < reader.n_files; i++)
		cJSON_Delete(trees[i]);
	cJSON_Delete(reader.program);
	cJSON_InitHooks(NULL);
	free(reader.entries);
	manifest->host.manifest_sha256 = manifest->sha256;
	return r;
}
