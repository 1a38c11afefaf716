/* SPDX-License-Identifier: MIT
 *
 * The subcommands of tao. Each: read what was given, connect, ask once, write the answer. Nothing is asked of the
 * host before everything that can be checked without it was.
 */
#include "tao_cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/name.h"

/* A name or statement given as text; the kernel takes arguments of 128 KiB. */
#define TEXT_MAX ((size_t)128 << 10)

/* ---- The host ---- */

static int no_channel(const struct tao_run *run)
{
	return tao_complain(
		run, TAO_EXIT_NO_CHANNEL,
		"no channel to a Tao host: neither CLOUDPROXY_TAO_HOST_SPEC nor TAO_CHANNEL_FD is set.\n"
		"tao works in services that taoinit has started. Put the command into a service of the "
		"manifest, or try it\nwith: taoinit -f MANIFEST. If this is such a service, something "
		"has cleared its environment.");
}

static int bad_channel(const struct tao_run *run)
{
	const char *spec = getenv("CLOUDPROXY_TAO_HOST_SPEC"), *number = getenv("TAO_CHANNEL_FD");
	return tao_complain(run, TAO_EXIT_NO_CHANNEL,
			    "%s=%.200s names no open channel.\n"
			    "It should be %s, of a socket that the program was started with. "
			    "Has the script closed that descriptor or used it for a file?",
			    spec != NULL ? "CLOUDPROXY_TAO_HOST_SPEC" : "TAO_CHANNEL_FD",
			    spec != NULL     ? spec
			    : number != NULL ? number
					     : "",
			    spec != NULL ? "tao::RPC+tao::FDMessageChannel(R, W) with two descriptor numbers"
					 : "a descriptor number");
}

static int connect_host(const struct tao_run *run, struct tao_host **host)
{
	int rc = tao_host_connect(host);
	if (rc == TAO_OK)
		return TAO_EXIT_OK;
	if (rc == TAO_E_NO_CHANNEL)
		return no_channel(run);
	if (rc == TAO_E_BAD_CHANNEL)
		return bad_channel(run);
	return tao_complain(run, TAO_EXIT_IO, "%s", tao_host_error(NULL, rc));
}

/* Ends the connection; the exit status of what the call returned. */
static int finish(const struct tao_run *run, struct tao_host *host, int rc)
{
	int status = TAO_EXIT_OK;
	if (rc == TAO_E_REFUSED)
		status = tao_complain(run, TAO_EXIT_REFUSED, "the host refused: %s", tao_host_error(host, rc));
	else if (rc != TAO_OK)
		status = tao_complain(run, TAO_EXIT_IO, "%s", tao_host_error(host, rc));
	tao_host_close(host);
	return status;
}

/* ---- Arguments ---- */

/* A count of bytes. What is out of the host's range the host says. */
static int parse_count(const struct tao_run *run, const char *text, size_t *n)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || v > TAO_MESSAGE_MAX)
		return tao_complain(run, TAO_EXIT_USAGE, "%.40s: not a number of bytes (at most %zu)", text,
				    TAO_MESSAGE_MAX);
	*n = (size_t)v;
	return TAO_EXIT_OK;
}

static int bad_text(const struct tao_run *run, const char *what, const char *text, size_t n, size_t at, int err)
{
	if (at > n)
		at = n;
	bool fits = n < 100 && memchr(text, '\n', n) == NULL && memchr(text, '\t', n) == NULL;
	if (!fits)
		return tao_complain(run, TAO_EXIT_USAGE, "not %s: %s at character %zu", what, err_text(err),
				    at + 1);
	return tao_complain(run, TAO_EXIT_USAGE, "not %s: %s at character %zu\n  %.*s\n  %*s^", what,
			    err_text(err), at + 1, (int)n, text, (int)at, "");
}

/* Text to binary, in memory of its own. */
static int parse_name(const struct tao_run *run, enum name_class class, const char *what, const char *text,
		      size_t n, struct tao_bytes *out)
{
	/* A node takes a character at least, brackets give some more; an integer of 2 characters is 11 bytes. */
	size_t nodes = n + 8, cap = 12 * n + 64, at = 0;
	if (n > TEXT_MAX)
		return tao_complain(run, TAO_EXIT_USAGE, "longer than %zu bytes", TEXT_MAX);
	struct node_pool pool = { .nodes = calloc(nodes, sizeof(struct node)),
				  .cap = nodes,
				  .text_buf = malloc(n + 1),
				  .text_cap = n + 1 };
	struct node *root = NULL;
	struct wr w = wr_to(malloc(cap), cap);
	int status = TAO_EXIT_OK, err;
	if (pool.nodes == NULL || pool.text_buf == NULL || w.p == NULL) {
		status = tao_complain(run, TAO_EXIT_IO, "out of memory");
	} else if ((err = name_parse(span_of(text, n), class, &pool, &root, &at)) < 0) {
		status = bad_text(run, what, text, n, at, err);
	} else if ((err = name_encode(root, &w)) < 0) {
		status = tao_complain(run, TAO_EXIT_USAGE, "not %s: %s", what, err_text(err));
	}
	free(pool.nodes);
	free(pool.text_buf);
	if (status != TAO_EXIT_OK) {
		free(w.p);
		return status;
	}
	out->data = w.p;
	out->size = w.n;
	return TAO_EXIT_OK;
}

