/* SPDX-License-Identifier: MIT
 *
 * The hash of a service's entry (docs/entry-hash.md): SHA-256 of what it runs and with which rights, in the
 * canonical form of RFC 8785, defaults left out.
 */
#include "../crypto/sha256.h"
#include "manifest_read.h"

struct canon {
	struct sha256 hash;
};

static void put(struct canon *c, const char *text)
{
	sha256_update(&c->hash, span_str(text));
}

/* RFC 8785, section 3.2.2.2: the short escapes, \u00xx for other controls, all else as it is. */
static void put_string(struct canon *c, const char *text)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	put(c, "\"");
	for (const char *p = text; *p != '\0'; p++) {
		const char *at = strchr(from, *p);
		char out[8] = { *p, 0 };
		if (at != NULL) {
			out[0] = '\\';
			out[1] = to[at - from];
		} else if ((unsigned char)*p < 0x20) {
			memcpy(out, "\\u00", 4);
			out[4] = "0123456789abcdef"[(unsigned char)*p >> 4];
			out[5] = "0123456789abcdef"[*p & 15];
		}
		put(c, out);
	}
	put(c, "\"");
}

static void put_list(struct canon *c, const char *const *list, int n)
{
	put(c, "[");
	for (int i = 0; i < n; i++) {
		if (i > 0)
			put(c, ",");
		put_string(c, list[i]);
	}
	put(c, "]");
}

/* Keys come sorted by their UTF-16 units: for the names of variables the same as by bytes, except beyond the
 * basic plane, which no variable's name needs and which is refused. */
static int put_env(struct reader *reader, struct canon *c, const cJSON *env)
{
	const char *last = NULL;
	put(c, "{");
	for (;;) {
		const cJSON *least = NULL;
		for (const cJSON *at = env->child; at != NULL; at = at->next) {
			for (const char *p = at->string; *p != '\0'; p++)
				if ((unsigned char)*p >= 0xee)
					return read_fail(reader,
							 "a variable's name beyond U+E000 has no entry hash");
			if ((last == NULL || strcmp(at->string, last) > 0) &&
			    (least == NULL || strcmp(at->string, least->string) < 0))
				least = at;
		}
		if (least == NULL)
			break;
		put(c, last != NULL ? "," : "");
		put_string(c, least->string);
		put(c, ":");
		put_string(c, least->valuestring);
		last = least->string;
	}
	put(c, "}");
	return ERR_NONE;
}

static void put_measure(struct canon *c, const struct service *s)
{
	const char *comma = "";
	put(c, "\"measure\":{");
	if (s->measure_args) {
		put(c, "\"args\":true");
		comma = ",";
	}
	if (s->measure_entry) {
		put(c, comma);
		put(c, "\"entry\":true");
		comma = ",";
	}
	if (s->n_files > 0) {
		put(c, comma);
		put(c, "\"files\":");
		put_list(c, s->files, s->n_files);
		comma = ",";
	}
	if (s->trust_rootfs) {
		put(c, comma);
		put(c, "\"trust_rootfs\":true");
	}
	put(c, "}");
}

/* cwd, env, exec, group, measure, user: the order of RFC 8785, section 3.2.3. */
int read_entry_hash(struct reader *reader, const cJSON *value, struct service *s)
{
	struct canon c;
	const cJSON *env = cJSON_GetObjectItemCaseSensitive(value, "env");
	sha256_init(&c.hash, sha256_pick());
	put(&c, "{");
	if (strcmp(s->cwd, "/") != 0) {
		put(&c, "\"cwd\":");
		put_string(&c, s->cwd);
		put(&c, ",");
	}
	if (s->n_env > 0) {
		put(&c, "\"env\":");
		int r = put_env(reader, &c, env);
		if (r < 0)
			return r;
		put(&c, ",");
	}
	put(&c, "\"exec\":");
	put_list(&c, (const char *const *)s->exec, s->n_exec);
	if (s->group != NULL) {
		put(&c, ",\"group\":");
		put_string(&c, s->group);
	}
	if (s->measure_args || s->measure_entry || s->n_files > 0 || s->trust_rootfs) {
		put(&c, ",");
		put_measure(&c, s);
	}
	if (s->user != NULL) {
		put(&c, ",\"user\":");
		put_string(&c, s->user);
	}
	put(&c, "}");
	sha256_out(&c.hash, s->entry.b);
	return ERR_NONE;
}
