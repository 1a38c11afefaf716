/* SPDX-License-Identifier: MIT
 *
 * The keys that say where services' output goes.
 */
#include "manifest_read.h"

/* Two lines of the longest kind, and more; and what one answer of the admin channel takes. */
#define RING_MIN 16384U
#define RING_MAX (1U << 20)
#define SIZE_MIN 4096U
#define SIZE_MOST ((uint64_t)1 << 30)
/* Beside it are its old ones, with a number. */
#define FILE_MAX 4090

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

static int read_where(struct reader *reader, const cJSON *value, const char **into)
{
	static const char *const words[] = { "inherit", "none", "ring", "console", "kmsg", NULL };
	int i = 0;
	if (cJSON_IsString(value) && value->valuestring[0] == '/')
		return read_path(reader, value, FILE_MAX, into);
	int r = read_word(reader, value, words, NULL, &i);
	*into = words[i];
	return r;
}

TAKE(service, log)
{
	return read_where(reader, value, &((struct service *)into)->log);
}

TAKE(host, log)
{
	return read_where(reader, value, &((struct host *)into)->log);
}

TAKE(host, log_rate)
{
	int64_t n = 0;
	int r = read_int(reader, value, 0, 1000000, &n);
	((struct host *)into)->log_rate = (uint32_t)n;
	return r;
}

TAKE(host, log_ring)
{
	uint64_t n = 0;
	int r = read_size(reader, value, RING_MIN, RING_MAX, &n);
	((struct host *)into)->log_ring = (uint32_t)n;
	return r;
}

TAKE(host, log_size)
{
	return read_size(reader, value, SIZE_MIN, SIZE_MOST, &((struct host *)into)->log_size);
}
