/* SPDX-License-Identifier: MIT */
#include "gcm.h"

static const struct gcm_impl impl_portable = { "constant-time", &br_aes_ct64_ctr_vtable, br_ghash_ctmul64 };

#if defined(__x86_64__)
static const struct gcm_impl impl_ni = { "aes-ni", &br_aes_x86ni_ctr_vtable, br_ghash_pclmul };

const struct gcm_impl *gcm_ni(void)
{
	return br_aes_x86ni_ctr_get_vtable() != NULL && br_ghash_pclmul_get() != 0 ? &impl_ni : NULL;
}
#else
const struct gcm_impl *gcm_ni(void)
{
	return NULL;
}
#endif

const struct gcm_impl *gcm_portable(void)
{
	return &impl_portable;
}

const struct gcm_impl *gcm_pick(void)
{
	const struct gcm_impl *fast = gcm_ni();
	return fast != NULL ? fast : &impl_portable;
}

void gcm_init(struct gcm *gcm, const struct gcm_impl *impl, const uint8_t key[static GCM_KEY_SIZE])
{
	impl->ctr->init(&gcm->ctr.vtable, key, GCM_KEY_SIZE);
	br_gcm_init(&gcm->gcm, &gcm->ctr.vtable, impl->ghash);
}

/* BearSSL passes a NULL pointer of no bytes on to memcpy, which may not take it. */
static void inject(br_gcm_context *c, struct span bytes)
{
	if (bytes.n > 0)
		br_gcm_aad_inject(c, bytes.p, bytes.n);
}

static void run(br_gcm_context *c, bool encrypt, const uint8_t *nonce, struct span a, struct span b, uint8_t *data,
		size_t n)
{
	br_gcm_reset(c, nonce, GCM_NONCE_SIZE);
	inject(c, a);
	inject(c, b);
	br_gcm_flip(c);
	if (n > 0)
		br_gcm_run(c, encrypt, data, n);
}

void gcm_encrypt(const struct gcm *gcm, const uint8_t nonce[static GCM_NONCE_SIZE], struct span a, struct span b,
		 uint8_t *data, size_t n, uint8_t tag[static GCM_TAG_SIZE])
{
	br_gcm_context c = gcm->gcm;
	run(&c, true, nonce, a, b, data, n);
	br_gcm_get_tag(&c, tag);
	wipe(&c, sizeof c);
}

bool gcm_decrypt(const struct gcm *gcm, const uint8_t nonce[static GCM_NONCE_SIZE], struct span a, struct span b,
		 uint8_t *data, size_t n, const uint8_t tag[static GCM_TAG_SIZE])
{
	br_gcm_context c = gcm->gcm;
	run(&c, false, nonce, a, b, data, n);
	bool right = br_gcm_check_tag(&c, tag) == 1;
	wipe(&c, sizeof c);
	if (!right)
		wipe(data, n);
	return right;
}
