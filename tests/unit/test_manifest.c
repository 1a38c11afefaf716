/* SPDX-License-Identifier: MIT */
/* link: init policy crypto */
/* The manifest reader: each key, each complaint with its place and its remedy, limits of size. Users are a table here.
 * With arguments it says of each file whether it is good: tests/schema/agree compares that with the JSON schema. */
#include <errno.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "../../crypto/root.h"
#include "../../crypto/sha256.h"
#include "../../init/factory.h"
#include "../../init/seccomp.h"
#include "../../init/sys.h"
#include "../../init/transport.h"
#include "../../policy/guard.h"
#include "hex.h"
#include "test.h"

/* ---- the users of this world ---- */

int sys_user_find(const char *name, uid_t *uid, gid_t *gid, gid_t *groups, int *n_groups)
{
	int cap = *n_groups;
	*n_groups = 0;
	if (strcmp(name, "crowd") == 0)
		return -E2BIG;
	if (strcmp(name, "torn") == 0)
		return -EINVAL;
	if (strcmp(name, "root") == 0) {
		*uid = *gid = 0;
		return 0;
	}
	if (strcmp(name, "db") != 0 || cap < 2)
		return -ENOENT;
	*uid = 201;
	*gid = 202;
	groups[0] = 203;
	groups[1] = 204;
	*n_groups = 2;
	return 0;
}

int sys_group_find(const char *name, gid_t *gid)
{
	*gid = 305;
	return strcmp(name, "web") == 0 ? 0 : -ENOENT;
}

/* ---- reading ---- */

#define ARENA_BYTES ((size_t)16 << 20)
/* Guards behind the arena, to see that nothing is written past its end. */
#define CANARY 64

static uint8_t memory[ARENA_BYTES + CANARY];
static struct arena arena = { memory, 0, ARENA_BYTES };
static struct manifest m;
static struct diag diag;
static char warned[8192];
static struct manifest_context context = { "m.json", true, 1000, 1001, 0x70000000, 0x0ffeffff, true, NULL, NULL };

static int read_span(struct span json)
{
	struct wr w = wr_to(warned, sizeof warned - 1);
	arena.n = 0;
	memset(memory + arena.cap, 0x5a, CANARY);
	int r = manifest_parse(json, &context, &arena, &m, &diag, &w);
	warned[w.n] = '\0';
	for (int i = 0; i < CANARY; i++)
		CHECK(memory[arena.cap + (size_t)i] == 0x5a);
	CHECK(r == 0 || (strncmp(diag.text, "m.json:", 7) == 0 && strchr(diag.text, '\n') == NULL));
	return r;
}

static int read_text(const char *json)
{
	return read_span(span_str(json));
}

/* As service "a" (and "b", which has nothing else). */
static int read_service(const char *keys)
{
	static char json[4096];
	snprintf(json, sizeof json,
		 "{\"version\":1,\"host\":{\"guard\":{\"type\":\"allow\"}},\"services\":{\"a\":{\"exec\":[\"/"
		 "a\"]%s%s},"
		 "\"b\":{\"exec\":[\"/b\"]}}}",
		 keys[0] != '\0' ? "," : "", keys);
	return read_text(json);
}

static int read_host(const char *keys)
{
	char json[1024];
	snprintf(json, sizeof json, "{\"version\":1,\"host\":{%s},\"services\":{}}", keys);
	return read_text(json);
}

/* A row of a table of complaints: what is read, where it is said to be, what is said and how to mend it. */
struct bad {
	const char *text, *place, *what, *remedy;
};

static void check_bad(const struct bad *bad, int r)
{
	bool good = r < 0 && strstr(diag.text, bad->place) != NULL && strstr(diag.text, bad->what) != NULL &&
		    strstr(diag.text, bad->remedy) != NULL;
	if (!good) {
		printf("# %.200s\n#   gave %d %s\n#   wanted %s … %s … %s\n", bad->text, r, r < 0 ? diag.text : "",
		       bad->place, bad->what, bad->remedy);
		test_bad = 1;
	}
}

#define EACH(rows, i) for (size_t i = 0; i < sizeof(rows) / sizeof(rows)[0]; i++)

/* ---- syntax ---- */

TEST(syntax)
{
	static const struct bad rows[] = {
		{ "", "m.json:1:1:", "empty", "the least is" },
		{ " \n ", "m.json:2:2:", "empty", "the least is" },
		{ "{\n \"a\": 1,\n}", "m.json:2:8:", "comma with nothing after", "take it out" },
		{ "[1,]", ":1:3:", "comma with nothing after", "take it out" },
		{ "{ // x\n}", ":1:3:", "no comments", "take this out" },
		{ "{ \"a\": /* x */ 1}", ":1:8:", "no comments", "take this out" },
		{ "# x\n{}", ":1:1:", "no comments", "take this out" },
		{ "{\"a\":1 # x\n}", ":1:8:", "no comments", "take this out" },
		{ "{} // x", ":1:4:", "no comments", "take this out" },
		{ "{'a': 1}", ":1:2:", "double quotes", "replace" },
		{ "{\"a\": 'b'}", ":1:7:", "double quotes", "replace" },
		{ "{\"a\": \xe2\x80\x9cx\xe2\x80\x9d}", ":1:7:", "typographic", "plain \"" },
		{ "{\xc2\xa0\"a\":1}", ":1:2:", "invisible", "delete it" },
		{ "{a: 1}", ":1:2:", "keys stand in", "close this one" },
		{ "{\"a\" 1}", ":1:6:", "a : is missing", "write" },
		{ "{\"a\" = 1}", ":1:6:", "with : between", "write : for =" },
		{ "{\"a\": yes}", ":1:7:", "words stand in", "close it" },
		{ "{\"a\": True}", ":1:7:", "small letters", "JSON writes" },
		{ "{\"a\": None}", ":1:7:", "null", "leave the key out" },
		{ "{\"a\": trueish}", ":1:7:", "words stand in", "close it" },
		{ "{\"a\": }", ":1:7:", "a value is missing", "true, false" },
		{ "{\"a\": \"b}", ":1:7:", "no end on its line", "close it" },
		{ "{\"a: 1}", ":1:2:", "no end on its line", "close it" },
		{ "{\"a\": \"b\n\"}", ":1:7:", "no end on its line", "close it" },
		{ "{\"a\": \"b\tc\"}", ":1:9:", "a tab", "\\t" },
		{ "{\"a\": \"b\001c\"}", ":1:9:", "control character", "\\u00" },
		{ "{\"a\": \"C:\\dir\"}", ":1:10:", "no such escape", "\\\\" },
		{ "{\"a\": \"\\u12g4\"}", ":1:10:", "four hexadecimal", "\\\\u" },
		{ "{\"a\": \"\\u0000\"}", ":1:10:", "\\u0000", "leave it out" },
		{ "{\"a\": \"\\ud800x\"}", ":1:14:", "surrogate", "character itself" },
		{ "{\"a\": \"\\ud800\\u0041\"}", "m.json:1:", "surrogate", "character itself" },
		{ "{\"a\": \"\\udc00\"}", ":1:14:", "surrogate", "character itself" },
		{ "{\"a\": 1 \"b\": 2}", ":1:9:", "comma is missing", "}" },
		{ "[1 2]", ":1:4:", "comma is missing", "]" },
		{ "{\n \"a\": [1,\n 2\n}", ":4:1:", "[ of line 2, column 7", "add a ]" },
		{ "{\n \"a\": {\n", ":3:1:", "{ of line 2, column 7", "add a }" },
		{ "{\"a\":", ":1:6:", "ends here", "add a }" },
		{ "[", ":1:2:", "ends here", "add a ]" },
		{ "{]", ":1:2:", "wrong bracket", "add a }" },
		{ "{},", ":1:3:", "after the end", "take it out" },
		{ "{} {}", ":1:4:", "after the end", "take it out" },
		{ "}", ":1:1:", "a value is missing", "true" },
		{ "\xef\xbb\xbf{}", ":1:1:", "byte-order mark", "without one" },
		{ "\xff\xfe{", ":1:1:", "UTF-16", "save" },
		{ "{\"\xc3\xa9\": \"\xe9\"}", ":1:8:", "not UTF-8", "save" },
		{ "\"\xc0\xaf\"", ":1:2:", "not UTF-8", "save" },
		{ "\"\xed\xa0\x80\"", ":1:2:", "not UTF-8", "save" },
		{ "\"\xf4\x90\x80\x80\"", ":1:2:", "not UTF-8", "save" },
		{ "\"\xe2\x82\"", ":1:2:", "not UTF-8", "save" },
		{ "\"\x80\"", ":1:2:", "not UTF-8", "save" },
	};
	EACH(rows, i)
	check_bad(&rows[i], read_text(rows[i].text));
	struct bad nul = { "NUL", ":1:4:", "NUL byte", "no text file" };
	check_bad(&nul, read_span(span_of("{} \0", 4)));
	check_bad(&nul, read_span(span_of("{\"a\0\":1}", 8)));
}

