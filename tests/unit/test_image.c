/* SPDX-License-Identifier: MIT
 *
 * link: init crypto policy
 *
 * A container's image: the form in which it is handed over, and the JSON of OCI image layouts.
 */
#include "../../init/image.h"
#include "../../init/manifest_image.h"
#include "../../init/unpack_layer.h"
#include <errno.h>

#include "test.h"

/* ---- the form ---- */

static struct {
	uint8_t layers[16];
	char config[16];
	struct image_layer table[2];
	struct image_trailer trailer;
} image;

static struct image_view view;

static void make_image(void)
{
	memset(&image, 0, sizeof image);
	memcpy(image.config, "app\0-x\0A=1\0/\0u\0", 15);
	image.table[0] = (struct image_layer){ 0, 10, IMAGE_GZIP };
	image.table[1] = (struct image_layer){ 10, 6, IMAGE_ZSTD };
	image.trailer = (struct image_trailer){ .config_offset = 16,
						.config_bytes = 16,
						.n_layers = 2,
						.n_args = 2,
						.n_env = 2,
						.version = IMAGE_VERSION };
	memcpy(image.trailer.magic, IMAGE_MAGIC, sizeof image.trailer.magic);
}

static bool is_image(void)
{
	return image_view(span_of(&image, sizeof image), &view);
}

TEST(an_image_is_read)
{
	static const char *const strings[] = { "app", "-x", "A=1", "/", "u", "" };
	make_image();
	CHECK(is_image());
	CHECK_INT(view.n_layers, 2);
	CHECK_INT(view.layers[1].offset, 10);
	CHECK_INT(view.layers[1].bytes, 6);
	CHECK_INT(view.layers[1].kind, IMAGE_ZSTD);
	for (unsigned i = 0; i < 6; i++)
		CHECK_STR(image_string(&view, i), strings[i]);
	CHECK(image_string(&view, 6) == NULL);
	CHECK(image_string(&view, UINT32_MAX) == NULL);
}

TEST(an_image_may_say_nothing)
{
	make_image();
	image.trailer.config_offset = 32;
	image.trailer.config_bytes = 0;
	image.trailer.n_args = image.trailer.n_env = 0;
	CHECK(is_image());
	CHECK(image_string(&view, 0) == NULL);
}

#define BAD(change)                                                                                               \
	do {                                                                                                      \
		make_image();                                                                                     \
		change;                                                                                           \
		CHECK(!is_image());                                                                               \
	} while (0)

TEST(no_number_of_an_image_is_believed)
{
	BAD(image.trailer.magic[0]++);
	BAD(image.trailer.version++);
	BAD(image.trailer.n_layers = 0);
	BAD(image.trailer.n_layers = 1);
	BAD(image.trailer.n_layers = IMAGE_LAYERS_MAX + 1);
	BAD(image.trailer.n_layers = UINT32_MAX);
	BAD(image.trailer.config_bytes--);
	BAD(image.trailer.config_bytes = UINT32_MAX);
	BAD(image.trailer.config_bytes = IMAGE_CONFIG_MAX + 1);
	BAD(image.trailer.config_offset++);
	BAD(image.trailer.config_offset = UINT64_MAX);
	BAD(image.trailer.n_args++);
	BAD(image.trailer.n_env--);
	BAD(image.trailer.n_env = UINT16_MAX);
	BAD(image.config[15] = 'x');
	BAD(image.config[1] = '\0');
	BAD(image.table[0].offset = 7);
	BAD(image.table[0].offset = UINT64_MAX);
	BAD(image.table[1].bytes = 7);
	BAD(image.table[1].bytes = UINT64_MAX);
	BAD(image.table[1].kind = IMAGE_VERITY + 1);
	make_image();
	for (size_t n = 0; n < sizeof image; n++)
		CHECK(!image_view(span_of((uint8_t *)&image + n + 1, sizeof image - n - 1), &view) || n < 16);
}

