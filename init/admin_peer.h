/* SPDX-License-Identifier: MIT */
#ifndef TAO_ADMIN_PEER_H
#define TAO_ADMIN_PEER_H

#include "environment.h"
#include "transport.h"

/* Who has come: asked once, when it comes. Reads /proc. */
void admin_peer_find(const struct env *env, const struct admin_listener *listener, int fd,
		     const struct transport_peer *who, struct admin_peer *peer);

#endif
