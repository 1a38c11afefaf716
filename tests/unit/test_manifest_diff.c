/* SPDX-License-Identifier: MIT */
/* link: init policy crypto */
#include "../../init/manifest.h"
#include "test.h"

static char text[256];

/* How many keys differ; text: which. */
static int differ(const char *was, const char *is, size_t room)
{
	struct wr w = wr_to(text, room);
	int r = manifest_diff(span_str(was), span_str(is), ", ", &w);
	CHECK(w.err == ERR_NONE);
	text[w.n] = '\0';
	return r;
}

#define A "{\"services\":{\"db\":{\"exec\":[\"/bin/db\"],\"env\":{\"X\":\"1\"},\"nice\":1}}}"

TEST(nothing)
{
	CHECK_INT(differ(A, A, 255), 0);
	CHECK_INT(differ(A, A "\n", 255), 0);
	CHECK_INT(differ("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "{\"b\":{\"d\":3,\"c\":2},\"a\":1}", 255), 0);
	CHECK_STR(text, "");
}

TEST(paths)
{
	CHECK_INT(
		differ(A,
		       "{\"services\":{\"db\":{\"exec\":[\"/bin/db\",\"-v\"],\"env\":{\"X\":\"2\"},\"nice\":1}}}",
		       255),
		2);
	CHECK_STR(text, "services.db.exec, services.db.env.X");
	CHECK_INT(differ(A, "{\"services\":{\"web\":{}},\"host\":{}}", 255), 3);
	CHECK_STR(text, "services.db (taken out), services.web (new), host (new)");
	CHECK_INT(differ(A, "{\"services\":[]}", 255), 1);
	CHECK_STR(text, "services");
	CHECK_INT(differ("[]", "{}", 255), 1);
}

TEST(room)
{
	const char *is = "{\"services\":{\"db\":{\"exec\":1,\"env\":2,\"nice\":3}}}";
	CHECK_INT(differ(A, is, 255), 3);
	CHECK_STR(text, "services.db.exec, services.db.env, services.db.nice");
	CHECK_INT(differ(A, is, 30), 3);
	CHECK_STR(text, "services.db.exec, ...");
	CHECK_INT(differ(A, is, 8), 3);
	CHECK_STR(text, ", ...");
	CHECK_INT(differ(A, is, 0), 3);
	CHECK_STR(text, "");
}

TEST(between)
{
	struct wr w = wr_to(text, sizeof text - 1);
	const char *is = "{\"services\":{\"db\":{\"exec\":1,\"env\":2,\"nice\":3}}}";
	CHECK_INT(manifest_diff(span_str(A), span_str(is), "\n", &w), 3);
	text[w.n] = '\0';
	CHECK_STR(text, "services.db.exec\nservices.db.env\nservices.db.nice");
}

TEST(no_manifests)
{
	CHECK(differ(A, "{", 255) < 0);
	CHECK(differ("", A, 255) < 0);
	/* Controls in names do not reach a terminal. */
	CHECK_INT(differ("{}", "{\"a\\u001b[1m\":1}", 255), 1);
	CHECK_STR(text, "a?[1m (new)");
}

int main(void)
{
	RUN(nothing);
	RUN(paths);
	RUN(room);
	RUN(between);
	RUN(no_manifests);
	return test_end();
}
