/* SPDX-License-Identifier: MIT */
#include "image.h"

/* n strings and nothing else. */
static bool are_strings(struct span s, size_t n)
{
	size_t ends = 0;
	for (size_t i = 0; i < s.n; i++)
		ends += s.p[i] == '\0';
	return ends == n && s.n > 0 && s.p[s.n - 1] == '\0';
}

bool image_view(struct span bytes, struct image_view *view)
{
	struct image_trailer t;
	if (bytes.n < sizeof t)
		return false;
	memcpy(&t, bytes.p + bytes.n - sizeof t, sizeof t);
	if (memcmp(t.magic, IMAGE_MAGIC, sizeof t.magic) != 0 || t.version != IMAGE_VERSION || t.n_layers == 0 ||
	    t.n_layers > IMAGE_LAYERS_MAX || t.config_bytes > IMAGE_CONFIG_MAX || t.n_args > IMAGE_ARGS_MAX ||
	    t.n_env > IMAGE_ARGS_MAX)
		return false;
	size_t table = t.n_layers * sizeof *view->layers, behind = t.config_bytes + table + sizeof t;
	if (bytes.n < behind || t.config_offset != bytes.n - behind)
		return false;
	struct span config = span_of(bytes.p + t.config_offset, t.config_bytes);
	if (config.n > 0 ? !are_strings(config, t.n_args + t.n_env + 2U) : t.n_args + t.n_env > 0)
		return false;
	memcpy(view->layers, config.p + config.n, table);
	for (unsigned i = 0; i < t.n_layers; i++) {
		const struct image_layer *layer = &view->layers[i];
		if (layer->offset > t.config_offset || layer->bytes > t.config_offset - layer->offset ||
		    layer->kind > IMAGE_VERITY)
			return false;
	}
	view->bytes = bytes;
	view->n_layers = t.n_layers;
	view->n_args = t.n_args;
	view->n_env = t.n_env;
	view->config = config.n > 0 ? (const char *)config.p : NULL;
	return true;
}

const char *image_string(const struct image_view *view, unsigned i)
{
	const char *at = view->config;
	if (at == NULL || i >= view->n_args + view->n_env + 2)
		return NULL;
	while (i-- > 0)
		at += strlen(at) + 1;
	return at;
}

enum image_kind image_kind_of(struct span bytes)
{
	static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	if (bytes.n >= 2 && bytes.p[0] == 0x1f && bytes.p[1] == 0x8b)
		return IMAGE_GZIP;
	/* A skippable frame may stand first. */
	if (bytes.n >= 4 && (memcmp(bytes.p, zstd, 4) == 0 ||
			     ((bytes.p[0] & 0xf0) == 0x50 && memcmp(bytes.p + 1, "\x2a\x4d\x18", 3) == 0)))
		return IMAGE_ZSTD;
	return IMAGE_TAR;
}