TEST(kinds_are_told_by_their_first_bytes)
{
	CHECK_INT(image_kind_of(span_of("\x1f\x8b", 2)), IMAGE_GZIP);
	CHECK_INT(image_kind_of(span_of("\x1f", 1)), IMAGE_TAR);
	CHECK_INT(image_kind_of(span_of("\x28\xb5\x2f\xfd", 4)), IMAGE_ZSTD);
	CHECK_INT(image_kind_of(span_of("\x5f\x2a\x4d\x18", 4)), IMAGE_ZSTD);
	CHECK_INT(image_kind_of(span_of("\x60\x2a\x4d\x18", 4)), IMAGE_TAR);
	CHECK_INT(image_kind_of(span_of("\x28\xb5\x2f", 3)), IMAGE_TAR);
	CHECK_INT(image_kind_of(span_of("etc/", 4)), IMAGE_TAR);
	CHECK_INT(image_kind_of(span_of(NULL, 0)), IMAGE_TAR);
}

/* ---- what is compressed ---- */

/* "hello" by gzip -n, and by zstd. */
static const uint8_t gzip[] = { 0x1f, 0x8b, 0x08, 0, 0,	   0,	 0,    0,    0,	   0x03, 0xcb, 0x48, 0xcd,
				0xc9, 0xc9, 0x07, 0, 0x86, 0xa6, 0x10, 0x36, 0x05, 0,	 0,    0 };
static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05, 0x29, 0, 0, 'h', 'e', 'l', 'l', 'o' };

static uint8_t bytes[256], decoded[64];

static int64_t decode(enum image_kind kind, size_t n, size_t cap)
{
	memset(decoded, 'x', sizeof decoded);
	return unpack_decode(kind, span_of(bytes, n), decoded, cap);
}

TEST(members_and_frames_are_one_after_the_other)
{
	memcpy(bytes, gzip, sizeof gzip);
	memcpy(bytes + sizeof gzip, gzip, sizeof gzip);
	CHECK_INT(decode(IMAGE_GZIP, 2 * sizeof gzip, 64), 10);
	CHECK(memcmp(decoded, "hellohellox", 11) == 0);
	memcpy(bytes, zstd, sizeof zstd);
	memcpy(bytes + sizeof zstd, zstd, sizeof zstd);
	CHECK_INT(decode(IMAGE_ZSTD, 2 * sizeof zstd, 64), 10);
	CHECK(memcmp(decoded, "hellohellox", 11) == 0);
}

TEST(no_more_is_decoded_than_there_is_room_for)
{
	memcpy(bytes, gzip, sizeof gzip);
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip, 5), 5);
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip, 4), -EFBIG);
	CHECK(decoded[4] == 'x');
	memcpy(bytes, zstd, sizeof zstd);
	CHECK_INT(decode(IMAGE_ZSTD, sizeof zstd, 5), 5);
	CHECK_INT(decode(IMAGE_ZSTD, sizeof zstd, 4), -EFBIG);
	CHECK(decoded[4] == 'x');
}

TEST(what_is_cut_short_is_refused)
{
	memcpy(bytes, gzip, sizeof gzip);
	for (size_t n = 0; n < sizeof gzip; n++)
		CHECK_INT(decode(IMAGE_GZIP, n, 64), -EINVAL);
	memcpy(bytes, zstd, sizeof zstd);
	for (size_t n = 1; n < sizeof zstd; n++)
		CHECK_INT(decode(IMAGE_ZSTD, n, 64), -EINVAL);
}

/* Its header with this flag, and what follows from it; then the data. */
static int64_t decode_flagged(uint8_t flag, const void *more, size_t n)
{
	memcpy(bytes, gzip, 10);
	bytes[3] = flag;
	memcpy(bytes + 10, more, n);
	memcpy(bytes + 10 + n, gzip + 10, sizeof gzip - 10);
	return decode(IMAGE_GZIP, sizeof gzip + n, 64);
}

