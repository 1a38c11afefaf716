/* SPDX-License-Identifier: MIT
 *
 * How a JSON tree becomes a manifest: one table of keys (manifest.def), each with the function that takes its
 * value. Private to manifest*.c. Functions return 0, or ERR_* with the complaint said.
 */
#ifndef TAO_MANIFEST_READ_H
#define TAO_MANIFEST_READ_H

#include <cJSON.h>

#include "../crypto/sha256.h"
#include "manifest.h"

/* A line or two on a terminal, with room for the whole of any service's name. */
#define QUOTED_MAX (SERVICE_NAME_MAX + 8)
/* Each is looked up in the tree for its place; more than a screen of them nobody reads. */
#define WARNINGS_MAX 50

#define RECENT_STRINGS 64
struct reader {
	struct manifest_file *files; /* the manifest's own, and what it includes */
	cJSON **trees;		     /* of each */
	int n_files;
	const struct manifest_context *context;
	struct arena *arena;
	struct diag *diag;
	struct wr *warnings;
	unsigned n_warnings;
	struct manifest *manifest;
	const struct sha256_impl *sha256;
	const cJSON **entries;	      /* of services, by their index */
	char *recent[RECENT_STRINGS]; /* of read_keep(), by a hash */
	const char **list;	      /* the last of read_strings() */
	int list_n;
	cJSON *program; /* the entry of each place for a program that is started at run time */
};

/* The objects of a manifest that have a fixed set of keys. */
enum object {
	OBJECT_top,
	OBJECT_host,
	OBJECT_root,
	OBJECT_guard,
	OBJECT_admin,
	OBJECT_mount,
	OBJECT_switch_root,
	OBJECT_service,
	OBJECT_stop,
	OBJECT_on_failure,
	OBJECT_measure,
	OBJECT_scheduling,
	OBJECT_filesystem,
	OBJECT_socket,
	OBJECT_tao
};

#define KEY(object, key, type, fallback, help)                                                                    \
	int take_##object##_##key(struct reader *reader, const cJSON *value, void *into);
#include "manifest.def"
#undef KEY

/* Strict: an object, no duplicate, no key that is not in the table. */
int read_object(struct reader *reader, const cJSON *value, enum object object, void *into);

/* ---- saying what is wrong (manifest_say.c) ---- */

/* file:line:column: path.of[1].value: what; remedy. Returns err. */
int read_fail(struct reader *reader, const cJSON *value, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int read_no_memory(struct reader *reader);
/* The file that the value stands in. */
const char *read_file_of(const struct reader *reader, const cJSON *value);
void read_warn(struct reader *reader, const cJSON *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What a manifest says, fit for a message: in quotes, on one line, without control characters, not too long. */
struct quoted {
	char text[QUOTED_MAX + 8];
};
struct quoted quote(const char *text);
/* The word that is nearest to what was written, if it is near enough to be what was meant. */
struct nearest {
	const char *word;
	size_t distance;
};
void nearest_try(struct nearest *nearest, const char *written, const char *word);
/* ; did you mean "word"? — or else otherwise. */
struct hint {
	char text[2 * QUOTED_MAX];
};
struct hint hint_of(const struct nearest *nearest, const char *otherwise);

/* ---- values (manifest_value.c) ---- */

/* Copies into the arena; NULL when full. */
char *read_keep(struct reader *reader, const char *text);
/* Its children if it is an array (of so many), else the complaint; list may be NULL for "any". */
int read_list(struct reader *reader, const cJSON *value, int least, int most, const char *example, int *n);
int read_string(struct reader *reader, const cJSON *value, const char **into);
int read_path(struct reader *reader, const cJSON *value, size_t most, const char **into); /* absolute */
int read_bool(struct reader *reader, const cJSON *value, bool *into);
int read_int(struct reader *reader, const cJSON *value, int64_t least, int64_t most, int64_t *into);
int read_duration(struct reader *reader, const cJSON *value, int64_t least, int64_t most, int64_t *ns);
int read_size(struct reader *reader, const cJSON *value, uint64_t least, uint64_t most, uint64_t *bytes);
/* Three octal digits in quotes. */
int read_mode(struct reader *reader, const cJSON *value, mode_t *mode);
int read_owner(struct reader *reader, const cJSON *value, const char **into); /* a name, or a number as text */
int read_sha256(struct reader *reader, const cJSON *value, struct digest *into);
/* One of the words: its index. later: words that other versions know, or NULL; both NULL-terminated. */
int read_word(struct reader *reader, const cJSON *value, const char *const *words, const char *const *later,
	      int *index);
/* Strings; NULL-terminated in the arena. */
int read_strings(struct reader *reader, const cJSON *value, char *const **into, int *count, int least, int most,
		 const char *example);
/* Absolute paths in the one spelling that they have: no ., .. or double /; none twice. */
int read_paths(struct reader *reader, const cJSON *value, const char *const **into, int *count, int most,
	       const char *example);

/* ---- parts ---- */

int read_host_defaults(struct reader *reader);
/* Does what is mounted stay within reach under the new root? */
int read_check_switch_root(struct reader *reader);
int read_capabilities(struct reader *reader, const cJSON *value, struct service *service);
int read_limits(struct reader *reader, const cJSON *value, struct service *service);
int read_signal(struct reader *reader, const cJSON *value, int *signal);
/* The first capability of a service that needs "privileged", as text with the reason; false if there is none. */
bool read_privilege(uint64_t capabilities, const char **name, const char **reason);
/* What has to hold between the keys of manifest_confine.c. */
int read_check_confinement(struct reader *reader, const cJSON *value, const struct service *service);
/* What has to hold between factory and the keys of manifest_factory.c, and what follows from them. */
int read_check_factory(struct reader *reader, const cJSON *value, struct service *service);
/* A list of mounts, into the arena. */
int read_mounts(struct reader *reader, const cJSON *value, const struct mount_entry **into, int *count);
/* What has to hold between the keys of manifest_when.c. */
int read_check_when(struct reader *reader, const cJSON *value, const struct service *service);
int read_service(struct reader *reader, const cJSON *value, struct service *service);
/* After all services have been read: names become indexes, order, uids. */
int read_links(struct reader *reader);
int read_owners(struct reader *reader);

/* The hash of docs/entry-hash.md; of an entry that has been read. */
void entry_hash(const struct sha256_impl *sha256, struct service *service);

/* ---- without a reader ---- */

/* The words for a mount's flags, one after another; NULL behind the last. */
const char *mount_flag_word(size_t i, unsigned long *flag);

/* 64 hexadecimal digits in small letters. */
bool sha256_from(const char *text, struct digest *into);
/* The grammar; see manifest_scan.c. */
int manifest_scan(struct span json, const char *file, struct diag *diag);
/* Where in a file that has been scanned the value stands that comes as the n-th, counted as a tree is walked, each
 * before what it holds: of its key, if it has one. */
struct text_place {
	size_t line, column; /* from 1, in characters */
};
struct text_place manifest_place(struct span json, size_t nth);
/* Every service after all that it waits for, otherwise as in the manifest. order: n_services. The number of
 * services in order; less if there is a cycle, which then stands in cycle (n_services; its first is not told
 * again), its length in *n_cycle. scratch: 2 * n_services. */
size_t manifest_order(const struct manifest *manifest, uint16_t *order, uint16_t *scratch, uint16_t *cycle,
		      size_t *n_cycle);

#endif
