/* SPDX-License-Identifier: MIT
 *
 * taoverify attestation: reads a file, asks client/taoverify.h, prints.
 */
#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../client/taoverify.h"
#include "../policy/name.h"
#include "sys.h"
#include "verify_cmd.h"

#define TRUSTED_MAX 64
#define PRINCIPAL_MAX 4096

struct verification {
	const struct tao_run *run;
	const char *file, *vouched;
	bool json;
	int64_t now;
	size_t n_trusted;
	struct taoverify_bytes trusted[TRUSTED_MAX];
	const char *trusted_as[TRUSTED_MAX]; /* what the user wrote */
	struct taoverify_result result;
	char *text; /* room for any one text of the result */
	size_t text_size;
};

/* ---- Arguments ---- */

/* The base64 between the lines of a PEM public key, if it is one, instead of the whole. */
static bool unwrap_pem(struct tao_bytes *file)
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----", end[] = "-----END PUBLIC KEY-----";
	size_t n = sizeof begin - 1;
	if (file->size < n || memcmp(file->data, begin, n) != 0)
		return true; /* DER, then */
	for (size_t i = n; i + sizeof end - 1 <= file->size; i++) {
		if (memcmp(file->data + i, end, sizeof end - 1) != 0)
			continue;
		file->size = i - n;
		memmove(file->data, file->data + n, file->size);
		return tao_decode_base64(file);
	}
	return false;
}

static int principal_of_file(const struct verification *v, const char *name, unsigned char *binary, int *n)
{
	struct tao_bytes file;
	int status = tao_read_input(v->run, name, &file);
	if (status != TAO_EXIT_OK)
		return status;
	*n = unwrap_pem(&file) ? taoverify_key(file.data, file.size, binary, PRINCIPAL_MAX) : TAOVERIFY_MALFORMED;
	tao_bytes_free(&file);
	return *n > 0 ? VERIFY_EXIT_OK
		      : tao_complain(v->run, VERIFY_EXIT_USAGE, "%s: not a P-256 public key in PEM or DER", name);
}

static int take_trusted(struct verification *v, const char *text)
{
	unsigned char *binary = malloc(PRINCIPAL_MAX);
	int n = 0, status = VERIFY_EXIT_OK;
	if (v->n_trusted == TRUSTED_MAX || binary == NULL) {
		free(binary);
		return tao_complain(v->run, VERIFY_EXIT_USAGE, "too many trusted roots");
	}
	v->trusted_as[v->n_trusted] = text;
	v->trusted[v->n_trusted].data = binary; /* freed at the end, even if it is not taken */
	n = taoverify_principal(text, binary, PRINCIPAL_MAX);
	if (n < 0 && strchr(text, '(') != NULL)
		return tao_complain(v->run, VERIFY_EXIT_USAGE, "not a principal: %.200s", text);
	if (n < 0)
		status = principal_of_file(v, text, binary, &n);
	if (status == VERIFY_EXIT_OK)
		v->trusted[v->n_trusted++].size = (size_t)n;
	return status;
}

/* The value of the option at argv[*i], as --name VALUE or --name=VALUE; NULL if this is another option, or has none. */
static const char *value_of(const char *name, const char *argument, char **argv, int *i)
{
	size_t n = strlen(name);
	if (strncmp(argument, name, n) != 0 || (argument[n] != '=' && argument[n] != '\0'))
		return NULL;
	if (argument[n] == '=')
		return argument + n + 1;
	/* argv ends with a NULL. */
	if (argv[*i + 1] != NULL)
		(*i)++;
	return argv[*i] != argument ? argv[*i] : NULL;
}

