/* SPDX-License-Identifier: MIT
 *
 * Who comes to the admin channel, stays and goes. At most ADMIN_CLIENTS_MAX are there; whoever comes when all places are
 * taken takes that of the one who has waited for nothing for the longest.
 */
#ifndef TAO_ADMIN_CLIENT_H
#define TAO_ADMIN_CLIENT_H

#include "environment.h"

/* … for the answer to a request of its own, which keeps its place. */
static inline bool admin_client_waits(const struct admin_client *client)
{
	return client->waits_for >= 0 || client->waits_policy != 0;
}

void admin_client_close(struct env *env, uint32_t c);
/* Descriptors that came with a request and that nobody took. */
void admin_client_drop_fds(struct admin_client *client);
/* It has been answered, or has sent a part of a request: so long it may stay with that. */
void admin_client_deadline(struct env *env, uint32_t c);

#endif
