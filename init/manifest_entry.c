/* SPDX-License-Identifier: MIT
 *
 * The hash of a service's entry (docs/entry-hash.md): SHA-256 of what it runs and how, in the canonical form of
 * RFC 8785, defaults left out.
 */
#include <stdlib.h>
#include <sys/mount.h>

#include "environment.h"
#include "manifest_read.h"

struct canon {
	struct sha256 hash;
	const char *comma; /* before the next member */
};

static void put(struct canon *c, const char *text)
{
	sha256_update(&c->hash, span_str(text));
}

static void put_char(struct canon *c, unsigned char letter)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	static const char digits[] = "0123456789abcdef";
	const char *at = letter != '\0' ? strchr(from, letter) : NULL;
	char out[8] = { (char)letter };
	if (at != NULL) {
		out[0] = '\\';
		out[1] = to[at - from];
	} else if (letter < 0x20) {
		out[0] = '\\';
		out[1] = 'u';
		out[2] = out[3] = '0';
		out[4] = digits[letter >> 4];
		out[5] = digits[letter & 15];
	}
	put(c, out);
}

/* RFC 8785, section 3.2.2.2: the short escapes, \u00xx for the other controls, all else as it is. */
static void put_string(struct canon *c, const char *text, size_t n)
{
	put(c, "\"");
	for (size_t i = 0; i < n; i++)
		put_char(c, (unsigned char)text[i]);
	put(c, "\"");
}

static void put_list(struct canon *c, const char *const *list, int n)
{
	put(c, "[");
	for (int i = 0; i < n; i++) {
		put(c, i > 0 ? "," : "");
		put_string(c, list[i], strlen(list[i]));
	}
	put(c, "]");
}

static void member(struct canon *c, const char *key)
{
	put(c, c->comma);
	put_string(c, key, strlen(key));
	put(c, ":");
	c->comma = ",";
}

/* By name; the = that ends it must not count. */
static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t nx = strcspn(x, "="), ny = strcspn(y, "=");
	int r = memcmp(x, y, nx < ny ? nx : ny);
	return r != 0 ? r : (nx > ny) - (nx < ny);
}

static void put_env(struct canon *c, const struct service *s)
{
	char *sorted[LAUNCH_ENV_MAX];
	memcpy(sorted, s->env, (size_t)s->n_env * sizeof *sorted);
	qsort(sorted, (size_t)s->n_env, sizeof *sorted, by_name);
	put(c, "{");
	for (int i = 0; i < s->n_env; i++) {
		size_t n = strcspn(sorted[i], "=");
		put(c, i > 0 ? "," : "");
		put_string(c, sorted[i], n);
		put(c, ":");
		put_string(c, sorted[i] + n + 1, strlen(sorted[i] + n + 1));
	}
	put(c, "}");
}

static void put_measure(struct canon *c, const struct service *s)
{
	c->comma = "";
	put(c, "{");
	if (s->measure_args) {
		member(c, "args");
		put(c, "true");
	}
	if (s->measure_entry) {
		member(c, "entry");
		put(c, "true");
	}
	if (s->n_files > 0) {
		member(c, "files");
		put_list(c, s->files, s->n_files);
	}
	if (s->trust_rootfs) {
		member(c, "trust_rootfs");
		put(c, "true");
	}
	put(c, "}");
	c->comma = ",";
}

/* The words that stand for flags first, then the file system's own as they came. */
static void put_options(struct canon *c, const struct mount_entry *m)
{
	const char *comma = "", *word;
	unsigned long flag;
	put(c, "[");
	for (size_t i = 0; (word = mount_flag_word(i, &flag)) != NULL; i++) {
		if ((m->flags & flag) == 0)
			continue;
		put(c, comma);
		put_string(c, word, strlen(word));
		comma = ",";
	}
	for (const char *at = m->data; *at != '\0'; at += strspn(at, ",")) {
		size_t n = strcspn(at, ",");
		put(c, comma);
		put_string(c, at, n);
		comma = ",";
		at += n;
	}
	put(c, "]");
}

static void put_mounts(struct canon *c, const struct container *container)
{
	put(c, "[");
	for (int i = 0; i < container->n_mounts; i++) {
		const struct mount_entry *m = &container->mounts[i];
		put(c, i > 0 ? ",{" : "{");
		c->comma = "";
		if ((m->flags & ~(unsigned long)MS_BIND) != 0 || m->data[0] != '\0') {
			member(c, "options");
			put_options(c, m);
		}
		member(c, "source");
		put_string(c, m->source, strlen(m->source));
		member(c, "target");
		put_string(c, m->target, strlen(m->target));
		member(c, "type");
		put_string(c, m->type, strlen(m->type));
		put(c, "}");
	}
	put(c, "]");
	c->comma = ",";
}

/* Members come in the order of RFC 8785, section 3.2.3. */
void entry_hash(const struct sha256_impl *sha256, struct service *s)
{
	struct canon c = { .comma = "" };
	sha256_init(&c.hash, sha256);
	put(&c, "{");
	if (strcmp(s->cwd, "/") != 0) {
		member(&c, "cwd");
		put_string(&c, s->cwd, strlen(s->cwd));
	}
	if (s->machine != NULL && s->machine->n_disks > 0) {
		member(&c, "disks");
		put_list(&c, s->machine->disks, s->machine->n_disks);
	}
	if (s->n_env > 0) {
		member(&c, "env");
		put_env(&c, s);
	}
	if (s->n_exec > 0) {
		member(&c, "exec");
		put_list(&c, (const char *const *)s->exec, s->n_exec);
	}
	if (s->group != NULL) {
		member(&c, "group");
		put_string(&c, s->group, strlen(s->group));
	}
	const struct container *container = s->container;
	if (container != NULL) {
		member(&c, "image");
		put_string(&c, container->image, strlen(container->image));
	}
	if (s->measure_args || s->measure_entry || s->n_files > 0 || s->trust_rootfs) {
		member(&c, "measure");
		put_measure(&c, s);
	}
	if (container != NULL && container->n_mounts > 0) {
		member(&c, "mounts");
		put_mounts(&c, container);
	}
	if (container != NULL && (container->host_network || container->network != NULL)) {
		const char *network = container->host_network ? "host" : container->network;
		member(&c, "network");
		put_string(&c, network, strlen(network));
	}
	if (s->user != NULL) {
		member(&c, "user");
		put_string(&c, s->user, strlen(s->user));
	}
	put(&c, "}");
	sha256_out(&c.hash, s->entry.b);
}
