/* SPDX-License-Identifier: MIT
 *
 * The root worker: opens the root of trust, hands the key set to PID 1 and ends. What is stored is touched by it
 * alone.
 */
#ifndef TAO_ROOT_WORKER_H
#define TAO_ROOT_WORKER_H

#include "../crypto/root.h"

struct manifest;

/* The worker's one message. */
struct root_opened {
	int32_t error; /* enum err */
	struct root_identity identity;
	struct root_report report;
	struct tao_seed seed; /* secret: received into secret pages, then wiped */
};

/* The worker's life; arg is the struct host of the manifest. Blocks. */
int root_worker(int socket, void *arg);

#endif
