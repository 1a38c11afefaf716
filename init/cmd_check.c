/* SPDX-License-Identifier: MIT
 *
 * taoinit -n: reads a manifest as PID 1 would, measures every program with the worker that PID 1 uses, and shows
 * what would run. Where the policy is there, too, it is read as it would be; and asked, if the host's name is known.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../crypto/keyset.h"
#include "clock.h"
#include "command.h"
#include "environment.h"
#include "policy_change.h"
#include "policy_open.h"
#include "sys.h"

static void print_lines(const char *prefix, const char *text)
{
	while (*text != '\0') {
		int n = (int)strcspn(text, "\n");
		fprintf(stderr, "%s%.*s\n", prefix, n, text);
		text += n + (text[n] == '\n');
	}
}

/* One question to the worker, and its answer. */
static int measure_one(int worker, const struct service *s, uint16_t u, bool check_user,
		       struct measure_reply *reply)
{
	static uint8_t buffer[MEASURE_MESSAGE_MAX];
	struct wr out = wr_to(buffer, sizeof buffer);
	int fds[MEASURE_FDS_MAX], n_fds = 0;
	if (measure_pack(s, u, check_user, &out) < 0 || sys_send(worker, wr_span(&out), NULL, 0) < 0)
		return -1;
	ssize_t n = sys_recv_wait(worker, reply, sizeof *reply, fds, MEASURE_FDS_MAX, &n_fds);
	for (int i = 0; i < n_fds; i++)
		sys_close(fds[i]);
	reply->text[sizeof reply->text - 1] = '\0';
	return n == (ssize_t)sizeof *reply ? 0 : -1;
}

struct measured_program {
	struct digest program, files;
	struct part_digests parts;
	bool ok;
};

static bool judge(const char *file, const struct service *s, const struct measure_reply *reply)
{
	if (reply->error != 0) {
		fprintf(stderr, "%s: services.%s: %s\n", file, s->name, reply->text);
		return false;
	}
	if (s->sha256 != NULL && memcmp(s->sha256, &reply->program, sizeof *s->sha256) != 0) {
		fprintf(stderr, "%s: services.%s.sha256: %s has another SHA-256: ", file, s->name,
			measure_path(s));
		for (int i = 0; i < 32; i++)
			fprintf(stderr, "%02x", reply->program.b[i]);
		fputs("; put that in if the change was meant\n", stderr);
		return false;
	}
	return true;
}

/* The name that two services would share: then neither policy nor seal can tell them apart. */
static bool same_name(const struct service *a, const struct measured_program *ma, const struct service *b,
		      const struct measured_program *mb)
{
	if (memcmp(&ma->program, &mb->program, sizeof ma->program) != 0 ||
	    memcmp(&ma->files, &mb->files, sizeof ma->files) != 0 || (a->n_files > 0) != (b->n_files > 0) ||
	    a->measure_args != b->measure_args || a->measure_entry != b->measure_entry ||
	    a->trust_rootfs != b->trust_rootfs || a->privileged != b->privileged || a->factory != b->factory ||
	    memcmp(&ma->parts, &mb->parts, sizeof ma->parts) != 0)
		return false;
	if (a->machine != NULL && strcmp(a->machine->command_line, b->machine->command_line) != 0)
		return false;
	if (a->measure_entry && memcmp(&a->entry, &b->entry, sizeof a->entry) != 0)
		return false;
	for (int i = 1; a->measure_args && (i < a->n_exec || i < b->n_exec); i++)
		if (i >= a->n_exec || i >= b->n_exec || strcmp(a->exec[i], b->exec[i]) != 0)
			return false;
	return true;
}

static void warn_of_equal_names(const char *file, const struct manifest *m,
				const struct measured_program *programs)
{
	for (uint16_t a = 0; a < m->n_services; a++)
		for (uint16_t b = 0; b < a; b++)
			if (programs[a].ok && programs[b].ok &&
			    same_name(&m->services[a], &programs[a], &m->services[b], &programs[b])) {
				fprintf(stderr,
					"warning: %s: services.%s and services.%s have the same name to the Tao: "
					"whatever one "
					"seals the other can open; \"measure\": {\"args\": true} or {\"entry\": "
					"true} tells "
					"them apart\n",
					file, m->services[b].name, m->services[a].name);
				break;
			}
}

/* ---- the policy ---- */

/* What hosted programs' names begin with, as far as the files here tell: a soft root's key is there after its first
 * boot. */
static bool find_name(struct env *env)
{
	const struct host *host = &env->manifest.host;
	uint8_t file[KEYSET_FILE_SIZE + 1], spki[KEY_SPKI_SIZE];
	struct keyset keys;
	if (strcmp(host->root->name, "soft") != 0 || host->root_ephemeral)
		return false;
	ssize_t n = sys_read_file(host->root_file, file, sizeof file);
	bool good = n > 0 && keyset_read(&keys, span_of(file, (size_t)n)) == ERR_NONE &&
		    key_spki(keys.sign, spki) == ERR_NONE;
	wipe(&keys, sizeof keys);
	wipe(file, sizeof file);
	if (!good)
		return false;
	sha256_of(sha256_pick(), span_of(spki, sizeof spki), env->identity.spki_sha256);
	return environment_name_guard(env) == 0 && environment_name_host(env) == 0;
}

