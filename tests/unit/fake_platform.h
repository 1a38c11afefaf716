/* SPDX-License-Identifier: MIT
 *
 * A struct platform on a disk in memory, whose power can be cut. It keeps apart what the running system sees
 * and what is on the platter: content reaches the platter by sync, names by sync_dir. A cut decides, by a fate,
 * what became of everything that was neither synced nor lost for certain.
 *
 *	struct fake_disk disk;
 *	fake_init(&disk);
 *	disk.cut_at = 3;                        the third call from now on fails, and all after it
 *	... run the code under test with fake_platform(&disk) ...
 *	fake_restart(&disk, &fate);             the machine boots again
 *
 * Directories exist when something was written below them, as init/sys_platform.c makes them.
 */
#ifndef FAKE_PLATFORM_H
#define FAKE_PLATFORM_H

#include "../../crypto/platform.h"

#define FAKE_NODES 24
#define FAKE_NAMES 24
#define FAKE_CHANGES 32
#define FAKE_FILE_MAX 8192

/* What content that was written and not synced turns into. */
enum fake_content { FAKE_OLD, FAKE_NEW, FAKE_TORN, FAKE_ZEROS, FAKE_EMPTY, FAKE_CONTENTS };
/* Which of the changes of names that were not synced are on the platter all the same. */
enum fake_names { FAKE_NONE, FAKE_ALL, FAKE_FIRST, FAKE_LAST, FAKE_NAMES_FATES };

struct fake_fate {
	bool killed; /* the process died, the machine did not: nothing is lost, nothing is synced by that */
	enum fake_content content;
	enum fake_names names;
};
/* All of them: 0 to FAKE_FATES - 1. */
#define FAKE_FATES (FAKE_CONTENTS * FAKE_NAMES_FATES + 1)
struct fake_fate fake_fate(int number);

struct fake_node {
	bool directory, used, bad_mode;
	size_t n, platter_n;
	uint8_t bytes[FAKE_FILE_MAX], platter[FAKE_FILE_MAX];
};

struct fake_name {
	int directory; /* node */
	char name[64]; /* empty: no entry */
	int node;
};

/* A change of names, as one: an entry appears, or moves. */
struct fake_change {
	struct fake_name remove, add; /* an empty name: nothing */
};

struct fake_disk {
	struct platform platform;
	struct fake_node nodes[FAKE_NODES]; /* 0 is the root directory */
	struct fake_name names[FAKE_NAMES], platter[FAKE_NAMES];
	struct fake_change changes[FAKE_CHANGES]; /* not synced, oldest first */
	int n_changes;

	int calls;   /* since fake_init or fake_restart; reads do not count */
	int cut_at;  /* the call at which the power fails; 0: never */
	int fail_at; /* the call that fails with fail_with, once; 0: none */
	int fail_with;
	int fail_read; /* what reads fail with; 0: they do not */
	bool off;
	uint32_t random; /* how often random bytes were asked for */

	/* The Tao below, with fake_parent(): its power is not cut, but ours may be in each call. */
	uint8_t parent_name; /* who it takes us for: what it sealed to others it does not open */
	struct {
		uint8_t label[24];
		int64_t value;
	} counters[8];
	int refuse_at; /* the call of it that is refused; 0: none */
	int parent_calls;
};

void fake_init(struct fake_disk *disk);
const struct platform *fake_platform(struct fake_disk *disk);
/* Gives it a parent. */
void fake_parent(struct fake_disk *disk);
void fake_restart(struct fake_disk *disk, const struct fake_fate *fate);

/* A file as the running system sees it, on the platter at once. */
void fake_put(struct fake_disk *disk, const char *path, struct span bytes);
/* Its node, NULL if there is none. */
struct fake_node *fake_file(struct fake_disk *disk, const char *path);
/* SHA-256 of all that may make a difference later: two disks of equal digest behave alike. */
void fake_digest(const struct fake_disk *disk, uint8_t digest[32]);
/* How many files there are. */
int fake_count(const struct fake_disk *disk);

#endif
