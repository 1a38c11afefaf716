/* SPDX-License-Identifier: MIT
 *
 * The soft root: a key file, made on first boot, and the counters beside it. Keys and counters are as safe as the
 * files are. */
#include "counters_file.h"
#include "key_file.h"

static int read_keys(struct root *root, struct span file, struct keyset *keys, struct root_report *report)
{
	int r = keyset_read(keys, file);
	return r < 0 ? key_file_damaged(report, root->file, r) : r;
}

static int write_keys(struct root *root, const struct keyset *keys, struct wr *file, struct root_report *report)
{
	(void)root;
	(void)report;
	keyset_write(keys, file);
	return file->err;
}

static const struct key_format format = { KEYSET_FILE_SIZE, read_keys, write_keys };

static void begin(struct root *root, const struct platform *platform, const struct root_config *config)
{
	*root = (struct root){ .class = &root_soft, .platform = platform, .store = config->store };
}

static int soft_open(struct root *root, const struct platform *platform, const struct root_config *config,
		     const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
		     struct root_report *report)
{
	begin(root, platform, config);
	*who = (struct root_identity){ .ephemeral = config->ephemeral, .created = config->ephemeral };
	return key_file_open(root, &format, config, entropy, seed, who, report);
}

static int soft_resume(struct root *root, const struct platform *platform, const struct root_config *config,
		       const uint8_t kek[static 32], struct root_report *report)
{
	begin(root, platform, config);
	return key_file_resume(root, config, kek, report);
}

const struct root_class root_soft = {
	.name = "soft",
	.open = soft_open,
	.resume = soft_resume,
	.counters = counters_file_answer,
	.close = key_file_close,
};
