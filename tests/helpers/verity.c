/* SPDX-License-Identifier: MIT
 *
 * What comes before taoinit on a machine whose root is a dm-verity device: loads the modules of /modules, in their order,
 * makes the device of the table in /table, and gives way to /init. With a name: a device of that name, and nothing else. */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[1024];
} request;

static const char *name = "root";

static int ask(unsigned long command)
{
	int fd = open("/dev/mapper/control", O_RDWR);
	request.head.version[0] = DM_VERSION_MAJOR;
	request.head.data_size = sizeof request;
	request.head.data_start = sizeof request.head;
	strcpy(request.head.name, name);
	int r = ioctl(fd, command, &request);
	if (r < 0)
		perror("verity: device mapper");
	close(fd);
	return r;
}

int main(int argc, char **argv)
{
	char path[512], disk[64] = "";
	if (argc > 1) {
		name = argv[1];
		return ask(DM_DEV_CREATE) < 0;
	}
	FILE *f = fopen("/modules", "r");
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	freopen("/dev/console", "w", stderr);
	while (f != NULL && fscanf(f, "%511s", path) == 1)
		if (syscall(SYS_finit_module, open(path, O_RDONLY), "", 0) < 0)
			perror(path);
	f = fopen("/table", "r");
	if (fscanf(f, "%llu 1 %63s", &request.target.length, disk) != 2)
		return 1;
	rewind(f);
	unsigned long long sectors;
	if (fscanf(f, "%llu %1023[^\n]", &sectors, request.parameters) != 2)
		return 1;
	while (access(disk, R_OK) < 0)
		usleep(10000);
	unsigned long long length = request.target.length;
	ask(DM_DEV_CREATE);
	memset(&request.head, 0, sizeof request.head);
	request.head.target_count = 1;
	request.head.flags = DM_READONLY_FLAG;
	request.target.length = length;
	strcpy(request.target.target_type, "verity");
	ask(DM_TABLE_LOAD);
	memset(&request.head, 0, sizeof request.head);
	ask(DM_DEV_SUSPEND);
	return execv("/init", argv);
}
