/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "manifest.h"
#include "root_worker.h"
#include "sys.h"
#include "sys_platform.h"

int root_worker(int socket, void *arg)
{
	const struct host *host = arg;
	/* One message of this size fits any socket buffer; static, so that it is wiped with certainty below. */
	static struct root_opened opened;
	struct root root = { .class = host->root };
	struct root_config config = { .file = host->root_file, .ephemeral = host->root_ephemeral };
	uint8_t entropy[128];
	if (sys_random(entropy, sizeof entropy) < 0) {
		opened.error = ERR_IO;
		snprintf(opened.report.text, sizeof opened.report.text, "the kernel gives no random bytes");
	} else {
		opened.error = root.class->open(&root, &sys_platform, &config, entropy, &opened.seed,
						&opened.identity, &opened.report);
	}
	wipe(entropy, sizeof entropy);
	int r = sys_write_all(socket, &opened, sizeof opened);
	wipe(&opened, sizeof opened);
	if (opened.error == ERR_NONE && root.class->close != NULL)
		root.class->close(&root);
	wipe(&root, sizeof root);
	return r == 0 ? 0 : 1;
}
