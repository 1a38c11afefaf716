/* SPDX-License-Identifier: MIT
 *
 * link: init crypto
 *
 * The measure worker over its socket, with real files: what it accepts, refuses, seals, keeps, and how it stands
 * hostile requests. As root also what depends on users and mounts.
 */
#include <elf.h>
#include <sys/mman.h>

#include "test.h"

#include "../../crypto/sha256.h"
#include "../../init/image.h"
#include "../../init/sys_measure.h"
#include "measure_worker.h"

#define NOBODY 65534

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	char interpreter[64];
	char rest[4096];
};

/* An ELF program as far as anybody looks who does not run it. */
static struct program elf_program(const char *interpreter, const char *rest)
{
	struct program p;
	memset(&p, 0, sizeof p);
	memcpy(p.header.e_ident, ELFMAG, SELFMAG);
	p.header.e_ident[EI_CLASS] = ELFCLASS64;
	p.header.e_ident[EI_DATA] = ELFDATA2LSB;
	p.header.e_type = ET_EXEC;
#if defined(__x86_64__)
	p.header.e_machine = EM_X86_64;
#else
	p.header.e_machine = EM_AARCH64;
#endif
	p.header.e_phoff = offsetof(struct program, segments);
	p.header.e_phentsize = sizeof(Elf64_Phdr);
	p.header.e_phnum = 2;
	p.segments[0].p_type = PT_LOAD;
	p.segments[1].p_type = interpreter != NULL ? PT_INTERP : PT_NULL;
	p.segments[1].p_offset = offsetof(struct program, interpreter);
	if (interpreter != NULL) {
		snprintf(p.interpreter, sizeof p.interpreter, "%s", interpreter);
		p.segments[1].p_filesz = strlen(interpreter) + 1;
	}
	snprintf(p.rest, sizeof p.rest, "%s", rest);
	return p;
}

static const char *put_static(const char *name, const char *rest, mode_t mode)
{
	struct program p = elf_program(NULL, rest);
	return put(name, &p, sizeof p, mode);
}

static bool digest_is(const struct digest *digest, const void *bytes, size_t n)
{
	struct digest want;
	sha256_of(sha256_bearssl(), span_of(bytes, n), want.b);
	return memcmp(digest, &want, sizeof want) == 0;
}

static bool holds(int fd, const void *bytes, size_t n)
{
	char *got = malloc(n + 1);
	bool same = got != NULL && pread(fd, got, n + 1, 0) == (ssize_t)n && memcmp(got, bytes, n) == 0;
	free(got);
	return same;
}

/* ---- images ---- */

TEST(a_static_program_is_hashed_and_sealed)
{
	struct program p = elf_program(NULL, "one");
	const char *path = put("one", &p, sizeof p, 0755);
	struct stat st;
	CHECK_INT(ask_program(path), 0);
	CHECK_STR(reply.text, "");
	CHECK(digest_is(&reply.program, &p, sizeof p));
	CHECK(reply.has_image && !reply.has_files && !reply.by_path);
	CHECK_INT(reply_fds_n, 1);
	CHECK(holds(reply_fds[0], &p, sizeof p));
	CHECK_INT(fstat(reply_fds[0], &st), 0);
	CHECK_INT(st.st_mode & 07777, 0111);
	CHECK_INT(st.st_uid, geteuid());
	CHECK_INT(measure_check_image(reply_fds[0], false), 0);
	CHECK(measure_check_image(reply_fds[0], true) < 0);
	CHECK(pwrite(reply_fds[0], "x", 1, 0) < 0);
	CHECK(ftruncate(reply_fds[0], 0) < 0);
	CHECK(ftruncate(reply_fds[0], 1 << 20) < 0);
	CHECK(fcntl(reply_fds[0], F_ADD_SEALS, F_SEAL_SEAL) < 0);
}

TEST(a_debuggable_program_may_be_read)
{
	char *exec[] = { (char *)(uintptr_t)put_static("debug", "debug", 0755), NULL };
	struct service s = { .exec = exec, .n_exec = 1, .debuggable = true };
	struct stat st;
	CHECK_INT(ask(&s, false), 0);
	CHECK_INT(fstat(reply_fds[0], &st), 0);
	CHECK_INT(st.st_mode & 07777, 0555);
	CHECK_INT(measure_check_image(reply_fds[0], true), 0);
	CHECK(measure_check_image(reply_fds[0], false) < 0);
	/* Both kinds of one file are kept apart. */
	CHECK_INT(ask_program(exec[0]), 0);
	CHECK_INT(measure_check_image(reply_fds[0], false), 0);
}