TEST(headers_of_gzip)
{
	CHECK_INT(decode_flagged(1, "", 0), 5);
	CHECK_INT(decode_flagged(2, "cc", 2), 5);
	CHECK_INT(decode_flagged(4, "\3\0abc", 5), 5);
	CHECK_INT(decode_flagged(8, "name", 5), 5);
	CHECK_INT(decode_flagged(16, "comment", 8), 5);
	CHECK_INT(decode_flagged(31, "\1\0anamecomment\0cc", 18), -EINVAL);
	CHECK_INT(decode_flagged(31, "\1\0aname\0comment\0cc", 18), 5);
	CHECK_INT(decode_flagged(32, "", 0), -EINVAL);
	CHECK_INT(decode_flagged(4, "\377\377", 2), -EINVAL);
	CHECK_INT(decode_flagged(8, "", 0), -EINVAL);
	memcpy(bytes, gzip, sizeof gzip);
	bytes[2] = 7;
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip, 64), -EINVAL);
}

TEST(behind_gzip_stand_zeros_or_nothing)
{
	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, gzip, sizeof gzip);
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip + 100, 64), 5);
	bytes[sizeof gzip + 50] = 1;
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip + 100, 64), -EINVAL);
	bytes[sizeof gzip] = 1;
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip + 100, 64), -EINVAL);
	/* The checksum counts for nothing: see member(). */
	bytes[sizeof gzip] = bytes[sizeof gzip + 50] = 0;
	bytes[sizeof gzip - 8]++;
	CHECK_INT(decode(IMAGE_GZIP, sizeof gzip, 64), 5);
}

/* ---- JSON ---- */

#if defined(__x86_64__)
#define HERE "amd64"
#define THERE "arm64"
#else
#define HERE "arm64"
#define THERE "amd64"
#endif
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MANIFEST "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\""
#define INDEX "\"mediaType\":\"application/vnd.oci.image.index.v1+json\""
#define CONFIG "\"mediaType\":\"application/vnd.oci.image.config.v1+json\""
#define LAYER(type) "{\"mediaType\":\"application/vnd." type "\",\"digest\":\"sha256:" A64 "\",\"size\":7}"
#define BLOB(letters, size) "\"digest\":\"sha256:" letters "\",\"size\":" size
#define FOR(arch) "\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"}"
#define TAG(tag) "\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag "\"}"
#define MANIFESTS(rows) "{\"schemaVersion\":2,\"manifests\":[" rows "]}"

static struct diag why;
static struct oci_blob blob;
static bool leads_on;

static int read_index(const char *json, const char *tag)
{
	memset(&blob, 0, sizeof blob);
	return oci_index(span_str(json), tag, &blob, &leads_on, &why);
}

static bool says(const char *what)
{
	if (strstr(why.text, what) != NULL)
		return true;
	printf("# \"%s\" does not say \"%s\"\n", why.text, what);
	return false;
}

static bool chose(uint8_t byte)
{
	return blob.digest.b[0] == byte && blob.digest.b[31] == byte;
}

#define ROW_A "{" MANIFEST "," BLOB(A64, "1")
#define ROW_B "{" MANIFEST "," BLOB(B64, "2")

TEST(the_only_image_is_chosen)
{
	CHECK_INT(read_index(MANIFESTS(ROW_A "}"), NULL), 0);
	CHECK(chose(0xaa) && blob.bytes == 1 && !leads_on);
	CHECK_INT(read_index(MANIFESTS("{" INDEX "," BLOB(A64, "1") "}"), NULL), 0);
	CHECK(leads_on);
	/* What is no image is passed over. */
	CHECK_INT(read_index(MANIFESTS("{\"mediaType\":\"x/y\"},{},[],1," ROW_A "}"), NULL), 0);
	CHECK(chose(0xaa));
}

