/* SPDX-License-Identifier: MIT
 *
 * For tests of images: image_tool [-o] [-m BYTES] [-i INODES] PATH
 *
 * Asks the real measure worker for the image of PATH, unpacks what it hands over as the container factory does (a process
 * that is uid 0 of its own user namespace, in an empty tmpfs that is its root), and lists what is there then. Prints
 * "measured HEX", "config STRING" for each string, "unpacked ENTRIES BYTES", and a line for each file, in order. Exits
 * with 1 where the image is refused: "refused: WHY". 77: namespaces are not to be had here.
 *
 *	-o	with owners: 65536 ids
 *	-m	the most bytes of all layers, decoded (1 GiB)
 *	-i	inodes of the tmpfs (65536); it has 256 MiB
 */
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>

#include "../unit/test.h"

#include "../../init/image.h"
#include "../../init/sys_measure.h"
#include "../../init/unpack.h"
#include "../unit/measure_worker.h"

#define OUTSIDE_ID 200000

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	exit(77);
}

static void write_map(const char *format, pid_t pid, bool owners)
{
	char path[64], text[64];
	snprintf(path, sizeof path, format, (int)pid);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "0 %d %d\n", owners ? OUTSIDE_ID : (int)geteuid(), owners ? 65536 : 1);
	must(fd, path);
	must((int)write(fd, text, (size_t)n), path);
	close(fd);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Contents of small files are printed, of large ones how many bytes are not zero. */
static void print_data(const char *path, off_t size)
{
	static unsigned char buffer[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	long other = 0;
	if (size <= 60 && (n = read(fd, buffer, sizeof buffer)) >= 0) {
		printf(" \"%.*s\"", (int)n, (char *)buffer);
	} else {
		while ((n = read(fd, buffer, sizeof buffer)) > 0)
			for (ssize_t i = 0; i < n; i++)
				other += buffer[i] != 0;
		printf(" (%ld not zero)", other);
	}
	close(fd);
}

static void list(const char *path)
{
	struct dirent **names;
	char at[8192];
	int n = scandir(path, &names, NULL, by_name);
	for (int i = 0; i < n; i++) {
		struct stat st;
		if (strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0)
			continue;
		snprintf(at, sizeof at, "%s%s%s", path, strcmp(path, "/") == 0 ? "" : "/", names[i]->d_name);
		if (lstat(at, &st) < 0)
			continue;
		printf("%s %o %d:%d %lld", at, st.st_mode, (int)st.st_uid, (int)st.st_gid, (long long)st.st_mtime);
		if (S_ISREG(st.st_mode)) {
			printf(" %d %lld", (int)st.st_nlink, (long long)st.st_size);
			print_data(at, st.st_size);
		}
		if (S_ISLNK(st.st_mode)) {
			char to[4096];
			ssize_t k = readlink(at, to, sizeof to - 1);
			printf(" -> %.*s", (int)(k > 0 ? k : 0), to);
		}
		printf("\n");
		if (S_ISDIR(st.st_mode) && strlen(at) < 4000)
			list(at);
		free(names[i]);
	}
}

static void enter(int ready, int go, const char *inodes)
{
	char byte, options[64];
	must(unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare");
	must((int)write(ready, "", 1), "pipe");
	must(read(go, &byte, 1) == 1 ? 0 : -1, "maps");
	must(setgid(0), "setgid");
	must(setuid(0), "setuid");
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	snprintf(options, sizeof options, "mode=0755,size=256m,nr_inodes=%s", inodes);
	must(mount("image", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options), "tmpfs");
	must(chdir("/tmp"), "/tmp");
	must(chroot("."), "chroot");
}

static int unpack(int image, size_t max, bool owners, const char *inodes)
{
	struct unpack_report report;
	int ready[2], go[2];
	char byte;
	must(pipe(ready), "pipe");
	must(pipe(go), "pipe");
	pid_t parent = fork();
	must(parent, "fork");
	if (parent > 0) {
		int status;
		close(ready[1]);
		if (read(ready[0], &byte, 1) == 1) {
			char deny[64];
			snprintf(deny, sizeof deny, "/proc/%d/setgroups", (int)parent);
			int fd = open(deny, O_WRONLY | O_CLOEXEC);
			if (!owners && fd >= 0)
				must((int)write(fd, "deny", 4), deny);
			close(fd);
			write_map("/proc/%d/uid_map", parent, owners);
			write_map("/proc/%d/gid_map", parent, owners);
			must((int)write(go[1], "", 1), "pipe");
		}
		waitpid(parent, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	enter(ready[1], go[0], inodes);
	int r = unpack_image(image, max, owners, &report);
	if (r < 0) {
		printf("refused: %s\n", report.text);
		fflush(stdout);
		_exit(1);
	}
	printf("unpacked %llu %llu\n", (unsigned long long)report.entries, (unsigned long long)report.bytes);
	list("/");
	fflush(stdout);
	_exit(0);
}

static void print_config(int image)
{
	static struct image_view view;
	struct stat st;
	fstat(image, &st);
	const uint8_t *p = sys_map_file(image, (size_t)st.st_size);
	if (p == NULL || !image_view(span_of(p, (size_t)st.st_size), &view))
		give_up("no image");
	printf("layers %u args %u env %u\n", view.n_layers, view.n_args, view.n_env);
	for (unsigned i = 0; image_string(&view, i) != NULL; i++)
		printf("config %s\n", image_string(&view, i));
}

int main(int argc, char **argv)
{
	size_t max = (size_t)1 << 30;
	bool owners = false;
	const char *inodes = "65536";
	int c;
	while ((c = getopt(argc, argv, "om:i:")) != -1) {
		if (c == 'o')
			owners = true;
		else if (c == 'm')
			max = strtoul(optarg, NULL, 10);
		else if (c == 'i')
			inodes = optarg;
	}
	if (optind + 1 != argc)
		return 2;
	strcpy(dir, "/nowhere");
	worker_begin();
	struct container container = { .image = argv[optind] };
	struct service s = { .container = &container, .name = "test", .cwd = "/" };
	if (ask(&s, false) < 0) {
		printf("refused: %s\n", reply.text);
		return 1;
	}
	printf("measured ");
	for (size_t i = 0; i < sizeof reply.program.b; i++)
		printf("%02x", reply.program.b[i]);
	printf("\n");
	if (measure_check_image(reply_fds[0], false) < 0)
		give_up("the image is not sealed");
	print_config(reply_fds[0]);
	fflush(stdout);
	int status = unpack(reply_fds[0], max, owners, inodes);
	return worker_end() != 0 ? 99 : status;
}
