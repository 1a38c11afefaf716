/* SPDX-License-Identifier: MIT
 *
 * The key file of the roots that keep one, the counters beside it: soft and parent; what stands in it is theirs.
 *
 * It is made whole under another name, synced, and renamed, so that under its own name there is a whole file or none; and
 * success is reported only when the name is on disk too, for a file that was found as well as for one that was made,
 * because whoever made it may have died between the rename and the sync.
 */
#ifndef TAO_KEY_FILE_H
#define TAO_KEY_FILE_H

#include "keyset.h"
#include "root.h"

/* Of any root's: a key set that a parent has sealed, with our name there. */
#define KEY_FILE_MAX 6144

/* What stands in it. */
struct key_format {
	size_t most; /* bytes, at most KEY_FILE_MAX */
	int (*read)(struct root *root, struct span file, struct keyset *keys, struct root_report *report);
	int (*write)(struct root *root, const struct keyset *keys, struct wr *file, struct root_report *report);
};

/* struct root_class's open, of a root that the caller has begun, resume, and close. */
int key_file_open(struct root *root, const struct key_format *format, const struct root_config *config,
		  const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
		  struct root_report *report);
int key_file_resume(struct root *root, const struct root_config *config, const uint8_t kek[static 32],
		    struct root_report *report);
void key_file_close(struct root *root);
/* What is wrong with the bytes that read got; returns err. */
int key_file_damaged(struct root_report *report, const char *path, int err);

#endif
