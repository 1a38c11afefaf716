/* SPDX-License-Identifier: MIT
 * Archives, unpacked against a kernel that answers anything. The first byte chooses whether there are owners, a second layer
 * and how much room; the second seeds the kernel's answers; the rest is the archive, whose headers are signed here: a
 * fuzzer finds no checksums.
 * Invariants: every path is relative, within PATH_MAX, and has no part that leads upwards; nothing is opened but to be made;
 * no set-uid or set-gid; never more is written than was there; what is refused is said in one printable line. */
/* link: init/unpack.c init/unpack_layer.c init/tar.c init/image.c */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../init/image.h"
#include "../../init/sys.h"
#include "../../init/sys_image.h"
#include "../../init/sys_measure.h"
#include "../../init/tar.h"
#include "../../init/unpack.h"
#include "../unit/tar_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define ROOM ((size_t)1 << 16)
#define FD 7

static uint8_t image[2 * ROOM];
static size_t image_n, written, made;
static uint64_t seed;
static bool is_open;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_below(const char *path)
{
	size_t n = strlen(path);
	must(n > 0 && n < TAR_PATH_MAX && path[0] != '/');
	while (*path != '\0') {
		size_t k = strcspn(path, "/");
		must(k > 0 && !(k == 2 && memcmp(path, "..", 2) == 0));
		path += path[k] == '/' ? k + 1 : k;
	}
}

/* 0 most of the time. */
static int answer(const char *path)
{
	static const int errors[] = { ENOENT, EEXIST, ENOTDIR, EISDIR, ENOSPC, EINVAL, ELOOP, ENAMETOOLONG };
	must_be_below(path);
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	unsigned draw = (unsigned)(seed >> 40);
	return draw % 4 != 0 ? 0 : -errors[draw / 4 % 8];
}

int sys_open(const char *path, int flags, mode_t mode)
{
	must(flags == (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW) && (mode & ~01777U) == 0 && !is_open);
	int r = answer(path);
	is_open = r == 0;
	made += r == 0;
	return r < 0 ? r : FD;
}

int sys_close(int fd)
{
	must(fd == FD && is_open);
	is_open = false;
	return 0;
}

int sys_write_all(int fd, const void *p, size_t n)
{
	/* All of it can be read. */
	const volatile uint8_t *bytes = p;
	must(fd == FD && is_open);
	if (n > 0)
		(void)(bytes[0] + bytes[n - 1]);
	written += n;
	return 0;
}

int sys_mkdir(const char *path, mode_t mode)
{
	must((mode & ~01777U) == 0);
	return answer(path);
}

int sys_rmdir(const char *path)
{
	return answer(path);
}

int sys_unlink(const char *path)
{
	return answer(path);
}

int sys_chmod(const char *path, mode_t mode)
{
	must((mode & ~01777U) == 0);
	return answer(path);
}

int sys_chown(const char *path, uid_t uid, gid_t gid)
{
	must(uid != (uid_t)-1 && gid != (gid_t)-1);
	return answer(path);
}

mode_t sys_umask(mode_t mask)
{
	return mask;
}

int sys_lstat(const char *path, struct stat *st)
{
	memset(st, 0, sizeof *st);
	int r = answer(path);
	st->st_mode = (seed >> 33 & 1) != 0 ? S_IFDIR : S_IFREG;
	st->st_ino = seed >> 62;
	return r;
}

int sys_symlink(const char *target, const char *path)
{
	must(target[0] != '\0' && strlen(target) < TAR_PATH_MAX);
	return answer(path);
}

int sys_link(const char *target, const char *path)
{
	must_be_below(target);
	return answer(path);
}

int sys_set_mtime(const char *path, int64_t seconds)
{
	(void)seconds;
	return answer(path);
}

int sys_empty_directory(const char *path)
{
	return answer(path);
}

int sys_fstat(int fd, struct stat *st)
{
	memset(st, 0, sizeof *st);
	st->st_size = (off_t)image_n;
	return fd == 3 ? 0 : -EBADF;
}

bool sys_is_sealed(int fd)
{
	return fd == 3;
}

/* As large as it is and not a byte larger, for the sanitizer. */
const uint8_t *sys_map_file(int fd, size_t n)
{
	uint8_t *p = malloc(n);
	must(fd == 3 && n == image_n && p != NULL);
	return memcpy(p, image, n);
}

void *sys_map(size_t n)
{
	must(n <= ROOM);
	return malloc(n);
}

void sys_unmap(void *p, size_t n)
{
	(void)n;
	free(p);
}

static void put(const void *p, size_t n)
{
	memcpy(image + image_n, p, n);
	image_n += n;
}

static void make_image(const uint8_t *bytes, size_t n, bool two)
{
	struct image_layer layers[2] = { { .bytes = n }, { .bytes = n } };
	struct image_trailer trailer = { .config_offset = n, .n_layers = two ? 2 : 1, .version = IMAGE_VERSION };
	memcpy(trailer.magic, IMAGE_MAGIC, sizeof trailer.magic);
	image_n = 0;
	put(bytes, n);
	for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK)
		if (memcmp(image + at + 257, "ustar", 5) == 0)
			sign(image + at);
	layers[0].kind = layers[1].kind = image_kind_of(span_of(image, n));
	put(layers, trailer.n_layers * sizeof layers[0]);
	put(&trailer, sizeof trailer);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct unpack_report report;
	if (size < 2 || size > ROOM)
		return 0;
	size_t max = (input[0] & 4) != 0 ? ROOM : (size_t)input[0] << 4;
	seed = input[1];
	written = made = 0;
	make_image(input + 2, size - 2, (input[0] & 2) != 0);
	int r = unpack_image(3, max, (input[0] & 1) != 0, &report);
	must(!is_open && r <= 0 && report.bytes <= max && written <= report.bytes);
	must(report.entries <= report.bytes / TAR_BLOCK && made <= 3 * report.entries);
	must((report.text[0] == '\0') == (r == 0) && memchr(report.text, 0, sizeof report.text) != NULL);
	for (const char *c = report.text; *c != '\0'; c++)
		must(*c >= ' ' && *c <= '~');
	return 0;
}
