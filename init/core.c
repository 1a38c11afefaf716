/* SPDX-License-Identifier: MIT */
#include "../crypto/tao_state.h"
#include "core.h"
#include "sys.h"

/* Attest, the deepest, takes 3.2 KiB, and some three times that with sanitizers. All of it is wiped after each call, and
 * so stays in memory. The guard page tells. */
#define CORE_STACK_BYTES 16384

struct core {
	uint8_t stack[CORE_STACK_BYTES]; /* grows down, towards the guard page */
	struct tao tao;
	_Alignas(16) uint8_t room[CORE_ROOM];
	uint8_t entropy[48];
	uint8_t kek[32], file_key[32];
	bool ready;
};

/* One call: arguments and result travel through this. */
struct call {
	struct core *core;
	struct span in, aad;
	struct wr *out;
	const struct tao_seed *seed;
	uint8_t *dst;
	size_t n;
	int result;
};

static int on_core(struct core *core, void (*f)(void *), struct call *call)
{
	call->core = core;
	sys_call_on_stack(core->stack + CORE_STACK_BYTES, f, call);
	wipe(core->stack, sizeof core->stack);
	return call->result;
}

struct core *core_open(bool *locked)
{
	return sys_map_secret((sizeof(struct core) + 4095) & ~(size_t)4095, locked);
}

void *core_room(struct core *core)
{
	return core->room;
}

bool core_ready(const struct core *core)
{
	return core->ready;
}

static void do_init(void *p)
{
	struct call *c = p;
	c->result = tao_init(&c->core->tao, c->seed);
}

int core_init(struct core *core, const struct tao_seed *seed)
{
	struct call c = { .seed = seed };
	int r = on_core(core, do_init, &c);
	wipe(core->room, sizeof core->room);
	core->ready = r == 0;
	return r;
}

static void do_wipe(void *p)
{
	struct call *c = p;
	c->result = tao_wipe(&c->core->tao);
}

int core_wipe(struct core *core)
{
	struct call c = { 0 };
	core->ready = false;
	wipe(core->kek, sizeof core->kek);
	wipe(core->file_key, sizeof core->file_key);
	return on_core(core, do_wipe, &c);
}

void core_keep_keks(struct core *core, const uint8_t kek[static 32], const uint8_t file_key[static 32])
{
	memcpy(core->kek, kek, sizeof core->kek);
	memcpy(core->file_key, file_key, sizeof core->file_key);
}

struct span core_file_key(const struct core *core)
{
	return span_of(core->file_key, sizeof core->file_key);
}

struct span core_kek(const struct core *core)
{
	return span_of(core->kek, sizeof core->kek);
}

void core_added(struct core *core, struct span child)
{
	tao_added(&core->tao, child);
}

void core_removed(struct core *core, struct span child)
{
	tao_removed(&core->tao, child);
}

static int reseed(struct core *core)
{
	if (!core->ready)
		return ERR_STATE;
	if (sys_random(core->entropy, sizeof core->entropy) < 0)
		return ERR_IO;
	int r = tao_reseed(&core->tao, core->entropy);
	wipe(core->entropy, sizeof core->entropy);
	return r;
}

static void do_random(void *p)
{
	struct call *c = p;
	c->result = reseed(c->core);
	if (c->result == 0)
		c->result = tao_random(&c->core->tao, c->dst, c->n);
}

int core_random(struct core *core, uint8_t *dst, size_t n)
{
	struct call c = { .dst = dst, .n = n };
	return on_core(core, do_random, &c);
}

static void do_shared_secret(void *p)
{
	struct call *c = p;
	c->result = tao_shared_secret(&c->core->tao, c->in, c->dst, c->n);
}

int core_shared_secret(struct core *core, struct span tag, uint8_t *dst, size_t n)
{
	struct call c = { .in = tag, .dst = dst, .n = n };
	return on_core(core, do_shared_secret, &c);
}

static void do_encrypt(void *p)
{
	struct call *c = p;
	c->result = reseed(c->core);
	if (c->result == 0)
		c->result = tao_encrypt(&c->core->tao, c->aad, c->in, c->out);
}

int core_encrypt(struct core *core, struct span aad, struct span plain, struct wr *out)
{
	struct call c = { .aad = aad, .in = plain, .out = out };
	return on_core(core, do_encrypt, &c);
}

static void do_decrypt(void *p)
{
	struct call *c = p;
	c->result = tao_decrypt(&c->core->tao, c->aad, c->in, c->out);
}

int core_decrypt(struct core *core, struct span aad, struct span sealed, struct wr *out)
{
	struct call c = { .aad = aad, .in = sealed, .out = out };
	return on_core(core, do_decrypt, &c);
}

static void do_attest(void *p)
{
	struct call *c = p;
	c->result = tao_attest(&c->core->tao, c->in, c->out);
}

int core_attest(struct core *core, struct span statement, struct wr *attestation)
{
	struct call c = { .in = statement, .out = attestation };
	return on_core(core, do_attest, &c);
}