static int take_argument(struct verification *v, char **argv, int *i)
{
	const char *argument = argv[*i], *value;
	if (strcmp(argument, "--json") == 0) {
		v->json = true;
		return VERIFY_EXIT_OK;
	}
	if ((value = value_of("--at", argument, argv, i)) != NULL)
		return verify_parse_time(value, &v->now)
			       ? VERIFY_EXIT_OK
			       : tao_complain(v->run, VERIFY_EXIT_USAGE, "not a time: %.80s (taoverify --help)",
					      value);
	if ((value = value_of("--trust", argument, argv, i)) != NULL)
		return take_trusted(v, value);
	if ((value = value_of("--vouched", argument, argv, i)) != NULL) {
		v->vouched = value;
		return VERIFY_EXIT_OK;
	}
	if (argument[0] == '-' && argument[1] != '\0')
		return tao_complain(v->run, VERIFY_EXIT_USAGE,
				    "%.80s: unknown option, or its value is missing (taoverify --help)", argument);
	if (v->file != NULL)
		return tao_complain(v->run, VERIFY_EXIT_USAGE, "one file at a time: %.200s", argument);
	v->file = argument;
	return VERIFY_EXIT_OK;
}

/* ---- Input ---- */

static bool is_only(const struct tao_bytes *b, const char *characters)
{
	bool any = false;
	for (size_t i = 0; i < b->size; i++) {
		if (b->data[i] == '\0' || strchr(characters, b->data[i]) == NULL)
			return false;
		any = any || strchr(" \t\r\n", b->data[i]) == NULL;
	}
	return any;
}

