/* SPDX-License-Identifier: MIT
 *
 * A conversation with a software TPM, recorded and played back. With the randomness of our side fixed, every command
 * comes out the same to the byte; so the responses can be bent in every way, and what the code makes of them seen.
 *
 * test_tpm record SOCKET >tests/unit/tpm_transcript.h makes the recording anew, from a fresh swtpm.
 *
 * link: crypto init */
#include "../../crypto/tpm.h"
#include "../../crypto/tpm_session.h"
#include "../../init/sys_tpm.h"
#include "hex.h"
#include "test.h"

struct turn {
	const char *command, *response;
};

static const struct turn transcript[] = {
#include "tpm_transcript.h"
};
#define TURNS ((int)(sizeof transcript / sizeof transcript[0]))

#define BYTES_MAX 1024
#define LIVE_MAX 8

enum fault { NO_FAULT, FLIP, CUT, LENGTHEN, CODE, FAIL };

/* A TPM that knows one conversation by heart, and gets one response of it wrong. */
struct replay {
	struct platform platform;
	uint8_t next; /* random byte */
	int turn, flushes, strays;
	TPM2_HANDLE live[LIVE_MAX];
	int n_live;
	/* The fault. */
	enum fault fault;
	int at; /* which turn's response */
	size_t where;
	uint32_t value;
	bool every; /* of the turns from at on */
};

static uint32_t be32(const uint8_t *p)
{
	struct rd r = rd_from(span_of(p, 4));
	return rd_be32(&r);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	struct wr w = wr_to(p, 4);
	wr_be32(&w, v);
}

static int replay_random(void *ctx, uint8_t *dst, size_t n)
{
	struct replay *replay = ctx;
	while (n-- > 0)
		*dst++ = replay->next++;
	return 0;
}

/* 10 bytes: success, or a failure's code. */
static size_t bare_response(uint8_t *dst, uint32_t code)
{
	dst[0] = 0x80, dst[1] = 1;
	put_be32(dst + 2, TPM_HEADER_SIZE);
	put_be32(dst + 6, code);
	return TPM_HEADER_SIZE;
}

static int flush(struct replay *replay, uint32_t handle, uint8_t *response)
{
	for (int i = 0; i < replay->n_live; i++)
		if (replay->live[i] == handle) {
			replay->live[i] = replay->live[--replay->n_live];
			replay->flushes++;
			return (int)bare_response(response, 0);
		}
	return (int)bare_response(response, 0x1c4);
}

static size_t spoil(const struct replay *replay, uint8_t *response, size_t n)
{
	switch (replay->fault) {
	case FLIP:
		response[replay->where] ^= (uint8_t)replay->value;
		break;
	case CUT:
		return replay->where;
	case LENGTHEN:
		response[n] = 0;
		return n + 1;
	case CODE:
		return bare_response(response, replay->value);
	case FAIL:
	case NO_FAULT:
		break;
	}
	return n;
}

/* What the caller takes for a key or session of his, he has to flush. */
static void note(struct replay *replay, uint32_t command, const uint8_t *response, size_t n)
{
	bool makes = command == TPM2_CC_CreatePrimary || command == TPM2_CC_StartAuthSession;
	if (!makes || n < 14 || be32(response + 2) != n || be32(response + 6) != 0 || response[0] != 0x80 ||
	    (response[1] != 1 && response[1] != 2))
		return;
	uint32_t handle = be32(response + 10);
	if (handle >> 24 == 0x80 || handle >> 24 == 2 || handle >> 24 == 3)
		replay->live[replay->n_live++] = handle;
}