static int ask_container(const char *path, bool check_user)
{
	struct container container = { .image = path };
	struct service s = { .container = &container, .name = "test", .cwd = "/", .uid = NOBODY, .gid = NOBODY };
	return ask(&s, check_user);
}

static uint64_t kind; /* of the layer */

static bool is_container(uint64_t bytes)
{
	static struct image_view view;
	struct stat st;
	if (fstat(reply_fds[0], &st) < 0)
		return false;
	const uint8_t *p = sys_map_file(reply_fds[0], (size_t)st.st_size);
	bool good = p != NULL && image_view(span_of(p, (size_t)st.st_size), &view) && view.n_layers == 1 &&
		    view.layers[0].offset == 0 && view.layers[0].bytes == bytes && view.config == NULL;
	kind = good ? view.layers[0].kind : 0;
	sys_unmap((void *)(uintptr_t)p, (size_t)st.st_size);
	return good;
}

TEST(an_image_of_a_container_is_hashed_and_sealed)
{
	struct program p = elf_program(NULL, "image");
	const char *path = put("image", &p, sizeof p, 0600);
	wait_until_settled(path);
	CHECK_INT(ask_container(path, false), 0);
	CHECK_STR(reply.text, "");
	CHECK(digest_is(&reply.program, &p, sizeof p));
	CHECK(reply.has_image && !reply.has_files && !reply.by_path && !reply.cached);
	CHECK_INT(measure_check_image(reply_fds[0], false), 0);
	CHECK(is_container(sizeof p));
	CHECK(pwrite(reply_fds[0], "x", 1, 0) < 0);
	/* It is the host's: who runs in it need not be allowed to read the file. */
	if (geteuid() == 0)
		CHECK_INT(ask_container(path, true), 0);
	/* It is kept, and not mistaken for the program that the same file would be. */
	CHECK_INT(ask_container(path, false), 0);
	CHECK(reply.cached && is_container(sizeof p));
	CHECK_INT(chmod(path, 0755), 0);
	wait_until_settled(path);
	CHECK_INT(ask_program(path), 0);
	CHECK(!reply.cached && holds(reply_fds[0], &p, sizeof p));
	CHECK_INT(ask_container(path, false), 0);
	CHECK(is_container(sizeof p));
	CHECK_INT(ask_program(path), 0);
	CHECK(reply.cached && holds(reply_fds[0], &p, sizeof p));
}

TEST(an_image_of_a_container_that_is_none)
{
	CHECK_INT(ask_container(in_dir("nothing"), false), -ENOENT);
	CHECK(says("there is no such file"));
	CHECK_INT(ask_container(in_dir("nothing:tag"), false), -ENOENT);
	CHECK(says("nothing/oci-layout: there is no such file"));
	CHECK_INT(ask_container(dir, false), -ENOENT);
	CHECK(says("oci-layout: there is no such file"));
	CHECK_INT(ask_container("/dev/null", false), -EACCES);
	CHECK(says("a character device"));
}

/* A file system of n blocks, each with its number, and its hashes: without salt, and of at most 128 blocks. */
static void put_verity(size_t n)
{
	static uint8_t blocks[3][4096], hashes[2][4096];
	memset(hashes, 0, sizeof hashes);
	memcpy(hashes[0], "verity\0\0\1\0\0\0\1", 13);
	memcpy(hashes[0] + 32, "sha256", 6);
	hashes[0][65] = hashes[0][69] = 0x10;
	hashes[0][72] = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		memcpy(blocks[i], i == 0 ? "hsqs" : "more", 4);
		sha256_of(sha256_bearssl(), span_of(blocks[i], 4096), hashes[1] + 32 * i);
	}
	put("blocks", blocks, n * 4096, 0600);
	put("hashes", hashes, n > 1 ? sizeof hashes : sizeof hashes[0], 0600);
}

static int ask_verity(const char *path, const char *hashes)
{
	struct container container = { .image = path, .verity = hashes };
	struct service s = { .container = &container, .name = "test", .cwd = "/" };
	return ask(&s, false);
}