TEST(numbers)
{
	static const struct bad rows[] = {
		{ "01", "m.json:1:1:", "begin with 0", "leave the 0 out" },
		{ "-01", "m.json:1:2:", "begin with 0", "leave the 0 out" },
		{ "-", "m.json:1:2:", "digit is missing", "" },
		{ "1.", "m.json:1:3:", "digit is missing", "" },
		{ "1.e1", "m.json:1:3:", "digit is missing", "" },
		{ "1e", "m.json:1:3:", "digit is missing", "" },
		{ "1e+", "m.json:1:4:", "digit is missing", "" },
		{ ".5", "m.json:1:1:", "begins with a digit", "" },
		{ "+1", "m.json:1:1:", "begins with a digit", "" },
		{ "0x10", "m.json:1:1:", "no number", "quotes" },
		{ "64M", "m.json:1:1:", "no number", "quotes" },
		{ "1.2.3", "m.json:1:1:", "no number", "quotes" },
		{ "NaN", "m.json:1:1:", "no number that JSON has", "whole number" },
		{ "Infinity", "m.json:1:1:", "no number that JSON has", "whole number" },
		{ "11111111112222222222333333333344444444445", "m.json:1:1:", "more digits", "shorten" },
	};
	EACH(rows, i)
	check_bad(&rows[i], read_text(rows[i].text));
	static const struct bad values[] = {
		{ "\"max_restarts\":1.5", "services.a.max_restarts:", "no whole number", "write one" },
		{ "\"max_restarts\":\"5\"", "services.a.max_restarts:", "no whole number", "without quotes" },
		{ "\"max_restarts\":-1", "services.a.max_restarts:", "out of range", "0 to" },
		{ "\"max_restarts\":1e99", "services.a.max_restarts:", "out of range", "0 to" },
		{ "\"max_restarts\":9007199254740993", "services.a.max_restarts:", "out of range", "0 to" },
		{ "\"max_restarts\":1000001", "services.a.max_restarts:", "out of range", "0 to 1000000" },
		{ "\"max_restarts\":null", "services.a.max_restarts:", "no whole number", "write one" },
	};
	EACH(values, i)
	check_bad(&values[i], read_service(values[i].text));
	CHECK_INT(read_service("\"max_restarts\":1e5"), 0);
	CHECK_INT(m.services[0].max_restarts, 100000);
	CHECK_INT(read_service("\"max_restarts\":-0"), 0);
	CHECK_INT(m.services[0].max_restarts, 0);
	CHECK_INT(read_service("\"max_restarts\":3.0"), 0);
	CHECK_INT(m.services[0].max_restarts, 3);
}

static char big[11 << 20];

TEST(sizes)
{
	memset(big, ' ', sizeof big);
	CHECK_INT(read_span(span_of(big, 10 << 20)), ERR_TOO_LARGE);
	CHECK(strstr(diag.text, "larger than 4 MiB") != NULL);
	memcpy(big, "{\"version\":1,\"services\":{}}", 27);
	CHECK_INT(read_span(span_of(big, MANIFEST_BYTES_MAX)), 0);
	CHECK_INT(read_span(span_of(big, MANIFEST_BYTES_MAX + 1)), ERR_TOO_LARGE);
	memset(big, '[', 10000);
	memset(big + 10000, ']', 10000);
	CHECK_INT(read_span(span_of(big, 20000)), ERR_TOO_DEEP);
	CHECK(strstr(diag.text, "m.json:1:17: nested deeper than 16") != NULL);
	/* Sixteen are read, and are then no manifest. */
	CHECK_INT(read_span(span_of(big + 10000 - 16, 32)), ERR_MALFORMED);
	CHECK(strstr(diag.text, "is no object") != NULL);
	for (size_t i = 0; i < 10000; i++)
		memcpy(big + 5 * i, "{\"a\":", 5);
	CHECK_INT(read_span(span_of(big, 50000)), ERR_TOO_DEEP);
	/* A tree that would take more memory than any manifest needs: an error, and all is given back. */
	for (size_t i = 0; i < MANIFEST_BYTES_MAX; i += 2)
		memcpy(big + i, "1,", 2);
	big[0] = '[';
	big[MANIFEST_BYTES_MAX - 1] = ']';
	memcpy(big + 1, "11", 2);
	memcpy(big + 3, ",", 1);
	CHECK_INT(read_span(span_of(big, MANIFEST_BYTES_MAX)), ERR_NO_SPACE);
	CHECK(strstr(diag.text, "too much memory") != NULL);
}

/* {"version":1,"services":{"s0":{"exec":["/bin/x"]},…}}; between before and after stands the number of the one
 * before. */
static struct span many(unsigned n, const char *before, const char *after)
{
	struct wr w = wr_to(big, sizeof big);
	char text[256];
	wr_bytes(&w, "{\"version\":1,\"services\":{", 25);
	for (unsigned i = 0; i < n; i++) {
		int k = snprintf(text, sizeof text, "%s\"s%u\":{\"exec\":[\"/bin/x\"]", i > 0 ? "," : "", i);
		wr_bytes(&w, text, (size_t)k);
		if (before != NULL && i > 0) {
			k = snprintf(text, sizeof text, "%s%u%s", before, i - 1, after);
			wr_bytes(&w, text, (size_t)k);
		}
		wr_u8(&w, '}');
	}
	wr_bytes(&w, "}}", 2);
	return wr_span(&w);
}

TEST(many_services)
{
	CHECK_INT(read_span(many(MANIFEST_SERVICES_MAX, ",\"requires\":[\"s", "\"]")), 0);
	CHECK_INT(m.n_services, MANIFEST_SERVICES_MAX);
	CHECK_INT(m.services[4095].after[0], 4094);
	struct wr out = wr_to(big, sizeof big);
	CHECK_INT(manifest_describe(&m, &out), 0);
	CHECK_INT(read_span(many(MANIFEST_SERVICES_MAX + 1, NULL, NULL)), ERR_TOO_LARGE);
	CHECK(strstr(diag.text, "services: are 4097; write at most 4096") != NULL);
	/* Uids of their own, all of them; a small range serves, too. */
	context.uid_count = 5000;
	CHECK_INT(read_span(many(MANIFEST_SERVICES_MAX, NULL, NULL)), 0);
	static uint8_t seen[5000];
	memset(seen, 0, sizeof seen);
	for (unsigned i = 0; i < m.n_services; i++) {
		uint32_t k = m.services[i].uid - context.uid_base;
		CHECK(k < 5000 && seen[k]++ == 0);
		CHECK(m.services[i].own_uid && m.services[i].gid == m.services[i].uid);
	}
	context.uid_count = 4095;
	CHECK_INT(read_span(many(MANIFEST_SERVICES_MAX, NULL, NULL)), ERR_NO_SPACE);
	CHECK(strstr(diag.text, "map more uids") != NULL);
	context.uid_count = 0x0ffeffff;
	/* An arena that is too small is an error at every size. */
	for (arena.cap = 0; arena.cap < 4000; arena.cap += 7)
		CHECK_INT(read_span(many(20, ",\"requires\":[\"s", "\"],\"env\":{\"A\":\"b\"},\"user\":\"db\"")),
			  ERR_NO_SPACE);
	arena.cap = ARENA_BYTES;
}

/* ---- keys ---- */

TEST(defaults)
{
	CHECK_INT(read_text("{\"version\":1}"), 0);
	CHECK(strstr(warned, "m.json: no host.guard, so nothing may run; write ") != NULL);
	CHECK(strstr(warned, "m.json: no services") != NULL);
	CHECK(m.host.root == &root_soft && m.host.guard == &guard_deny && !m.host.root_ephemeral);
	CHECK_STR(m.host.root_file, "/var/lib/tao/keys");
	CHECK_INT(m.host.n_admin, 1);
	CHECK(m.host.admin[0].transport == &transport_unix && m.host.hostname == NULL);
	CHECK_STR(m.host.admin[0].path, "/run/tao/admin_socket");
	CHECK_INT(read_service(""), 0);
	CHECK_STR(warned, "");
	const struct service *s = &m.services[0];
	CHECK_INT(m.n_services, 2);
	CHECK_STR(s->name, "a");
	CHECK(s->factory == &factory_process && s->n_exec == 1 && s->exec[1] == NULL);
	CHECK_STR(s->exec[0], "/a");
	CHECK_STR(s->cwd, "/");
	CHECK(s->n_env == 0 && s->user == NULL && s->group == NULL && s->n_groups == 0 && s->own_uid);
	CHECK(s->uid >= 0x70000000 && s->uid < 0x7ffeffff && s->gid == s->uid);
	CHECK(s->type == SERVICE_DAEMON && s->restart == RESTART_ON_FAILURE && s->n_after == 0);
	CHECK_INT(s->restart_delay, 100 * NS_PER_MS);
	CHECK_INT(s->restart_window, 60 * NS_PER_S);
	CHECK_INT(s->stop_timeout, 7 * NS_PER_S);
	CHECK(s->max_restarts == 0 && s->stop_signal == SIGTERM && s->on_channel_error == CHANNEL_ERROR_KEEP);
	CHECK(!s->essential && !s->privileged && !s->debuggable && s->sha256 == NULL && !s->measure_args);
	CHECK(!s->measure_entry && !s->trust_rootfs && s->n_files == 0 && s->capabilities == 0 &&
	      s->n_limits == 0);
	CHECK_INT(s->max_message, 1 << 20);
	CHECK_INT(read_service("\"type\":\"oneshot\""), 0);
	CHECK(s->type == SERVICE_ONESHOT && s->restart == RESTART_NEVER);
	uint8_t digest[32];
	sha256_of(sha256_pick(), span_str("{\"version\":1}"), digest);
	CHECK_INT(read_text("{\"version\":1}"), 0);
	CHECK(memcmp(m.sha256.b, digest, 32) == 0);
}

