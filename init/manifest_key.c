/* SPDX-License-Identifier: MIT
 *
 * Objects of the manifest, by the one table of keys.
 */
#include "manifest_read.h"

struct key {
	enum object object;
	const char *name;
	int (*take)(struct reader *reader, const cJSON *value, void *into);
};

static const struct key table[] = {
#define KEY(object, key, type, fallback, help) { OBJECT_##object, #key, take_##object##_##key },
#include "manifest.def"
#undef KEY
};
#define N_KEYS (sizeof table / sizeof table[0])

static size_t find(enum object object, const char *name)
{
	size_t i = 0;
	while (i < N_KEYS && (table[i].object != object || strcmp(table[i].name, name) != 0))
		i++;
	return i;
}

static int unknown(struct reader *reader, const cJSON *value, enum object object)
{
	struct nearest nearest = { NULL, 0 };
	for (size_t i = 0; i < N_KEYS; i++)
		if (table[i].object == object)
			nearest_try(&nearest, value->string, table[i].name);
	return read_fail(reader, value, ERR_NOT_FOUND, "no such key; %s",
			 hint_of(&nearest, "take it out; tao.manifest(5) lists the keys").text);
}

int read_object(struct reader *reader, const cJSON *value, enum object object, void *into)
{
	bool seen[N_KEYS] = { false };
	if (!cJSON_IsObject(value))
		return read_fail(reader, value, ERR_MALFORMED, "is no object; write { \"key\": value }");
	for (const cJSON *at = value->child; at != NULL; at = at->next) {
		size_t i = find(object, at->string);
		if (i == N_KEYS)
			return unknown(reader, at, object);
		if (seen[i])
			return read_fail(reader, at, ERR_EXISTS, "stands here a second time; keep one of them");
		seen[i] = true;
		int r = table[i].take(reader, at, into);
		if (r < 0)
			return r;
	}
	return ERR_NONE;
}
