/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sys_machine.h"

/* Deeper than any initramfs; what is below stays. */
#define REMOVE_DEPTH 32

static int result(int r)
{
	return r < 0 ? -errno : r;
}

int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	return result(mount(source, target, type, flags, data));
}

int sys_umount(const char *target)
{
	return result(umount2(target, 0));
}

int sys_swap_off(const char *path)
{
	return result(swapoff(path));
}

int sys_remount_read_only(const char *target)
{
	return result(mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

bool sys_is_mount(const char *path)
{
	struct stat here, above;
	char parent[256];
	if (strlen(path) + 4 > sizeof parent || stat(path, &here) < 0)
		return false;
	strcpy(parent, path);
	strcat(parent, "/..");
	return stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

int sys_device_table(const char *path, const char *type, char *text, size_t cap)
{
	struct {
		struct dm_ioctl head;
		struct dm_target_spec target;
		char parameters[1024];
	} table = { .head = { .version = { DM_VERSION_MAJOR },
			      .data_size = sizeof table,
			      .data_start = sizeof table.head,
			      .flags = DM_STATUS_TABLE_FLAG } };
	struct stat st;
	int fd = open("/dev/mapper/" DM_CONTROL_NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0; /* none at all */
	int r = result(stat(path, &st));
	table.head.dev = st.st_dev;
	if (r == 0)
		r = result((int)syscall(SYS_ioctl, fd, DM_TABLE_STATUS, &table)); /* musl's ioctl takes an int */
	close(fd);
	if (r < 0)
		return r == -ENXIO ? 0 : r;
	size_t n = strnlen(table.parameters, sizeof table.parameters);
	if (table.head.target_count != 1 || strcmp(table.target.target_type, type) != 0)
		return 0;
	if ((table.head.flags & DM_BUFFER_FULL_FLAG) != 0 || n >= cap)
		return -EMSGSIZE;
	memcpy(text, table.parameters, n + 1);
	return (int)n;
}

int sys_list(const char *directory, int (*each)(void *arg, const char *name), void *arg)
{
	DIR *open = opendir(directory);
	struct dirent *entry;
	int r = 0;
	if (open == NULL)
		return -errno;
	while (r >= 0 && (entry = readdir(open)) != NULL)
		r = each(arg, entry->d_name);
	closedir(open);
	return r;
}

int sys_load_module(const char *path, const char *parameters)
{
	size_t n = strlen(path);
	bool packed = n < 3 || strcmp(path + n - 3, ".ko") != 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = result((int)syscall(SYS_finit_module, fd, parameters, packed ? MODULE_INIT_COMPRESSED_FILE : 0));
	close(fd);
	return r;
}

bool sys_root_is_memory(void)
{
	struct statfs fs;
	return statfs("/", &fs) == 0 && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

int sys_take_root(void)
{
	int r = result(mount(".", "/", NULL, MS_MOVE, NULL));
	if (r == 0)
		r = result(chroot("."));
	return r < 0 ? r : result(chdir("/"));
}

/* The path in p, of n bytes, is a directory. */
static void remove_in(char p[static PATH_MAX], size_t n, dev_t device, unsigned depth)
{
	DIR *directory = opendir(p);
	struct dirent *entry;
	struct stat st;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		int k = snprintf(p + n, PATH_MAX - n, "/%s", entry->d_name);
		if (entry->d_name[0] == '.' && (p[n + 2] == '\0' || strcmp(p + n + 2, ".") == 0))
			continue;
		if ((size_t)k >= PATH_MAX - n || lstat(p, &st) < 0 || st.st_dev != device)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0)
			remove_in(p, n + (size_t)k, device, depth - 1);
		p[n + (size_t)k] = '\0';
		remove(p);
	}
	if (directory != NULL)
		closedir(directory);
}

void sys_remove_all(const char *path)
{
	char p[PATH_MAX];
	struct stat st;
	if (stat(path, &st) == 0)
		remove_in(p, (size_t)snprintf(p, sizeof p, "%s", path), st.st_dev, REMOVE_DEPTH);
}

int sys_set_hostname(const char *name)
{
	return result(sethostname(name, strlen(name)));
}

int sys_loopback_up(void)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memset(&request, 0, sizeof request);
	strcpy(request.ifr_name, "lo");
	int r = result(ioctl(fd, SIOCGIFFLAGS, &request));
	if (r == 0 && (request.ifr_flags & IFF_UP) == 0) {
		request.ifr_flags |= IFF_UP;
		r = result(ioctl(fd, SIOCSIFFLAGS, &request));
	}
	close(fd);
	return r;
}

int sys_catch_ctrl_alt_del(void)
{
	return result(reboot(RB_DISABLE_CAD));
}

int sys_setsid(void)
{
	return result(setsid());
}

void sys_sync(void)
{
	sync();
}

int sys_power_off(void)
{
	return result(reboot(RB_POWER_OFF));
}

int sys_reboot(void)
{
	return result(reboot(RB_AUTOBOOT));
}

int sys_halt(void)
{
	return result(reboot((int)RB_HALT_SYSTEM));
}