TEST(the_image_for_this_machine_is_chosen)
{
	CHECK_INT(read_index(MANIFESTS(ROW_A "," FOR(THERE) "}," ROW_B "," FOR(HERE) "}"), NULL), 0);
	CHECK(chose(0xbb));
	CHECK_INT(read_index(MANIFESTS(ROW_A "}," ROW_B "," FOR(HERE) "}"), NULL), 0);
	CHECK(chose(0xbb));
	CHECK_INT(read_index(MANIFESTS(ROW_A "," FOR(THERE) "}"), NULL), ERR_NOT_FOUND);
	CHECK(says("no image for linux on " HERE));
	CHECK_INT(read_index(MANIFESTS(ROW_A ",\"platform\":{\"os\":\"windows\",\"architecture\":\"" HERE "\"}}"),
			     NULL),
		  ERR_NOT_FOUND);
	CHECK_INT(read_index(MANIFESTS(ROW_A "," FOR(HERE) "}," ROW_B "," FOR(HERE) "}"), NULL), ERR_EXISTS);
	CHECK(says("several images"));
	CHECK_INT(read_index(MANIFESTS(ROW_A "}," ROW_B "}"), NULL), ERR_EXISTS);
	CHECK_INT(read_index(MANIFESTS(""), NULL), ERR_NOT_FOUND);
	CHECK_INT(read_index("{\"manifests\":{}}", NULL), ERR_NOT_FOUND);
	CHECK_INT(read_index("{}", NULL), ERR_NOT_FOUND);
}

TEST(tags_tell_images_apart)
{
	static const char rows[] = MANIFESTS(ROW_A "," TAG("1") "}," ROW_B "," TAG("2") "}");
	CHECK_INT(read_index(rows, "1"), 0);
	CHECK(chose(0xaa));
	CHECK_INT(read_index(rows, "2"), 0);
	CHECK(chose(0xbb));
	CHECK_INT(read_index(rows, "3"), ERR_NOT_FOUND);
	CHECK(says("of this tag"));
	CHECK_INT(read_index(rows, NULL), ERR_EXISTS);
	CHECK_INT(read_index(rows, ""), ERR_NOT_FOUND);
}

TEST(blobs_are_referred_to_by_sha256_and_size)
{
#define BAD_BLOB(fields, what)                                                                                    \
	do {                                                                                                      \
		CHECK(read_index(MANIFESTS("{" MANIFEST "," fields "}"), NULL) < 0);                              \
		CHECK(says(what));                                                                                \
	} while (0)
	BAD_BLOB("\"digest\":\"sha512:" A64 B64 "\",\"size\":1", "another digest");
	BAD_BLOB("\"digest\":\"sha256:" A64 "a\",\"size\":1", "another digest");
	BAD_BLOB("\"digest\":\"sha256:A" B64 "\",\"size\":1", "another digest");
	BAD_BLOB("\"digest\":\"" A64 "\",\"size\":1", "another digest");
	BAD_BLOB("\"digest\":7,\"size\":1", "another digest");
	BAD_BLOB("\"size\":1", "another digest");
	/* Which of two is meant, others may see otherwise. */
	BAD_BLOB(BLOB(A64, "1") ",\"digest\":\"sha256:" B64 "\"", "another digest");
	BAD_BLOB(BLOB(A64, "-1"), "no size");
	BAD_BLOB(BLOB(A64, "1.5"), "no size");
	BAD_BLOB(BLOB(A64, "1e300"), "no size");
	BAD_BLOB(BLOB(A64, "\"1\""), "no size");
	BAD_BLOB(BLOB(A64, "1") ",\"size\":2", "no size");
	BAD_BLOB("\"digest\":\"sha256:" A64 "\"", "no size");
	CHECK_INT(read_index(MANIFESTS("{" MANIFEST "," BLOB(A64, "9007199254740992") "}"), NULL), 0);
	CHECK(blob.bytes == 9007199254740992);
}

TEST(what_is_no_json_is_refused)
{
	static const char *const texts[] = { "", "[]", "1", "null", "{", "{}{}", "{\"manifests\":[,]}" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		CHECK(read_index(texts[i], NULL) < 0);
		CHECK(why.text[0] != '\0');
	}
	size_t n = OCI_JSON_MAX + 1;
	char *large = malloc(n);
	if (large == NULL)
		return;
	memset(large, ' ', n);
	large[0] = '{';
	large[n - 1] = '}';
	CHECK(oci_index(span_of(large, n), NULL, &blob, &leads_on, &why) < 0);
	CHECK(says("larger than 1 MiB"));
	free(large);
}