/* ---- Names ---- */

static int print_name(const struct tao_run *run, const struct tao_bytes *name)
{
	size_t cap = 8 * name->size + 64; /* a byte becomes four characters at most, an empty element a few */
	struct wr text = wr_to(malloc(cap), cap);
	int status, err;
	if (text.p == NULL)
		return tao_complain(run, TAO_EXIT_IO, "out of memory");
	err = name_print_binary(span_of(name->data, name->size), NAME_PRIN, &text);
	if (err < 0)
		status = tao_complain(run, TAO_EXIT_IO, "the name that the host gave is not one: %s",
				      err_text(err));
	else
		status = tao_write_text(run, (const char *)text.p, text.n);
	free(text.p);
	return status;
}

int tao_cmd_name(const struct tao_run *run)
{
	struct tao_host *host;
	struct tao_bytes name = { NULL, 0 };
	/* Text unless told otherwise: that goes to terminals as well as hex does. */
	int status = tao_check_output(run, ENCODING_HEX);
	if (status != TAO_EXIT_OK || (status = connect_host(run, &host)) != TAO_EXIT_OK)
		return status;
	status = finish(run, host, tao_host_name(host, &name));
	if (status == TAO_EXIT_OK)
		status = run->output == ENCODING_DEFAULT
				 ? print_name(run, &name)
				 : tao_write_output(run, ENCODING_BINARY, name.data, name.size);
	tao_bytes_free(&name);
	return status;
}

int tao_cmd_extend(const struct tao_run *run)
{
	struct tao_host *host;
	struct tao_bytes subprin = { NULL, 0 };
	const char *text = run->argv[0];
	/* The empty one is well-formed, and adds nothing. */
	if (text[0] == '\0')
		return tao_complain(run, TAO_EXIT_USAGE,
				    "not a subprincipal (such as .Name(\"text\", 7)): it is empty");
	int status = parse_name(run, NAME_SUBPRIN, "a subprincipal (such as .Name(\"text\", 7))", text,
				strlen(text), &subprin);
	if (status != TAO_EXIT_OK)
		return status;
	status = connect_host(run, &host);
	if (status == TAO_EXIT_OK)
		status = finish(run, host, tao_host_extend_name(host, subprin.data, subprin.size));
	tao_bytes_free(&subprin);
	return status;
}

/* ---- Bytes ---- */

/* For random and secret, which differ in the call alone. */
static int fixed_bytes(const struct tao_run *run, bool secret)
{
	struct tao_host *host;
	struct tao_bytes bytes = { NULL, 0 };
	int status = tao_check_output(run, ENCODING_BINARY);
	if (status == TAO_EXIT_OK)
		status = parse_count(run, run->argv[0], &bytes.size);
	if (status != TAO_EXIT_OK)
		return status;
	bytes.data = malloc(bytes.size + 1);
	if (bytes.data == NULL)
		return tao_complain(run, TAO_EXIT_IO, "out of memory");
	status = connect_host(run, &host);
	if (status == TAO_EXIT_OK)
		status = finish(run, host,
				secret ? tao_host_shared_secret(host, run->policy, bytes.data, bytes.size)
				       : tao_host_random(host, bytes.data, bytes.size));
	if (status == TAO_EXIT_OK)
		status = tao_write_output(run, ENCODING_BINARY, bytes.data, bytes.size);
	tao_bytes_free(&bytes);
	return status;
}

int tao_cmd_random(const struct tao_run *run)
{
	return fixed_bytes(run, false);
}

int tao_cmd_secret(const struct tao_run *run)
{
	return fixed_bytes(run, true);
}

/* ---- Sealing ---- */