static void ask_execute(const char *file, struct env *env, const struct measured_program *programs)
{
	static uint8_t text[BOUNDARY_EXPLAIN_MAX];
	const struct manifest *m = &env->manifest;
	env->units = calloc((size_t)m->n_services + 1, sizeof *env->units);
	env->programs = calloc(2 * ((size_t)m->n_services + 1), sizeof *env->programs);
	env->parts = calloc((size_t)m->n_services + 1, sizeof *env->parts);
	env->scratch = calloc(1, sizeof *env->scratch);
	if (env->units == NULL || env->programs == NULL || env->parts == NULL || env->scratch == NULL)
		return;
	env->files = env->programs + m->n_services + 1;
	if (!find_name(env)) {
		fprintf(stderr,
			"note: %s: the name that this host will have is not known here, so the policy was not "
			"asked what it lets run\n",
			file);
		return;
	}
	for (uint16_t u = 0; u < m->n_services; u++) {
		struct wr out = wr_to(text, sizeof text);
		launch_take_digests(env, u, programs[u].program, programs[u].files, &programs[u].parts);
		if (programs[u].ok && boundary_explain(env, u, "Execute", NULL, 0, &out) != ALLOW)
			fprintf(stderr, "warning: %s: services.%s: the policy does not let it run (%.*s)\n", file,
				m->services[u].name, (int)strcspn((const char *)text + 8, "\n"),
				(const char *)text + 8);
	}
}

/* As PID 1 would read it, but for the versions that it has seen. */
static bool check_policy(const char *file, const struct manifest *m, const struct measured_program *programs)
{
	static struct env env;
	const struct host *host = &m->host;
	const struct policy_trust trust = { sha256_pick(), host->guard_key.b, clock_latest(0) / NS_PER_S, 0,
					    host->guard->name };
	struct policy_file policy;
	struct why why = { .rule = "" };
	struct span memory;
	if (host->guard->load == NULL)
		return true;
	uint8_t *text = sys_map(POLICY_FILE_MAX + 1);
	ssize_t n = text != NULL ? sys_read_file(host->guard_file, text, POLICY_FILE_MAX + 1) : -ENOMEM;
	if (n < 0 || (size_t)n > POLICY_FILE_MAX) {
		bool absent = n == -ENOENT;
		fprintf(stderr, "%s%s: host.guard.file: %s: %s%s\n", absent ? "warning: " : "", file,
			host->guard_file, n < 0 ? strerror((int)-n) : "longer than a policy may be",
			absent ? "; nothing runs until a signed policy is there" : "");
		return absent;
	}
	env.manifest = *m;
	env.guard.class = host->guard;
	memcpy(env.guard.key, host->guard_key.b, sizeof env.guard.key);
	int r = policy_open(span_of(text, (size_t)n), &trust, &policy, &why);
	if (r >= 0)
		r = policy_load_rules(&policy, &env.guard, &memory, &why);
	if (r < 0) {
		fprintf(stderr, "%s: host.guard.file: %s: %s; %s\n", file, host->guard_file, why.rule,
			policy_remedy(r));
		return false;
	}
	ask_execute(file, &env, programs);
	return true;
}

static bool check_programs(const char *file, const struct manifest *m, bool can_setuid)
{
	static struct measure_reply reply;
	struct measured_program *programs = calloc((size_t)m->n_services + 1, sizeof *programs);
	int fds[2];
	bool good = true;
	if (programs == NULL || sys_socketpair(SOCK_SEQPACKET, fds) < 0) {
		free(programs);
		return false;
	}
	pid_t worker = sys_fork(-1);
	if (worker == 0) {
		sys_close(fds[0]);
		sys_exit(measure_worker(fds[1]));
	}
	sys_close(fds[1]);
	for (uint16_t u = 0; u < m->n_services && worker > 0; u++) {
		if (measure_one(fds[0], &m->services[u], u, can_setuid, &reply) < 0) {
			fprintf(stderr, "%s: services.%s: its program could not be measured\n", file,
				m->services[u].name);
			good = false;
			break;
		}
		programs[u] = (struct measured_program){ .program = reply.program,
							 .files = reply.files,
							 .parts = reply.parts,
							 .ok = judge(file, &m->services[u], &reply) };
		good = good && programs[u].ok;
	}
	sys_close(fds[0]);
	warn_of_equal_names(file, m, programs);
	good = check_policy(file, m, programs) && good;
	free(programs);
	return good && worker > 0;
}

int cmd_check(const char *file)
{
	static char warnings[16384], table[1 << 20];
	struct arena arena = { NULL, 0, 0 };
	struct manifest manifest;
	struct diag diag = { "" };
	struct wr warn = wr_to(warnings, sizeof warnings - 1), out = wr_to(table, sizeof table);
	bool can_setuid = sys_can_setuid();
	int r = manifest_load(file, &arena, &manifest, &can_setuid, &diag, &warn, NULL);
	print_lines("warning: ", warnings);
	if (r < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return EXIT_MANIFEST;
	}
	manifest.n_services -= manifest.host.max_programs; /* what will be started is not known */
	bool good = check_programs(file, &manifest, can_setuid);
	if (!good)
		return EXIT_MANIFEST;
	manifest_describe(&manifest, &out);
	fwrite(table, 1, out.n, stdout);
	return 0;
}
