/* SPDX-License-Identifier: MIT
 *
 * The counters of a root that is a file: "<key file>.counters" beside it, replaced whole at each change. It is as safe
 * as the disk: who can put back an older disk puts back the counters, too, which only a root with a counter of its own
 * (a TPM) can tell.
 *
 * It is made before the key file gets its name. So a key file without one means that the counters are lost, and that
 * is an error until somebody gives them up: an empty file "<key file>.counters.reset" (mode 600, ours) says that a
 * table that cannot be used is to be replaced by an empty one. It is removed whenever the table can be used.
 */
#ifndef TAO_COUNTERS_FILE_H
#define TAO_COUNTERS_FILE_H

#include "counters.h"
#include "root.h"

#define COUNTERS_SUFFIX ".counters"
#define COUNTERS_RESET_SUFFIX ".reset"
#define COUNTERS_NEW_SUFFIX ".new"

/* What a root keeps in memory for them; belongs to the caller of root->class->open or resume. */
struct counter_store {
	struct counters table; /* its room, too */
	bool loaded;	       /* the table is what the disk has */
	uint8_t *file;	       /* COUNTERS_SEALED_SIZE(table.cap) bytes and one more */
	size_t file_cap;
};

/* An empty table on disk, name and all; whatever stood there is replaced. */
int counters_file_create(const struct root *root, struct root_report *report);
/* Undoes that, as well as it goes. */
void counters_file_remove(const struct root *root);
/* Answers n questions, with one write for all changes among them, and gives each its value and error. When it returns,
 * what it answered is on disk. An error that is everybody's stands in report; with nothing wrong, report may tell of
 * a reset. */
void counters_file_answer(struct root *root, struct counter_question *questions, size_t n,
			  struct root_report *report);

#endif
