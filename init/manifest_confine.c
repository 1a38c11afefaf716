/* SPDX-License-Identifier: MIT
 *
 * What a service sees and may do: the keys of its confinement, and what has to hold between them.
 */
#include <sched.h>
#include <stdio.h>

#include "manifest_read.h"
#include "seccomp.h"

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

const struct confinement confinement_none = { .umask = 022 };

/* A service's own, made when it has something to say. NULL: no memory. */
static struct confinement *own(struct reader *reader, struct service *s)
{
	struct confinement *k;
	if (s->confinement != &confinement_none)
		return (struct confinement *)(uintptr_t)s->confinement;
	k = arena_alloc(reader->arena, sizeof *k, sizeof(void *));
	if (k == NULL) {
		read_no_memory(reader);
		return NULL;
	}
	*k = confinement_none;
	s->confinement = k;
	return k;
}

/* ---- permissions and time ---- */

/* Octal, in quotes: a number that begins with 0 is no JSON, and one without would mean another mode. */
int read_mode(struct reader *reader, const cJSON *value, mode_t *mode)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	size_t n = strlen(text);
	if (strspn(text, "01234567") != n || n < 3 || n > 4 || (n == 4 && text[0] != '0'))
		return read_fail(reader, value, ERR_MALFORMED,
				 "is no mode; write three octal digits in quotes, such as \"022\"");
	*mode = 0;
	for (; *text != '\0'; text++)
		*mode = *mode << 3 | (mode_t)(*text - '0');
	return ERR_NONE;
}

TAKE(service, umask)
{
	struct confinement *k = own(reader, into);
	return k == NULL ? ERR_NO_SPACE : read_mode(reader, value, &k->umask);
}

static int small_int(struct reader *reader, const cJSON *value, int least, int most, int *into)
{
	int64_t v = 0;
	int r = read_int(reader, value, least, most, &v);
	*into = (int)v;
	return r;
}

TAKE(service, nice)
{
	struct confinement *k = own(reader, into);
	if (k == NULL)
		return ERR_NO_SPACE;
	k->has_nice = true;
	return small_int(reader, value, -20, 19, &k->nice);
}

TAKE(service, oom_score_adj)
{
	struct confinement *k = own(reader, into);
	if (k == NULL)
		return ERR_NO_SPACE;
	k->has_oom_score = true;
	return small_int(reader, value, -1000, 1000, &k->oom_score);
}

static const char *const policies[] = { "other", "batch", "idle", "fifo", "rr", NULL };

TAKE(scheduling, policy)
{
	static const int numbers[] = { SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_FIFO, SCHED_RR };
	struct confinement *k = into;
	int i = 0, r = read_word(reader, value, policies, NULL, &i);
	k->has_scheduling = true;
	k->scheduling = numbers[i];
	return r;
}

TAKE(scheduling, priority)
{
	return small_int(reader, value, 1, 99, &((struct confinement *)into)->priority);
}

TAKE(service, scheduling)
{
	struct confinement *k = own(reader, into);
	if (k == NULL)
		return ERR_NO_SPACE;
	int r = read_object(reader, value, OBJECT_scheduling, k);
	if (r < 0)
		return r;
	bool real_time = k->scheduling == SCHED_FIFO || k->scheduling == SCHED_RR;
	if (!k->has_scheduling)
		return read_fail(
			reader, value, ERR_MALFORMED,
			"has no \"policy\"; write \"policy\": \"other\", \"batch\", \"idle\", \"fifo\" or \"rr\"");
	if (real_time && k->priority == 0)
		return read_fail(reader, value, ERR_MALFORMED,
				 "has no \"priority\", which fifo and rr need; write one from 1 to 99");
	if (!real_time && k->priority != 0)
		return read_fail(
			reader, cJSON_GetObjectItemCaseSensitive(value, "priority"), ERR_MALFORMED,
			"only fifo and rr have a priority; write one of them as \"policy\", or take it out");
	return ERR_NONE;
}

/* ---- its view ---- */

TAKE(service, tmp)
{
	static const char *const words[] = { "shared", "private", NULL };
	struct confinement *k = own(reader, into);
	int i = 0, r = k == NULL ? ERR_NO_SPACE : read_word(reader, value, words, NULL, &i);
	if (r == 0)
		k->private_tmp = i == 1;
	return r;
}

TAKE(filesystem, read_only)
{
	return read_bool(reader, value, &((struct confinement *)into)->read_only);
}

TAKE(filesystem, read_write)
{
	struct confinement *k = into;
	return read_paths(reader, value, &k->read_write, &k->n_read_write, VIEW_PATHS_MAX, "[\"/var/lib/db\"]");
}

TAKE(filesystem, hidden)
{
	struct confinement *k = into;
	return read_paths(reader, value, &k->hidden, &k->n_hidden, VIEW_PATHS_MAX, "[\"/home\"]");
}

TAKE(service, filesystem)
{
	struct confinement *k = own(reader, into);
	if (k == NULL)
		return ERR_NO_SPACE;
	int r = read_object(reader, value, OBJECT_filesystem, k);
	if (r == 0 && k->n_read_write > 0 && !k->read_only)
		return read_fail(
			reader, cJSON_GetObjectItemCaseSensitive(value, "read_write"), ERR_MALFORMED,
			"says nothing where all can be written; write \"read_only\": true, or take it out");
	return r;
}

