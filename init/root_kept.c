/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "../crypto/firmware_log.h"
#include "manifest.h"
#include "root_worker.h"
#include "sys.h"
#include "sys_platform.h"

#define FIRMWARE_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define KEPT_MANIFEST "/sealed.manifest"
#define KEPT_CMDLINE "/sealed.cmdline"
#define KEPT_FIRMWARE "/sealed.firmware"
/* The longest command line that Linux has, and more. */
#define CMDLINE_MAX 8192
#define PATH_ROOM 320
/* So much of a command line is shown. */
#define SHOWN 60

/* A whole file into memory of its own, which ends with the process: p NULL if it cannot be had. */
static struct span read_whole(const char *path, size_t cap)
{
	uint8_t *p = sys_map(cap);
	ssize_t n = p != NULL ? sys_read_file(path, p, cap) : -ENOMEM;
	return n < 0 ? span_of(NULL, 0) : span_of(p, (size_t)n);
}

static struct span read_kept(const struct host *host, const char *name, size_t cap)
{
	char path[PATH_ROOM];
	snprintf(path, sizeof path, "%s%s", host->root_dir, name);
	return read_whole(path, cap);
}

static void keep(const struct host *host, const char *name, struct span bytes)
{
	char path[PATH_ROOM], next[PATH_ROOM + 4];
	struct span old = read_kept(host, name, bytes.n + 2);
	if (bytes.p == NULL || (old.p != NULL && span_equal(old, bytes)))
		return;
	snprintf(path, sizeof path, "%s%s", host->root_dir, name);
	snprintf(next, sizeof next, "%s.new", path);
	if (sys_platform.write(sys_platform.ctx, next, bytes) >= 0)
		(void)sys_platform.rename(sys_platform.ctx, next, path);
}

static struct span firmware_log(const struct host *host)
{
	const struct root_log *log = host->firmware_log;
	return log != NULL && log->n > 0 ? span_of(log->bytes, log->n) : span_of(NULL, 0);
}

void root_kept_save(const struct host *host)
{
	if (host->root_dir == NULL || host->manifest_path == NULL)
		return;
	struct span manifest = read_whole(host->manifest_path, MANIFEST_BYTES_MAX + 2);
	uint8_t digest[SHA256_SIZE];
	sha256_of(sha256_bearssl(), manifest, digest);
	/* It may be another one by now. */
	if (memcmp(digest, host->manifest_sha256.b, sizeof digest) == 0)
		keep(host, KEPT_MANIFEST, manifest);
	keep(host, KEPT_CMDLINE, read_whole("/proc/cmdline", CMDLINE_MAX));
	keep(host, KEPT_FIRMWARE, firmware_log(host));
}

void root_firmware_read(const struct host *host)
{
	struct root_log *log = host->firmware_log;
	ssize_t n = log != NULL ? sys_read_file(FIRMWARE_LOG, log->bytes, sizeof log->bytes) : 0;
	if (n > 0) /* many machines have none */
		__atomic_store_n(&log->n, (uint32_t)n, __ATOMIC_RELEASE);
}

void root_firmware_save(const struct host *host)
{
	struct span log = firmware_log(host);
	char path[PATH_ROOM];
	if (log.n == 0 || host->root_dir == NULL)
		return;
	snprintf(path, sizeof path, "%s/firmware", host->root_dir);
	int fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	(void)sys_write_all(fd, log.p, log.n);
	sys_close(fd);
}

/* ---- What has changed ---- */

static void manifest_changed(const struct host *host, struct span digest, struct root_report *report)
{
	char text[160];
	uint8_t had[SHA256_SIZE], has[SHA256_SIZE];
	struct wr w = wr_to(text, sizeof text - 1);
	struct span was = read_kept(host, KEPT_MANIFEST, MANIFEST_BYTES_MAX + 2);
	struct span is = read_whole(host->manifest_path, MANIFEST_BYTES_MAX + 2);
	sha256_of(sha256_bearssl(), was, had);
	sha256_of(sha256_bearssl(), is, has);
	if (!span_equal(digest, span_of(had, sizeof had)) || memcmp(has, host->manifest_sha256.b, sizeof has) != 0)
		return;
	int n = manifest_diff(was, is, ", ", &w);
	text[w.n] = '\0';
	if (n >= 0)
		root_add(report, n == 0 ? ": only in how it is written" : ": ");
	root_add(report, text);
}

static void firmware_changed(const struct host *host, unsigned pcr, struct root_report *report)
{
	char text[FIRMWARE_TEXT_MAX + 1], line[FIRMWARE_TEXT_MAX + 64];
	struct wr w = wr_to(text, sizeof text - 1);
	struct firmware_event event;
	struct span was = read_kept(host, KEPT_FIRMWARE, ROOT_LOG_MAX + 2);
	if (was.p == NULL || firmware_differs(was, firmware_log(host), pcr, &event) <= 0)
		return;
	firmware_text(&event, &w);
	text[w.n] = '\0';
	snprintf(line, sizeof line, ": event %u of its log, type 0x%x%s%s", (unsigned)event.nth,
		 (unsigned)event.type, w.n > 0 ? ", " : "", text);
	root_add(report, line);
}

/* From where they are no longer the same. */
static void cmdline_changed(const struct host *host, struct root_report *report)
{
	char line[SHOWN + 80];
	struct span was = read_kept(host, KEPT_CMDLINE, CMDLINE_MAX),
		    is = read_whole("/proc/cmdline", CMDLINE_MAX);
	size_t i = 0;
	if (was.p == NULL || is.p == NULL || span_equal(was, is))
		return;
	while (i < was.n && i < is.n && was.p[i] == is.p[i])
		i++;
	while (i > 0 && is.p[i - 1] != ' ')
		i--;
	size_t n = 0;
	while (i + n < is.n && n < SHOWN && is.p[i + n] >= ' ' && is.p[i + n] < 0x7f)
		n++;
	snprintf(line, sizeof line, "; the kernel's command line is another from \"%.*s\" on", (int)n,
		 (const char *)is.p + i);
	root_add(report, line);
}

void root_kept_changed(const struct root_config *config, unsigned pcr, struct span manifest,
		       struct root_report *report)
{
	const struct host *host = config->host;
	if (pcr == config->pcr) {
		manifest_changed(host, manifest, report);
		return;
	}
	firmware_changed(host, pcr, report);
	if (pcr >= 8)
		cmdline_changed(host, report);
}

/* ---- Closing the root ---- */

int root_cap_worker(int socket, void *arg)
{
	static struct root_opened opened;
	struct host host = *(const struct host *)arg;
	struct root_config config;
	struct stat st;
	if (host.root == NULL || host.root->cap == NULL) {
		host.root = &root_tpm;
		host.root_device = TPM_DEVICE;
		host.root_pcrs = 0;
		host.root_pcr = QUOTE_PCRS_TRUSTED - 1;
		host.root_pcr_base = NULL;
		host.root_log = NULL;
	}
	/* Where there is no TPM there is nothing to get out of one. */
	if (host.root_device[0] != '/' || sys_stat(host.root_device, &st) == 0) {
		const struct platform *platform = root_platform(&host, &config, &opened.report);
		opened.error = platform != NULL ? host.root->cap(platform, &config, &opened.report) : ERR_IO;
		if (opened.error != ERR_NONE)
			root_report_transport(&opened.report, opened.error);
		root_log_save(&host);
	}
	return sys_write_all(socket, &opened, sizeof opened) == 0 ? 0 : 1;
}