TEST(an_image_under_verity_is_its_root_hash)
{
	uint8_t file[8192];
	for (size_t n = 1; n <= 3; n += 2) {
		put_verity(n);
		CHECK_INT(ask_verity(in_dir("blocks"), in_dir("hashes")), 0);
		CHECK_STR(reply.text, "");
		/* Of a single block it is the hash, of more that of the block with theirs. */
		int fd = open(in_dir(n == 1 ? "blocks" : "hashes"), O_RDONLY | O_CLOEXEC);
		CHECK(pread(fd, file, 4096, n == 1 ? 0 : 4096) == 4096);
		close(fd);
		CHECK(digest_is(&reply.program, file, 4096));
		fd = open(in_dir("hashes"), O_RDONLY | O_CLOEXEC);
		CHECK(pread(fd, file, 512, 0) == 512);
		close(fd);
		CHECK(digest_is(&reply.files, file, 512));
		CHECK_INT(measure_check_image(reply_fds[0], false), 0);
		CHECK(is_container(544) && kind == IMAGE_VERITY);
		CHECK(pread(reply_fds[0], file + 512, 544, 0) == 544 && memcmp(file, file + 512, 512) == 0);
		CHECK(memcmp(file + 1024, &reply.program, 32) == 0);
	}
}

static void change(const char *name, off_t at, char to)
{
	int fd = open(in_dir(name), O_WRONLY | O_CLOEXEC);
	CHECK(pwrite(fd, &to, 1, at) == 1);
	close(fd);
}

TEST(what_is_no_image_under_verity)
{
	put_verity(3);
	CHECK_INT(ask_verity(in_dir("blocks"), in_dir("none")), -ENOENT);
	CHECK(says("none: there is no such file"));
	CHECK_INT(ask_verity(in_dir("none"), in_dir("hashes")), -ENOENT);
	CHECK_INT(ask_verity(dir, in_dir("hashes")), -EACCES);
	CHECK(says("is a directory"));
	CHECK_INT(ask_verity(in_dir("hashes"), in_dir("hashes")), -ENOTSUP);
	CHECK(says("holds no squashfs or erofs"));
	CHECK_INT(ask_verity(in_dir("blocks"), in_dir("blocks")), -EBADMSG);
	CHECK(says(
		"blocks: has no superblock of dm-verity, version 1, hash type 1; make it by veritysetup format"));
	CHECK_INT(ask_verity(in_dir("blocks"), put("empty", "", 0, 0600)), -EBADMSG);
	CHECK(says("empty: is too short"));
	CHECK_INT(ask_verity(in_dir("empty"), in_dir("hashes")), -EBADMSG);
	CHECK(says("empty: is too short"));
	CHECK_INT(truncate(in_dir("hashes"), 8191), 0);
	CHECK_INT(ask_verity(in_dir("blocks"), in_dir("hashes")), -EBADMSG);
	CHECK(says("has fewer hashes than it says"));
	put_verity(3);
	CHECK_INT(truncate(in_dir("blocks"), 3 * 4096 - 1), 0);
	CHECK_INT(ask_verity(in_dir("blocks"), in_dir("hashes")), -EBADMSG);
	CHECK(says("has hashes of a longer image"));
	put_verity(3);
	change("hashes", 32, 'S');
	CHECK_INT(ask_verity(in_dir("blocks"), in_dir("hashes")), -EBADMSG);
	CHECK(says("has another algorithm than sha256"));
	/* It is not read whole, so it may be larger than what is. */
	put_verity(3);
	CHECK_INT(truncate(in_dir("blocks"), (off_t)2 << 30), 0);
	CHECK_INT(ask_verity(in_dir("blocks"), in_dir("hashes")), 0);
}

TEST(an_image_that_is_not_sealed_is_not_accepted)
{
	struct stat st;
	int fd = open(in_dir("one"), O_RDONLY | O_CLOEXEC);
	CHECK(measure_check_image(fd, false) < 0);
	close(fd);
	fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK_INT(fchmod(fd, 0111), 0);
	CHECK(measure_check_image(fd, false) < 0);
	CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	CHECK(measure_check_image(fd, false) < 0);
	CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	CHECK_INT(measure_check_image(fd, false), 0);
	CHECK_INT(fchmod(fd, 04111), 0);
	CHECK(measure_check_image(fd, false) < 0);
	CHECK_INT(fstat(fd, &st), 0);
	close(fd);
	CHECK(measure_check_image(-1, false) < 0);
}

