/* SPDX-License-Identifier: MIT
 *
 * struct platform on the kernel: how the root worker's crypto/ code reaches files.
 */
#ifndef TAO_SYS_PLATFORM_H
#define TAO_SYS_PLATFORM_H

#include "../crypto/platform.h"

extern const struct platform sys_platform;

#endif
