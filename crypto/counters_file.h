/* SPDX-License-Identifier: MIT
 *
 * The counters on disk: "<key file>.counters" beside the key file, replaced whole at each change. That is as safe as
 * the disk: who can put back an older disk puts back the counters, too.
 *
 * Not so where the root has a counter of its own that is never set back, a TPM's (struct counter_nv; TPM.md, section 6).
 * Then a table is accepted only if its generation is what that counter says, exactly, and there are two files, ".counters"
 * and ".counters.next":
 *
 *	once a worker's life, before its first change (with the content as it is), and for each change:
 *	rename the accepted file to .counters, sync the directory; write generation c + 1 as .counters.next, sync
 *	both; count; answer
 *
 * So under a generation nothing is written but by who has made the counter what it was before. When counting fails, all is
 * forgotten and read again.
 *
 * It is made before the key file gets its name. So a key file without one means that the counters are lost, and that
 * is an error until somebody gives them up: an empty file "<key file>.counters.reset" (mode 600, ours) says that a
 * table that cannot be used is to be replaced by an empty one. It is removed whenever the table can be used. With a
 * counter of the root's own it has to be given while the host runs: one that a boot finds may be of whoever put the older
 * disk back, and is removed without effect.
 *
 * Whenever a table is written the time goes into it, if the caller knows it.
 */
#ifndef TAO_COUNTERS_FILE_H
#define TAO_COUNTERS_FILE_H

#include "counters.h"
#include "root.h"

#define COUNTERS_SUFFIX ".counters"
#define COUNTERS_RESET_SUFFIX ".reset"
#define COUNTERS_NEW_SUFFIX ".new"
#define COUNTERS_NEXT_SUFFIX ".next"

#define COUNTERS_GIVE_UP                                                                                          \
	"to give up all counters make, while the host runs, an empty file beside the key file, .counters.reset "  \
	"after its name, mode 600"

/* A counter of the root's own. What fails is said in report. */
struct counter_nv {
	/* Where it stands. ERR_LOST: it is gone, or another's. */
	int (*read)(struct root *root, uint64_t *n, struct root_report *report);
	/* Adds one. */
	int (*count)(struct root *root, struct root_report *report);
	/* For a new table: makes it if it is not there, and counts past all that may ever have been written. */
	int (*renew)(struct root *root, uint64_t *n, struct root_report *report);
};

/* What a root keeps in memory for them; belongs to the caller of root->class->open or resume. */
struct counter_store {
	struct counters table; /* its room, too */
	bool loaded;	       /* the table is what the disk has */
	bool in_next;	       /* … in the file .next */
	bool opened;	       /* what the counter says now it was made to say by us */
	bool booting;	       /* this is the first look in this boot */
	int64_t now;	       /* seconds since 1970; 0: not known */
	uint8_t *file;	       /* COUNTERS_SEALED_SIZE(table.cap) bytes and one more */
	size_t file_cap;
};

/* An empty table on disk, name and all; whatever stood there is replaced. */
int counters_file_create(struct root *root, struct root_report *report);
/* Undoes that, as well as it goes. */
void counters_file_remove(const struct root *root);
/* Answers n questions, with one write for all changes among them, and gives each its value and error. When it returns,
 * what it answered is on disk. An error that is everybody's stands in report; with nothing wrong, report may tell of
 * a reset. */
void counters_file_answer(struct root *root, struct counter_question *questions, size_t n,
			  struct root_report *report);

#endif
