/* SPDX-License-Identifier: MIT
 *
 * A container's image, unpacked into the root directory that the caller stands in. Knows no namespace and no process: the
 * caller has made an empty private file system, which is its root and its working directory, so that no link leads
 * elsewhere, and is uid 0 of a user namespace, whom modes do not hinder. Nothing that an image says is believed.
 *
 * Of an entry its kind, path, data, mode (without set-uid and set-gid), mtime and, where owners is true, uid and gid are
 * taken. Files, directories and links are; devices, fifos, sparse files, names with .. or control characters, and hard
 * links to what is not there, are refused. A later entry takes the place of an earlier one of its name and never writes
 * through it. Whiteouts of OCI (.wh.NAME, .wh..wh..opq) remove what is of the layers below.
 */
#ifndef TAO_UNPACK_H
#define TAO_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of all layers together: more than images of whole systems have. */
#define UNPACK_ENTRIES_MAX ((uint64_t)1 << 19)
/* Parts of one path. */
#define UNPACK_DEPTH_MAX 128

struct unpack_report {
	uint64_t entries; /* so far */
	uint64_t bytes;	  /* of layers, unpacked */
	char text[200];	  /* what is wrong, and where; printable */
};

/* image_fd: as the measure worker made it (image.h). max_bytes: of all layers, decoded. 0, or -errno with the reason in
 * the report. Changes the umask. Takes memory for the largest layer that is compressed, and gives it back. Blocks. */
int unpack_image(int image_fd, size_t max_bytes, bool owners, struct unpack_report *report);

#endif
