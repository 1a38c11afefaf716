/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "manifest_image.h"
#include "manifest_read.h"

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#error "what does Go call this architecture?"
#endif

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
/* Whole numbers that a double holds exactly. */
#define EXACT_MAX 9007199254740992.0

static int fail(struct diag *why, int err, const char *what)
{
	snprintf(why->text, sizeof why->text, "%s", what);
	return err;
}

static cJSON *parse(struct span json, struct diag *why)
{
	cJSON *tree = NULL;
	why->text[0] = '\0';
	if (json.n > OCI_JSON_MAX)
		fail(why, ERR_TOO_LARGE, "is larger than 1 MiB");
	else if (manifest_scan(json, "JSON", why) == 0 &&
		 (tree = cJSON_ParseWithLength((const char *)json.p, json.n)) == NULL)
		fail(why, ERR_NO_SPACE, "no memory to read it");
	if (tree == NULL || cJSON_IsObject(tree))
		return tree;
	fail(why, ERR_MALFORMED, "is no object");
	cJSON_Delete(tree);
	return NULL;
}

/* NULL where there is none, it is null, or there are two, of which others may take the other. */
static const cJSON *get(const cJSON *object, const char *key)
{
	const cJSON *found = NULL;
	if (object == NULL || !cJSON_IsObject(object))
		return NULL;
	for (const cJSON *at = object->child; at != NULL; at = at->next) {
		if (strcmp(at->string, key) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = at;
	}
	return cJSON_IsNull(found) ? NULL : found;
}

static const char *text(const cJSON *object, const char *key)
{
	const cJSON *value = get(object, key);
	return value != NULL && cJSON_IsString(value) ? value->valuestring : "";
}

static bool is_one_of(const char *type, const char *a, const char *b)
{
	return strcmp(type, a) == 0 || strcmp(type, b) == 0;
}

static bool is_index(const char *type)
{
	return is_one_of(type, OCI "index.v1+json", DOCKER "distribution.manifest.list.v2+json");
}

static bool is_manifest(const char *type)
{
	return is_one_of(type, OCI "manifest.v1+json", DOCKER "distribution.manifest.v2+json");
}

static int blob_of(const cJSON *descriptor, struct oci_blob *blob, struct diag *why)
{
	const char *digest = text(descriptor, "digest");
	const cJSON *size = get(descriptor, "size");
	if (strncmp(digest, "sha256:", 7) != 0 || !sha256_from(digest + 7, &blob->digest))
		return fail(why, ERR_UNSUPPORTED, "refers to a blob by another digest than sha256:");
	if (!cJSON_IsNumber(size) || !(size->valuedouble >= 0 && size->valuedouble <= EXACT_MAX))
		return fail(why, ERR_MALFORMED, "refers to a blob of no size");
	blob->bytes = (uint64_t)size->valuedouble;
	return (double)blob->bytes == size->valuedouble ? 0
							: fail(why, ERR_MALFORMED, "refers to a blob of no size");
}

int oci_layout(struct span json, struct diag *why)
{
	cJSON *tree = parse(json, why);
	int r = ERR_MALFORMED;
	if (tree != NULL)
		r = strcmp(text(tree, "imageLayoutVersion"), "1.0.0") == 0
			    ? 0
			    : fail(why, ERR_BAD_VERSION, "is of another version than 1.0.0");
	cJSON_Delete(tree);
	return r;
}

/* ---- which image ---- */

enum fit { NOT_FOR_US, PERHAPS, FOR_US };

static enum fit fit_of(const cJSON *descriptor, const char *tag)
{
	const char *type = text(descriptor, "mediaType");
	const cJSON *platform = get(descriptor, "platform");
	if (!is_index(type) && !is_manifest(type))
		return NOT_FOR_US;
	if (tag != NULL &&
	    strcmp(text(get(descriptor, "annotations"), "org.opencontainers.image.ref.name"), tag) != 0)
		return NOT_FOR_US;
	if (platform == NULL)
		return PERHAPS;
	return strcmp(text(platform, "os"), "linux") == 0 &&
			       strcmp(text(platform, "architecture"), ARCHITECTURE) == 0
		       ? FOR_US
		       : NOT_FOR_US;
}

static int choose(const cJSON *manifests, const char *tag, const cJSON **chosen, struct diag *why)
{
	unsigned n[FOR_US + 1] = { 0 };
	const cJSON *last[FOR_US + 1];
	for (const cJSON *at = cJSON_IsArray(manifests) ? manifests->child : NULL; at != NULL; at = at->next) {
		enum fit fit = fit_of(at, tag);
		n[fit]++;
		last[fit] = at;
	}
	enum fit best = n[FOR_US] > 0 ? FOR_US : PERHAPS;
	if (n[best] == 0)
		return fail(why, ERR_NOT_FOUND,
			    tag != NULL ? "has no image of this tag for linux on " ARCHITECTURE
					: "has no image for linux on " ARCHITECTURE);
	if (n[best] > 1)
		return fail(why, ERR_EXISTS,
			    "has several images; name the one that is meant by its tag, as in DIRECTORY:TAG");
	*chosen = last[best];
	return 0;
}

int oci_index(struct span json, const char *tag, struct oci_blob *image, bool *leads_on, struct diag *why)
{
	const cJSON *chosen = NULL;
	cJSON *tree = parse(json, why);
	if (tree == NULL)
		return ERR_MALFORMED;
	int r = choose(get(tree, "manifests"), tag, &chosen, why);
	if (r == 0)
		r = blob_of(chosen, image, why);
	if (r == 0)
		*leads_on = is_index(text(chosen, "mediaType"));
	cJSON_Delete(tree);
	return r;
}

/* ---- the image ---- */

/* -1: none that we can read. */
static int kind_of(const char *type)
{
	static const char *const kinds[][3] = {
		[IMAGE_TAR] = { OCI "layer.v1.tar", DOCKER "image.rootfs.diff.tar" },
		[IMAGE_GZIP] = { OCI "layer.v1.tar+gzip", DOCKER "image.rootfs.diff.tar.gzip" },
		[IMAGE_ZSTD] = { OCI "layer.v1.tar+zstd", DOCKER "image.rootfs.diff.tar.zstd" },
	};
	for (int i = IMAGE_TAR; i <= IMAGE_ZSTD; i++)
		if (is_one_of(type, kinds[i][0], kinds[i][1]))
			return i;
	return -1;
}

static int take_layers(const cJSON *layers, struct oci_manifest *manifest, struct diag *why)
{
	int r = 0;
	manifest->n_layers = 0;
	if (!cJSON_IsArray(layers) || layers->child == NULL)
		return fail(why, ERR_MALFORMED, "has no layers");
	for (const cJSON *at = layers->child; at != NULL && r == 0; at = at->next) {
		int kind = kind_of(text(at, "mediaType"));
		if (manifest->n_layers == IMAGE_LAYERS_MAX)
			return fail(why, ERR_TOO_LARGE, "has more than 64 layers");
		if (kind < 0)
			return fail(why, ERR_UNSUPPORTED, "has a layer that is no tar, tar+gzip or tar+zstd");
		manifest->layers[manifest->n_layers].kind = (enum image_kind)kind;
		r = blob_of(at, &manifest->layers[manifest->n_layers++].blob, why);
	}
	return r;
}

int oci_manifest(struct span json, struct oci_manifest *manifest, struct diag *why)
{
	cJSON *tree = parse(json, why);
	if (tree == NULL)
		return ERR_MALFORMED;
	const cJSON *type = get(tree, "mediaType"), *version = get(tree, "schemaVersion"),
		    *config = get(tree, "config");
	int r = 0;
	/* What would be a manifest here and an index elsewhere is none. */
	if (!cJSON_IsNumber(version) || version->valuedouble != 2 || get(tree, "manifests") != NULL ||
	    (type != NULL && !is_manifest(text(tree, "mediaType"))))
		r = fail(why, ERR_MALFORMED, "is no manifest of schemaVersion 2");
	else if (!is_one_of(text(config, "mediaType"), OCI "config.v1+json", DOCKER "container.image.v1+json"))
		r = fail(why, ERR_UNSUPPORTED, "is of no container image (its config is something else)");
	if (r == 0)
		r = blob_of(config, &manifest->config, why);
	if (r == 0)
		r = take_layers(get(tree, "layers"), manifest, why);
	cJSON_Delete(tree);
	return r;
}

static void put(struct wr *strings, const char *string)
{
	wr_bytes(strings, string, strlen(string) + 1);
}

static int put_list(const cJSON *list, struct wr *strings, uint16_t *n, struct diag *why)
{
	if (list == NULL)
		return 0;
	if (!cJSON_IsArray(list))
		return fail(why, ERR_MALFORMED, "has something else where a list of strings belongs");
	for (const cJSON *at = list->child; at != NULL; at = at->next) {
		if (!cJSON_IsString(at))
			return fail(why, ERR_MALFORMED, "has something else in a list of strings");
		if (*n == IMAGE_ARGS_MAX)
			return fail(why, ERR_TOO_LARGE, "has more than 256 arguments or variables");
		++*n;
		put(strings, at->valuestring);
	}
	return 0;
}

static int put_strings(const cJSON *config, struct wr *strings, uint16_t *n_args, uint16_t *n_env,
		       struct diag *why)
{
	*n_args = *n_env = 0;
	int r = put_list(get(config, "Entrypoint"), strings, n_args, why);
	if (r == 0)
		r = put_list(get(config, "Cmd"), strings, n_args, why);
	if (r == 0)
		r = put_list(get(config, "Env"), strings, n_env, why);
	put(strings, text(config, "WorkingDir"));
	put(strings, text(config, "User"));
	return r == 0 && strings->err != ERR_NONE ? fail(why, ERR_TOO_LARGE, "has more than 64 KiB of strings")
						  : r;
}

int oci_config(struct span json, struct wr *strings, uint16_t *n_args, uint16_t *n_env, struct diag *why)
{
	cJSON *tree = parse(json, why);
	if (tree == NULL)
		return ERR_MALFORMED;
	int r = strcmp(text(tree, "os"), "linux") == 0 && strcmp(text(tree, "architecture"), ARCHITECTURE) == 0
			? put_strings(get(tree, "config"), strings, n_args, n_env, why)
			: fail(why, ERR_UNSUPPORTED, "is not for linux on " ARCHITECTURE);
	cJSON_Delete(tree);
	return r;
}
