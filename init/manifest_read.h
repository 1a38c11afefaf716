/* SPDX-License-Identifier: MIT
 *
 * How a JSON tree becomes a manifest: tables of keys, each with the function that takes its value. Private to
 * manifest*.c.
 */
#ifndef TAO_MANIFEST_READ_H
#define TAO_MANIFEST_READ_H

#include <cJSON.h>

#include "manifest.h"

/* services.NAME.measure.files[123] with a name of SERVICE_NAME_MAX fits. */
#define READ_PATH_MAX 160

struct reader {
	const struct manifest_context *context;
	struct arena *arena;
	struct diag *diag;
	struct wr *warnings;
	char path[READ_PATH_MAX]; /* of the value being read */
	struct manifest *manifest;
	const cJSON *services; /* the tree, for references between services */
};

struct key {
	const char *name;
	/* Takes the value into the object; ERR_* with the complaint said. NULL: known, but not in this version. */
	int (*take)(struct reader *reader, const cJSON *value, void *into);
};

/* Strict: an object, no duplicate, no key that is not in the table. */
int read_object(struct reader *reader, const cJSON *value, const struct key *keys, size_t n, void *into);
/* The same for a value that stands at path.key: used while walking lists and maps. */
size_t read_enter(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
void read_leave(struct reader *reader, size_t mark);

/* Complains at the current path: always ERR_MALFORMED. */
int read_fail(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
void read_warn(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The word of a list that is nearest to what was written, or NULL. */
const char *read_nearest(const char *word, const char *const *words, size_t n);

int read_string(struct reader *reader, const cJSON *value, const char **into);
int read_path(struct reader *reader, const cJSON *value, const char **into); /* absolute */
int read_bool(struct reader *reader, const cJSON *value, bool *into);
int read_int(struct reader *reader, const cJSON *value, int64_t least, int64_t most, int64_t *into);
int read_duration(struct reader *reader, const cJSON *value, int64_t *ns);
int read_size(struct reader *reader, const cJSON *value, uint64_t least, uint64_t most, uint64_t *bytes);
int read_sha256(struct reader *reader, const cJSON *value, struct digest *into);
/* One of the words: its index. */
int read_word(struct reader *reader, const cJSON *value, const char *const *words, size_t n, int *index);
/* Strings; NULL-terminated in the arena. */
int read_strings(struct reader *reader, const cJSON *value, char *const **into, int *count, int least, int most);

int read_host(struct reader *reader, const cJSON *value, struct host *host);
int read_service(struct reader *reader, const cJSON *value, struct service *service);
/* After all services have been read: references, order, uids, entry hashes. */
int read_links(struct reader *reader);
int read_owners(struct reader *reader);
int read_entry_hash(struct reader *reader, const cJSON *value, struct service *service);

int manifest_scan(struct span json, const char *file, struct diag *diag);

#endif