/* More than one buffer, and enough for the copier of its own; no multiple of anything. */
TEST(a_large_program_is_hashed_whole)
{
	static const size_t sizes[] = { 131072, 131073, 8388607, 8388608, 20000003 };
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t n = sizes[i];
		uint8_t *bytes = malloc(n);
		if (bytes == NULL)
			give_up("malloc");
		struct program p = elf_program(NULL, "large");
		memcpy(bytes, &p, sizeof p);
		for (size_t k = sizeof p; k < n; k++)
			bytes[k] = (uint8_t)(k * 2654435761U >> 13);
		CHECK_INT(ask_program(put("large", bytes, n, 0755)), 0);
		CHECK(digest_is(&reply.program, bytes, n));
		CHECK(reply.has_image && holds(reply_fds[0], bytes, n));
		free(bytes);
	}
	unlink(in_dir("large"));
}

/* ---- what is refused ---- */

TEST(what_is_no_program_is_refused_by_name)
{
	CHECK_INT(ask_program(in_dir("missing")), -ENOENT);
	CHECK(says("missing: there is no such file; correct exec"));
	CHECK_INT(ask_program(dir), -EACCES);
	CHECK(says("is a directory"));
	CHECK_INT(mkfifo(in_dir("fifo"), 0777), 0);
	CHECK_INT(ask_program(in_dir("fifo")), -EACCES);
	CHECK(says("is a fifo"));
	CHECK_INT(ask_program("/dev/null"), -EACCES);
	CHECK(says("is a character device"));
	CHECK_INT(ask_program(put("empty", "", 0, 0755)), -ENOEXEC);
	CHECK(says("neither an ELF program"));
	CHECK_INT(ask_program(put("text", "hello\n", 6, 0755)), -ENOEXEC);
	CHECK_INT(ask_program(put_static("plain", "plain", 0644)), -EACCES);
	CHECK(says("may not execute it"));
	CHECK(!reply.has_image);
	CHECK_INT(reply_fds_n, 0);
}

TEST(setuid_and_setgid_programs_are_refused)
{
	CHECK_INT(ask_program(put_static("setuid", "s", 04755)), -EACCES);
	CHECK(says("is setuid"));
	CHECK(says("chmod u-s"));
	CHECK_INT(ask_program(put_static("setgid", "s", 02755)), -EACCES);
	CHECK(says("is setgid"));
}

TEST(a_file_too_large_is_refused)
{
	const char *path = put_static("huge", "huge", 0755);
	CHECK_INT(truncate(path, ((off_t)1 << 30) + 1), 0);
	CHECK_INT(ask_program(path), -EFBIG);
	CHECK(says("larger than 1024 MiB"));
	unlink(path);
}

TEST(a_foreign_program_is_refused)
{
	struct program p = elf_program(NULL, "foreign");
	p.header.e_machine = EM_S390;
	CHECK_INT(ask_program(put("foreign", &p, sizeof p, 0755)), -ENOEXEC);
	p = elf_program(NULL, "foreign");
	p.header.e_machine = EM_386;
	CHECK_INT(ask_program(put("foreign", &p, sizeof p, 0755)), -ENOEXEC);
}

TEST(an_interpreter_must_be_declared)
{
	struct program p = elf_program("/lib/ld-x.so", "dynamic");
	CHECK_INT(ask_program(put("dynamic", &p, sizeof p, 0755)), -EACCES);
	CHECK(says("needs the interpreter /lib/ld-x.so"));
	CHECK(says("measure.files"));
	CHECK(says("ldd"));
	CHECK(says("trust_rootfs"));
	CHECK_INT(ask_program(put("script", "#! /bin/interpreter -x\n", 23, 0755)), -EACCES);
	CHECK(says("needs the interpreter /bin/interpreter,"));
	/* The text is for people: whatever a file says, a terminal is not told to do anything. */
	CHECK_INT(ask_program(put("script", "#!/bin/\033[31mx\n", 15, 0755)), -EACCES);
	CHECK(says("/bin/?[31mx"));
}

TEST(a_dynamic_program_of_a_trusted_rootfs_runs_from_its_image)
{
	struct program p = elf_program("/lib/ld-x.so", "dynamic");
	char *exec[] = { (char *)(uintptr_t)put("dynamic", &p, sizeof p, 0755), NULL };
	struct service s = { .exec = exec, .n_exec = 1, .trust_rootfs = true };
	CHECK_INT(ask(&s, false), 0);
	CHECK(reply.has_image && !reply.has_files && !reply.by_path);
	CHECK(digest_is(&reply.program, &p, sizeof p));
}

TEST(a_long_path_leaves_room_for_the_remedy)
{
	char name[256], path[400];
	memset(name, 'p', sizeof name);
	name[250] = '\0';
	snprintf(path, sizeof path, "%s/%s", dir, name);
	CHECK_INT(ask_program(path), -ENOENT);
	CHECK(says("ppp: there is no such file; correct exec"));
}

