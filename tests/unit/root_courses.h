/* SPDX-License-Identifier: MIT
 *
 * Boots of a root that keeps a key file, on a disk whose power is cut at every call, with every fate of what was not synced
 * (fake_platform.h); what an earlier boot was told must hold in all later ones. Included after root_name and root_config_of()
 * are there: the class, and its configuration without a store. */
#ifndef ROOT_COURSES_H
#define ROOT_COURSES_H

#include "../../crypto/counters_file.h"
#include "../../crypto/keyset.h"
#include "../../crypto/root.h"
#include "fake_platform.h"
#include "test.h"

#define FILE_NAME "/var/lib/tao/keys"

static struct fake_disk disk;

/* What one opening gave. */
struct opened {
	int r;
	struct root root;
	struct tao_seed seed;
	struct root_identity who;
	struct root_report report;
};

/* A machine boots, each time with other entropy. */
static uint32_t boots;

static void open_with(struct opened *o, const struct root_config *config)
{
	uint8_t entropy[128];
	const struct root_class *class = root_find(root_name);
	boots++;
	for (size_t i = 0; i < sizeof entropy; i++)
		entropy[i] = (uint8_t)(boots * 131 + boots / 256 + i * (boots + 7));
	memset(o, 0xee, sizeof *o);
	o->r = class->open(&o->root, fake_platform(&disk), config, entropy, &o->seed, &o->who, &o->report);
	CHECK(memchr(o->report.text, '\0', sizeof o->report.text) != NULL);
	CHECK((o->r < 0) == (o->report.text[0] != '\0'));
	if (o->r == ERR_NONE && fake_platform(&disk)->parent == NULL)
		CHECK(memcmp(o->seed.drbg, entropy + 80, 48) == 0);
}

static bool same_keys(const struct opened *a, const struct opened *b)
{
	return memcmp(a->seed.sign_key, b->seed.sign_key, 32) == 0 &&
	       memcmp(a->seed.seal_key, b->seed.seal_key, 32) == 0 &&
	       memcmp(a->seed.derive_key, b->seed.derive_key, 32) == 0 &&
	       memcmp(a->who.spki_sha256, b->who.spki_sha256, 32) == 0 &&
	       memcmp(a->root.kek, b->root.kek, 32) == 0;
}

/* One course of events: boots, each with its own entropy, what the last success gave, the highest counter that was
 * answered, and the disk. */
struct course {
	unsigned char boots;
	int64_t heard;
	struct opened known;
	struct fake_disk disk;
};

/* Courses that ended alike need be followed once. */
static uint8_t seen[4096][SHA256_SIZE];
static size_t n_seen;

static bool seen_before(const struct course *course)
{
	struct sha256 hash;
	uint8_t digest[SHA256_SIZE];
	fake_digest(&course->disk, digest);
	sha256_init(&hash, sha256_bearssl());
	sha256_update(&hash, span_of(digest, sizeof digest));
	sha256_update(&hash, span_of(&course->boots, 1));
	sha256_update(&hash, span_of(course->disk.counters, sizeof course->disk.counters));
	sha256_update(&hash, span_of(&course->heard, sizeof course->heard));
	sha256_update(&hash, span_of(&course->known.r, sizeof course->known.r));
	sha256_update(&hash, span_of(&course->known.root.kek, sizeof course->known.root.kek));
	sha256_out(&hash, digest);
	for (size_t i = 0; i < n_seen; i++) {
		if (memcmp(seen[i], digest, sizeof digest) == 0)
			return true;
	}
	if (n_seen < sizeof seen / sizeof seen[0])
		memcpy(seen[n_seen++], digest, sizeof digest);
	return false;
}

/* A counter is begun and counted: it was never answered higher. With a key file there are always counters. */
static void count_up(struct course *course, struct opened *o)
{
	static const enum counter_op ops[] = { COUNTER_INIT, COUNTER_NEXT };
	struct root_report report;
	for (int i = 0; i < 2; i++) {
		struct counter_question q = { .op = ops[i], .value = 1 };
		o->root.class->counters(&o->root, &q, 1, &report);
		if (disk.off)
			return;
		CHECK(q.error == ERR_NONE || (i == 0 && q.error == ERR_LOWER && course->heard != 0));
		if (test_bad)
			printf("# %s\n", report.text);
		if (q.error != ERR_NONE)
			continue;
		CHECK(q.value >= course->heard + i);
		course->heard = q.value;
	}
}

/* Boots once with the power cut at a call (0: not at all). Success is remembered, and
 * every later success must give the same keys. What was not cut must succeed. Was it cut? */
static bool boot(struct course *course, int cut)
{
	struct opened o;
	static struct counter room[4];
	static uint8_t file[COUNTERS_SEALED_SIZE(4) + 1];
	struct counter_store store = { .table = { .cap = 4, .at = room }, .file = file, .file_cap = sizeof file };
	struct root_config config = root_config_of();
	config.store = &store;
	disk = course->disk;
	disk.platform.ctx = &disk;
	disk.cut_at = cut == 0 ? 0 : disk.calls + cut;
	boots = ++course->boots;
	disk.random = 16u * boots;
	open_with(&o, &config);
	/* Whoever was in a call when the power failed has answered nobody, whatever it returned. */
	if (!disk.off) {
		CHECK_INT(o.r, ERR_NONE);
		if (o.r != ERR_NONE)
			printf("# %s\n", o.report.text);
		if (course->known.r == ERR_NONE)
			CHECK(same_keys(&course->known, &o));
		course->known = o;
		count_up(course, &o);
	}
	course->disk = disk;
	return disk.off;
}

static void restart(struct course *course, int fate_number)
{
	struct fake_fate fate = fake_fate(fate_number);
	fake_restart(&course->disk, &fate);
}

/* Every cut with every fate, then whatever may come after that; without cuts at last. */
static unsigned long follow(const struct course *from, int calls, int cuts)
{
	static struct course courses[3], cut_courses[3];
	struct course *course = &courses[cuts], *after = &cut_courses[cuts];
	unsigned long n = 0;
	if (cuts == 0) {
		*course = *from;
		for (int i = 0; i < 2; i++) {
			boot(course, 0);
			restart(course, 0); /* loses all that may be lost, and this must not show */
		}
		return 1;
	}
	for (int cut = 0; cut <= calls && !test_bad; cut++) {
		*after = *from;
		if (!boot(after, cut) && cut > 0)
			break; /* it has made fewer calls: as with no cut, here and further on */
		for (int fate = 0; fate < FAKE_FATES && !test_bad; fate++) {
			*course = *after;
			restart(course, fate);
			n += seen_before(course) ? 1 : follow(course, calls, cuts - 1);
			if (test_bad)
				printf("# cut %d with fate %d, %d cuts to go\n", cut, fate, cuts - 1);
		}
	}
	return n;
}

#endif
