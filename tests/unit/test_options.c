/* SPDX-License-Identifier: MIT
 *
 * link: init/options.c init/sys.c crypto/base.c
 *
 * Options on the kernel's command line. */
#include "test.h"

#include "../../init/options.h"

static struct options options;

static void parse(const char *line)
{
	options_parse(span_str(line), &options);
}

TEST(nothing_of_ours)
{
	parse("");
	CHECK_STR(options.manifest, "");
	CHECK(!options.rescue);
	CHECK_INT(options.log, LOG_INFO);
	parse("console=ttyS0 quiet panic=-1 root=/dev/sda1 tao tao=1 xtao.rescue\n");
	CHECK_STR(options.manifest, "");
	CHECK(!options.rescue);
	CHECK_STR(options.complaint, "");
}

TEST(all_of_ours)
{
	parse("a tao.manifest=/m.json  tao.rescue\ttao.log=debug\n");
	CHECK_STR(options.manifest, "/m.json");
	CHECK(options.rescue);
	CHECK_INT(options.log, LOG_DEBUG);
	CHECK_STR(options.complaint, "");
	parse("tao.manifest=/a tao.manifest=/b=c");
	CHECK_STR(options.manifest, "/b=c");
}

TEST(what_is_wrong_is_said_and_left_out)
{
	char line[400] = "tao.manifest=/";
	memset(line + strlen(line), 'x', 300);
	parse(line);
	CHECK_STR(options.manifest, "");
	CHECK(strstr(options.complaint, "255 bytes") != NULL);
	parse("tao.manifest=m.json");
	CHECK_STR(options.manifest, "");
	CHECK(strstr(options.complaint, "tao.manifest=m.json: is no absolute path") != NULL);
	parse("tao.log=loud");
	CHECK_INT(options.log, LOG_INFO);
	CHECK(strstr(options.complaint, "write error, warning") != NULL);
	parse("tao.rescue=1 tao.log=error");
	CHECK(!options.rescue);
	CHECK_INT(options.log, LOG_ERROR);
	CHECK(strstr(options.complaint, "tao.rescue=1: no such option") != NULL);
}

int main(void)
{
	RUN(nothing_of_ours);
	RUN(all_of_ours);
	RUN(what_is_wrong_is_said_and_left_out);
	return test_end();
}
