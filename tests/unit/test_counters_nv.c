/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl nanopb tests/unit/fake_platform.c */
/* The counters of a root that has a counter of its own, which is a variable here: power cuts at each step of the order of
 * writes, and somebody who shows any file that was ever written. */
#include "../../crypto/counters_file.h"
#include "../../crypto/sha256.h"
#include "fake_platform.h"
#include "test.h"

#define KEY_FILE "/var/lib/tao/keys"
#define FILE_NAME KEY_FILE ".counters"
#define NEXT FILE_NAME ".next"
#define RESET FILE_NAME ".reset"
#define CAP 8

static struct fake_disk disk;
static struct counter room[CAP];
static uint8_t file_room[COUNTERS_SEALED_SIZE(CAP) + 1];
static struct counter_store store;
static struct root root;
static struct root_report report;
static const uint8_t kek[32] = "the key of what this root stores";

/* ---- the counter ---- */

static struct {
	uint64_t n;
	bool gone;
	int fail_read; /* once */
	bool cut_late; /* the power fails when it has counted, and before it said so */
	int fail_at;   /* the count that fails, once; 0: none */
	bool fail_late;
	int counts; /* since the start of a life */
} nv;

static int nv_read(struct root *r, uint64_t *n, struct root_report *text)
{
	CHECK(r == &root);
	int fail = disk.off ? ERR_IO : nv.gone ? ERR_LOST : nv.fail_read;
	nv.fail_read = 0;
	if (fail < 0)
		root_say(text, "the counter cannot be read", "");
	*n = nv.n;
	return fail;
}

static int nv_count(struct root *r, struct root_report *text)
{
	CHECK(r == &root);
	if (disk.off)
		return ERR_IO;
	disk.calls++;
	nv.counts++;
	bool cut = disk.cut_at != 0 && disk.calls >= disk.cut_at, fail = nv.counts == nv.fail_at;
	disk.off |= cut;
	if (!(cut && !nv.cut_late) && !(fail && !nv.fail_late))
		nv.n++;
	if (!cut && !fail)
		return ERR_NONE;
	root_say(text, "the counter cannot count", "");
	return ERR_IO;
}

static int nv_renew(struct root *r, uint64_t *n, struct root_report *text)
{
	if (nv.gone && !disk.off) {
		nv.gone = false;
		nv.n += 100; /* above all that there were */
	}
	int e = nv_count(r, text);
	if (e >= 0)
		e = nv_count(r, text);
	return e < 0 ? e : nv_read(r, n, text);
}

static const struct counter_nv fake_nv = { nv_read, nv_count, nv_renew };

/* ---- the disk ---- */

static void resume(void)
{
	const struct root_config config = { .file = KEY_FILE, .store = &store };
	store = (struct counter_store){ .table = { .cap = CAP, .at = room },
					.file = file_room,
					.file_cap = sizeof file_room };
	memset(room, 0xee, sizeof room);
	CHECK_INT(root_soft.resume(&root, fake_platform(&disk), &config, kek, &report), ERR_NONE);
	root.nv = &fake_nv;
	nv.counts = 0;
}

static void begin(void)
{
	fake_init(&disk);
	memset(&nv, 0, sizeof nv);
	nv.n = 7;
	resume();
	CHECK_INT(counters_file_create(&root, &report), ERR_NONE);
}

static struct counter_question question(enum counter_op op, int label, int64_t value)
{
	struct counter_question q = { .op = op, .value = value };
	q.program[0] = q.label[0] = (uint8_t)label;
	return q;
}

static int64_t ask(enum counter_op op, int label, int64_t value)
{
	struct counter_question q = question(op, label, value);
	root_soft.counters(&root, &q, 1, &report);
	return q.error != ERR_NONE ? q.error : q.value;
}

static int64_t ask_time(void)
{
	struct counter_question q = { .op = COUNTER_GET };
	memcpy(q.program, counters_host, sizeof q.program);
	root_soft.counters(&root, &q, 1, &report);
	return q.error != ERR_NONE ? q.error : q.value;
}

