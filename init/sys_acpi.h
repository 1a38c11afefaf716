/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: a machine's power button, as the kernel tells of it (generic netlink, family acpi_event). Its driver
 * may be a module, which may come later.
 */
#ifndef TAO_SYS_ACPI_H
#define TAO_SYS_ACPI_H

#include <stdbool.h>

/* A descriptor that never blocks, or -errno: -ENOENT where the kernel knows no ACPI. */
int sys_acpi_open(void);
/* Takes one event; is it that of a power button that was pressed? */
bool sys_acpi_pressed(int fd);

#endif
