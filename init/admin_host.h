/* SPDX-License-Identifier: MIT
 *
 * CloudProxy's LinuxHost.* on the admin channel (PROTOCOL, section 7): programs that are started at run time. Its methods
 * are rows of rpc.def; here is what admin.c does for them. Where CloudProxy lets any local user do all, the guard is
 * asked: StartProgram with the path, and Stop and Status with the name of the place or service.
 */
#ifndef TAO_ADMIN_HOST_H
#define TAO_ADMIN_HOST_H

#include "rpc.h"

/* False: malformed. Spans point into what is read. */
bool host_decode(struct host_call *host, pb_istream_t *in);
/* Of the program that the client waits for (only): does it run, or never will (start), or has it ended? Then the answer is
 * in call. */
bool host_waited(struct admin_call *call, bool start);

#endif
