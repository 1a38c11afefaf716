/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: a TPM, as what crypto/ sees of it, platform.transmit. Every command has a deadline; within it, a
 * TPM that asks for the command again gets it again. After a command that got no answer the connection is dead and
 * every further one fails at once: nobody knows what the TPM would answer it with.
 *
 * Blocks: for the root worker and commands, never in PID 1's loop.
 */
#ifndef TAO_SYS_TPM_H
#define TAO_SYS_TPM_H

#include "../crypto/platform.h"

/* TPM.md, section 8: a discrete chip takes up to a second to make a key, and several to test itself. */
#define SYS_TPM_PATIENCE 10000000000 /* ns */

struct sys_tpm {
	struct platform platform; /* sys_platform and transmit; its ctx is this struct: it must stay where it is */
	bool device;
	int fd;		  /* of the device; -1 */
	int dead;	  /* ERR_TIMEOUT or ERR_IO: since a command failed so */
	int64_t patience; /* for one command, ns */
	char path[108];	  /* of the device or socket; as sockaddr_un has it */
	char why[256];	  /* for people: what failed last, and the remedy */
};

/* swtpm:SOCKET, swtpm:path=SOCKET, device:PATH, or an absolute PATH. Nothing is sent yet. -errno; why says it. */
int sys_tpm_open(struct sys_tpm *tpm, const char *spec);
void sys_tpm_close(struct sys_tpm *tpm);

#endif