/* ---- images kept ---- */

static uint64_t inode_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

TEST(an_unchanged_file_is_hashed_once)
{
	const char *path = put_static("kept", "kept", 0755);
	wait_until_settled(path);
	CHECK_INT(ask_program(path), 0);
	CHECK(!reply.cached);
	uint64_t first = inode_of(reply_fds[0]);
	CHECK_INT(ask_program(path), 0);
	CHECK(reply.cached);
	CHECK_INT(inode_of(reply_fds[0]), first);
}

TEST(a_changed_file_is_hashed_again)
{
	const char *path = put_static("changed", "before", 0755);
	wait_until_settled(path);
	CHECK_INT(ask_program(path), 0);
	struct digest before = reply.program;
	path = put_static("changed", "after!", 0755);
	CHECK_INT(ask_program(path), 0);
	CHECK(!reply.cached);
	CHECK(memcmp(&before, &reply.program, sizeof before) != 0);
	/* Replaced by another file of the same name. */
	put_static("changed.new", "third.", 0755);
	CHECK_INT(rename(in_dir("changed.new"), path), 0);
	CHECK_INT(ask_program(path), 0);
	struct program p = elf_program(NULL, "third.");
	CHECK(digest_is(&reply.program, &p, sizeof p));
}

/* The worker holds a lease on it: in the sight of the kernel nobody has written to it. */
TEST(a_young_file_is_kept_while_nobody_writes)
{
	const char *path = put_static("young", "aaaa", 0755);
	CHECK_INT(ask_program(path), 0);
	CHECK(!reply.cached);
	uint64_t first = inode_of(reply_fds[0]);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(ask_program(path), 0);
		CHECK(reply.cached);
		CHECK_INT(inode_of(reply_fds[0]), first);
	}
}

/* Times set back after the write: what a coarse clock does to two writes within its tick. */
TEST(a_young_file_that_somebody_writes_is_hashed_again)
{
	const char *path = put_static("young", "bbbb", 0755);
	for (int i = 0; i < 50; i++) {
		char text[16];
		snprintf(text, sizeof text, "%04d", i);
		struct program p = elf_program(NULL, text);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		CHECK_INT(pwrite(fd, &p, sizeof p, 0), sizeof p);
		close(fd);
		CHECK_INT(ask_program(path), 0);
		CHECK(digest_is(&reply.program, &p, sizeof p));
	}
}

/* Without the right to a lease (another's file), or with a writer about, nothing young is kept. */
TEST(a_young_file_with_a_writer_is_hashed_each_time)
{
	const char *path = put_static("written", "aaaa", 0755);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(ask_program(path), 0);
		CHECK(!reply.cached);
	}
	struct program p = elf_program(NULL, "cccc");
	CHECK_INT(pwrite(fd, &p, sizeof p, 0), sizeof p);
	CHECK_INT(ask_program(path), 0);
	CHECK(digest_is(&reply.program, &p, sizeof p));
	close(fd);
}

/* A leased file's file system could not be unmounted: the worker gives it up by itself, and keeps the image. */
TEST(a_lease_ends_and_the_image_stays)
{
	const char *path = put_static("leased", "aaaa", 0755);
	CHECK_INT(ask_program(path), 0);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* While there is a lease no other can be had for writing. */
	CHECK(fcntl(fd, F_SETLEASE, F_WRLCK) < 0);
	struct timespec pause = { 0, 20000000 };
	int tries = 0;
	while (fcntl(fd, F_SETLEASE, F_WRLCK) < 0 && tries++ < 1500)
		nanosleep(&pause, NULL);
	CHECK(tries < 1500);
	fcntl(fd, F_SETLEASE, F_UNLCK);
	close(fd);
	CHECK_INT(ask_program(path), 0);
	CHECK(reply.cached);
}

TEST(more_programs_than_are_kept_all_work)
{
	char name[16];
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "many%d", i);
		struct program p = elf_program(NULL, name);
		CHECK_INT(ask_program(put(name, &p, sizeof p, 0755)), 0);
		CHECK(digest_is(&reply.program, &p, sizeof p));
		if (i % 3 == 0)
			unlink(in_dir(name));
	}
}

/* ---- hostile requests ---- */

static size_t good_request(uint8_t *buffer, const char *path)
{
	char *exec[] = { (char *)(uintptr_t)path, NULL };
	struct service s = { .exec = exec, .n_exec = 1 };
	struct wr out = wr_to(buffer, MEASURE_MESSAGE_MAX);
	return (size_t)measure_pack(&s, 7, false, &out);
}

