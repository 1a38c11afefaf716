/* SPDX-License-Identifier: MIT
 * What the measure worker and PID 1 read of an image besides its entries. The first byte chooses: the form in which it is
 * handed over, the JSON of a layout, its decoders, or the superblock of dm-verity.
 * Invariants: what is read lies within; equal bytes say the same twice; what is refused is said in one line. */
/* link: init policy crypto */
#include <errno.h>
#include <stdlib.h>

#include "../../init/image.h"
#include "../../init/manifest_image.h"
#include "../../init/unpack_layer.h"
#include "../../init/verity.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define ROOM ((size_t)1 << 16)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_view(struct span bytes)
{
	static struct image_view view;
	if (!image_view(bytes, &view))
		return;
	must(view.n_layers > 0 && view.n_layers <= IMAGE_LAYERS_MAX);
	for (unsigned i = 0; i < view.n_layers; i++)
		must(view.layers[i].offset <= bytes.n && view.layers[i].bytes <= bytes.n - view.layers[i].offset);
	unsigned n = 0;
	size_t total = 0;
	for (const char *s; (s = image_string(&view, n)) != NULL; n++)
		total += strlen(s) + 1;
	must(total <= IMAGE_CONFIG_MAX && (n == 0 ? view.config == NULL : n == view.n_args + view.n_env + 2));
}

static void check_why(int r, const struct diag *why)
{
	must(r <= 0 && (r == 0 || why->text[0] != '\0'));
	for (const char *c = why->text; *c != '\0'; c++)
		must(*c >= ' ' && *c != 127);
}

static void check_index(struct span json, const char *tag)
{
	struct diag why = { "" };
	struct oci_blob blob = { .bytes = 0 };
	bool leads_on = false;
	check_why(oci_index(json, tag, &blob, &leads_on, &why), &why);
}

static void check_manifest(struct span json)
{
	static struct oci_manifest manifest;
	struct diag why = { "" };
	int r = oci_manifest(json, &manifest, &why);
	check_why(r, &why);
	must(r < 0 || (manifest.n_layers > 0 && manifest.n_layers <= IMAGE_LAYERS_MAX));
}

/* What is taken of a config is a config in the form of images. */
static void check_config(struct span json)
{
	static uint8_t image[IMAGE_CONFIG_MAX + 256];
	struct wr out = wr_to(image, IMAGE_CONFIG_MAX);
	struct image_trailer t = { .n_layers = 1, .version = IMAGE_VERSION };
	struct image_layer layer = { .kind = IMAGE_TAR };
	struct diag why = { "" };
	static struct image_view view;
	int r = oci_config(json, &out, &t.n_args, &t.n_env, &why);
	check_why(r, &why);
	if (r < 0)
		return;
	t.config_bytes = (uint32_t)out.n;
	memcpy(t.magic, IMAGE_MAGIC, sizeof t.magic);
	memcpy(image + out.n, &layer, sizeof layer);
	memcpy(image + out.n + sizeof layer, &t, sizeof t);
	must(image_view(span_of(image, out.n + sizeof layer + sizeof t), &view));
	must(view.n_args == t.n_args && image_string(&view, (unsigned)t.n_args + t.n_env + 1) != NULL);
}

static void check_decode(enum image_kind kind, struct span bytes, size_t cap)
{
	uint8_t *to[2];
	int64_t n[2];
	for (int i = 0; i < 2; i++) {
		to[i] = malloc(cap + 1);
		must(to[i] != NULL);
		n[i] = unpack_decode(kind, bytes, to[i], cap);
		must(n[i] <= (int64_t)cap);
	}
	must(n[0] == n[1] && (n[0] <= 0 || memcmp(to[0], to[1], (size_t)n[0]) == 0));
	free(to[0]);
	free(to[1]);
}

/* A record, as large as two files may be; what is taken of it is a table that the kernel can take apart. */
static void check_verity(struct span bytes)
{
	static const uint64_t sizes[] = { 0, 4096, 1 << 20, UINT64_MAX };
	static uint8_t record[VERITY_RECORD];
	char table[VERITY_TABLE_MAX];
	struct verity v;
	verity_file_system(bytes);
	for (unsigned i = 0; i < 16; i++) {
		if (verity_read(bytes, sizes[i % 4], sizes[i / 4], &v) != NULL)
			continue;
		must(v.data_blocks > 0 && v.data_blocks <= sizes[i % 4] / VERITY_BLOCK &&
		     sizes[i / 4] > VERITY_BLOCK - 1);
		must(v.salt.n <= 256 && v.salt.p >= bytes.p && v.salt.p + v.salt.n <= bytes.p + VERITY_SUPERBLOCK);
		memcpy(record, bytes.p, VERITY_SUPERBLOCK);
		verity_table(&v, record, "/dev/loop0", "/dev/loop1048575", table);
		const char *salt = strrchr(table, ' ') + 1;
		must(strlen(salt) == (v.salt.n > 0 ? 2 * v.salt.n : 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct diag why = { "" };
	if (size < 1)
		return 0;
	struct span bytes = span_of(input + 1, size - 1);
	if (input[0] == 255) {
		check_verity(bytes);
		return 0;
	}
	switch (input[0] % 8) {
	case 0:
		check_view(bytes);
		break;
	case 1:
		check_index(bytes, NULL);
		break;
	case 2:
		check_index(bytes, "1");
		break;
	case 3:
		check_manifest(bytes);
		break;
	case 4:
		check_config(bytes);
		break;
	case 5:
		check_why(oci_layout(bytes, &why), &why);
		break;
	default:
		check_decode(input[0] % 8 == 6 ? IMAGE_GZIP : IMAGE_ZSTD, bytes, input[0] < 128 ? ROOM : 64);
	}
	return 0;
}
