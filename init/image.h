/* SPDX-License-Identifier: MIT
 *
 * A container's image as the measure worker hands it over: one sealed memfd with the bytes of its layers as they were, and
 * behind them what was measured besides.
 *
 *	layers, config, struct image_layer[n_layers], struct image_trailer
 *
 * It never leaves the machine: numbers are in the machine's own order. Pure; whoever reads one believes no byte.
 */
#ifndef TAO_IMAGE_H
#define TAO_IMAGE_H

#include "../crypto/base.h"

#define IMAGE_LAYERS_MAX 64
/* argv, env, cwd and user of an OCI image's config. */
#define IMAGE_CONFIG_MAX ((size_t)64 << 10)
#define IMAGE_ARGS_MAX 256

enum image_kind {
	IMAGE_TAR,
	IMAGE_GZIP,
	IMAGE_ZSTD,
	IMAGE_VERITY, /* no layer, but what a file system is mounted by: a record of verity.h */
};

struct image_layer {
	uint64_t offset, bytes;
	uint64_t kind; /* enum image_kind */
};

#define IMAGE_MAGIC "tao-image\n\0\0\0\0\0"
#define IMAGE_VERSION 1

struct image_trailer {
	uint64_t config_offset; /* the table stands where the config ends, the trailer where the table ends */
	uint32_t config_bytes;
	uint32_t n_layers;
	uint16_t n_args, n_env; /* the config: so many strings, then cwd and user, each with its NUL; or nothing */
	uint32_t version;
	char magic[16];
};

/* An image in memory, checked: every layer stands within, every string ends. */
struct image_view {
	struct span bytes;
	unsigned n_layers;
	struct image_layer layers[IMAGE_LAYERS_MAX];
	unsigned n_args, n_env;
	const char *config; /* the strings; NULL: the image says nothing (a tar) */
};

/* false: no such image. Any bytes are fine as input. */
bool image_view(struct span bytes, struct image_view *view);
/* String i of the config: args, then env, then cwd, then user ("" where the image does not say it). NULL: none such. */
const char *image_string(const struct image_view *view, unsigned i);
/* What a layer's first bytes say that it is: without them a tar. */
enum image_kind image_kind_of(struct span bytes);

#endif