TEST(malformed_requests_are_answered)
{
	static uint8_t b[MEASURE_MESSAGE_MAX];
	struct measure_request q;
	size_t n = good_request(b, in_dir("one"));
	/* Cut anywhere, the empty message (which is no end of the connection) included. */
	for (size_t cut = 0; cut < n; cut++)
		CHECK_INT(ask_raw(b, cut), -EINVAL);
	CHECK(says("malformed request"));
	CHECK_INT(reply.id, 7);
	b[n] = 'x';
	CHECK_INT(ask_raw(b, n + 1), -EINVAL);
	memcpy(&q, b, sizeof q);
	q.n_groups = MEASURE_GROUPS_MAX + 1;
	memcpy(b, &q, sizeof q);
	CHECK_INT(ask_raw(b, n), -EINVAL);
	q.n_groups = 0;
	q.n_files = 65535;
	memcpy(b, &q, sizeof q);
	CHECK_INT(ask_raw(b, n), -EINVAL);
	q.n_files = 0;
	memcpy(b, &q, sizeof q);
	b[sizeof q] = 'r'; /* a relative path */
	CHECK_INT(ask_raw(b, n), -EINVAL);
	b[sizeof q] = '/';
	CHECK_INT(ask_raw(b, n), 0);
}

TEST(garbage_is_answered)
{
	static uint8_t b[MEASURE_MESSAGE_MAX + 4096];
	uint32_t seed = 1;
	for (int i = 0; i < 500; i++) {
		for (size_t k = 0; k < sizeof b; k++) {
			seed = seed * 1664525 + 1013904223;
			b[k] = (uint8_t)(seed >> 24);
		}
		/* Larger than any request, at times. */
		ask_raw(b, seed % sizeof b);
		CHECK(reply.error < 0);
	}
	CHECK_INT(ask_program(in_dir("one")), 0);
}

TEST(too_much_to_pack_is_an_error)
{
	static uint8_t b[2 * MEASURE_MESSAGE_MAX];
	static char long_path[1000];
	const char *files[MEASURE_FILES_MAX];
	char *exec[] = { (char *)(uintptr_t) "/x", NULL };
	struct service s = { .exec = exec, .n_exec = 1, .files = files, .n_files = MEASURE_FILES_MAX };
	memset(long_path, '/', sizeof long_path - 1);
	for (int i = 0; i < MEASURE_FILES_MAX; i++)
		files[i] = long_path;
	struct wr out = wr_to(b, sizeof b);
	CHECK_INT(measure_pack(&s, 1, false, &out), ERR_TOO_LARGE);
	s.n_files = MEASURE_FILES_MAX + 1;
	out = wr_to(b, sizeof b);
	CHECK_INT(measure_pack(&s, 1, false, &out), ERR_TOO_LARGE);
	s.n_files = 0;
	s.n_groups = MEASURE_GROUPS_MAX + 1;
	out = wr_to(b, sizeof b);
	CHECK_INT(measure_pack(&s, 1, false, &out), ERR_TOO_LARGE);
}

/* ---- as whom ---- */

static int ask_as(const char *path, uid_t uid, const gid_t *groups, int n_groups)
{
	char *exec[] = { (char *)(uintptr_t)path, NULL };
	struct service s = { .exec = exec, .n_exec = 1, .uid = uid, .gid = uid };
	s.groups = groups;
	s.n_groups = n_groups;
	return ask(&s, true);
}

TEST(what_the_user_may_not_execute_is_refused)
{
	static const gid_t groups[] = { 4242 };
	const char *path = put_static("private", "private", 0750);
	CHECK_INT(chown(path, 0, 4242), 0);
	CHECK_INT(ask_as(path, NOBODY, NULL, 0), -EACCES);
	CHECK(says("uid 65534 may not execute it"));
	CHECK_INT(ask_as(path, NOBODY, groups, 1), 0);
	/* Kept, and refused to the other all the same. */
	CHECK_INT(ask_as(path, NOBODY, NULL, 0), -EACCES);
	CHECK_INT(reply_fds_n, 0);
	CHECK_INT(mkdir(in_dir("closed"), 0700), 0);
	path = put_static("closed/program", "closed", 0755);
	CHECK_INT(ask_as(path, NOBODY, NULL, 0), -EACCES);
	CHECK_INT(ask_as(path, 0, NULL, 0), 0);
	/* Executable without being readable: exec runs that, too. */
	path = put_static("unreadable", "unreadable", 0711);
	CHECK_INT(ask_as(path, NOBODY, NULL, 0), 0);
}