TEST(host_keys)
{
	CHECK_INT(read_host("\"root\":{\"type\":\"soft\",\"file\":\"/k\"},\"guard\":{\"type\":\"allow\"},"
			    "\"hostname\":\"node-1.x\",\"admin\":[{\"unix\":\"/1\"},{\"unix\":\"/2\"}]"),
		  0);
	CHECK_STR(m.host.root_file, "/k");
	CHECK_STR(m.host.hostname, "node-1.x");
	CHECK(m.host.guard == &guard_allow && m.host.n_admin == 2);
	CHECK_STR(m.host.admin[1].path, "/2");
	/* Whose id it is does not depend on the order of keys. */
	CHECK_INT(read_host("\"admin\":[{\"fd\":5,\"as\":7},{\"as\":\"root\",\"fd\":6,\"group\":9},"
			    "{\"group\":9,\"as\":7,\"fd\":7}]"),
		  0);
	CHECK(m.host.admin[0].transport == &transport_fd && m.host.admin[0].fd == 5);
	CHECK_STR(m.host.admin[1].path, "6");
	CHECK(m.host.admin[0].uid == 7 && m.host.admin[0].gid == 7 && !m.host.admin[0].has_group);
	CHECK(m.host.admin[1].uid == 0 && m.host.admin[1].gid == 9 && m.host.admin[1].has_group);
	CHECK(m.host.admin[2].uid == 7 && m.host.admin[2].gid == 9);
	CHECK_INT(read_host("\"root\":{\"ephemeral\":true},\"admin\":[]"), 0);
	CHECK(m.host.root_ephemeral && m.host.root_file == NULL && m.host.n_admin == 0);
	static const struct bad rows[] = {
		{ "\"rot\":{}", "host.rot:", "no such key", "did you mean \"root\"?" },
		{ "\"zzzzz\":{}", "host.zzzzz:", "no such key", "tao.manifest(5)" },
		{ "\"mounts\":[{}]", "host.mounts[0]:", "no \"source\"", "write" },
		{ "\"modules\":[\"loop\"]", "host.modules:", "\"loop\" is no module", ".ko file" },
		{ "\"modules\":[\" a.ko\"]", "host.modules:", "\" a.ko\" is no module", ".ko file" },
		{ "\"modules\":[1]", "host.modules[0]:", "no string", "" },
		{ "\"switch_root\":{}", "host.switch_root:", "no \"root\"", "/sysroot" },
		{ "\"switch_root\":{\"root\":\"x\"}", "host.switch_root.root:", "no absolute path", "/" },
		{ "\"switch_root\":{\"root\":\"/r\"}", "host.switch_root:", "nothing is mounted on /r", "mounts" },
		{ "\"switch_root\":{\"root\":\"/r\"},\"mounts\":[{\"source\":\"/dev/a\",\"target\":\"/"
		  "r\",\"type\":"
		  "\"a\"},{\"source\":\"/dev/b\",\"target\":\"/rest\",\"type\":\"a\"}]",
		  "host.mounts[1]:", "cannot be reached when /r is /", "below" },
		{ "\"mounts\":[{\"source\":\"x\",\"target\":\"/\",\"type\":\"bind\"}]",
		  "host.mounts[0]:", "binds \"x\"", "write one" },
		{ "\"mounts\":[{\"options\":[\"a,b\"]}]", "host.mounts[0].options:", "\"a,b\"", "by itself" },
		{ "\"log\":\"consol\"", "host.log:", "not known", "did you mean \"console\"" },
		{ "\"log_ring\":\"1K\"", "host.log_ring:", "out of range", "\"16K\" to" },
		{ "\"max_programs\":1001", "host.max_programs:", "is out of range", "0 to 1000" },
		{ "\"root\":[]", "host.root:", "no object", "write {" },
		{ "\"root\":{},\"root\":{}", "m.json:1:32: host.root:", "second time", "keep one" },
		{ "\"root\":{\"type\":\"tpm\",\"file\":\"/k\"}",
		  "host.root.file:", "is for a root of type \"soft\"", "take it out" },
		{ "\"root\":{\"pcrs\":[15]}", "host.root.pcrs:", "is for a root of type \"tpm\"", "take it out" },
		{ "\"root\":{\"type\":\"tpm\",\"pcrs\":[15,7]}", "host.root.pcrs[1]:", "after a larger one",
		  "sort" },
		{ "\"root\":{\"type\":\"tpm\",\"device\":\"tpm0\"}", "host.root.device:", "no place of a TPM",
		  "write" },
		{ "\"root\":{\"type\":\"sift\"}", "host.root.type:", "not known", "did you mean \"soft\"?" },
		{ "\"root\":{\"type\":7}", "host.root.type:", "no string", "soft, tpm or parent" },
		{ "\"root\":{\"file\":\"keys\"}", "host.root.file:", "no absolute path", "begin it with /" },
		{ "\"root\":{\"file\":\"/k\",\"ephemeral\":true}", "host.root.file:", "ephemeral",
		  "take \"file\" or" },
		{ "\"root\":{\"ephemeral\":\"yes\"}", "host.root.ephemeral:", "neither true nor false",
		  "write one" },
		{ "\"guard\":{}", "host.guard:", "no \"type\"", "write {\"type\"" },
		{ "\"guard\":{\"type\":\"prolog\"}", "host.guard.type:", "not known", "datalog" },
		{ "\"guard\":{\"type\":\"datalog\"}", "host.guard:", "has no \"file\"", "taopolicy keygen" },
		{ "\"guard\":{\"type\":\"acl\",\"file\":\"/p\"}", "host.guard:", "has no \"key\"",
		  "taopolicy keygen" },
		{ "\"guard\":{\"type\":\"allow\",\"file\":\"/p\"}", "host.guard:", "has no policy",
		  "take it out" },
		{ "\"guard\":{\"type\":\"deny\",\"strict\":true}", "host.guard:", "has no policy", "take it out" },
		{ "\"guard\":{\"type\":\"allow\",\"key\":\"\"}", "host.guard.key:", "no SHA-256", "write 64" },
		{ "\"audit\":\"syslog\"", "host.audit:", "no absolute path", "begin it with /" },
		{ "\"admin\":[{\"unix\":\"/a\",\"group\":\"no such\"}]",
		  "host.admin[0].group:", "there is no group", "write its number" },
		{ "\"admin\":{}", "host.admin:", "no list", "[{\"unix\"" },
		{ "\"admin\":[{}]", "host.admin[0]:", "no \"unix\"", "write" },
		{ "\"admin\":[{\"unix\":\"/a\"},{\"unix\":\"x\"}]", "host.admin[1].unix:", "no absolute",
		  "begin it" },
		{ "\"admin\":[{\"unix\":\"/a\"},{\"unix\":\"/a\"}]", "host.admin[1]:", "same socket", "keep one" },
		{ "\"admin\":[{\"fd\":5}]", "host.admin[0]:", "\"fd\" and \"as\"", "write one" },
		{ "\"admin\":[{\"unix\":\"/a\",\"fd\":5,\"as\":0}]", "host.admin[0]:", "alone", "write one" },
		{ "\"admin\":[{\"unix\":\"/a\",\"as\":0}]", "host.admin[0]:", "alone", "write one" },
		{ "\"admin\":[{\"fd\":2,\"as\":0}]", "host.admin[0].fd:", "out of range", "3 to 65535" },
		{ "\"admin\":[{\"fd\":5,\"as\":\"no such\"}]", "host.admin[0].as:", "there is no user",
		  "write its number" },
		{ "\"admin\":[{\"fd\":5,\"as\":0},{\"fd\":5,\"as\":1}]", "host.admin[1]:", "same socket",
		  "keep one" },
		{ "\"admin\":[{},{},{},{},{}]", "host.admin:", "5 members", "at most 4" },
		{ "\"hostname\":\"-x\"", "host.hostname:", "no hostname", "letter or digit first" },
		{ "\"hostname\":\"\"", "host.hostname:", "no hostname", "1 to 64" },
		{ "\"hostname\":\"a b\"", "host.hostname:", "no hostname", "letters" },
	};
	EACH(rows, i)
	check_bad(&rows[i], read_host(rows[i].text));
	char text[600];
	snprintf(text, sizeof text, "\"admin\":[{\"unix\":\"/%0107d\"}]", 0);
	struct bad path = { text, "host.admin[0].unix:", "longer than 107", "shorter" };
	check_bad(&path, read_host(text));
	snprintf(text, sizeof text, "\"admin\":[{\"unix\":\"/%0106d\"}]", 0);
	CHECK_INT(read_host(text), 0);
	snprintf(text, sizeof text, "\"hostname\":\"%065d\"", 0);
	struct bad name = { text, "host.hostname:", "no hostname", "1 to 64" };
	check_bad(&name, read_host(text));
}

TEST(confinement_keys)
{
	CHECK_INT(read_service(""), 0);
	CHECK(m.services[0].confinement == &confinement_none && confinement_none.umask == 022);
	CHECK_INT(read_service("\"umask\":\"0077\",\"nice\":-3,\"oom_score_adj\":-9,\"tmp\":\"private\","
			       "\"scheduling\":{\"priority\":5,\"policy\":\"fifo\"},"
			       "\"filesystem\":{\"read_only\":true,\"read_write\":[\"/var\",\"/run/x\"],"
			       "\"hidden\":[\"/home\"]},\"namespaces\":[\"uts\",\"net\"]"),
		  0);
	const struct confinement *k = m.services[0].confinement;
	CHECK(k->umask == 077 && k->has_nice && k->nice == -3 && k->has_oom_score && k->oom_score == -9);
	CHECK(k->private_tmp && k->read_only && k->n_read_write == 2 && k->n_hidden == 1);
	CHECK(k->has_scheduling && k->scheduling == SCHED_FIFO && k->priority == 5);
	CHECK_STR(k->read_write[1], "/run/x");
	CHECK_STR(k->hidden[0], "/home");
	CHECK(k->namespaces == (CLONE_NEWUTS | CLONE_NEWNET));
	CHECK(m.services[1].confinement == &confinement_none);
	CHECK_INT(read_service("\"seccomp\":[\"@files\"]"), 0);
	CHECK(m.services[0].confinement->syscalls == (SYSCALL_BIT(files) | SYSCALL_BIT(basic)));
	CHECK_INT(read_service("\"seccomp\":[\"~@debug\",\"~@keys\"]"), 0);
	CHECK(m.services[0].confinement->syscalls == (SYSCALL_ALL & ~(SYSCALL_BIT(debug) | SYSCALL_BIT(keys))));
	CHECK_INT(read_service("\"seccomp\":[\"@service\",\"@mount\"]"), 0);
	CHECK(m.services[0].confinement->syscalls == (SYSCALL_SERVICE | SYSCALL_BIT(mount)));
}