static int replay_transmit(void *ctx, struct span command, uint8_t *response, size_t cap)
{
	struct replay *replay = ctx;
	uint8_t want[BYTES_MAX];
	CHECK(cap >= BYTES_MAX && command.n >= TPM_HEADER_SIZE && be32(command.p + 2) == command.n);
	uint32_t code = be32(command.p + 6);
	int turn = replay->turn;
	size_t n = turn < TURNS ? hex_to(transcript[turn].command, want, sizeof want) : 0;
	if (n != command.n || memcmp(want, command.p, n) != 0) {
		/* Not as it was: the fault led here. It still can clean up. */
		if (code == TPM2_CC_FlushContext)
			return flush(replay, be32(command.p + 10), response);
		replay->strays++;
		return (int)bare_response(response, 0x143);
	}
	bool wrong = replay->fault != NO_FAULT && (turn == replay->at || (replay->every && turn > replay->at));
	if (wrong && replay->fault == FAIL)
		return (int)replay->value;
	if (!(wrong && replay->every))
		replay->turn++;
	n = hex_to(transcript[turn].response, response, BYTES_MAX);
	if (wrong)
		n = spoil(replay, response, n);
	else if (code == TPM2_CC_FlushContext)
		return flush(replay, be32(command.p + 10), response);
	note(replay, code, response, n);
	return (int)n;
}

static struct replay replay_of(enum fault fault, int at, size_t where, uint32_t value)
{
	return (struct replay){ .fault = fault, .at = at, .where = where, .value = value };
}

/* The lines that were said. */
struct said {
	int n, bad;
	char last_bad[400];
};

static void line(void *ctx, const char *text, bool ok)
{
	struct said *said = ctx;
	said->n++;
	if (!ok) {
		said->bad++;
		snprintf(said->last_bad, sizeof said->last_bad, "%s", text);
	}
}

static struct said run(struct replay *replay)
{
	struct said said = { 0 };
	replay->platform =
		(struct platform){ .ctx = replay, .transmit = replay_transmit, .random = replay_random };
	CHECK_INT(tpm_selftest(&replay->platform, line, &said), said.bad);
	return said;
}

static uint32_t command_of(int turn)
{
	uint8_t bytes[BYTES_MAX];
	hex_to(transcript[turn].command, bytes, sizeof bytes);
	return be32(bytes + 6);
}

static size_t response_size(int turn)
{
	uint8_t bytes[BYTES_MAX];
	return hex_to(transcript[turn].response, bytes, sizeof bytes);
}

static int turn_of(uint32_t command)
{
	for (int i = 0; i < TURNS; i++)
		if (command_of(i) == command)
			return i;
	printf("# the transcript has no command %x\n", command);
	abort();
}

TEST(the_conversation_goes_as_recorded)
{
	struct replay replay = replay_of(NO_FAULT, 0, 0, 0);
	struct said said = run(&replay);
	CHECK_INT(said.bad, 0);
	CHECK_INT(said.n, 7);
	CHECK_INT(replay.turn, TURNS);
	CHECK_INT(replay.strays, 0);
	CHECK_INT(replay.flushes, 2);
	CHECK_INT(replay.n_live, 0);
}

/* Salted and under HMAC: not a bit of what comes back can be changed. */
static bool protected(uint32_t command)
{
	return command == TPM2_CC_StartAuthSession || command == TPM2_CC_GetRandom || command == TPM2_CC_PCR_Read;
}

TEST(no_changed_bit_passes_and_none_leaves_anything_behind)
{
	int passed = 0;
	for (int turn = 0; turn < TURNS; turn++)
		for (size_t i = 0; i < response_size(turn); i++) {
			struct replay replay = replay_of(FLIP, turn, i, 1u << i % 8);
			struct said said = run(&replay);
			CHECK(said.bad > 0 || !protected(command_of(turn)));
			passed += said.bad == 0;
			if (replay.n_live > 0)
				printf("# turn %d, byte %zu: %x is left\n", turn, i, replay.live[0]);
			CHECK_INT(replay.n_live, 0);
		}
	/* What nobody asked for: CreatePrimary's creation data and ticket, names of a vendor. */
	CHECK(passed > 0);
}

/* The key's public part, in CreatePrimary's response: after the header, handle, parameter size and its own size
 * (which tpm2-tss does not look at: the structure says itself where it ends). */
TEST(no_changed_bit_of_the_key_passes)
{
	int turn = turn_of(TPM2_CC_CreatePrimary);
	for (size_t i = 20; i < 20 + 90; i++) {
		struct replay replay = replay_of(FLIP, turn, i, 0x80u >> i % 8);
		CHECK_INT(run(&replay).bad, 1);
		CHECK_INT(replay.n_live, 0);
	}
}