/* ---- measured files ---- */

static int ask_files(const char *program, const char *const *files, int n, bool trust)
{
	char *exec[] = { (char *)(uintptr_t)program, NULL };
	struct service s = { .exec = exec, .n_exec = 1, .files = files, .n_files = n, .trust_rootfs = trust };
	return ask(&s, false);
}

static bool copy_is(const char *name, const void *bytes, size_t n, mode_t mode)
{
	struct stat st;
	int fd = reply_fds_n == 2 ? openat(reply_fds[1], name, O_RDONLY | O_CLOEXEC) : -1;
	bool good = fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode && holds(fd, bytes, n);
	if (fd >= 0)
		close(fd);
	return good;
}

TEST(listed_files_are_copied_and_hashed_in_order)
{
	static const char script[] = "#!/nowhere\n";
	struct program interpreter = elf_program(NULL, "interpreter");
	struct digest list;
	uint8_t b[512];
	struct wr w = wr_to(b, sizeof b);
	const char *files[2] = { put("interpreter", &interpreter, sizeof interpreter, 0755),
				 put("library", "library", 7, 0644) };
	char text[128];
	int n = snprintf(text, sizeof text, "#!%s -x\n", files[0]);
	const char *path = put("listed", text, (size_t)n, 0755);
	CHECK_INT(ask_files(path, files, 2, false), 0);
	CHECK(reply.has_image && reply.has_files && reply.by_path);
	CHECK(digest_is(&reply.program, text, (size_t)n));
	/* docs/measured-files.md */
	for (int i = 0; i < 2; i++) {
		wr_be32(&w, (uint32_t)strlen(files[i]));
		wr_span_bytes(&w, span_str(files[i]));
		sha256_of(sha256_bearssl(),
			  i == 0 ? span_of(&interpreter, sizeof interpreter) : span_of("library", 7), list.b);
		wr_bytes(&w, list.b, sizeof list.b);
	}
	CHECK(digest_is(&reply.files, b, w.n));
	CHECK(copy_is("0", text, (size_t)n, 0555));
	CHECK(copy_is("1", &interpreter, sizeof interpreter, 0111));
	CHECK(copy_is("2", "library", 7, 0555));
	CHECK(openat(reply_fds[1], "3", O_RDONLY | O_CLOEXEC) < 0);
	/* Nobody changes them. */
	CHECK(openat(reply_fds[1], "2", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
	CHECK(unlinkat(reply_fds[1], "2", 0) < 0 && errno == EROFS);
	/* The other order is another list. */
	struct digest first = reply.files;
	const char *turned[2] = { files[1], files[0] };
	CHECK_INT(ask_files(path, turned, 2, false), 0);
	CHECK(memcmp(&first, &reply.files, sizeof first) != 0);
	CHECK(copy_is("1", "library", 7, 0555));
	/* The first again: perhaps the same file system, but a mount of its own. */
	CHECK_INT(ask_files(path, files, 2, false), 0);
	CHECK(memcmp(&first, &reply.files, sizeof first) == 0);
	CHECK(copy_is("2", "library", 7, 0555));
	(void)script;
}

TEST(an_unlisted_interpreter_is_refused)
{
	const char *files[1] = { put("library", "library", 7, 0644) };
	const char *path = put("listed", "#!/nowhere/sh\n", 14, 0755);
	CHECK_INT(ask_files(path, files, 1, false), -EACCES);
	CHECK(says("needs the interpreter /nowhere/sh, which is not in measure.files; add it"));
	CHECK_INT(ask_files(path, files, 1, true), 0);
	CHECK(reply.by_path);
	/* The interpreter's own interpreter, too. */
	struct program p = elf_program("/nowhere/ld.so", "dynamic");
	files[0] = put("dynamic", &p, sizeof p, 0755);
	char text[128];
	int n = snprintf(text, sizeof text, "#!%s\n", files[0]);
	path = put("listed", text, (size_t)n, 0755);
	CHECK_INT(ask_files(path, files, 1, false), -EACCES);
	CHECK(says("dynamic: needs the interpreter /nowhere/ld.so"));
	/* One that is no program. */
	files[0] = put("library", "library", 7, 0755);
	n = snprintf(text, sizeof text, "#!%s\n", files[0]);
	path = put("listed", text, (size_t)n, 0755);
	CHECK_INT(ask_files(path, files, 1, false), -ENOEXEC);
	/* Round and round. */
	n = snprintf(text, sizeof text, "#!%s\n", in_dir("listed"));
	path = put("listed", text, (size_t)n, 0755);
	files[0] = path;
	CHECK_INT(ask_files(path, files, 1, false), -ELOOP);
}

TEST(a_script_of_a_trusted_rootfs_is_copied)
{
	const char *path = put("script", "#!/bin/sh\n", 10, 0755);
	CHECK_INT(ask_files(path, NULL, 0, true), 0);
	CHECK(reply.by_path && reply.has_files);
	CHECK(copy_is("0", "#!/bin/sh\n", 10, 0555));
	/* A name without a list does not mention one. */
	struct digest none = { { 0 } };
	CHECK(memcmp(&none, &reply.files, sizeof none) == 0);
}

TEST(a_listed_program_is_no_more_readable_than_itself)
{
	struct program p = elf_program(NULL, "twice");
	const char *path = put("twice", &p, sizeof p, 0755);
	const char *files[1] = { path };
	CHECK_INT(ask_files(path, files, 1, false), 0);
	CHECK(copy_is("0", &p, sizeof p, 0111));
	CHECK(copy_is("1", &p, sizeof p, 0111));
}

TEST(a_listed_file_that_the_user_may_not_read_is_refused)
{
	char *exec[] = { (char *)(uintptr_t)put_static("one", "one", 0755), NULL };
	const char *files[1] = { put("secret", "secret", 6, 0600) };
	struct service s = {
		.exec = exec, .n_exec = 1, .files = files, .n_files = 1, .uid = NOBODY, .gid = NOBODY
	};
	CHECK_INT(ask(&s, true), -EACCES);
	CHECK(says("secret: uid 65534 may not read it"));
	files[0] = in_dir("missing");
	CHECK_INT(ask(&s, true), -ENOENT);
	CHECK(says("correct measure.files"));
	files[0] = dir;
	CHECK_INT(ask(&s, true), -EACCES);
	CHECK(says("is a directory"));
}

/* ---- */

#define SKIP_UNLESS(condition, name, why)                                                                         \
	do {                                                                                                      \
		if (condition)                                                                                    \
			RUN(name);                                                                                \
		else                                                                                              \
			printf("ok %u - " #name " # SKIP " why "\n", ++test_n);                                   \
	} while (0)

int main(void)
{
	worker_begin();
	RUN(a_static_program_is_hashed_and_sealed);
	RUN(a_debuggable_program_may_be_read);
	RUN(an_image_of_a_container_is_hashed_and_sealed);
	RUN(an_image_of_a_container_that_is_none);
	RUN(an_image_under_verity_is_its_root_hash);
	RUN(what_is_no_image_under_verity);
	RUN(an_image_that_is_not_sealed_is_not_accepted);
	RUN(a_large_program_is_hashed_whole);
	RUN(what_is_no_program_is_refused_by_name);
	RUN(setuid_and_setgid_programs_are_refused);
	RUN(a_file_too_large_is_refused);
	RUN(a_foreign_program_is_refused);
	RUN(an_interpreter_must_be_declared);
	RUN(a_dynamic_program_of_a_trusted_rootfs_runs_from_its_image);
	RUN(a_long_path_leaves_room_for_the_remedy);
	RUN(an_unchanged_file_is_hashed_once);
	RUN(a_changed_file_is_hashed_again);
	RUN(a_young_file_is_kept_while_nobody_writes);
	RUN(a_young_file_that_somebody_writes_is_hashed_again);
	RUN(a_young_file_with_a_writer_is_hashed_each_time);
	RUN(a_lease_ends_and_the_image_stays);
	RUN(more_programs_than_are_kept_all_work);
	RUN(malformed_requests_are_answered);
	RUN(garbage_is_answered);
	RUN(too_much_to_pack_is_an_error);
	bool root = geteuid() == 0;
	SKIP_UNLESS(root, what_the_user_may_not_execute_is_refused, "needs root");
	SKIP_UNLESS(root, listed_files_are_copied_and_hashed_in_order, "needs root");
	SKIP_UNLESS(root, an_unlisted_interpreter_is_refused, "needs root");
	SKIP_UNLESS(root, a_script_of_a_trusted_rootfs_is_copied, "needs root");
	SKIP_UNLESS(root, a_listed_program_is_no_more_readable_than_itself, "needs root");
	SKIP_UNLESS(root, a_listed_file_that_the_user_may_not_read_is_refused, "needs root");
	CHECK_INT(worker_end(), 0);
	remove_dir();
	return test_end();
}