TEST(layouts_have_a_version)
{
	CHECK_INT(oci_layout(span_str("{\"imageLayoutVersion\": \"1.0.0\"}"), &why), 0);
	CHECK(oci_layout(span_str("{\"imageLayoutVersion\": \"1.0.1\"}"), &why) < 0);
	CHECK(oci_layout(span_str("{\"imageLayoutVersion\": 1}"), &why) < 0);
	CHECK(oci_layout(span_str("{}"), &why) < 0);
}

static struct oci_manifest manifest;

static int read_manifest(const char *json)
{
	return oci_manifest(span_str(json), &manifest, &why);
}

#define IMAGE_OF(layers)                                                                                          \
	"{\"schemaVersion\":2," MANIFEST ",\"config\":{" CONFIG "," BLOB(B64, "3") "},\"layers\":[" layers "]}"

TEST(a_manifest_names_config_and_layers)
{
	CHECK_INT(read_manifest(IMAGE_OF(LAYER("oci.image.layer.v1.tar") "," LAYER(
			  "oci.image.layer.v1.tar+gzip") "," LAYER("oci.image.layer.v1.tar+zstd"))),
		  0);
	CHECK_INT(manifest.n_layers, 3);
	CHECK_INT(manifest.config.bytes, 3);
	CHECK_INT(manifest.config.digest.b[5], 0xbb);
	CHECK_INT(manifest.layers[0].kind, IMAGE_TAR);
	CHECK_INT(manifest.layers[1].kind, IMAGE_GZIP);
	CHECK_INT(manifest.layers[2].kind, IMAGE_ZSTD);
	CHECK_INT(manifest.layers[2].blob.bytes, 7);
	CHECK_INT(manifest.layers[2].blob.digest.b[0], 0xaa);
	CHECK_INT(
		read_manifest("{\"schemaVersion\":2,\"mediaType\":\"application/"
			      "vnd.docker.distribution.manifest.v2+json\",\"config\":{\"mediaType\":\"application/"
			      "vnd.docker.container.image.v1+json\"," BLOB(B64, "3") "},\"layers\":[" LAYER(
				      "docker.image.rootfs.diff.tar.gzip") "]}"),
		0);
	CHECK_INT(manifest.layers[0].kind, IMAGE_GZIP);
}

TEST(a_manifest_that_is_none)
{
	CHECK(read_manifest(IMAGE_OF("")) < 0 && says("no layers"));
	CHECK(read_manifest(IMAGE_OF(LAYER("oci.image.layer.v1.squashfs"))) < 0 && says("no tar"));
	CHECK(read_manifest(IMAGE_OF("{}")) < 0 && says("no tar"));
	CHECK(read_manifest(IMAGE_OF("7")) < 0 && says("no tar"));
	CHECK(read_manifest("{" MANIFEST "}") < 0 && says("schemaVersion"));
	CHECK(read_manifest("{\"schemaVersion\":1}") < 0 && says("schemaVersion"));
	CHECK(read_manifest("{\"schemaVersion\":2," INDEX ",\"manifests\":[]}") < 0 && says("schemaVersion"));
	CHECK(read_manifest("{\"schemaVersion\":2,\"mediaType\":7}") < 0 && says("schemaVersion"));
	CHECK(read_manifest("{\"schemaVersion\":2,\"config\":{}}") < 0 && says("no container image"));
	CHECK(read_manifest("{\"schemaVersion\":2,\"config\":{" CONFIG "}}") < 0 && says("digest"));
	CHECK(read_manifest("{\"schemaVersion\":2,\"config\":{" CONFIG "," BLOB(A64, "1") "},\"layers\":{}}") < 0);
	char *many = malloc(70 * sizeof LAYER("oci.image.layer.v1.tar") + 400);
	if (many == NULL)
		return;
	for (int n = IMAGE_LAYERS_MAX; n <= IMAGE_LAYERS_MAX + 1; n++) {
		strcpy(many, "{\"schemaVersion\":2,\"config\":{" CONFIG "," BLOB(A64, "1") "},\"layers\":[");
		for (int i = 0; i < n; i++)
			strcat(strcat(many, i > 0 ? "," : ""), LAYER("oci.image.layer.v1.tar"));
		strcat(many, "]}");
		CHECK_INT(read_manifest(many), n > IMAGE_LAYERS_MAX ? ERR_TOO_LARGE : 0);
	}
	CHECK(says("more than 64 layers"));
	free(many);
}