TEST(responses_of_a_wrong_length_are_refused)
{
	for (int turn = 0; turn < TURNS; turn++)
		for (size_t n = 0; n <= response_size(turn); n++) {
			struct replay replay = replay_of(n < response_size(turn) ? CUT : LENGTHEN, turn, n, 0);
			struct said said = run(&replay);
			/* A flush of unknown outcome is tried once more; all else ends the test. */
			CHECK(said.bad == 1);
			if (command_of(turn) != TPM2_CC_FlushContext)
				CHECK(strstr(said.last_bad, "makes no sense") != NULL);
		}
}

TEST(a_TPM_that_fails_is_named)
{
	static const struct {
		TPM2_CC command;
		uint32_t code;
		const char *text;
	} codes[] = {
		{ TPM2_CC_Startup, 0x101, "TPM answers: Startup: 0x101 FAILURE: " },
		{ TPM2_CC_Startup, 0x01e, "Startup: 0x01e BAD_TAG: this is a TPM 1.2" },
		{ TPM2_CC_CreatePrimary, 0x9a2, "TPM storage root key: CreatePrimary: 0x9a2 BAD_AUTH: " },
		{ TPM2_CC_CreatePrimary, 0x185, "CreatePrimary: 0x185 HIERARCHY: " },
		{ TPM2_CC_CreatePrimary, 0x902, "CreatePrimary: 0x902 OBJECT_MEMORY: " },
		{ TPM2_CC_StartAuthSession, 0x903, "StartAuthSession: 0x903 SESSION_MEMORY: " },
		{ TPM2_CC_GetRandom, 0x98e, "GetRandom: 0x98e AUTH_FAIL: " },
		{ TPM2_CC_PCR_Read, 0x1ca, "PCR_Read: 0x1ca (TPM 2.0 part 2" },
		{ TPM2_CC_PCR_Read, 0xb0143, "PCR_Read: 0xb0143 from the TPM software stack" },
	};
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		struct replay replay = replay_of(CODE, turn_of(codes[i].command), 0, codes[i].code);
		struct said said = run(&replay);
		CHECK_INT(said.bad, 1);
		if (strstr(said.last_bad, codes[i].text) == NULL)
			CHECK_STR(said.last_bad, codes[i].text);
		CHECK_INT(replay.n_live, 0);
	}
}

/* No code makes us ask for ever, also none that tpm2-tss would take for its own "try again". */
TEST(every_code_ends_it)
{
	static const uint32_t codes[] = { 0x922, 0x90a, 0x908, 0x9, 0xa0009, 0x70009, 0xffffffff, 0x1000, 0x100 };
	for (int turn = 1; turn < TURNS; turn++)
		for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
			struct replay replay = replay_of(CODE, turn, 0, codes[i]);
			replay.every = true;
			CHECK(run(&replay).bad == 1);
		}
	struct replay started = replay_of(CODE, turn_of(TPM2_CC_Startup), 0, 0x100);
	CHECK_INT(run(&started).bad, 0);
}

TEST(a_broken_connection_is_told_from_silence)
{
	for (int turn = 0; turn < TURNS; turn++) {
		struct replay silent = replay_of(FAIL, turn, 0, (uint32_t)ERR_TIMEOUT);
		struct said said = run(&silent);
		CHECK_INT(said.bad, 1);
		if (command_of(turn) != TPM2_CC_FlushContext)
			CHECK(strstr(said.last_bad, "the TPM does not answer") != NULL);
		struct replay broken = replay_of(FAIL, turn, 0, (uint32_t)ERR_IO);
		said = run(&broken);
		CHECK_INT(said.bad, 1);
		if (command_of(turn) != TPM2_CC_FlushContext)
			CHECK(strstr(said.last_bad, "the connection to the TPM failed") != NULL);
	}
}

TEST(a_changed_answer_is_called_that)
{
	int turn = turn_of(TPM2_CC_PCR_Read);
	struct replay replay = replay_of(FLIP, turn, 50, 1);
	struct said said = run(&replay);
	CHECK(strstr(said.last_bad, "somebody interferes") != NULL);
}

