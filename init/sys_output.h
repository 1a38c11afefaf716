/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what services' output needs. As in sys.h: zero or positive, or -errno.
 */
#ifndef TAO_SYS_OUTPUT_H
#define TAO_SYS_OUTPUT_H

#include <sys/types.h>

#include "../crypto/base.h"

/* n bytes of zeros in a memfd that never runs, close-on-exec. */
int sys_memory(const char *name, size_t n);
/* n bytes of it, for reading and writing; NULL on failure. */
void *sys_map_memory(int fd, size_t n);
int sys_fchown(int fd, uid_t uid, gid_t gid);

#endif
