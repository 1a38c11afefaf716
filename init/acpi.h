/* SPDX-License-Identifier: MIT
 *
 * What the kernel says of a machine's power button: messages of generic netlink, each as it was received. Pure.
 */
#ifndef TAO_ACPI_H
#define TAO_ACPI_H

#include "../crypto/base.h"

#define ACPI_FAMILY "acpi_event"

/* Of the answer to CTRL_CMD_GETFAMILY: the number of the family's one group. False: there is none in it. */
bool acpi_group(struct span message, uint32_t *group);
/* Is it that of a power button that was pressed? */
bool acpi_pressed(struct span message);

#endif
