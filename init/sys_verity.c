/* SPDX-License-Identifier: MIT */
#include "sys_verity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys.h"
#include "verity.h"

/* Others may take the free one first. */
#define LOOP_TRIES 64
/* What still has the device of the last start, goes with that. */
#define BUSY_TRIES 100
#define BUSY_NS ((int64_t)20000000)

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

/* ---- loop ---- */

static int loop_once(int control, int file, char device[static SYS_DEVICE_MAX])
{
	struct loop_config config = { .fd = (uint32_t)file,
				      .info = { .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR } };
	int n = result(ioctl(control, LOOP_CTL_GET_FREE));
	if (n < 0)
		return n;
	snprintf(device, SYS_DEVICE_MAX, "/dev/loop%d", n);
	int fd = sys_open(device, O_RDONLY, 0);
	int r = fd < 0 ? fd : result(ioctl(fd, LOOP_CONFIGURE, &config));
	if (fd >= 0 && r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

int sys_loop(const char *path, char device[static SYS_DEVICE_MAX])
{
	int r = -EBUSY, file = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	if (file < 0)
		return file;
	int control = sys_open("/dev/loop-control", O_RDWR, 0);
	if (control < 0)
		r = control;
	for (int i = 0; i < LOOP_TRIES && r == -EBUSY; i++)
		r = loop_once(control, file, device);
	sys_close(control);
	sys_close(file);
	return r;
}

/* ---- device-mapper ---- */

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char table[VERITY_TABLE_MAX];
};

/* The kernel writes into what it is asked by. */
static int ask(int control, unsigned long command, const char *name, unsigned flags, struct request *q)
{
	q->head = (struct dm_ioctl){ .version = { DM_VERSION_MAJOR },
				     .data_size = sizeof *q,
				     .data_start = sizeof q->head,
				     .target_count = 1,
				     .flags = flags };
	snprintf(q->head.name, sizeof q->head.name, "%s", name);
	return result(syscall(SYS_ioctl, control, command, q));
}

static int create(int control, const char *name, struct request *q)
{
	int r = -EBUSY;
	for (int i = 0; i < BUSY_TRIES && r == -EBUSY; i++) {
		if (i > 0) {
			ask(control, DM_DEV_REMOVE, name, DM_DEFERRED_REMOVE, q);
			sys_sleep(BUSY_NS);
		}
		r = ask(control, DM_DEV_CREATE, name, 0, q);
	}
	return r;
}

int sys_verity(int control, const char *name, uint64_t sectors, const char *table,
	       char device[static SYS_DEVICE_MAX])
{
	struct request q = { .head = { .data_size = 0 } };
	int r = create(control, name, &q);
	if (r < 0)
		return r;
	q.target = (struct dm_target_spec){ .length = sectors, .target_type = "verity" };
	snprintf(q.table, sizeof q.table, "%s", table);
	r = ask(control, DM_TABLE_LOAD, name, DM_READONLY_FLAG, &q);
	if (r == 0)
		r = ask(control, DM_DEV_SUSPEND, name, 0, &q); /* which without its flag means to go on */
	if (r == 0) {
		snprintf(device, SYS_DEVICE_MAX, "/dev/dm-%u", minor(q.head.dev));
		r = sys_open(device, O_RDONLY, 0);
	}
	/* At once if it is not open, else when it is closed for the last time. */
	int gone = ask(control, DM_DEV_REMOVE, name, DM_DEFERRED_REMOVE, &q);
	return gone < 0 ? gone : r;
}
