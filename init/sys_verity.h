/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: block devices that are made of files. As in sys.h: zero or positive, or -errno. They are read-only, and
 * go by themselves when nobody has them open or mounted any more, however that comes about.
 */
#ifndef TAO_SYS_VERITY_H
#define TAO_SYS_VERITY_H

#include <stdint.h>

/* A device's path. */
#define SYS_DEVICE_MAX 32

/* A loop device: it, open, and its path. */
int sys_loop(const char *file, char device[static SYS_DEVICE_MAX]);
/* A device of dm-verity, of so many sectors of 512 bytes, the same way. control: /dev/mapper/control. One of that name,
 * which has been left or is about to go, is removed; -EBUSY if it stays in use. Waits for that, up to two seconds. For a
 * process that ends where it fails: what is open then is closed by that. */
int sys_verity(int control, const char *name, uint64_t sectors, const char *table,
	       char device[static SYS_DEVICE_MAX]);

#endif