int tao_cmd_seal(const struct tao_run *run)
{
	struct tao_host *host;
	struct tao_bytes data = { NULL, 0 }, sealed = { NULL, 0 };
	int status = tao_check_output(run, ENCODING_BINARY);
	if (status == TAO_EXIT_OK)
		status = tao_read_input(run, run->argv[0], &data);
	if (status == TAO_EXIT_OK && (status = connect_host(run, &host)) == TAO_EXIT_OK)
		status = finish(run, host,
				run->counter != NULL
					? tao_host_protected_seal(host, run->counter, run->policy, data.data,
								  data.size, &sealed)
					: tao_host_seal(host, run->policy, data.data, data.size, &sealed));
	if (status == TAO_EXIT_OK)
		status = tao_write_output(run, ENCODING_BINARY, sealed.data, sealed.size);
	tao_bytes_free(&data);
	tao_bytes_free(&sealed);
	return status;
}

/* The host's word, and so not to be sent to a terminal as it stands. */
static void show_policy(const char *policy)
{
	(void)fputs("policy: ", stderr);
	for (const char *c = policy; *c != '\0'; c++)
		(void)fputc(*c >= 0x20 && *c < 0x7f ? *c : '?', stderr);
	(void)fputc('\n', stderr);
}

int tao_cmd_unseal(const struct tao_run *run)
{
	struct tao_host *host;
	struct tao_bytes data = { NULL, 0 }, sealed = { NULL, 0 };
	char *policy = NULL;
	int status = tao_check_output(run, ENCODING_BINARY);
	if (status == TAO_EXIT_OK)
		status = tao_read_input(run, run->argv[0], &sealed);
	if (status == TAO_EXIT_OK && (status = connect_host(run, &host)) == TAO_EXIT_OK)
		status = finish(run, host,
				(run->protect ? tao_host_protected_unseal
					      : tao_host_unseal)(host, sealed.data, sealed.size, &data, &policy));
	if (status == TAO_EXIT_OK && run->show_policy && policy != NULL)
		show_policy(policy);
	if (status == TAO_EXIT_OK)
		status = tao_write_output(run, ENCODING_BINARY, data.data, data.size);
	tao_bytes_free(&data);
	tao_bytes_free(&sealed);
	free(policy);
	return status;
}

/* ---- Statements ---- */

/* The statement from the argument, or from standard input without the newline at its end. */
static int read_statement(const struct tao_run *run, struct tao_bytes *form)
{
	static const char what[] = "a statement (such as Ready(\"db\"))";
	struct tao_bytes text = { NULL, 0 };
	const char *argument = run->argv[0];
	if (strcmp(argument, "-") != 0)
		return parse_name(run, NAME_FORM, what, argument, strlen(argument), form);
	int status = tao_read_input(run, NULL, &text);
	if (status != TAO_EXIT_OK)
		return status;
	size_t n = text.size;
	while (n > 0 && text.data[n - 1] == '\n')
		n--;
	status = parse_name(run, NAME_FORM, what, (const char *)text.data, n, form);
	tao_bytes_free(&text);
	return status;
}

int tao_cmd_attest(const struct tao_run *run)
{
	struct tao_host *host;
	struct tao_bytes form = { NULL, 0 }, issuer = { NULL, 0 }, attestation = { NULL, 0 };
	int status = tao_check_output(run, ENCODING_BINARY);
	if (status == TAO_EXIT_OK && run->issuer != NULL)
		status = parse_name(run, NAME_PRIN, "a principal", run->issuer, strlen(run->issuer), &issuer);
	if (status == TAO_EXIT_OK)
		status = read_statement(run, &form);
	struct tao_attest_options options = { issuer.data, issuer.size, run->time, run->expiration };
	if (status == TAO_EXIT_OK && (status = connect_host(run, &host)) == TAO_EXIT_OK)
		status = finish(run, host, tao_host_attest(host, form.data, form.size, &options, &attestation));
	if (status == TAO_EXIT_OK)
		status = tao_write_output(run, ENCODING_BINARY, attestation.data, attestation.size);
	tao_bytes_free(&form);
	tao_bytes_free(&issuer);
	tao_bytes_free(&attestation);
	return status;
}

/* ---- Counters ---- */

int tao_cmd_counter(const struct tao_run *run)
{
	struct tao_host *host;
	int64_t value = 0;
	char text[32], *end;
	bool set = run->argc == 2;
	if (set) {
		errno = 0;
		value = strtoll(run->argv[1], &end, 10);
		if (end == run->argv[1] || *end != '\0' || errno != 0)
			return tao_complain(run, TAO_EXIT_USAGE, "%.40s: not a number", run->argv[1]);
	}
	int status = connect_host(run, &host);
	if (status != TAO_EXIT_OK)
		return status;
	if (set)
		return finish(run, host, tao_host_init_counter(host, run->argv[0], value));
	status = finish(run, host, tao_host_counter(host, run->argv[0], &value));
	if (status != TAO_EXIT_OK)
		return status;
	int n = snprintf(text, sizeof text, "%lld", (long long)value);
	return tao_write_text(run, text, (size_t)n);
}