/* An attestation in binary has bytes that no text has: its statement begins with 0e 01. */
static bool decode(struct tao_bytes *b)
{
	if (is_only(b, "0123456789abcdefABCDEF \t\r\n"))
		return tao_decode_hex(b);
	if (is_only(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"))
		return tao_decode_base64(b);
	return true;
}

/* A trusted root's word for a TPM (taopolicy enroll): its key is trusted, too. */
static int take_vouched(struct verification *v)
{
	const struct taoverify_options options = { v->now, v->trusted, v->n_trusted };
	struct tao_bytes file;
	if (v->n_trusted == 0 || v->n_trusted == TRUSTED_MAX)
		return tao_complain(v->run, VERIFY_EXIT_USAGE, "--vouched: whose word counts? --trust KEY");
	int status = tao_read_input(v->run, v->vouched, &file);
	if (status != TAO_EXIT_OK)
		return status;
	bool believed =
		decode(&file) && taoverify_attestation(file.data, file.size, &options, &v->result) == TAOVERIFY_OK;
	struct rd r = rd_from(span_of(v->result.message.data, believed ? v->result.message.size : 0));
	bool trust = rd_varint(&r) == NODE_PRED && span_equal(rd_var_bytes(&r), span_str("TrustedTPM")) &&
		     rd_varint(&r) == 1;
	unsigned char *prin = malloc(PRINCIPAL_MAX);
	if (trust && prin != NULL && r.n <= PRINCIPAL_MAX &&
	    name_check(span_of(r.p, r.n), NAME_PRIN) == ERR_NONE) {
		memcpy(prin, r.p, r.n);
		v->trusted_as[v->n_trusted] = v->vouched;
		v->trusted[v->n_trusted++] = (struct taoverify_bytes){ prin, r.n }; /* freed with the others */
	} else {
		free(prin);
		status = tao_complain(v->run, VERIFY_EXIT_REFUSED, "%.200s: %s", v->vouched,
				      believed ? "vouches for no TPM" : v->result.reason);
	}
	tao_bytes_free(&file);
	/* cppcheck-suppress memleak */
	return status;
}

/* ---- Output ---- */

static const char *shown(struct verification *v, int n)
{
	return n < 0 ? "" : v->text;
}

static const char *text_of(struct verification *v, struct taoverify_bytes binary)
{
	return shown(v, taoverify_text(binary, v->text, v->text_size));
}

static const char *root_of(struct verification *v)
{
	return shown(v, taoverify_signer(&v->result.levels[v->result.n_levels - 1], v->text, v->text_size));
}

static void print_bound(FILE *to, const char *word, int has, int64_t ns)
{
	char text[40];
	verify_print_time(ns, text, sizeof text);
	if (has)
		(void)fprintf(to, " %s %s", word, text);
}

/* Who says what, until when, and how that was seen, for each level down to the root. */
static void print_levels(struct verification *v, FILE *to)
{
	const struct taoverify_result *r = &v->result;
	for (int i = 0; i < r->n_levels; i++) {
		const struct taoverify_level *level = &r->levels[i];
		(void)fprintf(to, "level %d: %s", i, text_of(v, level->speaker));
		(void)fprintf(to, " says %s;", text_of(v, level->message));
		if (i == r->level)
			print_bound(to, "from", level->times.has_from, level->times.from);
		print_bound(to, "until", level->times.has_until, level->times.until);
		(void)fprintf(to, "%s %s ", level->times.has_until ? "," : "",
			      level->signer_type == TAOVERIFY_TPM2 ? "quoted by" : "signed by");
		(void)fprintf(to, "%s", shown(v, taoverify_signer(level, v->text, v->text_size)));
		print_bound(to, "(refused at", i == r->level, v->now);
		(void)fprintf(to, "%s\n", i == r->level ? ")" : "");
	}
}

static void print_text(struct verification *v)
{
	const struct taoverify_result *r = &v->result;
	(void)printf("%s\n", shown(v, taoverify_statement(r, v->text, v->text_size)));
	(void)printf("speaker: %s\n", text_of(v, r->speaker));
	(void)printf("valid:");
	print_bound(stdout, "from", r->times.has_from, r->times.from);
	print_bound(stdout, "until", r->times.has_until, r->times.until);
	(void)printf("%s\n", r->times.has_from || r->times.has_until ? "" : " always");
	(void)printf("root: %s\n", root_of(v));
	(void)printf("trusted: %s\n", r->trusted < 0 ? "not checked" : v->trusted_as[r->trusted]);
	print_levels(v, stdout);
}

/* Names have hundreds of characters: from which part on the speaker's is another than the trusted one that is most like it. */
static void print_difference(struct verification *v)
{
	const char *name = text_of(v, v->result.levels[0].speaker), *trusted = "";
	size_t most = 0;
	for (size_t i = 0; i < v->n_trusted; i++) {
		const char *as = v->trusted_as[i];
		for (size_t k = 0; name[k] != '\0' && name[k] == as[k]; k++) {
			if ((name[k] == '.' || name[k] == ',') && k > most) {
				most = k;
				trusted = as + k;
			}
		}
	}
	if (most > 0)
		(void)fprintf(stderr, "differs: %.100s\ntrusted: %.100s\n", name + most, trusted);
}

static void print_refusal(struct verification *v)
{
	const struct taoverify_result *r = &v->result;
	(void)tao_complain(v->run, VERIFY_EXIT_REFUSED, "%s", r->reason);
	/* Without all signatures nobody is known to say anything. */
	if (r->n_levels > 0 && r->levels[r->n_levels - 1].speaker.size > 0) {
		if (r->level < 0)
			print_difference(v);
		print_levels(v, stderr);
	}
}

/* As text, because many readers of JSON cannot hold an int64. */
static void add_time(cJSON *object, const char *key, int has, int64_t ns)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%lld", (long long)ns);
	if (has)
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddNullToObject(object, key);
}

static void add_level(struct verification *v, int i, cJSON *array)
{
	const struct taoverify_level *level = &v->result.levels[i];
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "signer_type",
				level->signer_type == TAOVERIFY_KEY    ? "key"
				: level->signer_type == TAOVERIFY_TPM2 ? "tpm2"
								       : "unknown");
	cJSON_AddStringToObject(object, "signer", shown(v, taoverify_signer(level, v->text, v->text_size)));
	cJSON_AddStringToObject(object, "statement", text_of(v, level->statement));
	cJSON_AddStringToObject(object, "speaker", text_of(v, level->speaker));
	add_time(object, "from", level->times.has_from, level->times.from);
	add_time(object, "until", level->times.has_until, level->times.until);
	if (v->result.level == i)
		cJSON_AddStringToObject(object, "verified", v->result.reason);
	else if (v->result.speaker.size > 0)
		cJSON_AddStringToObject(object, "verified",
					level->signer_type == TAOVERIFY_TPM2 ? "quote" : "signature");
	else /* who knows */
		cJSON_AddNullToObject(object, "verified");
	cJSON_AddItemToArray(array, object);
}