TEST(sockets)
{
	CHECK_INT(read_service("\"sockets\":[{\"tcp\":\"127.0.0.1:80\"},{\"udp\":\"[::1]:53\",\"name\":\"dns\"},"
			       "{\"fifo\":\"/run/f\",\"mode\":\"0620\",\"group\":\"web\"},{\"unix\":\"/run/u\"}]"),
		  0);
	const struct service *s = &m.services[0];
	CHECK(s->n_sockets == 4 && s->first_socket == 0 && m.n_sockets == 4);
	CHECK(s->sockets[0].kind == SOCKET_TCP && s->sockets[0].address.in.sin_port == htons(80));
	CHECK(s->sockets[0].address.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK_STR(s->sockets[0].name, "a");
	CHECK(s->sockets[1].kind == SOCKET_UDP && s->sockets[1].address.in6.sin6_port == htons(53));
	CHECK(IN6_IS_ADDR_LOOPBACK(&s->sockets[1].address.in6.sin6_addr));
	CHECK_STR(s->sockets[1].name, "dns");
	CHECK(s->sockets[2].kind == SOCKET_FIFO && s->sockets[2].mode == 0620 && s->sockets[2].gid == 305);
	CHECK_STR(s->sockets[2].at, "/run/f");
	CHECK(s->sockets[3].kind == SOCKET_UNIX && s->sockets[3].mode == 0600 && s->sockets[3].group == NULL);
	CHECK(m.services[1].n_sockets == 0);
}

TEST(service_keys)
{
	const struct service *s = NULL;
	char want[65];
	for (int i = 0; i < 64; i++)
		want[i] = "0123456789abcdef"[i % 16];
	want[64] = '\0';
	char text[900];
	snprintf(text, sizeof text,
		 "\"env\":{\"LANG\":\"C\",\"A\":\"\"},\"cwd\":\"/"
		 "tmp\",\"type\":\"oneshot\",\"restart\":\"on-failure\","
		 "\"restart_delay\":\"2s\",\"max_restarts\":5,\"restart_window\":\"2m\",\"essential\":true,"
		 "\"stop\":{\"signal\":\"INT\",\"timeout\":\"250ms\"},\"on_channel_error\":\"restart\",\"sha256\":"
		 "\"%s\","
		 "\"measure\":{\"args\":true,\"entry\":true,\"trust_rootfs\":true,\"files\":[\"/lib/x\",\"/lib/"
		 "y\"]},"
		 "\"privileged\":true,\"debuggable\":true,\"factory\":\"process\",\"tao\":{\"max_message\":"
		 "\"64K\"},"
		 "\"capabilities\":[\"NET_ADMIN\",\"CHECKPOINT_RESTORE\"],\"limits\":{\"nofile\":1024,\"memory\":"
		 "\"64M\","
		 "\"cpu\":\"2m\",\"core\":0,\"stack\":\"unlimited\"},\"after\":[\"b\"]",
		 want);
	CHECK_INT(read_service(text), 0);
	s = &m.services[0];
	CHECK_INT(s->n_env, 2);
	CHECK_STR(s->env[0], "LANG=C");
	CHECK_STR(s->env[1], "A=");
	CHECK(s->env[2] == NULL);
	CHECK_STR(s->cwd, "/tmp");
	CHECK(s->type == SERVICE_ONESHOT && s->restart == RESTART_ON_FAILURE && s->max_restarts == 5);
	CHECK_INT(s->restart_delay, 2 * NS_PER_S);
	CHECK_INT(s->restart_window, 120 * NS_PER_S);
	CHECK_INT(s->stop_signal, SIGINT);
	CHECK_INT(s->stop_timeout, 250 * NS_PER_MS);
	CHECK(s->on_channel_error == CHANNEL_ERROR_RESTART && s->essential && s->privileged && s->debuggable);
	CHECK(s->sha256 != NULL && s->sha256->b[0] == 0x01 && s->sha256->b[31] == 0xef);
	CHECK(s->measure_args && s->measure_entry && s->trust_rootfs && s->n_files == 2);
	CHECK_STR(s->files[1], "/lib/y");
	CHECK(s->capabilities == (1ULL << CAP_NET_ADMIN | 1ULL << CAP_CHECKPOINT_RESTORE));
	CHECK_INT(s->max_message, 65536);
	CHECK_INT(s->n_limits, 5);
	CHECK(s->limits[0].resource == RLIMIT_NOFILE && s->limits[0].value == 1024);
	CHECK(s->limits[1].resource == RLIMIT_AS && s->limits[1].value == 64 << 20);
	CHECK(s->limits[2].resource == RLIMIT_CPU && s->limits[2].value == 120);
	CHECK(s->limits[3].resource == RLIMIT_CORE && s->limits[3].value == 0);
	CHECK(s->limits[4].resource == RLIMIT_STACK && s->limits[4].value == UINT64_MAX);
	CHECK(s->n_after == 1 && s->after[0] == 1 && s->n_requires == 0);
	CHECK_INT(read_service("\"stop\":{\"signal\":\"RTMIN+3\"},\"restart\":\"always\""), 0);
	CHECK(s->stop_signal == 37 && s->restart == RESTART_ALWAYS);
}

TEST(units)
{
	static const struct {
		const char *text;
		int64_t ns;
	} durations[] = { { "\"1ms\"", NS_PER_MS },
			  { "\"100ms\"", 100 * NS_PER_MS },
			  { "\"7s\"", 7 * NS_PER_S },
			  { "\"2m\"", 120 * NS_PER_S },
			  { "\"24h\"", 86400 * NS_PER_S },
			  { "0", 0 },
			  { "\"0s\"", 0 } };
	char text[80];
	EACH(durations, i)
	{
		snprintf(text, sizeof text, "\"restart_delay\":%s", durations[i].text);
		CHECK_INT(read_service(text), 0);
		CHECK_INT(m.services[0].restart_delay, durations[i].ns);
	}
	static const struct {
		const char *text;
		uint64_t bytes;
	} bytes[] = { { "\"4K\"", 4096 },
		      { "\"1M\"", 1 << 20 },
		      { "\"3G\"", 3ULL << 30 },
		      { "\"1T\"", 1ULL << 40 },
		      { "0", 0 } };
	EACH(bytes, i)
	{
		snprintf(text, sizeof text, "\"limits\":{\"as\":%s}", bytes[i].text);
		CHECK_INT(read_service(text), 0);
		CHECK(m.services[0].limits[0].value == bytes[i].bytes);
	}
	static const struct bad rows[] = {
		{ "\"restart_delay\":7", "services.a.restart_delay:", "without a unit", "\"100ms\" or \"7s\"" },
		{ "\"restart_delay\":\"7\"", "services.a.restart_delay:", "\"7\" is not", "\"7s\"" },
		{ "\"restart_delay\":\"7 s\"", "services.a.restart_delay:", "is not", "ms, s, m or h" },
		{ "\"restart_delay\":\"7sec\"", "services.a.restart_delay:", "is not", "ms, s, m or h" },
		{ "\"restart_delay\":\"1.5s\"", "services.a.restart_delay:", "is not a whole", "ms, s, m or h" },
		{ "\"restart_delay\":\"-1s\"", "services.a.restart_delay:", "is not a whole", "ms, s, m or h" },
		{ "\"restart_delay\":\"01s\"", "services.a.restart_delay:", "is not a whole", "ms, s, m or h" },
		{ "\"restart_delay\":\"\"", "services.a.restart_delay:", "is not a whole", "ms, s, m or h" },
		{ "\"restart_delay\":true", "services.a.restart_delay:", "is not a whole", "ms, s, m or h" },
		{ "\"restart_delay\":\"25h\"", "services.a.restart_delay:", "out of range", "from 0 to \"24h\"" },
		{ "\"restart_delay\":\"99999999999999999999h\"", "services.a.restart_delay:", "out of range",
		  "\"24h\"" },
		{ "\"restart_delay\":\"5124096h\"", "services.a.restart_delay:", "out of range", "\"24h\"" },
		{ "\"restart_window\":0", "services.a.restart_window:", "out of range", "from \"1ms\"" },
		{ "\"tao\":{\"max_message\":\"1K\"}", "services.a.tao.max_message:", "out of range",
		  "\"4K\" to \"20M\"" },
		{ "\"tao\":{\"max_message\":\"21M\"}", "services.a.tao.max_message:", "out of range", "\"20M\"" },
		{ "\"tao\":{\"max_message\":65536}", "services.a.tao.max_message:", "without a unit", "\"64M\"" },
		{ "\"tao\":{\"max_message\":\"1MB\"}", "services.a.tao.max_message:", "is not", "K, M, G or T" },
		{ "\"tao\":{\"max_message\":\"64k\"}", "services.a.tao.max_message:", "is not", "K, M, G or T" },
		{ "\"tao\":{\"max_message\":\"18446744073709551616K\"}", "max_message:", "out of range",
		  "\"20M\"" },
		{ "\"tao\":{\"max_message\":\"17179869184G\"}", "max_message:", "out of range", "\"20M\"" },
		{ "\"tao\":{\"max_mesage\":\"1M\"}", "services.a.tao.max_mesage:", "no such key",
		  "\"max_message\"?" },
	};
	EACH(rows, i)
	check_bad(&rows[i], read_service(rows[i].text));
}

#define VM "\"factory\":\"vm\",\"kernel\":\"/k\""

TEST(service_errors)
{
	static const struct bad rows[] = {
		{ "\"exce\":[]", "services.a.exce:", "no such key", "did you mean \"exec\"?" },
		{ "\"bogus_key\":[]", "services.a.bogus_key:", "no such key", "tao.manifest(5)" },
		{ "\"exec\":[\"/x\"]", "services.a.exec:", "second time", "keep one" },
		{ "\"ready\":\"exit\"", "services.a.ready:", "a daemon does not end", "write exec" },
		{ "\"type\":\"oneshot\",\"ready\":\"fd\"", "services.a.ready:", "a oneshot is ready", "exit" },
		{ "\"type\":\"oneshot\",\"watchdog\":\"1s\"", "services.a.watchdog:", "watches daemons",
		  "start_timeout" },
		{ "\"on_failure\":{\"start\":\"a\"}", "services.a.on_failure:", "would start a again",
		  "take that" },
		{ "\"on_failure\":{\"start\":\"x\"}", "services.a.on_failure.start:", "no service", "add it" },
		{ "\"image\":\"/x\"", "services.a.image:", "nothing for the factory process", "take it out" },
		{ "\"kernel\":\"/x\"", "services.a.kernel:", "nothing for the factory process", "take it out" },
		{ "\"initrd\":\"/x\"", "services.a.initrd:", "nothing for the factory process", "take it out" },
		{ "\"factory\":\"vm\"", "services.a:", "no \"kernel\"", "a vm needs" },
		{ VM, "services.a:", "no \"initrd\"", "a vm needs" },
		{ VM ",\"initrd\":\"/i\",\"ready\":\"notify\"", "services.a.ready:", "does not reach",
		  "tao.ready" },
		{ VM ",\"initrd\":\"/i\",\"watchdog\":\"1s\"", "services.a.watchdog:", "for the factory vm",
		  "take it out" },
		{ VM ",\"initrd\":\"/i\",\"sockets\":[{\"unix\":\"/s\"}]",
		  "services.a.sockets:", "for the factory vm", "take it out" },
		{ VM ",\"initrd\":\"/i\",\"image\":\"/x\"", "services.a.image:", "for the factory vm",
		  "take it out" },
		{ VM ",\"initrd\":\"/i\",\"limits\":{\"memory\":\"1M\"}", "services.a.limits:", "less memory",
		  "at least 32M" },
		{ "\"factory\":\"container\"", "services.a:", "no \"image\"", "a container needs" },
		{ "\"factory\":\"container\",\"image\":\"/x\",\"mounts\":[{\"source\":\"/d\",\"target\":\"/"
		  "d\",\"type\":"
		  "\"ext4\"}]",
		  "services.a.mounts[0]:", "a container cannot have", "bind or tmpfs" },
		{ "\"on_policy_change\":\"end\"", "services.a.on_policy_change:", "not known",
		  "write stop or keep" },
		{ "\"factory\":\"chroot\"", "services.a.factory:", "not known", "write process" },
		{ "\"factory\":\"proces\"", "services.a.factory:", "not known", "did you mean \"process\"?" },
		{ "\"env\":[]", "services.a.env:", "no object", "{\"LANG\"" },
		{ "\"env\":{\"A\":1}", "services.a.env.A:", "no string", "double quotes" },
		{ "\"env\":{\"A=\":\"\"}", "services.a.env[\"A=\"]:", "no name of a variable", "write letters" },
		{ "\"env\":{\"\":\"\"}", "services.a.env[\"\"]:", "no name of a variable", "write letters" },
		{ "\"env\":{\"A\":\"\",\"B\":\"\",\"A\":\"\"}", "services.a.env.A:", "second time", "keep one" },
		{ "\"env\":{\"TAO_SERVICE\":\"\"}", "services.a.env.TAO_SERVICE:", "taoinit itself",
		  "take it out" },
		{ "\"env\":{\"LANG\":\"C\",\"LD_PRELOAD\":\"/x\"}", "services.a.env.LD_PRELOAD:", "loaded",
		  "\"entry\": true" },
		{ "\"cwd\":\"tmp\"", "services.a.cwd:", "no absolute path", "begin it with /" },
		{ "\"cwd\":5", "services.a.cwd:", "no string", "double quotes" },
		{ "\"user\":\"nobdy\"", "services.a.user:", "no user \"nobdy\"", "leave \"user\" out" },
		{ "\"user\":\"\"", "services.a.user:", "empty", "take it out" },
		{ "\"user\":-1", "services.a.user:", "out of range", "0 to 4294967294" },
		{ "\"user\":4294967295", "services.a.user:", "out of range", "0 to 4294967294" },
		{ "\"user\":\"4294967295\"", "services.a.user:", "no user", "add it" },
		{ "\"user\":\"crowd\"", "services.a.user:", "more than 64 groups", "take it out" },
		{ "\"user\":\"torn\"", "services.a.user:", "looked up", "mend the file" },
		{ "\"user\":\"root\"", "services.a.user:", "uid 0", "\"privileged\": true" },
		{ "\"user\":0", "services.a.user:", "uid 0", "leave \"user\" out" },
		{ "\"group\":\"wbe\"", "services.a.group:", "no group \"wbe\"", "add it" },
		{ "\"type\":\"demon\"", "services.a.type:", "not known", "did you mean \"daemon\"?" },
		{ "\"restart\":\"sometimes\"", "services.a.restart:", "not known", "never, on-failure or always" },
		{ "\"restart\":\"on_failure\"", "services.a.restart:", "not known",
		  "did you mean \"on-failure\"?" },
		{ "\"restart\":\"always\",\"type\":\"oneshot\"", "services.a.restart:", "is done",
		  "leave \"type\" out" },
		{ "\"restart\":\"never\",\"max_restarts\":3", "services.a.max_restarts:", "nothing is restarted",
		  "take it" },
		{ "\"stop\":{\"signal\":\"SIGTERM\"}", "services.a.stop.signal:", "SIGTERM", "leave the SIG out" },
		{ "\"stop\":{\"signal\":\"STOP\"}", "services.a.stop.signal:", "not known", "TERM, INT" },
		{ "\"stop\":{\"signal\":\"TREM\"}", "services.a.stop.signal:", "not known",
		  "did you mean \"TERM\"?" },
		{ "\"stop\":{\"signal\":\"RTMIN+31\"}", "services.a.stop.signal:", "no signal", "RTMIN+30" },
		{ "\"stop\":{\"signal\":\"RTMIN+\"}", "services.a.stop.signal:", "no signal", "RTMIN+30" },
		{ "\"stop\":{\"signal\":15}", "services.a.stop.signal:", "no string", "TERM" },
		{ "\"stop\":{\"timeout\":7}", "services.a.stop.timeout:", "without a unit", "7s" },
		{ "\"stop\":{\"timout\":7}", "services.a.stop.timout:", "no such key",
		  "did you mean \"timeout\"?" },
		{ "\"on_channel_error\":\"ignore\"", "services.a.on_channel_error:", "not known",
		  "keep or restart" },
		{ "\"essential\":1", "services.a.essential:", "neither true nor false", "without quotes" },
		{ "\"sha256\":\"abc\"", "services.a.sha256:", "no SHA-256", "sha256sum" },
		{ "\"measure\":{\"arg\":true}", "services.a.measure.arg:", "no such key",
		  "did you mean \"args\"?" },
		{ "\"measure\":{\"files\":\"/x\"}", "services.a.measure.files:", "no list", "[\"" },
		{ "\"measure\":{\"files\":[\"x\"]}", "services.a.measure.files[0]:", "shortest form",
		  "begin it with /" },
		{ "\"measure\":{\"files\":[\"/a/../b\"]}", "services.a.measure.files[0]:", "shortest form",
		  "leave" },
		{ "\"measure\":{\"files\":[\"/a//b\"]}", "services.a.measure.files[0]:", "shortest form",
		  "leave" },
		{ "\"measure\":{\"files\":[\"/a/\"]}", "services.a.measure.files[0]:", "shortest form", "leave" },
		{ "\"measure\":{\"files\":[\"/\"]}", "services.a.measure.files[0]:", "shortest form", "leave" },
		{ "\"measure\":{\"files\":[\"/a\",\"/a\"]}", "services.a.measure.files[1]:", "second time",
		  "keep one" },
		{ "\"capabilities\":[\"CAP_NET_ADMIN\"]", "services.a.capabilities[0]:", "CAP_",
		  "leave the CAP_ out" },
		{ "\"capabilities\":[\"NET_ADMN\"]", "services.a.capabilities[0]:", "no capability",
		  "\"NET_ADMIN\"?" },
		{ "\"capabilities\":[\"fly\"]", "services.a.capabilities[0]:", "no capability",
		  "capabilities(7)" },
		{ "\"capabilities\":[\"KILL\",\"KILL\"]", "services.a.capabilities[1]:", "second time",
		  "keep one" },
		{ "\"capabilities\":[1]", "services.a.capabilities[0]:", "no string", "quotes" },
		{ "\"umask\":22", "services.a.umask:", "no mode", "\"022\"" },
		{ "\"umask\":\"0x2\"", "services.a.umask:", "no mode", "\"022\"" },
		{ "\"nice\":20", "services.a.nice:", "out of range", "-20 to 19" },
		{ "\"scheduling\":{}", "services.a.scheduling:", "no \"policy\"", "write" },
		{ "\"scheduling\":{\"policy\":\"rr\"}", "services.a.scheduling:", "no \"priority\"", "1 to 99" },
		{ "\"scheduling\":{\"policy\":\"idle\",\"priority\":3}",
		  "services.a.scheduling.priority:", "only fifo and rr", "take it out" },
		{ "\"tmp\":\"own\"", "services.a.tmp:", "not known", "private" },
		{ "\"filesystem\":{\"read_write\":[\"/a\"]}", "services.a.filesystem.read_write:", "says nothing",
		  "\"read_only\": true" },
		{ "\"filesystem\":{\"hidden\":[\"/a/./b\"]}",
		  "services.a.filesystem.hidden[0]:", "in its shortest form", "leave" },
		{ "\"filesystem\":{\"read_only\":true,\"read_write\":[\"/b\",\"/a/b\"],\"hidden\":[\"/a\"]}",
		  "services.a.filesystem.read_write[1]:", "\"/a\" is hidden", "take one" },
		{ "\"tmp\":\"private\",\"measure\":{\"files\":[\"/tmp/x\"]}",
		  "services.a.measure.files[0]:", "\"/tmp\" is hidden or private", "take one" },
		{ "\"namespaces\":[\"pid\"]", "services.a.namespaces[0]:", "not supported", "net, ipc or uts" },
		{ "\"namespaces\":[\"ipc\",\"ipc\"]", "services.a.namespaces[1]:", "second time", "keep one" },
		{ "\"seccomp\":[\"@basics\"]", "services.a.seccomp[0]:", "no set", "\"@basic\"" },
		{ "\"seccomp\":[\"~@debug\",\"@files\"]", "services.a.seccomp[1]:", "do not mix", "before each" },
		{ "\"seccomp\":[\"~@basic\"]", "services.a.seccomp[0]:", "without @basic", "take it out" },
		{ "\"sockets\":[{}]", "services.a.sockets[0]:", "where to listen", "tcp, udp, unix or fifo" },
		{ "\"sockets\":[{\"tcp\":\"127.0.0.1:80\",\"unix\":\"/x\"}]",
		  "services.a.sockets[0].unix:", "second one", "an object for each" },
		{ "\"sockets\":[{\"tcp\":\"[::1:80\"}]", "services.a.sockets[0].tcp:", "no address", "[::]:80" },
		{ "\"sockets\":[{\"tcp\":\"127.0.0.1:99999\"}]", "services.a.sockets[0].tcp:", "no address",
		  "[::]:80" },
		{ "\"sockets\":[{\"udp\":\"1.2.3.4:5\",\"mode\":\"600\"}]",
		  "services.a.sockets[0].mode:", "belongs", "take it out" },
		{ "\"sockets\":[{\"unix\":\"/x\",\"name\":\"a:b\"}]", "services.a.sockets[0].name:", "no name",
		  "without blanks" },
		{ "\"sockets\":[{\"unix\":\"/x\",\"group\":\"nogroup\"}]",
		  "services.a.sockets[0].group:", "no group", "/etc/group" },
		{ "\"limits\":[]", "services.a.limits:", "no object", "{\"nofile\"" },
		{ "\"limits\":{\"nofiles\":1}", "services.a.limits.nofiles:", "no such limit",
		  "did you mean \"nofile\"?" },
		{ "\"limits\":{\"gravity\":1}", "services.a.limits.gravity:", "no such limit", "tao.manifest(5)" },
		{ "\"limits\":{\"pids\":1,\"pids\":2}", "services.a.limits.pids:", "second time", "keep one" },
		{ "\"limits\":{\"required\":true,\"required\":true}", "services.a.limits.required:", "second time",
		  "keep one" },
		{ "\"limits\":{\"cpu_percent\":0}", "services.a.limits.cpu_percent:", "out of range",
		  "1 to 100000" },
		{ "\"limits\":{\"nofile\":\"1K\"}", "services.a.limits.nofile:", "no whole number", "write one" },
		{ "\"limits\":{\"memory\":64}", "services.a.limits.memory:", "without a unit", "64M" },
		{ "\"limits\":{\"cpu\":\"1500ms\"}", "services.a.limits.cpu:", "whole seconds", "1s" },
		{ "\"after\":\"b\"", "services.a.after:", "no list", "[\"net\"]" },
		{ "\"after\":[1]", "services.a.after[0]:", "no string", "a service's name" },
		{ "\"after\":[\"c\"]", "services.a.after[0]:", "no service \"c\"", "add it" },
		{ "\"after\":[\"b\",\"b\"]", "services.a.after[1]:", "second time", "keep one" },
		{ "\"requires\":[\"b\",\"b\"]", "services.a.requires[1]:", "second time", "keep one" },
		{ "\"requires\":[\"a\"]", "services.a.requires[0]:", "a → a", "take it out" },
	};
	EACH(rows, i)
	check_bad(&rows[i], read_service(rows[i].text));
	static const struct bad wholes[] = {
		{ "[]", "m.json:1:1:", "no object", "write {" },
		{ "{}", "m.json:1:1:", "no version", "write \"version\": 1" },
		{ "{\"version\":2,\"bogus\":1}", ":1:2: version:", "no version that", "write 1" },
		{ "{\"version\":\"1\"}", "version:", "no version that", "write 1" },
		{ "{\"version\":1,\"version\":1}", ":1:14: version:", "second time", "keep one" },
		{ "{\"version\":1,\"service\":{}}", ":1:14: service:", "no such key", "\"services\"?" },
		{ "{\"version\":1,\"services\":[]}", "services:", "no object", "write one" },
		{ "{\"version\":1,\"services\":{\"a\":[]}}", "services.a:", "no object", "write {" },
		{ "{\"version\":1,\"services\":{\"a\":{}}}", "services.a:", "no \"exec\"", "write \"exec\"" },
		{ "{\"version\":1,\"services\":{\"a\":{\"exec\":[]}}}", "services.a.exec:", "empty list",
		  "write one" },
		{ "{\"version\":1,\"services\":{\"a\":{\"exec\":\"/a\"}}}", "services.a.exec:", "no list",
		  "[\"/bin" },
		{ "{\"version\":1,\"services\":{\"a\":{\"exec\":[\"a\"]}}}", "services.a.exec[0]:", "PATH",
		  "begin it" },
		{ "{\"version\":1,\"services\":{\"a\":{\"exec\":[\"/a\",1]}}}", "services.a.exec[1]:", "no string",
		  "quotes" },
		{ "{\"version\":1,\"services\":{\"-a\":{\"exec\":[\"/a\"]}}}", "services.-a:", "no name",
		  "digit first" },
		{ "{\"version\":1,\"services\":{\"a b\":{}}}", "services[\"a b\"]:", "no name", "letters" },
		{ "{\"version\":1,\"services\":{\"a\\n\\u001b[1m\":{}}}", "services[\"a??[1m\"]:", "no name",
		  "letters" },
		{ "{\"version\":1,\"services\":{\"\":{}}}", "services[\"\"]:", "no name", "1 to 64" },
		{ "{\"version\":1,\n \"services\":{\n  \"a\":{\"exec\":[\"/a\"]},\n  \"b\":{\"exec\":[\"/a\"]},\n"
		  "  \"a\":{\"exec\":[\"/a\"]}}}",
		  "m.json:5:3: services.a:", "second time", "another name" },
		{ "{\"version\":1,\"services\":{\"data\":{\"exec\":[\"/a\"]},\"b\":{\"exec\":[\"/"
		  "a\"],\"after\":[\"date\"]}}}",
		  "services.b.after[0]:", "no service", "did you mean \"data\"?" },
	};
	EACH(wholes, i)
	check_bad(&wholes[i], read_text(wholes[i].text));
}

/* Every place is that of the key, whatever stands before it. */
TEST(places)
{
	CHECK_INT(read_text("{\n\t\"version\": 1,\n\t\"host\": { \"admin\": [], \"hostname\": \"\xc3\xa9\" }\n}"),
		  ERR_MALFORMED);
	CHECK(strstr(diag.text, "m.json:3:25: host.hostname: \"\xc3\xa9\" is no hostname") != NULL);
	CHECK_INT(read_text("{\"version\": 1, \"services\": {\"x\": {\"exec\": [\"/x\", \"\\\"{[,\", \n"
			    " true]}}}"),
		  ERR_MALFORMED);
	CHECK(strstr(diag.text, "m.json:2:2: services.x.exec[2]:") != NULL);
	/* Long names are cut, between characters. */
	char text[700] = "{\"version\":1,\"services\":{\"";
	for (int i = 0; i < 200; i++)
		strcat(text, i == 0 ? "x" : "\xc3\xa9");
	strcat(text, "\":{}}}");
	CHECK_INT(read_text(text), ERR_MALFORMED);
	CHECK(strstr(diag.text, "\xc3\xa9\xe2\x80\xa6\"]: no name") != NULL);
}

TEST(bounds)
{
	static char text[400000];
	struct wr w = wr_to(text, sizeof text - 1);
	/* More arguments than stand in a name. */
	for (int n = 64; n <= 65; n++) {
		w.n = 0;
		wr_span_bytes(&w, span_str("{\"version\":1,\"services\":{\"a\":{\"measure\":{\"args\":true},"
					   "\"exec\":[\"/a\""));
		for (int i = 0; i < n; i++)
			wr_span_bytes(&w, span_str(",\"x\""));
		wr_span_bytes(&w, span_str("]}}}"));
		CHECK_INT(read_span(wr_span(&w)), n == 64 ? 0 : ERR_TOO_LARGE);
	}
	CHECK(strstr(diag.text, "services.a.exec: has 65 arguments") != NULL);
	/* Files that no request to the measure worker could carry. */
	w.n = 0;
	wr_span_bytes(&w,
		      span_str("{\"version\":1,\"services\":{\"a\":{\"exec\":[\"/a\"],\"measure\":{\"files\":["));
	for (int i = 0; i < 10; i++) {
		char path[4100];
		snprintf(path, sizeof path, "%s\"/%d%04000d\"", i > 0 ? "," : "", i, 0);
		wr_span_bytes(&w, span_str(path));
	}
	wr_span_bytes(&w, span_str("]}}}}"));
	CHECK_INT(read_span(wr_span(&w)), ERR_TOO_LARGE);
	CHECK(strstr(diag.text, "services.a: the paths") != NULL);
	/* One argument that the kernel would not take. */
	w.n = 0;
	wr_span_bytes(&w, span_str("{\"version\":1,\"services\":{\"a\":{\"exec\":[\"/a\",\""));
	for (int i = 0; i < 131072; i++)
		wr_u8(&w, 'x');
	wr_span_bytes(&w, span_str("\"]}}}"));
	CHECK_INT(read_span(wr_span(&w)), ERR_TOO_LARGE);
	CHECK(strstr(diag.text, "services.a.exec[1]: is longer than 131071") != NULL);
	w.n = 0;
	wr_span_bytes(&w, span_str("{\"version\":1,\"services\":{\"a\":{\"exec\":[\"/a\"],\"env\":{"));
	for (int i = 0; i < 257; i++) {
		char row[32];
		snprintf(row, sizeof row, "%s\"V%d\":\"\"", i > 0 ? "," : "", i);
		wr_span_bytes(&w, span_str(row));
	}
	wr_span_bytes(&w, span_str("}}}}"));
	CHECK_INT(read_span(wr_span(&w)), ERR_TOO_LARGE);
	CHECK(strstr(diag.text, "services.a.env: has 257 variables; write at most 256") != NULL);
	/* A name of 64 letters is one, of 65 none. */
	snprintf(text, sizeof text, "{\"version\":1,\"services\":{\"%064d\":{\"exec\":[\"/a\"]}}}", 0);
	CHECK_INT(read_text(text), 0);
	snprintf(text, sizeof text, "{\"version\":1,\"services\":{\"%065d\":{\"exec\":[\"/a\"]}}}", 0);
	CHECK_INT(read_text(text), ERR_MALFORMED);
}

/* ---- between services ---- */

TEST(order)
{
	CHECK_INT(
		read_text(
			"{\"version\":1,\"host\":{\"guard\":{\"type\":\"allow\"}},\"services\":{"
			"\"c\":{\"exec\":[\"/c\"],\"after\":[\"b\"],\"requires\":[\"a\",\"b\"]},"
			"\"b\":{\"exec\":[\"/b\",\"two words\",\"\\u001b\"],\"after\":[\"a\"],\"essential\":true},"
			"\"a\":{\"exec\":[\"/a\"],\"user\":0,\"privileged\":true,\"type\":\"oneshot\"},"
			"\"d\":{\"exec\":[\"/d\"],\"user\":7}}}"),
		0);
	const struct service *c = &m.services[0];
	CHECK(c->n_requires == 2 && c->requires[0] == 2 && c->requires[1] == 1);
	CHECK(c->n_after == 2 && c->after[0] == 2 && c->after[1] == 1);
	m.services[0].uid = m.services[1].uid = m.services[0].gid = m.services[1].gid = 5;
	char text[2048];
	struct wr out = wr_to(text, sizeof text - 1);
	CHECK_INT(manifest_describe(&m, &out), 0);
	text[out.n] = '\0';
	CHECK_STR(text, "host: root soft /var/lib/tao/keys, guard allow, admin unix /run/tao/admin_socket\n"
			"SERVICE  TYPE     RESTART     USER  AFTER  COMMAND\n"
			"a        oneshot  never       0:0   -      /a  [privileged]\n"
			"b        daemon   on-failure  5:5   a      /b \"two words\" \"?\"  [essential]\n"
			"c        daemon   on-failure  5:5   a,b    /c\n"
			"d        daemon   on-failure  7:7   -      /d\n");
	struct wr small = wr_to(text, 100);
	CHECK_INT(manifest_describe(&m, &small), ERR_NO_SPACE);
}

TEST(cycles)
{
	CHECK_INT(read_text("{\"version\":1,\"services\":{"
			    "\"x\":{\"exec\":[\"/x\"],\"after\":[\"a\"]},"
			    "\"a\":{\"exec\":[\"/a\"],\"after\":[\"b\"]},"
			    "\"b\":{\"exec\":[\"/b\"],\"requires\":[\"c\"]},"
			    "\"c\":{\"exec\":[\"/c\"],\"after\":[\"a\"]}}}"),
		  ERR_MALFORMED);
	CHECK(strstr(diag.text, "services.a.after: a cycle, each waiting for the next: a → b → c → a; take one") !=
	      NULL);
	/* As long as the manifest. */
	struct span json = many(MANIFEST_SERVICES_MAX, ",\"after\":[\"s", "\"]");
	char *first = memmem(big, json.n, "\"s0\":{\"exec\":[\"/bin/x\"]", 23);
	static const char back[] = ",\"after\":[\"s4095\"]";
	size_t at = (size_t)(first - big) + 23;
	memmove(big + at + sizeof back - 1, big + at, json.n - at);
	memcpy(big + at, back, sizeof back - 1);
	CHECK_INT(read_span(span_of(big, json.n + sizeof back - 1)), ERR_MALFORMED);
	CHECK(strstr(diag.text, "a cycle") != NULL && strstr(diag.text, "(4096 services)") != NULL);
}

TEST(privileges)
{
	static const char *const need[] = {
		"CHOWN",      "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",    "SETGID",	  "SETUID",
		"SYS_MODULE", "SYS_RAWIO",    "SYS_PTRACE",	 "SYS_ADMIN", "SYS_BOOT", "MKNOD",
		"SETFCAP",    "MAC_OVERRIDE", "MAC_ADMIN",	 "PERFMON",   "BPF",	  "CHECKPOINT_RESTORE"
	};
	static const char *const free_of_it[] = { "NET_ADMIN", "NET_BIND_SERVICE", "KILL", "SYS_TIME",
						  "IPC_LOCK" };
	char text[120];
	EACH(need, i)
	{
		snprintf(text, sizeof text, "\"capabilities\":[\"%s\"]", need[i]);
		struct bad bad = { text, "services.a.capabilities:", need[i], "\"privileged\": true" };
		check_bad(&bad, read_service(text));
		snprintf(text, sizeof text, "\"privileged\":true,\"capabilities\":[\"%s\"]", need[i]);
		CHECK_INT(read_service(text), 0);
	}
	EACH(free_of_it, i)
	{
		snprintf(text, sizeof text, "\"capabilities\":[\"%s\"]", free_of_it[i]);
		CHECK_INT(read_service(text), 0);
	}
	CHECK_INT(read_service("\"user\":\"root\",\"privileged\":true"), 0);
	CHECK(m.services[0].uid == 0 && !m.services[0].own_uid);
	CHECK_INT(read_service("\"env\":{\"LD_PRELOAD\":\"/x\"},\"measure\":{\"entry\":true}"), 0);
}

TEST(owners)
{
	CHECK_INT(read_service("\"user\":\"db\""), 0);
	const struct service *s = &m.services[0];
	CHECK(s->uid == 201 && s->gid == 202 && s->n_groups == 2 && s->groups[1] == 204 && !s->own_uid);
	CHECK_STR(s->user, "db");
	CHECK_INT(read_service("\"user\":\"db\",\"group\":\"web\""), 0);
	CHECK(s->uid == 201 && s->gid == 305 && s->n_groups == 2);
	CHECK_INT(read_service("\"user\":1234"), 0);
	CHECK(s->uid == 1234 && s->gid == 1234 && s->n_groups == 0);
	CHECK_STR(s->user, "1234");
	CHECK_INT(read_service("\"user\":\"1234\",\"group\":99"), 0);
	CHECK(s->uid == 1234 && s->gid == 99);
	CHECK_INT(read_service("\"group\":\"web\""), 0);
	CHECK(s->own_uid && s->uid >= 0x70000000 && s->gid == 305);
	/* The first 28 bits of SHA-256("a"), ca978112ca1b…, whatever stands around it. */
	CHECK_INT(s->uid, 0x70000000 + 0xca97811 % 0x0ffeffff);
	/* Who names that uid has it; the service takes the next. */
	CHECK_INT(read_text("{\"version\":1,\"services\":{\"a\":{\"exec\":[\"/a\"]},"
			    "\"b\":{\"exec\":[\"/b\"],\"user\":2091481105}}}"),
		  0);
	CHECK_INT(m.services[1].uid, 0x70000000 + 0xca97811);
	CHECK_INT(m.services[0].uid, 0x70000000 + 0xca97811 + 1);
	/* Where uids cannot be changed, all are ourselves, and it is said. */
	context.can_setuid = false;
	CHECK_INT(read_service("\"user\":\"db\",\"capabilities\":[\"NET_ADMIN\"]"), 0);
	CHECK(s->uid == 1000 && s->gid == 1001 && s->n_groups == 0 && !s->own_uid && s->capabilities == 0);
	CHECK(m.services[1].uid == 1000);
	CHECK(strstr(warned, "services.a: runs as taoinit's own user") != NULL &&
	      strstr(warned, "as root") != NULL);
	CHECK_INT(read_service("\"user\":1000"), 0);
	CHECK_STR(warned, "");
	CHECK_INT(read_service("\"user\":\"nobdy\""), ERR_NOT_FOUND);
	context.can_setuid = true;
}

/* The canonical form, written by hand. */
static void check_entry(const char *keys, const char *canonical)
{
	uint8_t digest[32];
	int r = read_service(keys);
	if (r != 0)
		printf("# %s\n", diag.text);
	CHECK_INT(r, 0);
	sha256_of(sha256_pick(), span_str(canonical), digest);
	if (memcmp(m.services[0].entry.b, digest, 32) != 0) {
		printf("# %s\n#   is not %s\n", keys, canonical);
		test_bad = 1;
	}
}

TEST(entry)
{
	check_entry("", "{\"exec\":[\"/a\"]}");
	check_entry("\"cwd\":\"/\",\"env\":{},\"measure\":{\"args\":false,\"files\":[]},\"restart\":\"always\"",
		    "{\"exec\":[\"/a\"]}");
	check_entry(
		"\"user\":5,\"group\":\"web\",\"cwd\":\"/"
		"x\",\"env\":{\"b\":\"1\",\"B_\":\"2\",\"B\":\"3\",\"B-\":\"4\"}",
		"{\"cwd\":\"/x\",\"env\":{\"B\":\"3\",\"B-\":\"4\",\"B_\":\"2\",\"b\":\"1\"},\"exec\":[\"/a\"],"
		"\"group\":\"web\",\"user\":\"5\"}");
	check_entry("\"measure\":{\"trust_rootfs\":true,\"entry\":true,\"files\":[\"/z\",\"/b\"],\"args\":true}",
		    "{\"exec\":[\"/a\"],\"measure\":{\"args\":true,\"entry\":true,\"files\":[\"/z\",\"/b\"],"
		    "\"trust_rootfs\":true}}");
	check_entry("\"measure\":{\"entry\":true},\"env\":{\"A\":\"\\u0001\\u001f\\n\\t\\\"\\\\\\/"
		    "\\u20ac\\ud83d\\ude00\x7f=\"}",
		    "{\"env\":{\"A\":\"\\u0001\\u001f\\n\\t\\\"\\\\/"
		    "\xe2\x82\xac\xf0\x9f\x98\x80\x7f=\"},\"exec\":[\"/a\"],"
		    "\"measure\":{\"entry\":true}}");
}

TEST(entry_of_a_container_and_of_a_machine)
{
	check_entry("\"factory\":\"container\",\"image\":\"/"
		    "i\",\"network\":\"none\",\"mounts\":[],\"root_size\":\"1M\"",
		    "{\"exec\":[\"/a\"],\"image\":\"/i\"}");
	check_entry(
		"\"network\":\"host\",\"factory\":\"container\",\"image\":\"/i\",\"mounts\":["
		"{\"target\":\"/d\",\"source\":\"/s\",\"type\":\"bind\",\"options\":[\"nosuid\",\"ro\"]},"
		"{\"source\":\"t\",\"target\":\"/t\",\"type\":\"tmpfs\",\"options\":[\"size=1M\",\"mode=755\"]}]",
		"{\"exec\":[\"/a\"],\"image\":\"/i\",\"mounts\":["
		"{\"options\":[\"ro\",\"nosuid\"],\"source\":\"/s\",\"target\":\"/d\",\"type\":\"bind\"},"
		"{\"options\":[\"size=1M\",\"mode=755\"],\"source\":\"t\",\"target\":\"/t\",\"type\":\"tmpfs\"}],"
		"\"network\":\"host\"}");
	CHECK_INT(read_text("{\"version\":1,\"services\":{\"a\":{\"factory\":\"vm\",\"kernel\":\"/"
			    "k\",\"initrd\":\"/i\","
			    "\"disks\":[\"/d\",\"/b\"],\"env\":{\"A\":\"1\"},\"cpus\":2}}}"),
		  0);
	CHECK(m.services[0].machine->n_disks == 2);
	uint8_t digest[32];
	sha256_of(sha256_pick(),
		  span_str("{\"disks\":[\"/d\",\"/b\"],\"env\":{\"A\":\"1\"},"
			   "\"exec\":[\"/usr/bin/qemu-system-x86_64\"]}"),
		  digest);
	CHECK(memcmp(m.services[0].entry.b, digest, 32) == 0);
}

/* The example of docs/entry-hash.md. */
TEST(entry_of_the_manual)
{
	uint8_t want[32];
	CHECK_INT(read_text("{\"version\":1,\"services\":{\"db\":{\"exec\":[\"/bin/db\",\"-d\",\"/"
			    "data\"],\"after\":[\"net\"],"
			    "\"env\":{\"LANG\":\"C\",\"HOME\":\"/data\"},\"user\":1000,\"cwd\":\"/"
			    "\",\"restart\":\"always\","
			    "\"measure\":{\"entry\":true}},\"net\":{\"exec\":[\"/bin/ip-up\"]}}}"),
		  0);
	CHECK_INT(hex_to("13f80e63a9f5c7dbd765077cea2c6cdf15b7ea6dc16a15afe85d418d04b94a97", want, sizeof want),
		  32);
	CHECK(memcmp(m.services[0].entry.b, want, 32) == 0);
}

/* ---- included files ---- */

static const char *const *in_directory; /* name and text, in turn; NULL at the end */

static int include_table(void *arg, const char *directory, struct manifest_file *files, struct diag *why)
{
	int n = 0;
	CHECK_STR((const char *)arg, "arg");
	if (strcmp(directory, "more.d") != 0) {
		snprintf(why->text, sizeof why->text, "there is no %s", directory);
		return ERR_IO;
	}
	for (; in_directory[2 * n] != NULL; n++)
		files[n] = (struct manifest_file){ in_directory[2 * n], span_str(in_directory[2 * n + 1]) };
	return n;
}

static int read_with(const char *const *files, const char *json)
{
	struct manifest_context plain = context;
	struct wr w = wr_to(warned, sizeof warned - 1);
	char arg[] = "arg";
	context.include = include_table;
	context.include_arg = arg;
	in_directory = files;
	arena.n = 0;
	int r = manifest_parse(span_str(json), &context, &arena, &m, &diag, &w);
	context = plain;
	return r;
}

#define INCLUDING                                                                                                 \
	"{\"version\":1,\"include\":\"more.d\",\"host\":{\"guard\":{\"type\":\"allow\"}},"                        \
	"\"services\":{\"main\":{\"exec\":[\"/m\"],\"requires\":[\"db\"]}}}"

TEST(modules_and_root)
{
	CHECK_INT(
		read_host(
			"\"modules\":[\"a.ko\",\"/b.ko x=1 y=2\"],\"switch_root\":{\"root\":\"/r\"},\"mounts\":[{"
			"\"source\":\"/dev/a\",\"target\":\"/r\",\"type\":\"a\"},{\"source\":\"/dev/"
			"b\",\"target\":\"/"
			"r/var\",\"type\":\"a\"},{\"source\":\"x\",\"target\":\"/run/x\",\"type\":\"tmpfs\"}]"),
		0);
	CHECK_INT(m.host.n_modules, 2);
	CHECK_STR(m.host.modules[1], "/b.ko x=1 y=2");
	CHECK_STR(m.host.switch_root, "/r");
}

TEST(included_files)
{
	static const char db[] =
		"{\"version\":1,\"services\":{\"db\":{\"exec\":[\"/db\"],\"after\":[\"net\"]}}}\n";
	static const char net[] =
		"{\"version\":1,\"services\":{\"net\":{\"exec\":[\"/n\"]},\"dns\":{\"exec\":[\"/d\"]}}}";
	static const char *const none[] = { NULL };
	static const char *const two[] = { "a.json", db, "b.json", net, NULL };
	static const char *const empty[] = { "a.json", "{\"version\":1}", NULL };
	struct sha256 hash;
	uint8_t want[SHA256_SIZE];
	CHECK_INT(read_with(two, INCLUDING), 0);
	CHECK_INT(m.n_services, 4);
	CHECK_STR(m.services[0].name, "main");
	CHECK_STR(m.services[1].name, "db");
	CHECK_STR(m.services[3].name, "dns");
	CHECK_INT(m.services[0].requires[0], 1);
	CHECK_INT(m.services[1].after[0], 2);
	/* What is measured is all the bytes, one file behind the other. */
	sha256_init(&hash, sha256_pick());
	sha256_update(&hash, span_str(INCLUDING));
	sha256_update(&hash, span_str(db));
	sha256_update(&hash, span_str(net));
	sha256_out(&hash, want);
	CHECK(memcmp(want, m.sha256.b, sizeof want) == 0);
	CHECK(memcmp(want, m.host.manifest_sha256.b, sizeof want) == 0);
	CHECK_INT(read_with(empty, "{\"version\":1,\"include\":\"more.d\"}"), 0);
	CHECK_INT(m.n_services, 0);
	CHECK_INT(read_with(none, "{\"version\":1,\"include\":\"more.d\"}"), 0);
}

TEST(included_files_that_are_wrong)
{
	static const struct {
		const char *file;
		struct bad bad;
	} rows[] = {
		{ "{\"version\":1,", { "cut", "a.json:1:14:", "ends here", "add a }" } },
		{ "[]", { "a list", "a.json:1:1:", "no object", "write" } },
		{ "{\"services\":{}}", { "no version", "a.json:1:1:", "no version", "write" } },
		{ "{\"version\":2}", { "version 2", "a.json:1:2: version:", "no version", "write 1" } },
		{ "{\"version\":1,\"host\":{}}",
		  { "a host", "a.json:1:14: host:", "belongs into m.json", "take" } },
		{ "{\"version\":1,\n \"include\":\"x\"}",
		  { "include", "a.json:2:2: include:", "belongs into m.json", "" } },
		{ "{\"version\":1,\"sorvices\":{}}",
		  { "a wrong key", "a.json:1:14: sorvices:", "no such key", "services" } },
		{ "{\"version\":1,\"services\":[]}",
		  { "a list", "a.json:1:14: services:", "no object", "write" } },
		{ "{\"version\":1,\"services\":{\"db\":{\"exec\":[\"db\"]}}}",
		  { "a bad service", "a.json:1:32: services.db.exec", "absolute", "/" } },
		{ "{\"version\":1,\"services\":{\"db\":{\"exec\":[\"/d\"],\"after\":[\"nat\"]}}}",
		  { "a bad link", "a.json:1:46: services.db.after[0]:", "no service \"nat\"", "" } },
		{ "{\"version\":1,\"services\":{\"main\":{\"exec\":[\"/d\"]}}}",
		  { "a second main", "a.json:1:26: services.main:", "after m.json a second time",
		    "another name" } },
		{ "{\"version\":1,\"services\":{\"db\":{\"exec\":[\"/d\"]},\"db\":{\"exec\":[\"/d\"]}}}",
		  { "twice in one", "a.json:1:47: services.db:", "stands here a second time", "another name" } },
		{ "{\"version\":1,\"services\":{\"db\":{\"exec\":[\"/d\"],\"after\":[\"main\"]}}}",
		  { "a cycle over files", "m.json:1:", "db", "cycle" } },
	};
	EACH(rows, i)
	{
		const char *const files[] = { "a.json", rows[i].file, NULL };
		check_bad(&rows[i].bad, read_with(files, INCLUDING));
	}
	static const char *const none[] = { NULL };
	static const struct bad gone = { "gone", "m.json:1:14: include:", "there is no less.d", "" };
	static const struct bad number = { "number", "m.json:1:14: include:", "no directory", "write one" };
	check_bad(&gone, read_with(none, "{\"version\":1,\"include\":\"less.d\"}"));
	check_bad(&number, read_with(none, "{\"version\":1,\"include\":1}"));
}

static int say_of_files(int n, char **files)
{
	for (int i = 0; i < n; i++) {
		FILE *f = fopen(files[i], "r");
		size_t size = f != NULL ? fread(big, 1, sizeof big, f) : 0;
		if (f != NULL)
			fclose(f);
		int r = read_span(span_of(big, size));
		printf("%s %s\n", r == 0 ? "good" : "bad", r == 0 ? "" : diag.text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return say_of_files(argc - 1, argv + 1);
	RUN(modules_and_root);
	RUN(included_files);
	RUN(included_files_that_are_wrong);
	RUN(syntax);
	RUN(numbers);
	RUN(sizes);
	RUN(many_services);
	RUN(defaults);
	RUN(host_keys);
	RUN(service_keys);
	RUN(confinement_keys);
	RUN(sockets);
	RUN(units);
	RUN(service_errors);
	RUN(places);
	RUN(bounds);
	RUN(order);
	RUN(cycles);
	RUN(privileges);
	RUN(owners);
	RUN(entry);
	RUN(entry_of_a_container_and_of_a_machine);
	RUN(entry_of_the_manual);
	return test_end();
}
