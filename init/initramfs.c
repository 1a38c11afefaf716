/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "../crypto/fields.h"
#include "initramfs.h"
#include "log.h"
#include "sys.h"
#include "sys_machine.h"

/* ---- modules ---- */

static int load(const char *entry)
{
	char path[MODULE_MAX + 128] = "";
	size_t at = 0, n = strcspn(entry, " ");
	if (entry[0] != '/') {
		char release[65];
		ssize_t k = sys_read_file("/proc/sys/kernel/osrelease", release, sizeof release);
		if (k <= 0)
			return k < 0 ? (int)k : -EINVAL;
		at = (size_t)snprintf(path, sizeof path, "/lib/modules/%.*s/", (int)strcspn(release, "\n"),
				      release);
	}
	snprintf(path + at, sizeof path - at, "%.*s", (int)n, entry);
	n += entry[n] == ' ';
	return sys_load_module(path, entry + n);
}

void initramfs_modules(const struct host *host, struct mounts_made *made)
{
	for (int i = 0; i < host->n_modules; i++) {
		int r = load(host->modules[i]);
		if (r == -ENODEV)
			log_warning("host.modules[%d]: %s finds no device; left out", i, host->modules[i]);
		if (r == 0 || r == -EEXIST || r == -ENODEV)
			continue;
		made->error = r;
		snprintf(made->text, sizeof made->text, "host.modules[%d]: cannot load %.200s: %s; %s", i,
			 host->modules[i], strerror(-r),
			 r == -ENOENT	 ? "the file, or a module that has to come before it, is missing"
			 : r == -ENOEXEC ? "it is for another kernel"
					 : "the kernel's log says more");
		return;
	}
}

/* ---- another root ---- */

/* version, data, hashes, two block sizes, blocks, first block of hashes, algorithm; then the hash */
#define VERITY_HASH_AT 8

bool initramfs_verity(const char *table, struct mounts_made *made)
{
	for (int i = 0; i < VERITY_HASH_AT; i++) {
		table += strcspn(table, " ");
		table += *table == ' ';
	}
	struct rd r = rd_from(span_str(table));
	made->verity_n = (uint32_t)field_hex_some(&r, made->verity, sizeof made->verity);
	field_expect(&r, " ");
	if (r.err == ERR_NONE && made->verity_n > 0 && text_find(table, " ignore_corruption") == NULL)
		return true;
	made->verity_n = 0;
	return false;
}

/* What is measured before anything of it runs. */
static const char *look_at_device(const struct host *host, struct mounts_made *made)
{
	static char table[1024];
	int r = sys_device_table(host->switch_root, "verity", table, sizeof table);
	if (r > 0 && !initramfs_verity(table, made))
		log_warning("host.switch_root: its dm-verity lets changes pass (ignore_corruption), and is not "
			    "measured");
	return r < 0 ? strerror(-r) : NULL;
}

void initramfs_leave(const struct host *host, struct mounts_made *made)
{
	static const char moved[][6] = { "/proc", "/sys", "/dev", "/run" };
	const size_t n = sizeof moved / sizeof moved[0];
	char path[4096] = "/";
	const char *why = NULL;
	struct stat st;
	if (!sys_root_is_memory())
		why = "no initramfs; leave host.switch_root out";
	else if (!sys_is_mount(host->switch_root))
		why = "nothing is mounted there";
	else
		why = look_at_device(host, made);
	/* All is there before anything moves. */
	for (size_t i = 0; i < 2 * n && why == NULL; i++) {
		snprintf(path, sizeof path, "%.4000s%s", host->switch_root, moved[i % n]);
		int r = i < n ? sys_stat(path, &st) : sys_mount(moved[i - n], path, NULL, MS_MOVE, NULL);
		if (r < 0)
			why = strerror(-r);
	}
	if (why == NULL)
		return;
	made->error = -EINVAL;
	snprintf(made->text, sizeof made->text, "host.switch_root: %.200s: %s; / stays as it is", path, why);
}

int initramfs_switch(const struct host *host)
{
	int r = sys_chdir(host->switch_root);
	return r < 0 ? r : sys_take_root();
}

void initramfs_remove(void)
{
	sys_remove_all("/");
}
