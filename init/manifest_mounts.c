/* SPDX-License-Identifier: MIT
 *
 * host.mounts of the manifest.
 */
#include <stdio.h>
#include <sys/mount.h>

#include "manifest_read.h"

#define MOUNT_OPTIONS_MAX 16
/* A disk behind a bus, a driver and a file system takes a dozen. */
#define MODULES_MAX 128
/* The kernel takes a page. */
#define MOUNT_DATA_MAX 1024
#define MOUNT_WAIT (10 * NS_PER_S)

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

static const struct {
	const char *word;
	unsigned long flag;
} flags[] = {
	{ "ro", MS_RDONLY },
	{ "nosuid", MS_NOSUID },
	{ "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },
	{ "noatime", MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME },
	{ "strictatime", MS_STRICTATIME },
	{ "sync", MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC },
	{ "rw", 0 },
};

static int read_word_of(struct reader *reader, const cJSON *value, const char *what, const char **into)
{
	int r = read_string(reader, value, into);
	if (r == 0 && (*into)[0] == '\0')
		return read_fail(reader, value, ERR_MALFORMED, "is empty; name %s", what);
	return r;
}

TAKE(mount, source)
{
	return read_word_of(reader, value, "a device, a directory or a word",
			    &((struct mount_entry *)into)->source);
}

TAKE(mount, target)
{
	return read_path(reader, value, 4095, &((struct mount_entry *)into)->target);
}

TAKE(mount, type)
{
	return read_word_of(reader, value, "a kind of file system such as \"ext4\"",
			    &((struct mount_entry *)into)->type);
}

TAKE(mount, wait)
{
	return read_duration(reader, value, 0, 24 * 3600 * NS_PER_S, &((struct mount_entry *)into)->wait);
}

const char *mount_flag_word(size_t i, unsigned long *flag)
{
	if (i >= sizeof flags / sizeof flags[0])
		return NULL;
	*flag = flags[i].flag;
	return flags[i].word;
}

static bool is_flag(const char *word, unsigned long *into)
{
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (strcmp(word, flags[i].word) == 0) {
			*into |= flags[i].flag;
			return true;
		}
	return false;
}

TAKE(mount, options)
{
	struct mount_entry *mount = into;
	char *const *words;
	char data[MOUNT_DATA_MAX] = "";
	size_t at = 0;
	int n = 0;
	int r = read_strings(reader, value, &words, &n, 0, MOUNT_OPTIONS_MAX, "[\"ro\", \"noatime\"]");
	for (int i = 0; i < n && r == 0; i++) {
		if (is_flag(words[i], &mount->flags))
			continue;
		int k = snprintf(data + at, sizeof data - at, "%s%s", at > 0 ? "," : "", words[i]);
		if (words[i][0] == '\0' || strchr(words[i], ',') != NULL)
			return read_fail(reader, value, ERR_MALFORMED, "%s is no option; write each by itself",
					 quote(words[i]).text);
		if (k < 0 || (size_t)k >= sizeof data - at)
			return read_fail(reader, value, ERR_TOO_LARGE, "are longer than %d bytes; take some out",
					 MOUNT_DATA_MAX - 1);
		at += (size_t)k;
	}
	if (r == 0) {
		mount->data = read_keep(reader, data);
		if (mount->data == NULL)
			return read_no_memory(reader);
	}
	return r;
}

static int read_mount(struct reader *reader, const cJSON *value, struct mount_entry *mount)
{
	mount->wait = MOUNT_WAIT;
	mount->data = "";
	int r = read_object(reader, value, OBJECT_mount, mount);
	if (r < 0)
		return r;
	if (mount->source == NULL || mount->target == NULL || mount->type == NULL)
		return read_fail(reader, value, ERR_MALFORMED,
				 "has no \"%s\"; write {\"source\": \"/dev/nvme0n1\", \"target\": \"/data\", "
				 "\"type\": \"ext4\"}",
				 mount->source == NULL	 ? "source"
				 : mount->target == NULL ? "target"
							 : "type");
	if (strcmp(mount->type, "bind") == 0) {
		if (mount->source[0] != '/')
			return read_fail(reader, value, ERR_MALFORMED,
					 "binds %s, which is no absolute path; write one",
					 quote(mount->source).text);
		mount->flags |= MS_BIND;
	}
	return ERR_NONE;
}

int read_mounts(struct reader *reader, const cJSON *value, const struct mount_entry **into, int *count)
{
	int n = 0, i = 0;
	int r = read_list(reader, value, 0, MOUNTS_MAX,
			  "[{\"source\": \"/dev/nvme0n1\", \"target\": \"/data\", \"type\": \"ext4\"}]", &n);
	if (r < 0)
		return r;
	struct mount_entry *list = arena_alloc(reader->arena, (size_t)(n + 1) * sizeof *list, sizeof(void *));
	if (list == NULL)
		return read_no_memory(reader);
	for (const cJSON *at = value->child; at != NULL && r == 0; at = at->next)
		r = read_mount(reader, at, &list[i++]);
	*into = list;
	*count = n;
	return r;
}

TAKE(host, mounts)
{
	struct host *host = into;
	return read_mounts(reader, value, &host->mounts, &host->n_mounts);
}

/* ---- what an initramfs does besides ---- */

TAKE(host, modules)
{
	struct host *host = into;
	int r = read_strings(reader, value, &host->modules, &host->n_modules, 0, MODULES_MAX,
			     "[\"kernel/drivers/block/virtio_blk.ko\"]");
	for (int i = 0; i < host->n_modules && r == 0; i++)
		if (host->modules[i][0] == ' ' || strlen(host->modules[i]) >= MODULE_MAX ||
		    text_find(host->modules[i], ".ko") == NULL)
			r = read_fail(
				reader, value, ERR_MALFORMED,
				"%s is no module; write the path of a .ko file, and parameters after a blank",
				quote(host->modules[i]).text);
	return r;
}

TAKE(switch_root, root)
{
	return read_path(reader, value, 4000, &((struct host *)into)->switch_root);
}

TAKE(host, switch_root)
{
	struct host *host = into;
	int r = read_object(reader, value, OBJECT_switch_root, host);
	if (r == 0 && host->switch_root == NULL)
		return read_fail(reader, value, ERR_MALFORMED, "has no \"root\"; write {\"root\": \"/sysroot\"}");
	return r;
}

/* path is root or below it. */
static bool is_within(const char *path, const char *root)
{
	size_t n = strlen(root);
	return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int read_check_switch_root(struct reader *reader)
{
	static const char *const moved[] = { "/proc", "/sys", "/dev", "/run" };
	const struct host *host = &reader->manifest->host;
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->trees[0], "host");
	const cJSON *mounts = cJSON_GetObjectItemCaseSensitive(value, "mounts");
	bool found = false;
	if (host->switch_root == NULL)
		return ERR_NONE;
	for (int i = 0; i < host->n_mounts; i++) {
		const char *target = host->mounts[i].target;
		bool reached = is_within(target, host->switch_root);
		for (size_t k = 0; k < sizeof moved / sizeof moved[0]; k++)
			reached = reached || is_within(target, moved[k]);
		if (!reached)
			return read_fail(reader, cJSON_GetArrayItem(mounts, i), ERR_MALFORMED,
					 "cannot be reached when %.100s is /; mount it below that",
					 host->switch_root);
		found = found || strcmp(target, host->switch_root) == 0;
	}
	if (!found)
		return read_fail(reader, cJSON_GetObjectItemCaseSensitive(value, "switch_root"), ERR_NOT_FOUND,
				 "nothing is mounted on %.100s; write it into \"mounts\"", host->switch_root);
	return ERR_NONE;
}
