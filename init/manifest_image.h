/* SPDX-License-Identifier: MIT
 *
 * What is JSON in a container's image: the index, the manifest and the config of an OCI image layout (image-spec 1.1), and
 * the same as Docker names them. Pure but for the memory of the tree. Any bytes are fine as input; what is none of ours to
 * understand is passed over, what we understand must be there once and be right.
 *
 * Functions return 0, or ERR_* with the reason in why.
 */
#ifndef TAO_MANIFEST_IMAGE_H
#define TAO_MANIFEST_IMAGE_H

#include "image.h"
#include "manifest.h"

/* Registries take no larger ones than 4 MiB; real ones have some KiB. */
#define OCI_JSON_MAX ((size_t)1 << 20)

/* Refers to a blob: these bytes and no others. */
struct oci_blob {
	struct digest digest;
	uint64_t bytes;
};

struct oci_manifest {
	struct oci_blob config;
	unsigned n_layers;
	struct {
		struct oci_blob blob;
		enum image_kind kind;
	} layers[IMAGE_LAYERS_MAX];
};

/* Is this a layout of the version that we know? */
int oci_layout(struct span json, struct diag *why);
/* The one image that is meant: by its tag (NULL: none is given), and for this machine. *is_index: it leads to another
 * index. */
int oci_index(struct span json, const char *tag, struct oci_blob *image, bool *is_index, struct diag *why);
int oci_manifest(struct span json, struct oci_manifest *manifest, struct diag *why);
/* The strings of image.h, and how many of them are args and env. */
int oci_config(struct span json, struct wr *strings, uint16_t *n_args, uint16_t *n_env, struct diag *why);

#endif
