/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#include "log.h"
#include "machine.h"
#include "mounts.h"
#include "sys.h"
#include "sys_child.h"
#include "sys_machine.h"

/* What a process gets between being asked and being killed, when the machine goes down. */
#define LAST_GRACE_NS (2 * NS_PER_S)
/* What disks get to write what they hold. One that does not answer must not keep the machine. */
#define LEAVE_TIME_NS (30 * NS_PER_S)

void machine_begin(void)
{
	sys_default_actions();
	/* Who starts us with 0, 1 or 2 closed would have our sockets get their numbers. */
	for (int fd = 0; fd <= 2; fd++)
		if (!sys_fd_valid(fd)) {
			int null = sys_open("/dev/null", O_RDWR | O_NOCTTY, 0);
			if (null >= 0 && null != fd) {
				sys_dup2(null, fd);
				sys_close(null);
			} else if (null == fd) {
				sys_dup2(sys_dup_high(null), fd); /* without close-on-exec */
			}
		}
	sys_umask(022);
}

enum place machine_place(void)
{
	if (sys_getpid() != 1)
		return PLACE_PROCESS;
	/* Only the first pid namespace's init may ask for this; without CAP_SYS_BOOT it is no machine of ours. */
	return sys_catch_ctrl_alt_del() == 0 ? PLACE_MACHINE : PLACE_CONTAINER;
}

#define SECURITYFS "/sys/kernel/security"

struct mount_row {
	const char *type, *target, *data;
	unsigned long flags;
	bool in_container; /* worth trying where a runtime may have left it out */
};

static const struct mount_row mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, false },
	{ "devpts", "/dev/pts", "mode=0620,ptmxmode=0666,newinstance", MS_NOSUID | MS_NOEXEC, false },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, true },
	{ "cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	/* For the firmware's event log; many kernels have none. */
	{ "securityfs", SECURITYFS, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
};

static void mount_all(enum place place)
{
	for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
		const struct mount_row *m = &mounts[i];
		if ((place == PLACE_CONTAINER && !m->in_container) || sys_is_mount(m->target))
			continue;
		sys_mkdir(m->target, 0755);
		int r = sys_mount(m->type, m->target, m->type, m->flags, m->data);
		if (r < 0 && r != -EBUSY && place == PLACE_MACHINE && strcmp(m->target, SECURITYFS) != 0)
			log_warning("cannot mount %s on %s: %s", m->type, m->target, strerror(-r));
	}
}

/* The console as 0, 1 and 2, without its becoming our controlling terminal. */
static void take_console(void)
{
	int fd = sys_open("/dev/console", O_RDWR | O_NOCTTY, 0);
	if (fd < 0)
		return;
	for (int to = 0; to <= 2; to++)
		sys_dup2(fd, to);
	if (fd > 2)
		sys_close(fd);
}

void machine_set_up(enum place place)
{
	if (place == PLACE_PROCESS) {
		sys_subreaper();
		return;
	}
	sys_chdir("/");
	sys_setsid();
	if (place == PLACE_MACHINE) {
		mount_all(place);
		take_console();
		int r = sys_loopback_up();
		if (r < 0)
			log_warning("cannot bring the loopback interface up: %s", strerror(-r));
	} else {
		mount_all(place);
		sys_loopback_up();
	}
	sys_write_file("/proc/self/oom_score_adj", "-1000");
}

void machine_set_hostname(const char *name)
{
	int r = sys_set_hostname(name);
	if (r < 0)
		log_warning("cannot set the hostname to %s: %s", name, strerror(-r));
}

static void reap_for(int64_t duration)
{
	int64_t end = sys_now() + duration;
	int status;
	while (sys_now() < end) {
		pid_t pid = sys_reap(&status);
		if (pid == -ECHILD)
			return;
		if (pid == 0)
			sys_sleep(5 * NS_PER_MS);
	}
}

void machine_end(enum ending ending)
{
	/* kill(-1) can block on a process that the kernel holds: a child of ours does it. */
	for (int round = 0; round < 2; round++) {
		pid_t pid = sys_fork(-1);
		if (pid == 0) {
			sys_kill(-1, round == 0 ? SIGTERM : SIGKILL);
			sys_exit(0);
		}
		reap_for(LAST_GRACE_NS);
	}
	pid_t pid = sys_fork(-1);
	if (pid == 0) {
		sys_sync();
		mounts_leave();
		sys_sync();
		sys_exit(0);
	}
	reap_for(LEAVE_TIME_NS);
	log_info("%s", ending == END_REBOOT ? "rebooting" : ending == END_HALT ? "halting" : "powering off");
	int r = ending == END_REBOOT ? sys_reboot() : ending == END_HALT ? sys_halt() : sys_power_off();
	if (r < 0)
		r = sys_halt();
	log_error("the kernel refused to end: %s; still here, and reaping", strerror(-r));
}
