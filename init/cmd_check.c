/* SPDX-License-Identifier: MIT
 *
 * taoinit -n: reads a manifest as PID 1 would, measures every program with the worker that PID 1 uses, and shows
 * what would run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/name.h"
#include "command.h"
#include "environment.h"
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
	int fds[2], n_fds = 0;
	if (measure_pack(s, u, check_user, &out) < 0 || sys_send(worker, wr_span(&out), NULL, 0) < 0)
		return -1;
	ssize_t n = sys_recv_wait(worker, reply, sizeof *reply, fds, 2, &n_fds);
	for (int i = 0; i < n_fds; i++)
		sys_close(fds[i]);
	reply->text[sizeof reply->text - 1] = '\0';
	return n == (ssize_t)sizeof *reply ? 0 : -1;
}

struct measured_program {
	struct digest program, files;
	bool ok;
};

static bool judge(const char *file, const struct service *s, const struct measure_reply *reply)
{
	if (reply->error != 0) {
		fprintf(stderr, "%s: services.%s: %s\n", file, s->name, reply->text);
		return false;
	}
	if (s->sha256 != NULL && memcmp(s->sha256, &reply->program, sizeof *s->sha256) != 0) {
		fprintf(stderr, "%s: services.%s.sha256: %s has another SHA-256: ", file, s->name, s->exec[0]);
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
	    a->trust_rootfs != b->trust_rootfs || a->privileged != b->privileged)
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
		programs[u] = (struct measured_program){ reply.program, reply.files,
							 judge(file, &m->services[u], &reply) };
		good = good && programs[u].ok;
	}
	sys_close(fds[0]);
	warn_of_equal_names(file, m, programs);
	free(programs);
	return good && worker > 0;
}

int cmd_check(const char *file)
{
	static char warnings[16384], table[1 << 20];
	struct arena arena;
	struct manifest manifest;
	struct diag diag = { "" };
	struct wr warn = wr_to(warnings, sizeof warnings - 1), out = wr_to(table, sizeof table);
	bool can_setuid = sys_can_setuid();
	int r = manifest_load(file, &arena, &manifest, &can_setuid, &diag, &warn);
	print_lines("warning: ", warnings);
	if (r < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return EXIT_MANIFEST;
	}
	bool good = check_programs(file, &manifest, can_setuid);
	if (!good)
		return EXIT_MANIFEST;
	manifest_describe(&manifest, &out);
	fwrite(table, 1, out.n, stdout);
	return 0;
}
