/* SPDX-License-Identifier: MIT */
#include "belief.h"

const char *belief_text(enum belief_refusal refusal)
{
	static const char *const texts[] = {
		[BELIEVED] = "believed",
#define BELIEF(name, text) [BELIEF_##name] = (text),
#include "belief.def"
#undef BELIEF
	};
	return (size_t)refusal < sizeof texts / sizeof texts[0] ? texts[refusal] : "not believed";
}

int belief_signer(const struct belief_link *link, struct span speaker, struct wr *out)
{
	if (link->tpm2)
		return name_write_tpm2_of(speaker, link->sha256, out);
	name_write_key_prin(out, link->sha256, false);
	return out->err;
}

static int refuse(struct belief *belief, enum belief_refusal refusal, size_t level)
{
	belief->refusal = refusal;
	belief->level = level;
	return ERR_DENIED;
}

static int take_apart(const struct belief_link *links, size_t n, struct belief *belief)
{
	for (size_t k = 0; k < n; k++) {
		struct says *says = &belief->level_said[k];
		if (name_check(links[k].statement, NAME_FORM) < 0)
			return refuse(belief, BELIEF_MALFORMED, k);
		if (says_split(links[k].statement, says) < 0)
			return refuse(belief, BELIEF_NOT_SAYS, k);
		if (name_check(says->speaker, NAME_PRIN) < 0)
			return refuse(belief, BELIEF_SPEAKER, k);
		belief->n++;
	}
	return ERR_NONE;
}

/* May the signer of this link say what its speaker says? That what it rests on is believed is known by now. */
static int judge_speaker(const struct belief_link *link, bool last, size_t level, struct belief *belief)
{
	const struct says *says = &belief->level_said[level], *below = says + 1;
	uint8_t buffer[BELIEF_SIGNER_MAX];
	struct wr signer = wr_to(buffer, sizeof buffer);
	struct span delegate, delegator;
	if (belief_signer(link, says->speaker, &signer) < 0)
		return refuse(belief, BELIEF_TPM_NAME, level);
	if (last && link->tpm2)
		return span_equal(says->speaker, wr_span(&signer)) ? ERR_NONE
								   : refuse(belief, BELIEF_TPM_SPEAKER, level);
	if (last)
		return name_is_subprin(says->speaker, wr_span(&signer)) ? ERR_NONE
									: refuse(belief, BELIEF_STRANGER, level);
	if (speaksfor_split(below->message, &delegate, &delegator) < 0 || name_check(delegate, NAME_PRIN) < 0)
		return refuse(belief, BELIEF_NO_DELEGATION, level + 1);
	/* A principal has one binary form. */
	if (!span_equal(below->speaker, delegator))
		return refuse(belief, BELIEF_NOT_ITS_OWN, level + 1);
	if (!name_is_subprin(delegate, wr_span(&signer)))
		return refuse(belief, BELIEF_OTHER_SIGNER, level + 1);
	if (!name_is_subprin(says->speaker, delegator))
		return refuse(belief, BELIEF_OTHER_SPEAKER, level + 1);
	return ERR_NONE;
}

/* Each level must be valid now, so that all of them overlap. */
static int judge_times(size_t level, int64_t now, struct belief *belief)
{
	const struct says *says = &belief->level_said[level];
	struct says *said = &belief->said;
	if (says->has_from && now < says->from)
		return refuse(belief, BELIEF_NOT_YET, level);
	if (says->has_until && now >= says->until)
		return refuse(belief, BELIEF_EXPIRED, level);
	if (says->has_from && (!said->has_from || says->from > said->from)) {
		said->has_from = true;
		said->from = says->from;
	}
	if (says->has_until && (!said->has_until || says->until < said->until)) {
		said->has_until = true;
		said->until = says->until;
	}
	return ERR_NONE;
}

int belief_judge(const struct belief_link *links, size_t n, int64_t now, struct belief *belief)
{
	memset(belief, 0, sizeof *belief);
	if (n == 0 || n > BELIEF_LINKS_MAX)
		return n == 0 ? ERR_MALFORMED : ERR_TOO_DEEP;
	int r = take_apart(links, n, belief);
	for (size_t k = n; k-- > 0 && r == ERR_NONE;)
		r = judge_speaker(&links[k], k == n - 1, k, belief);
	belief->said = belief->level_said[0];
	for (size_t k = n; k-- > 0 && r == ERR_NONE;)
		r = judge_times(k, now, belief);
	return r;
}
