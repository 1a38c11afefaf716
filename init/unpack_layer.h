/* SPDX-License-Identifier: MIT
 *
 * A layer's bytes, decoded. Pure but for the decoders' working memory (160 KiB), which they take and give back.
 */
#ifndef TAO_UNPACK_LAYER_H
#define TAO_UNPACK_LAYER_H

#include "image.h"

/* Decodes gzip (RFC 1952, any number of members) or zstd (RFC 8878, any number of frames) as a whole. The number of bytes
 * in to, or -errno: -EFBIG where cap is too little, -EINVAL for what is malformed or ends early, -ENOMEM. */
int64_t unpack_decode(enum image_kind kind, struct span from, uint8_t *to, size_t cap);

#endif