static uint8_t strings[IMAGE_CONFIG_MAX];
static uint16_t n_args, n_env;

static int read_config(const char *config, size_t *n)
{
	static char json[200000];
	struct wr out = wr_to(strings, sizeof strings);
	snprintf(json, sizeof json, "{\"os\":\"linux\",\"architecture\":\"" HERE "\",\"config\":%s}", config);
	int r = oci_config(span_str(json), &out, &n_args, &n_env, &why);
	*n = out.n;
	return r;
}

TEST(a_config_is_a_row_of_strings)
{
	size_t n;
	CHECK_INT(read_config(
			  "{\"Entrypoint\":[\"/a\",\"\"],\"Cmd\":[\"b\"],\"Env\":[\"C=d\"],\"WorkingDir\":\"/e\","
			  "\"User\":\"f:g\",\"Labels\":{}}",
			  &n),
		  0);
	CHECK_INT(n_args, 3);
	CHECK_INT(n_env, 1);
	CHECK(span_equal(span_of(strings, n), span_of("/a\0\0b\0C=d\0/e\0f:g", 17)));
	/* As Docker writes what is not there. */
	CHECK_INT(read_config("{\"Entrypoint\":null,\"Cmd\":null,\"Env\":null,\"User\":null}", &n), 0);
	CHECK_INT(n_args + n_env, 0);
	CHECK_INT(n, 2);
	CHECK_INT(read_config("null", &n), 0);
	CHECK_INT(n, 2);
}

TEST(a_config_that_says_too_much_or_something_else)
{
	static char text[150000];
	size_t n;
	struct wr out = wr_to(strings, sizeof strings);
	CHECK(read_config("{\"Cmd\":\"sh\"}", &n) < 0 && says("list of strings"));
	CHECK(read_config("{\"Env\":[1]}", &n) < 0 && says("list of strings"));
	strcpy(text, "{\"Cmd\":[\"a\"");
	for (int i = 0; i < IMAGE_ARGS_MAX; i++)
		strcat(text, ",\"a\"");
	strcat(text, "]}");
	CHECK(read_config(text, &n) < 0 && says("more than 256"));
	strcpy(text, "{\"User\":\"");
	memset(text + 9, 'u', IMAGE_CONFIG_MAX);
	strcpy(text + 9 + IMAGE_CONFIG_MAX, "\"}");
	CHECK(read_config(text, &n) < 0 && says("64 KiB"));
	CHECK(oci_config(span_str("{\"os\":\"linux\",\"architecture\":\"" THERE "\"}"), &out, &n_args, &n_env,
			 &why) < 0);
	CHECK(says("not for linux on " HERE));
}

int main(void)
{
	RUN(an_image_is_read);
	RUN(an_image_may_say_nothing);
	RUN(no_number_of_an_image_is_believed);
	RUN(kinds_are_told_by_their_first_bytes);
	RUN(members_and_frames_are_one_after_the_other);
	RUN(no_more_is_decoded_than_there_is_room_for);
	RUN(what_is_cut_short_is_refused);
	RUN(headers_of_gzip);
	RUN(behind_gzip_stand_zeros_or_nothing);
	RUN(the_only_image_is_chosen);
	RUN(the_image_for_this_machine_is_chosen);
	RUN(tags_tell_images_apart);
	RUN(blobs_are_referred_to_by_sha256_and_size);
	RUN(what_is_no_json_is_refused);
	RUN(layouts_have_a_version);
	RUN(a_manifest_names_config_and_layers);
	RUN(a_manifest_that_is_none);
	RUN(a_config_is_a_row_of_strings);
	RUN(a_config_that_says_too_much_or_something_else);
	return test_end();
}