TAKE(service, namespaces)
{
	static const char *const words[] = { "net", "ipc", "uts", NULL };
	static const unsigned flags[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS };
	/* As the first process of a pid namespace a program gets no signal that it does not catch: it could not be
	 * asked to end. */
	static const char *const later[] = { "pid", "user", "mount", "cgroup", "time", NULL };
	struct confinement *k = own(reader, into);
	int n = 0, i = 0;
	int r = k == NULL ? ERR_NO_SPACE : read_list(reader, value, 0, 3, "[\"ipc\"]", &n);
	for (const cJSON *at = r == 0 ? value->child : NULL; at != NULL && r == 0; at = at->next) {
		r = read_word(reader, at, words, later, &i);
		if (r == 0 && (k->namespaces & flags[i]) != 0)
			return read_fail(reader, at, ERR_EXISTS, "%s stands here a second time; keep one of them",
					 words[i]);
		if (r == 0)
			k->namespaces |= flags[i];
	}
	return r;
}

/* ---- system calls ---- */

static const char *const set_words[] = {
#define SYSCALL_SET(set, help) "@" #set,
#define SYSCALL(set, name)
#include "syscall.def"
#undef SYSCALL_SET
#undef SYSCALL
	"@service", NULL
};

static int take_set(struct reader *reader, const cJSON *at, bool deny, unsigned *sets)
{
	struct nearest nearest = { NULL, 0 };
	const char *text = cJSON_GetStringValue(at);
	if (text == NULL)
		return read_fail(reader, at, ERR_MALFORMED, "is no string; write it in \"double quotes\"");
	if ((text[0] == '~') != deny)
		return read_fail(
			reader, at, ERR_MALFORMED,
			"what may be called and what may not do not mix; write ~ before each or before none");
	text += deny;
	for (unsigned i = 0; set_words[i] != NULL; i++) {
		bool service = set_words[i + 1] == NULL;
		nearest_try(&nearest, text, set_words[i]);
		if (strcmp(text, set_words[i]) != 0)
			continue;
		if (deny && (service || i + 1 == SYSCALL_SET_basic))
			return read_fail(reader, at, ERR_MALFORMED, "no program runs without %s; take it out",
					 set_words[i]);
		*sets |= service ? SYSCALL_SERVICE : 1U << (i + 1);
		return ERR_NONE;
	}
	return read_fail(reader, at, ERR_NOT_FOUND, "%s is no set of system calls; %s", quote(text).text,
			 hint_of(&nearest, "tao.manifest(5) lists them").text);
}

TAKE(service, seccomp)
{
	struct sock_filter program[SECCOMP_PROGRAM_MAX];
	struct confinement *k = own(reader, into);
	unsigned sets = 0;
	int n = 0;
	int r = k == NULL ? ERR_NO_SPACE : read_list(reader, value, 1, SYSCALL_SETS, "[\"@service\"]", &n);
	const char *first = r == 0 ? cJSON_GetStringValue(value->child) : NULL;
	bool deny = first != NULL && first[0] == '~';
	for (const cJSON *at = r == 0 ? value->child : NULL; at != NULL && r == 0; at = at->next)
		r = take_set(reader, at, deny, &sets);
	if (r < 0)
		return r;
	if (seccomp_build(SYSCALL_ALL, program) == 0)
		return read_fail(reader, value, ERR_UNSUPPORTED,
				 "there is no table of this processor's system calls; take it out");
	k->syscalls = deny ? SYSCALL_ALL & ~sets : sets | SYSCALL_BIT(basic);
	return ERR_NONE;
}

/* ---- between keys ---- */

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);
	return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* What covers a path in the service's view, or NULL. */
static const char *covered(const struct confinement *k, const char *path)
{
	static const char *const tmp[] = { "/tmp", "/var/tmp" };
	for (int i = 0; i < k->n_hidden; i++)
		if (is_below(path, k->hidden[i]))
			return k->hidden[i];
	for (int i = 0; i < 2 && k->private_tmp; i++)
		if (is_below(path, tmp[i]))
			return tmp[i];
	return NULL;
}

static int check_covered(struct reader *reader, const cJSON *list, const struct confinement *k,
			 const char *const *paths, int n)
{
	for (int i = 0; i < n; i++) {
		const char *by = covered(k, paths[i]);
		if (by != NULL)
			return read_fail(
				reader, cJSON_GetArrayItem(list, i), ERR_MALFORMED,
				"%s cannot be seen there, since %s is hidden or private; take one of them out",
				quote(paths[i]).text, quote(by).text);
	}
	return ERR_NONE;
}

int read_check_confinement(struct reader *reader, const cJSON *value, const struct service *s)
{
	const struct confinement *k = s->confinement;
	const cJSON *view = cJSON_GetObjectItemCaseSensitive(value, "filesystem");
	const cJSON *measure = cJSON_GetObjectItemCaseSensitive(value, "measure");
	int r = check_covered(reader, cJSON_GetObjectItemCaseSensitive(view, "read_write"), k, k->read_write,
			      k->n_read_write);
	if (r == 0)
		r = check_covered(reader, cJSON_GetObjectItemCaseSensitive(measure, "files"), k, s->files,
				  s->n_files);
	return r;
}
