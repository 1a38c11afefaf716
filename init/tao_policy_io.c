/* SPDX-License-Identifier: MIT
 *
 * What the subcommands of taopolicy share: files in and out, a policy loaded.
 */
#include "tao_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

static int read_all(const struct policy_run *run, int fd, const char *name, size_t most, struct span *bytes)
{
	uint8_t *p = calloc(1, most + 1);
	*bytes = span_of(p, 0);
	if (p == NULL)
		return policy_complain(run, POLICY_EXIT_IO, "out of memory");
	ssize_t n = 1;
	while (n > 0 && bytes->n <= most) {
		n = sys_read(fd, p + bytes->n, most + 1 - bytes->n);
		bytes->n += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return policy_complain(run, POLICY_EXIT_IO, "%s: %s", name, strerror((int)-n));
	if (bytes->n > most)
		return policy_complain(run, POLICY_EXIT_IO, "%s: longer than %zu bytes", name, most);
	return POLICY_EXIT_OK;
}

int policy_read_file(const struct policy_run *run, const char *name, size_t most, struct span *bytes)
{
	*bytes = span_of(NULL, 0);
	if (strcmp(name, "-") == 0)
		return read_all(run, STDIN_FILENO, "standard input", most, bytes);
	int fd = sys_open(name, O_RDONLY, 0);
	if (fd < 0)
		return policy_complain(run, POLICY_EXIT_IO, "%s: %s", name, strerror(-fd));
	int status = read_all(run, fd, name, most, bytes);
	sys_close(fd);
	return status;
}

void policy_free(struct span *bytes)
{
	free((void *)(uintptr_t)bytes->p);
	bytes->p = NULL;
}

int policy_finish(const struct policy_run *run, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return policy_complain(run, POLICY_EXIT_IO, "standard output: %s", strerror(errno));
}

void policy_print_hex(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)printf("%02x", p[i]);
}

int policy_load_file(const struct policy_run *run, const char *name, struct policy_loaded *loaded)
{
	struct why why = { .rule = "" };
	char class_name[16] = "";
	memset(loaded, 0, sizeof *loaded);
	int status = policy_read_file(run, name, POLICY_FILE_MAX, &loaded->text);
	if (status != POLICY_EXIT_OK)
		return status;
	int r = policy_file_parse(loaded->text, &loaded->file, &why);
	if (r == ERR_NONE) {
		size_t room = guard_memory(loaded->file.policy.rules.n);
		memcpy(class_name, loaded->file.guard.p, loaded->file.guard.n);
		loaded->guard.class = guard_find(class_name);
		loaded->memory = malloc(room);
		if (loaded->memory == NULL)
			return policy_complain(run, POLICY_EXIT_IO, "out of memory");
		r = guard_load(&loaded->guard, &loaded->file.policy, span_of(loaded->memory, room), &why);
	}
	return r < 0 ? policy_complain(run, POLICY_EXIT_NO, "%s: %s", name, why.rule) : POLICY_EXIT_OK;
}

void policy_unload(struct policy_loaded *loaded)
{
	policy_free(&loaded->text);
	free(loaded->memory);
	loaded->memory = NULL;
}
