/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest.h"
#include "sys.h"

/* Strings and tables of a manifest of MANIFEST_BYTES_MAX; filled lazily. */
#define ARENA_BYTES ((size_t)64 << 20)
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
		return true;
	}
	for (char *p = map, *end; *p != '\0'; p = end) {
		inside = strtoul(p, &end, 10);
		strtoul(end, &end, 10);
		count = strtoul(end, &end, 10);
		if (inside <= UID_BASE && inside + count >= (unsigned long)UID_BASE + UID_COUNT) {
			context->uid_base = UID_BASE;
			context->uid_count = UID_COUNT;
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

static ssize_t read_all(const char *file, struct span *json, struct diag *diag)
{
	uint8_t *bytes = sys_map(MANIFEST_BYTES_MAX + 2);
	if (bytes == NULL) {
		snprintf(diag->text, sizeof diag->text, "%s: no memory to read it", file);
		return ERR_IO;
	}
	ssize_t n = sys_read_file(file, bytes, MANIFEST_BYTES_MAX + 2);
	if (n >= 0 && (size_t)n <= MANIFEST_BYTES_MAX) {
		*json = span_of(bytes, (size_t)n);
		return 0;
	}
	sys_unmap(bytes, MANIFEST_BYTES_MAX + 2);
	if (n == -EFBIG || n > 0)
		snprintf(diag->text, sizeof diag->text, "%s: larger than %zu MiB; split the host's work", file,
			 MANIFEST_BYTES_MAX >> 20);
	else
		snprintf(diag->text, sizeof diag->text,
			 "%s: %s; write a manifest there (tao.manifest(5)) or name another with -f", file,
			 strerror((int)-n));
	return ERR_IO;
}

int manifest_load(const char *file, struct arena *arena, struct manifest *manifest, bool *can_setuid,
		  struct diag *diag, struct wr *warnings)
{
	struct manifest_context context = { .file = file, .own_uid = sys_getuid(), .own_gid = sys_getgid() };
	struct span json = span_of(NULL, 0);
	if (read_all(file, &json, diag) < 0)
		return ERR_IO;
	*can_setuid = *can_setuid && find_uids(&context);
	context.can_setuid = *can_setuid;
	arena->cap = ARENA_BYTES;
	arena->n = 0;
	arena->base = sys_map(ARENA_BYTES);
	int r = ERR_NO_SPACE;
	if (arena->base != NULL)
		r = manifest_parse(json, &context, arena, manifest, diag, warnings);
	else
		snprintf(diag->text, sizeof diag->text, "%s: no memory to read it", file);
	sys_unmap((void *)(uintptr_t)json.p, MANIFEST_BYTES_MAX + 2);
	if (r < 0 && arena->base != NULL) {
		sys_unmap(arena->base, arena->cap);
		arena->base = NULL;
	}
	return r;
}