TEST(counters_are_kept)
{
	begin();
	CHECK_INT(nv.n, 9);
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(nv.counts, 2); /* asking alone counts nothing */
	CHECK_INT(ask(COUNTER_INIT, 1, 3), 3);
	CHECK_INT(nv.n, 11); /* the content as it was, the change */
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 4);
	CHECK_INT(nv.n, 12);
	CHECK_INT(ask(COUNTER_INIT, 1, 4), 4);
	CHECK_INT(ask(COUNTER_INIT, 1, 3), ERR_LOWER);
	CHECK_INT(nv.n, 12);
	resume();
	CHECK_INT(ask(COUNTER_INIT, 1, 4), 4); /* no change: nothing is written */
	CHECK_INT(nv.n, 12);
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 5);
	CHECK_INT(nv.n, 14);
	CHECK_STR(report.text, "");
}

TEST(a_batch_is_one_count)
{
	struct counter_question q[4];
	begin();
	CHECK_INT(ask(COUNTER_INIT, 1, 3), 3);
	uint64_t before = nv.n;
	q[0] = question(COUNTER_NEXT, 1, 0);
	q[1] = question(COUNTER_INIT, 2, 7);
	q[2] = question(COUNTER_INIT, 3, -1);
	q[3] = question(COUNTER_NEXT, 1, 0);
	root_soft.counters(&root, q, 4, &report);
	CHECK_INT(nv.n, before + 1);
	CHECK(q[0].value == 4 && q[1].value == 7 && q[2].error == ERR_RANGE && q[3].value == 5);
	/* The first of a life, too: what was tried before the table was opened does not show. */
	resume();
	before = nv.n;
	q[0] = question(COUNTER_INIT, 3, -1);
	q[1] = question(COUNTER_NEXT, 1, 0);
	q[2] = question(COUNTER_INIT, 2, 6);
	q[3] = question(COUNTER_GET, 1, 0);
	root_soft.counters(&root, q, 4, &report);
	CHECK_INT(nv.n, before + 2);
	CHECK(q[0].error == ERR_RANGE && q[1].value == 6 && q[2].error == ERR_LOWER && q[3].value == 6);
}

TEST(the_time_goes_with_each_change)
{
	begin();
	store.now = 5000;
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(ask_time(), ERR_NOT_FOUND);
	CHECK_INT(ask(COUNTER_INIT, 1, 3), 3);
	CHECK_INT(ask_time(), 5000);
	store.now = 4000;
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 4);
	resume();
	CHECK_INT(ask_time(), 5000);
}

TEST(programs_leave_room_for_the_host)
{
	static struct counter many[COUNTERS_ROWS];
	struct counters table = { .n = COUNTERS_MAX, .cap = COUNTERS_ROWS, .at = many };
	struct counter_question q = question(COUNTER_INIT, 1, 5);
	CHECK(!counters_answer(&table, &q));
	CHECK_INT(q.error, ERR_QUOTA);
	memcpy(q.program, counters_host, sizeof q.program);
	for (int i = 0; i < COUNTERS_PER_PROGRAM; i++) {
		q.label[0] = (uint8_t)i;
		q.value = 5;
		CHECK(counters_answer(&table, &q));
	}
	q.label[0] = COUNTERS_PER_PROGRAM;
	CHECK(!counters_answer(&table, &q));
	CHECK_INT(q.error, ERR_QUOTA);
}

/* ---- what is refused ---- */

/* Copies of both files as they are. */
struct image {
	struct fake_node at, next;
	bool has_next;
};
static struct image images[4];

static void take(struct image *image)
{
	const struct fake_node *next = fake_file(&disk, NEXT);
	image->at = *fake_file(&disk, FILE_NAME);
	image->has_next = next != NULL;
	if (next != NULL)
		image->next = *next;
}