static void add_believed(struct verification *v, cJSON *json)
{
	const struct taoverify_result *r = &v->result;
	cJSON_AddStringToObject(json, "statement", shown(v, taoverify_statement(r, v->text, v->text_size)));
	cJSON_AddStringToObject(json, "speaker", text_of(v, r->speaker));
	cJSON_AddStringToObject(json, "message", text_of(v, r->message));
	add_time(json, "from", r->times.has_from, r->times.from);
	add_time(json, "until", r->times.has_until, r->times.until);
	cJSON_AddStringToObject(json, "root", root_of(v));
	if (r->trusted >= 0)
		cJSON_AddStringToObject(json, "trusted", v->trusted_as[r->trusted]);
	else
		cJSON_AddNullToObject(json, "trusted");
}

static int print_json(struct verification *v, bool believed)
{
	cJSON *json = cJSON_CreateObject();
	cJSON_AddBoolToObject(json, "believed", believed);
	add_time(json, "at", 1, v->now);
	if (believed)
		add_believed(v, json);
	else
		cJSON_AddStringToObject(json, "reason", v->result.reason);
	cJSON *chain = cJSON_AddArrayToObject(json, "chain");
	for (int i = 0; i < v->result.n_levels; i++)
		add_level(v, i, chain);
	char *text = cJSON_Print(json);
	int written = text != NULL ? puts(text) : -1;
	cJSON_free(text);
	cJSON_Delete(json);
	return written;
}

/* ---- The whole ---- */

static int judge(struct verification *v, const struct tao_bytes *attestation)
{
	const struct taoverify_options options = { v->now, v->trusted, v->n_trusted };
	bool believed =
		taoverify_attestation(attestation->data, attestation->size, &options, &v->result) == TAOVERIFY_OK;
	v->text_size = 9 * attestation->size + 64;
	v->text = malloc(v->text_size);
	if (v->text == NULL)
		return tao_complain(v->run, VERIFY_EXIT_IO, "out of memory");
	bool written = v->json ? print_json(v, believed) >= 0 : true;
	if (believed && !v->json)
		print_text(v);
	if (!believed)
		print_refusal(v);
	free(v->text);
	if (!written || fflush(stdout) != 0 || ferror(stdout))
		return tao_complain(v->run, VERIFY_EXIT_IO, "standard output: %s", strerror(errno));
	return believed ? VERIFY_EXIT_OK : VERIFY_EXIT_REFUSED;
}

int verify_cmd_attestation(int argc, char **argv)
{
	const struct tao_run run = { .program = "taoverify", .name = argv[0] };
	static struct verification v;
	struct tao_bytes attestation = { NULL, 0 };
	int status = VERIFY_EXIT_OK;
	v.run = &run;
	v.now = sys_realtime();
	for (int i = 1; i < argc && status == VERIFY_EXIT_OK; i++)
		status = take_argument(&v, argv, &i);
	if (status == VERIFY_EXIT_OK && v.file == NULL)
		status = tao_complain(&run, VERIFY_EXIT_USAGE,
				      "which file? (- for standard input; taoverify --help)");
	if (status == VERIFY_EXIT_OK && v.vouched != NULL)
		status = take_vouched(&v);
	if (status == VERIFY_EXIT_OK)
		status = tao_read_input(&run, v.file, &attestation);
	if (status == VERIFY_EXIT_OK && !decode(&attestation))
		status = tao_complain(&run, VERIFY_EXIT_REFUSED, "%s: neither binary nor whole hex or base64",
				      v.file);
	if (status == VERIFY_EXIT_OK)
		status = judge(&v, &attestation);
	tao_bytes_free(&attestation);
	for (size_t i = 0; i < TRUSTED_MAX; i++)
		free((void *)(uintptr_t)v.trusted[i].data);
	return status;
}
