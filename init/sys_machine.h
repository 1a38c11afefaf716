/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what only a machine's PID 1 does. As in sys.h: zero or positive, or -errno.
 */
#ifndef TAO_SYS_MACHINE_H
#define TAO_SYS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int sys_umount(const char *target);
int sys_swap_off(const char *path);
int sys_remount_read_only(const char *target);
/* Is something mounted there already? */
bool sys_is_mount(const char *path);
/* Calls each with the name of every entry, in no order, until it returns less than 0. */
int sys_list(const char *directory, int (*each)(void *arg, const char *name), void *arg);
/* Parameters as on a command line. -EEXIST: it is there. What does not end in .ko the kernel is asked to unpack. */
int sys_load_module(const char *path, const char *parameters);
/* What device-mapper says of the device that a path is on, as "dmsetup table" prints it, if that is one target of this
 * type: its length, without the type; 0: there is no such device. */
int sys_device_table(const char *path, const char *type, char *text, size_t cap);
/* Is / a ramfs or tmpfs, as an initramfs is? */
bool sys_root_is_memory(void);
/* The working directory, where something is mounted, becomes /. */
int sys_take_root(void);
/* All that is in a directory, on its file system. */
void sys_remove_all(const char *path);
int sys_set_hostname(const char *name);
int sys_loopback_up(void);
/* Ctrl-alt-del becomes SIGINT. -EINVAL in a pid namespace: that is how a container is told from a machine. */
int sys_catch_ctrl_alt_del(void);
int sys_setsid(void);
void sys_sync(void);
int sys_power_off(void);
int sys_reboot(void);
int sys_halt(void);

#endif