static void put_back(const struct image *image)
{
	fake_put(&disk, FILE_NAME, span_of(image->at.bytes, image->at.n));
	if (image->has_next)
		fake_put(&disk, NEXT, span_of(image->next.bytes, image->next.n));
}

static void fails(int err, const char *words)
{
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), err);
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), err);
	if (strstr(report.text, words) == NULL) {
		printf("# report: %s\n", report.text);
		CHECK(!"the report has the words");
	}
}

TEST(an_older_disk_is_refused)
{
	begin();
	CHECK_INT(ask(COUNTER_INIT, 1, 3), 3);
	take(&images[0]);
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 4);
	take(&images[1]);
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 5);
	take(&images[2]);
	for (int i = 0; i < 2; i++) {
		put_back(&images[i]);
		fails(ERR_OLDER, "the disk was put back to an earlier state");
		CHECK(strstr(report.text, "mode 600") != NULL);
	}
	put_back(&images[2]);
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), 5);
	/* The one that counts is gone, and a later one, which was never counted, is there. */
	nv.n--;
	fake_put(&disk, FILE_NAME, span_str("TAOC"));
	fails(ERR_LOST, "not the one that its root has counted");
	nv.n++;
	/* Both damaged. */
	fake_put(&disk, NEXT, span_str("TAOC"));
	fails(ERR_TRUNCATED, "cut short");
	put_back(&images[2]);
	nv.gone = true;
	fails(ERR_LOST, "the counter cannot be read");
	nv.gone = false;
	resume();
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 6);
}

TEST(an_order_gives_up_what_is_lost_and_nothing_else)
{
	begin();
	CHECK_INT(ask(COUNTER_INIT, 1, 3), 3);
	take(&images[0]);
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 4);
	/* A TPM that does not answer is no loss. */
	fake_put(&disk, RESET, span_of(NULL, 0));
	nv.fail_read = ERR_TIMEOUT;
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_TIMEOUT);
	CHECK_INT(ask(COUNTER_GET, 1, 0), 4);
	CHECK(fake_file(&disk, RESET) == NULL);
	/* Nor is an order that was there before the host ran, be it needed or not. */
	for (int needed = 0; needed < 2; needed++) {
		if (needed)
			nv.gone = true;
		fake_put(&disk, RESET, span_of(NULL, 0));
		resume();
		store.booting = true;
		CHECK_INT(ask(COUNTER_GET, 1, 0), needed ? ERR_LOST : 4);
		CHECK(fake_file(&disk, RESET) == NULL);
		resume();
		CHECK_INT(ask(COUNTER_GET, 1, 0), needed ? ERR_LOST : 4);
		nv.gone = false;
	}
	fake_put(&disk, RESET, span_of(NULL, 0));
	nv.gone = true;
	resume();
	store.booting = true;
	disk.calls = 0;
	disk.fail_at = 1;
	disk.fail_with = ERR_IO;
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_IO);
	CHECK(strstr(report.text, "remove it") != NULL);
	nv.gone = false;
	disk.fail_at = 0;
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), 4);
	/* An older disk is; what was there before does not come back by any file. */
	take(&images[1]);
	put_back(&images[0]);
	fake_put(&disk, RESET, span_of(NULL, 0));
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_NOT_FOUND);
	CHECK(strstr(report.text, "as was asked") != NULL && fake_file(&disk, RESET) == NULL);
	CHECK_INT(ask(COUNTER_INIT, 1, 1), 1);
	put_back(&images[1]);
	fails(ERR_OLDER, "earlier state");
	/* So is a counter that is gone. */
	nv.gone = true;
	fake_put(&disk, RESET, span_of(NULL, 0));
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(ask(COUNTER_INIT, 1, 2), 2);
	resume();
	CHECK_INT(ask(COUNTER_GET, 1, 0), 2);
}

/* ---- power cuts ---- */

