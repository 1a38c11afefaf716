/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "sys_machine.h"

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