TEST(no_session_with_a_key_of_another_name)
{
	struct replay replay = replay_of(NO_FAULT, 0, 0, 0);
	uint8_t name[TPM_NAME_SIZE], bytes[TPM_RANDOM_MAX], value[TPM_PCR_SIZE];
	struct tpm tpm;
	replay.platform =
		(struct platform){ .ctx = &replay, .transmit = replay_transmit, .random = replay_random };
	CHECK_INT(tpm_open(&tpm, &replay.platform), 0);
	memset(name, 0, sizeof name);
	CHECK_INT(tpm_session(&tpm, name), ERR_STATE);
	CHECK_INT(tpm_random(&tpm, bytes, sizeof bytes), ERR_STATE);
	CHECK_INT(tpm_pcr_read(&tpm, 0, value), ERR_STATE);
	replay.turn = turn_of(TPM2_CC_ReadPublic);
	CHECK_INT(tpm_srk(&tpm), 0);
	memcpy(name, tpm.srk_name, sizeof name);
	name[33] ^= 1;
	int turn = replay.turn;
	CHECK_INT(tpm_session(&tpm, name), ERR_DENIED);
	CHECK_INT(replay.turn, turn);
	name[33] ^= 1;
	CHECK_INT(tpm_session(&tpm, name), 0);
	CHECK_INT(tpm_random(&tpm, bytes, TPM_RANDOM_MAX + 1), ERR_RANGE);
	CHECK_INT(tpm_pcr_read(&tpm, 24, value), ERR_RANGE);
	CHECK_INT(tpm_close(&tpm), 0);
	CHECK_INT(replay.flushes, 2);
}

TEST(without_a_TPM)
{
	struct platform nothing = { .random = replay_random };
	struct said said = { 0 };
	CHECK_INT(tpm_selftest(&nothing, line, &said), 1);
	CHECK_STR(said.last_bad, "TPM answers: open: not supported");
}

/* ---- Recording ---- */

struct recorder {
	struct replay replay; /* its randomness */
	struct sys_tpm tpm;
};

static void print_hex(const uint8_t *p, size_t n)
{
	printf("\"");
	for (size_t i = 0; i < n; i++)
		printf("%02x%s", p[i], i % 48 == 47 && i + 1 < n ? "\"\n\t  \"" : "");
	printf("\"");
}

static int record_transmit(void *ctx, struct span command, uint8_t *response, size_t cap)
{
	struct recorder *recorder = ctx;
	int n = recorder->tpm.platform.transmit(&recorder->tpm, command, response, cap);
	printf("\t{ ");
	print_hex(command.p, command.n);
	printf(",\n\t  ");
	print_hex(response, n < 0 ? 0 : (size_t)n);
	printf(" },\n");
	return n;
}

static void record_line(void *ctx, const char *text, bool ok)
{
	(void)ctx;
	fprintf(stderr, "%s: %s\n", ok ? "ok" : "not ok", text);
}

static int record(const char *path)
{
	static struct recorder recorder;
	if (sys_tpm_open(&recorder.tpm, path) < 0)
		return 1;
	struct platform platform = { .ctx = &recorder, .transmit = record_transmit, .random = replay_random };
	printf("/* SPDX-License-Identifier: MIT\n * Made by test_tpm record. Commands and responses in turn. */\n"
	       "/* clang-format off */\n");
	int failed = tpm_selftest(&platform, record_line, NULL);
	printf("/* clang-format on */\n");
	return failed;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "record") == 0)
		return record(argv[2]);
	RUN(the_conversation_goes_as_recorded);
	RUN(no_changed_bit_passes_and_none_leaves_anything_behind);
	RUN(no_changed_bit_of_the_key_passes);
	RUN(responses_of_a_wrong_length_are_refused);
	RUN(a_TPM_that_fails_is_named);
	RUN(every_code_ends_it);
	RUN(a_broken_connection_is_told_from_silence);
	RUN(a_changed_answer_is_called_that);
	RUN(no_session_with_a_key_of_another_name);
	RUN(without_a_TPM);
	return test_end();
}