/* One counter, counted twice in each life, and one that is begun in each. */
struct course {
	unsigned char lives;
	uint64_t n;
	int64_t heard[3], counted[3];
	struct fake_disk disk;
};

static uint8_t seen[1 << 16][SHA256_SIZE];
static size_t n_seen;

static bool see(const uint8_t digest[static SHA256_SIZE])
{
	for (size_t i = 0; i < n_seen; i++)
		if (memcmp(seen[i], digest, SHA256_SIZE) == 0)
			return true;
	if (n_seen == sizeof seen / sizeof seen[0])
		CHECK(!"room for all states");
	else
		memcpy(seen[n_seen++], digest, SHA256_SIZE);
	return false;
}

static bool seen_before(const struct course *course)
{
	struct sha256 hash;
	uint8_t digest[SHA256_SIZE];
	fake_digest(&course->disk, digest);
	sha256_init(&hash, sha256_bearssl());
	sha256_update(&hash, span_of(digest, sizeof digest));
	sha256_update(&hash, span_of(&course->lives, 1));
	sha256_update(&hash, span_of(&course->n, sizeof course->n));
	sha256_update(&hash, span_of(course->heard, sizeof course->heard));
	sha256_update(&hash, span_of(course->counted, sizeof course->counted));
	sha256_out(&hash, digest);
	return see(digest);
}

static void say(struct course *course, enum counter_op op, int label)
{
	struct counter_question q = question(op, label, 5);
	int64_t *heard = &course->heard[label], *counted = &course->counted[label];
	if (op == COUNTER_INIT && *counted < 5)
		*counted = 5;
	if (op == COUNTER_NEXT && *counted >= 0)
		++*counted;
	root_soft.counters(&root, &q, 1, &report);
	if (disk.off)
		return; /* nobody heard it */
	if (q.error == ERR_NOT_FOUND) {
		CHECK_INT(*heard, -1);
		return;
	}
	CHECK_INT(q.error, ERR_NONE);
	CHECK(q.value >= *heard + (op == COUNTER_NEXT) && q.value <= *counted);
	*heard = q.value;
	if (test_bad)
		printf("# report: %s\n", report.text);
}

static void live(struct course *course, int cut, bool late, int fate_number)
{
	struct fake_fate fate = fake_fate(fate_number);
	disk = course->disk;
	disk.platform.ctx = &disk;
	disk.cut_at = cut == 0 ? 0 : disk.calls + cut;
	disk.random = 16u * ++course->lives;
	nv.n = course->n;
	nv.cut_late = late;
	resume();
	say(course, COUNTER_GET, 1);
	say(course, COUNTER_NEXT, 1);
	say(course, COUNTER_GET, 2);
	say(course, COUNTER_INIT, 2);
	say(course, COUNTER_NEXT, 1);
	fake_restart(&disk, &fate);
	course->disk = disk;
	course->n = nv.n;
}

static unsigned long follow(const struct course *from, int calls, int cuts)
{
	static struct course courses[3];
	struct course *course = &courses[cuts];
	unsigned long n = 0;
	if (cuts == 0) {
		*course = *from;
		live(course, 0, false, 0);
		live(course, 0, false, 0);
		return 1;
	}
	for (int cut = 1; cut <= calls && !test_bad; cut++) {
		for (int fate = 0; fate < 2 * FAKE_FATES && !test_bad; fate++) {
			/* Of a write five or six calls long the last one counts. */
			if (fate >= FAKE_FATES && cut % 6 != 0 && cut % 6 != 5)
				break;
			*course = *from;
			live(course, cut, fate >= FAKE_FATES, fate % FAKE_FATES);
			n += seen_before(course) ? 1 : follow(course, calls, cuts - 1);
			if (test_bad)
				printf("# cut %d with fate %d, %d cuts to go\n", cut, fate, cuts - 1);
		}
	}
	return n;
}

