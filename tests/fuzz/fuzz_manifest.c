/* SPDX-License-Identifier: MIT
 * The manifest's reader. The first byte chooses what it depends on: rights, and how large the arena is; the rest is the
 * file.
 * Invariants: nothing is written past the arena; reading twice says the same; what is good can be described, in an order
 * that keeps its promises; uids of services' own are theirs alone; what is bad is said in one line without controls. */
/* link: init policy crypto */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../init/manifest.h"
#include "../../init/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define CANARY 64

static uint8_t memory[2][(1 << 20) + CANARY];
static char table[2][1 << 18];

static void must(bool holds)
{
	if (!holds)
		abort();
}

int sys_user_find(const char *name, uid_t *uid, gid_t *gid, gid_t *groups, int *n_groups)
{
	int cap = *n_groups;
	*uid = (uid_t)strlen(name);
	*gid = *uid + 1;
	must(cap >= 1);
	groups[0] = 9;
	*n_groups = 1;
	return name[0] == 'x' ? -ENOENT : 0;
}

int sys_group_find(const char *name, gid_t *gid)
{
	*gid = (gid_t)strlen(name);
	return name[0] == 'x' ? -ENOENT : 0;
}

struct result {
	struct manifest m;
	struct diag diag;
	char warnings[2048];
	size_t n_warnings, n_table;
	int r;
};

static struct result result[2];

static void read_into(int i, struct span json, const struct manifest_context *context, size_t arena_bytes)
{
	struct result *to = &result[i];
	struct arena arena = { memory[i], 0, arena_bytes };
	struct wr warnings = wr_to(to->warnings, sizeof to->warnings), out = wr_to(table[i], sizeof table[i]);
	memset(memory[i] + arena_bytes, 0x5a, CANARY);
	to->r = manifest_parse(json, context, &arena, &to->m, &to->diag, &warnings);
	for (int k = 0; k < CANARY; k++)
		must(memory[i][arena_bytes + (size_t)k] == 0x5a);
	must(arena.n <= arena.cap && warnings.err == ERR_NONE);
	to->n_warnings = warnings.n;
	to->n_table = 0;
	if (to->r < 0)
		return;
	manifest_describe(&to->m, &out);
	to->n_table = out.n;
}

static void check_services(const struct manifest *m, const struct manifest_context *context)
{
	for (uint16_t i = 0; i < m->n_services; i++) {
		const struct service *s = &m->services[i];
		size_t n = strlen(s->name);
		must(n > 0 && n <= SERVICE_NAME_MAX && s->factory != NULL && s->cwd[0] == '/');
		must(s->n_exec > 0 && s->exec[0][0] == '/' && s->exec[s->n_exec] == NULL);
		must(s->n_env == 0 || s->env[s->n_env] == NULL);
		must(s->n_requires <= s->n_after && s->restart_delay >= 0 && s->stop_timeout >= 0);
		must(s->privileged || s->uid != 0);
		must(!s->own_uid || context->can_setuid);
		for (uint16_t k = 0; k < s->n_after; k++)
			must(s->after[k] < m->n_services && s->after[k] != i);
		for (uint16_t k = 0; k < i; k++)
			must(strcmp(m->services[k].name, s->name) != 0 &&
			     (!s->own_uid || m->services[k].uid != s->uid));
	}
	must(m->host.root != NULL && m->host.guard != NULL &&
	     (m->host.root_file != NULL || m->host.root_ephemeral));
}

static void check_text(const char *text)
{
	must(text[0] != '\0');
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		must(*p >= 0x20 && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (size < 1)
		return 0;
	struct manifest_context context = {
		.file = "f", .own_uid = 7, .own_gid = 8, .uid_base = 100, .uid_count = 50
	};
	context.can_setuid = (input[0] & 1) != 0;
	size_t arena_bytes = (input[0] & 2) != 0 ? (size_t)1 << 20 : (size_t)(input[0] >> 2) * 64;
	struct span json = span_of(input + 1, size - 1);
	for (int i = 0; i < 2; i++)
		read_into(i, json, &context, arena_bytes);
	must(result[0].r == result[1].r && result[0].n_table == result[1].n_table);
	must(result[0].n_warnings == result[1].n_warnings);
	must(memcmp(result[0].warnings, result[1].warnings, result[0].n_warnings) == 0);
	must(memcmp(table[0], table[1], result[0].n_table) == 0);
	if (result[0].r == 0) {
		check_services(&result[0].m, &context);
	} else {
		must(result[0].r < 0 && strcmp(result[0].diag.text, result[1].diag.text) == 0);
		check_text(result[0].diag.text);
	}
	return 0;
}
