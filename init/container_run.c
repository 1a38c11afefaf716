/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "container.h"
#include "sys.h"
#include "sys_child.h"
#include "sys_measure.h"

#define NOTIFY_VARIABLE "NOTIFY_SOCKET="
#define PATH_VARIABLE "PATH="

static char *text_of(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=") + 1;
	return strncmp(a, b, n) == 0;
}

static const char *find(char *const *env, int n, const char *variable)
{
	for (int i = 0; i < n; i++)
		if (same_name(variable, env[i]))
			return env[i];
	return NULL;
}

/* The image's variables, then the entry's, then ours; of one name the last. */
static void plan_env(const struct child *c, const struct image_view *image, struct container_run *run)
{
	const struct service *s = c->service;
	char *const *ours = c->plan->env;
	int n = 0, n_ours = 0;
	while (ours[n_ours] != NULL)
		n_ours++;
	bool path = find(s->env, s->n_env, PATH_VARIABLE) != NULL;
	for (unsigned i = 0; i < image->n_env; i++) {
		const char *variable = image_string(image, image->n_args + i);
		bool is_path = same_name(PATH_VARIABLE, variable);
		if (is_path ? path : find(ours, n_ours, variable) != NULL)
			continue;
		path = path || is_path;
		run->env[n++] = text_of(variable);
	}
	for (int i = 0; i < n_ours && n < CONTAINER_WORDS_MAX - 1; i++) {
		if (same_name(PATH_VARIABLE, ours[i]) && find(run->env, n, PATH_VARIABLE) != NULL)
			continue;
		run->env[n++] = ours[i];
		if (same_name(NOTIFY_VARIABLE, ours[i])) {
			run->notify = ours[i] + strlen(NOTIFY_VARIABLE);
			run->env[n - 1] = text_of(NOTIFY_VARIABLE CONTAINER_NOTIFY);
		}
	}
}

/* "1000" or "1000:100"; a name would be one of its own /etc/passwd. */
static void plan_user(struct child *c, const char *user)
{
	const struct container *container = c->service->container;
	char step[START_STEP_MAX], *end;
	c->uid = container->uid;
	c->gid = container->gid;
	if (c->uid != CONTAINER_AS_IMAGE)
		return;
	unsigned long uid = strtoul(user, &end, 10), gid = 0;
	if (*end == ':')
		gid = strtoul(end + 1, &end, 10);
	if (*end != '\0' || uid >= CONTAINER_IDS || gid >= CONTAINER_IDS) {
		snprintf(step, sizeof step, "the image's user \"%.40s\" is no number; write one into \"user\"",
			 user);
		child_fail(c->pipe, step, -EINVAL);
	}
	c->uid = (uid_t)uid;
	c->gid = c->gid != CONTAINER_AS_IMAGE ? c->gid : (gid_t)gid;
	if (container->uid_base == 0)
		c->uid = c->gid = 0;
}

void container_plan_run(struct child *c, struct container_run *run)
{
	static struct image_view image;
	const struct service *s = c->service;
	struct stat st;
	child_must(c, "the image", sys_fstat(c->program, &st));
	const uint8_t *bytes = sys_map_file(c->program, (size_t)st.st_size);
	if (bytes == NULL || !image_view(span_of(bytes, (size_t)st.st_size), &image))
		child_fail(c->pipe, "the image", -EINVAL);
	if (image.layers[0].kind == IMAGE_VERITY) {
		run->verity = bytes + image.layers[0].offset;
		child_must(c, "the image", image.layers[0].bytes == VERITY_RECORD ? 0 : -EINVAL);
	}
	for (int i = 0; i < s->n_exec; i++)
		run->argv[i] = s->exec[i];
	for (unsigned i = 0; s->n_exec == 0 && i < image.n_args; i++)
		run->argv[i] = text_of(image_string(&image, i));
	if (run->argv[0] == NULL)
		child_fail(c->pipe, "the image does not say what runs in it; write \"exec\"", -ENOEXEC);
	plan_env(c, &image, run);
	const char *cwd = image_string(&image, image.n_args + image.n_env);
	if (strcmp(s->cwd, "/") == 0 && cwd != NULL && cwd[0] != '\0')
		c->cwd = cwd;
	const char *user = image_string(&image, image.n_args + image.n_env + 1);
	plan_user(c, user != NULL ? user : "");
}

/* The first that is there decides, as it does for a shell. */
static int look_for(const char *name, char *const *argv, char *const *env, const char *directories)
{
	char path[4096];
	int r = -ENOENT;
	for (const char *at = directories; r == -ENOENT || r == -EACCES || r == -ENOTDIR;) {
		size_t n = strcspn(at, ":");
		if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)n, at, name) < sizeof path && n > 0)
			r = sys_exec_path(path, argv, env);
		if (at[n] == '\0')
			break;
		at += n + 1;
	}
	return r;
}

_Noreturn void container_exec(const struct child *c, const struct container_run *run)
{
	char step[START_STEP_MAX];
	const char *name = run->argv[0], *path = "PATH=/usr/bin:/bin";
	for (char *const *at = run->env; *at != NULL; at++)
		path = same_name(PATH_VARIABLE, *at) ? *at : path;
	int r = strchr(name, '/') != NULL ? sys_exec_path(name, run->argv, run->env)
					  : look_for(name, run->argv, run->env, path + strlen(PATH_VARIABLE));
	snprintf(step, sizeof step, "exec %s", name);
	child_fail(c->pipe, step, r);
}