TEST(no_power_cut_loses_or_lowers_a_counter)
{
	static struct course start, once;
	begin();
	CHECK_INT(ask(COUNTER_INIT, 1, 40), 40);
	start = (struct course){ .n = nv.n, .heard = { -1, 40, -1 }, .counted = { -1, 40, -1 }, .disk = disk };
	start.disk.calls = 0;
	once = start;
	live(&once, 0, false, FAKE_FATES - 1);
	CHECK_INT(once.n, start.n + 4);
	n_seen = 0;
	unsigned long n = follow(&start, 24, 2); /* six a write, four of them */
	printf("# %lu courses, %zu of them different\n", n, n_seen);
	CHECK(n > 10000 && n_seen > 100);
}

/* Each count that fails, before or after it has counted, in a worker that lives on. */
TEST(a_count_that_fails_is_an_error_and_no_more)
{
	for (int at = 1; at <= 3; at++) {
		for (int late = 0; late < 2; late++) {
			begin();
			CHECK_INT(ask(COUNTER_INIT, 1, 3), 3);
			resume();
			nv.fail_at = at;
			nv.fail_late = late != 0;
			int64_t last = 3;
			for (int i = 0; i < 3; i++) {
				int64_t r = ask(COUNTER_NEXT, 1, 0);
				CHECK(r == ERR_IO || r == last + 1 || r == last + 2);
				last = r > 0 ? r : last;
			}
			CHECK(last == 5 || last == 6);
			resume();
			CHECK_INT(ask(COUNTER_GET, 1, 0), last);
		}
	}
}

/* ---- somebody who has the disk ---- */

/* He keeps whatever was written, and shows any two of it before each life. */
#define KEPT_MAX 24
struct kept {
	uint64_t generation;
	int64_t value;
	size_t n;
	uint8_t bytes[COUNTERS_SEALED_SIZE(2)];
};
struct world {
	uint64_t n;
	int64_t heard;
	int n_kept;
	struct kept kept[KEPT_MAX];
};
static struct world *witness;

/* What a file says, by what wrote it. */
static int (*real_write)(void *ctx, const char *path, struct span bytes);
static int keeping_write(void *ctx, const char *path, struct span bytes)
{
	struct kept kept = { .generation = store.table.generation, .n = bytes.n };
	int r = real_write(ctx, path, bytes);
	if (disk.off)
		return r; /* half of it, or nothing */
	for (uint32_t i = 0; i < store.table.n; i++)
		kept.value = room[i].program[0] == 1 ? room[i].value : kept.value;
	for (int i = 0; i < witness->n_kept; i++)
		if (witness->kept[i].generation == kept.generation && witness->kept[i].value == kept.value)
			return r;
	CHECK(bytes.n <= sizeof kept.bytes && witness->n_kept < KEPT_MAX);
	if (test_bad)
		return r;
	memcpy(kept.bytes, bytes.p, bytes.n);
	witness->kept[witness->n_kept++] = kept;
	return r;
}

static bool world_seen(const struct world *world, int lives)
{
	struct sha256 hash;
	uint8_t digest[SHA256_SIZE];
	uint64_t set[3] = { world->n, (uint64_t)world->heard, (uint64_t)lives };
	sha256_init(&hash, sha256_bearssl());
	sha256_update(&hash, span_of(set, sizeof set));
	for (uint64_t g = 0; g <= world->n + 1; g++)
		for (int64_t v = 0; v <= world->heard + 8; v++)
			for (int i = 0; i < world->n_kept; i++)
				if (world->kept[i].generation == g && world->kept[i].value == v)
					sha256_update(&hash, span_of(((uint64_t[]){ g, (uint64_t)v }), 16));
	sha256_out(&hash, digest);
	return see(digest);
}

static unsigned long lives_lived, lives_opened;

/* Counts once, or (big) twice in a batch, so that contents of one generation can differ; and once more. */
static int64_t count(int i, bool big)
{
	struct counter_question q[2] = { question(COUNTER_NEXT, 1, 0), question(COUNTER_NEXT, 1, 0) };
	if (i == 0)
		return ask(COUNTER_GET, 1, 0);
	root_soft.counters(&root, q, big && i == 1 ? 2 : 1, &report);
	return q[0].error != ERR_NONE ? q[0].error : q[big && i == 1].value;
}

