/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest.h"
#include "sys.h"
#include "sys_machine.h"
#include "sys_output.h"

/* Above what systemd gives to anybody (its UIDS-GIDS page lists the range as unused), below 2^31. */
#define UID_BASE 0x70000000U
#define UID_COUNT 0x0ffeffffU
/* Fewer than this are no use: names would collide. */
#define UID_COUNT_MIN 1000U

/* Where uids of services' own come from: our range if it is mapped, else the upper half of the largest that is. */
static bool find_uids(struct manifest_context *context)
{
	char map[4096];
	unsigned long best = 0, inside, count;
	if (sys_read_file("/proc/self/uid_map", map, sizeof map) < 0) {
		context->uid_base = UID_BASE; /* no /proc: no user namespace either, as far as anybody can tell */
		context->uid_count = UID_COUNT;
		context->container_ids = true;
		return true;
	}
	for (char *p = map, *end; *p != '\0'; p = end) {
		inside = strtoul(p, &end, 10);
		strtoul(end, &end, 10);
		count = strtoul(end, &end, 10);
		if (inside <= UID_BASE && inside + count >= (unsigned long)UID_BASE + UID_COUNT) {
			context->uid_base = UID_BASE;
			context->uid_count = UID_COUNT;
			context->container_ids = inside <= CONTAINER_UID_BASE;
			return true;
		}
		if (count > best) {
			best = count;
			context->uid_base = (uid_t)(inside + count / 2);
			context->uid_count = (uint32_t)(count / 2 - 2); /* the last two are nobody */
		}
		end += strspn(end, " \n");
		if (end == p)
			break;
	}
	return best >= 2 * UID_COUNT_MIN;
}

/* One mapping takes all files, one behind the other: the name, a NUL, the text, a NUL. */
struct loading {
	const char *manifest;
	struct arena *arena;
	uint8_t *bytes;
	size_t n;
	const char *directory;
	struct manifest_file *files;
	int n_files;
};

#define LOADING_BYTES (MANIFEST_BYTES_MAX + 2)

static int read_one(struct loading *l, struct manifest_file *file, struct diag *diag, const char *remedy)
{
	size_t named = l->n + strlen(file->name) + 1;
	ssize_t n = -EFBIG;
	if (named < MANIFEST_BYTES_MAX) {
		strcpy((char *)l->bytes + l->n, file->name);
		n = sys_read_file(file->name, l->bytes + named, LOADING_BYTES - named);
	}
	if (n >= 0 && (size_t)n <= MANIFEST_BYTES_MAX - named) {
		file->json = span_of(l->bytes + named, (size_t)n);
		l->n = named + (size_t)n + 1;
		return 0;
	}
	if (n == -EFBIG || n > 0)
		snprintf(diag->text, sizeof diag->text, "%.255s: larger than %zu MiB; split the host's work",
			 file->name, MANIFEST_BYTES_MAX >> 20);
	else
		snprintf(diag->text, sizeof diag->text, "%.255s: %s; %s", file->name, strerror((int)-n), remedy);
	return ERR_IO;
}

/* ---- a directory of files ---- */

static char *join(struct arena *arena, const char *directory, size_t n, const char *name)
{
	char *path = arena_alloc(arena, n + strlen(name) + 2, 1);
	if (path != NULL) {
		memcpy(path, directory, n);
		if (n > 0 && path[n - 1] != '/')
			path[n++] = '/';
		strcpy(path + n, name);
	}
	return path;
}

static int found_one(void *arg, const char *name)
{
	struct loading *l = arg;
	size_t n = strlen(name);
	if (name[0] == '.' || n < 6 || strcmp(name + n - 5, ".json") != 0)
		return 0;
	if (l->n_files == MANIFEST_FILES_MAX - 1)
		return -E2BIG;
	l->files[l->n_files].name = join(l->arena, l->directory, strlen(l->directory), name);
	return l->files[l->n_files++].name != NULL ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	const struct manifest_file *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int include(void *arg, const char *directory, struct manifest_file *files, struct diag *why)
{
	struct loading *l = arg;
	const char *slash = strrchr(l->manifest, '/');
	l->files = files;
	l->directory = directory;
	if (directory[0] != '/')
		l->directory = join(l->arena, l->manifest, slash != NULL ? (size_t)(slash + 1 - l->manifest) : 0,
				    directory);
	int r = l->directory == NULL ? -ENOMEM : sys_list(l->directory, found_one, l);
	if (r == -E2BIG)
		snprintf(why->text, sizeof why->text, "%.255s has more than %d files; join some of them",
			 l->directory, MANIFEST_FILES_MAX - 1);
	else if (r < 0)
		snprintf(why->text, sizeof why->text, "%.255s: %s; make the directory, or take this out",
			 l->directory != NULL ? l->directory : directory, strerror(-r));
	if (r < 0)
		return ERR_IO;
	qsort(files, (size_t)l->n_files, sizeof *files, by_name);
	for (int i = 0; i < l->n_files; i++)
		if (read_one(l, &files[i], why, "mend the file or take it out") < 0)
			return ERR_IO;
	return l->n_files;
}

int manifest_load(const char *file, struct arena *arena, struct manifest *manifest, bool *can_setuid,
		  struct diag *diag, struct wr *warnings, struct span *kept)
{
	struct loading l = { .manifest = file, .arena = arena, .bytes = sys_map(LOADING_BYTES) };
	struct manifest_file own = { .name = file };
	struct manifest_context context = { .file = file,
					    .own_uid = sys_getuid(),
					    .own_gid = sys_getgid(),
					    .include = include,
					    .include_arg = &l };
	*can_setuid = *can_setuid && find_uids(&context);
	context.can_setuid = *can_setuid;
	bool own_arena = arena->base == NULL;
	if (own_arena)
		*arena = (struct arena){ .cap = MANIFEST_ARENA, .base = sys_map(MANIFEST_ARENA) };
	int r = ERR_IO;
	if (l.bytes == NULL || arena->base == NULL)
		snprintf(diag->text, sizeof diag->text, "%s: no memory to read it", file);
	else if (read_one(&l, &own, diag, "write a manifest there (tao.manifest(5)) or name another with -f") == 0)
		r = manifest_parse(own.json, &context, arena, manifest, diag, warnings);
	if (r >= 0 && kept != NULL)
		*kept = span_of(l.bytes, l.n);
	else if (l.bytes != NULL)
		sys_unmap(l.bytes, LOADING_BYTES);
	if (r < 0 && own_arena && arena->base != NULL) {
		sys_unmap(arena->base, arena->cap);
		arena->base = NULL;
	}
	return r;
}

void manifest_unload(struct span kept)
{
	sys_unmap((void *)(uintptr_t)kept.p, LOADING_BYTES);
}

int manifest_keep(struct span kept)
{
	int fd = sys_memory("tao-manifest", 0);
	int r = fd < 0 ? fd : sys_write_all(fd, kept.p, kept.n);
	if (r < 0 && fd >= 0)
		sys_close(fd);
	return r < 0 ? r : fd;
}