static void one_life(struct world *world, int a, int b, int cut, bool late, bool big)
{
	/* An empty disk; clearing all of one takes longer than the life. */
	memset(disk.names, 0, sizeof disk.names);
	memset(disk.platter, 0, sizeof disk.platter);
	disk.n_changes = disk.calls = disk.cut_at = 0;
	disk.off = false;
	disk.platform.write = real_write;
	disk.random = (uint32_t)lives_lived++;
	nv.n = world->n;
	nv.cut_late = late;
	if (a >= 0)
		fake_put(&disk, FILE_NAME, span_of(world->kept[a].bytes, world->kept[a].n));
	if (b >= 0)
		fake_put(&disk, NEXT, span_of(world->kept[b].bytes, world->kept[b].n));
	disk.platform.write = keeping_write;
	witness = world;
	disk.calls = 0;
	disk.cut_at = cut;
	resume();
	for (int i = 0; i < 3 && !disk.off; i++) {
		int64_t r = count(i, big);
		if (disk.off || r == ERR_OLDER || r == ERR_LOST)
			break;
		lives_opened++;
		CHECK(r >= world->heard + (i > 0) + (i == 1 && big));
		if (test_bad)
			printf("# %lld after %lld: %s\n", (long long)r, (long long)world->heard, report.text);
		world->heard = r;
	}
	world->n = nv.n;
}

static void attack(const struct world *from, int lives)
{
	static struct world worlds[4];
	struct world *world = &worlds[lives];
	if (lives == 0 || test_bad)
		return;
	for (int a = -1; a < from->n_kept; a++) {
		for (int b = -1; b < from->n_kept; b++) {
			/* Of those that do not open, one pair. */
			bool opens_a = a >= 0 && from->kept[a].generation == from->n;
			bool opens_b = b >= 0 && from->kept[b].generation == from->n;
			bool opens = opens_a || opens_b;
			/* What does not open is overwritten, or never read again: the first stands for all. */
			if ((a > 0 && !opens_a) || (b > 0 && !opens_b) || (a == 0 && b == 0 && !opens))
				continue;
			for (int cut = 0; cut <= (opens ? 18 : 0); cut++) {
				for (int how = 0; how < 4; how++) {
					*world = *from;
					one_life(world, a, b, cut, how & 1, how & 2);
					if (!world_seen(world, lives))
						attack(world, lives - 1);
					if (test_bad) {
						printf("# life %d: shown %d and %d, cut %d %d\n", lives, a, b, cut,
						       how);
						return;
					}
				}
			}
		}
	}
}

TEST(no_file_that_was_ever_written_sets_a_counter_back)
{
	static struct world world;
	memset(&world, 0, sizeof world);
	begin();
	witness = &world;
	real_write = disk.platform.write;
	disk.platform.write = keeping_write;
	CHECK_INT(ask(COUNTER_INIT, 1, 1), 1);
	world.n = nv.n;
	world.heard = 1;
	n_seen = 0;
	attack(&world, 3);
	printf("# %lu lives, %zu states\n", lives_lived, n_seen);
	CHECK(n_seen > 100 && lives_opened > 1000);
}

int main(void)
{
	RUN(counters_are_kept);
	RUN(a_batch_is_one_count);
	RUN(the_time_goes_with_each_change);
	RUN(programs_leave_room_for_the_host);
	RUN(an_older_disk_is_refused);
	RUN(an_order_gives_up_what_is_lost_and_nothing_else);
	RUN(no_power_cut_loses_or_lowers_a_counter);
	RUN(a_count_that_fails_is_an_error_and_no_more);
	RUN(no_file_that_was_ever_written_sets_a_counter_back);
	return test_end();
}
