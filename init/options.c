/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "options.h"
#include "sys.h"

static const struct {
	const char *word;
	enum log_level level;
} levels[] = {
	{ "error", LOG_ERROR },
	{ "warning", LOG_WARNING },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
};

static void complain(struct options *options, struct span word, const char *why)
{
	if (options->complaint[0] == '\0')
		snprintf(options->complaint, sizeof options->complaint, "kernel command line: %.*s: %s",
			 (int)(word.n < 48 ? word.n : 48), (const char *)word.p, why);
}

static bool is(struct span word, const char *text)
{
	return span_equal(word, span_str(text));
}

static void take_manifest(struct options *options, struct span word, struct span value)
{
	if (value.n == 0 || value.p[0] != '/' || value.n >= sizeof options->manifest) {
		complain(options, word, "is no absolute path of at most 255 bytes");
		return;
	}
	memcpy(options->manifest, value.p, value.n);
	options->manifest[value.n] = '\0';
}

static void take_log(struct options *options, struct span word, struct span value)
{
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (is(value, levels[i].word)) {
			options->log = levels[i].level;
			return;
		}
	complain(options, word, "write error, warning, info or debug");
}

static void take(struct options *options, struct span word)
{
	const uint8_t *equals = memchr(word.p, '=', word.n);
	struct span key = span_of(word.p, equals != NULL ? (size_t)(equals - word.p) : word.n);
	struct span value = equals != NULL ? span_of(equals + 1, word.n - key.n - 1) : span_of(NULL, 0);
	if (is(key, "tao.manifest"))
		take_manifest(options, word, value);
	else if (is(key, "tao.log"))
		take_log(options, word, value);
	else if (is(word, "tao.rescue"))
		options->rescue = true;
	else if (word.n > 4 && memcmp(word.p, "tao.", 4) == 0)
		complain(options, word, "no such option; there are tao.manifest=, tao.log= and tao.rescue");
}

void options_parse(struct span line, struct options *options)
{
	*options = (struct options){ .log = LOG_INFO };
	for (size_t i = 0, start = 0; i <= line.n; i++) {
		if (i < line.n && line.p[i] != ' ' && line.p[i] != '\n' && line.p[i] != '\t' && line.p[i] != '\0')
			continue;
		if (i > start)
			take(options, span_of(line.p + start, i - start));
		start = i + 1;
	}
}

void options_read(struct options *options)
{
	char line[OPTIONS_LINE_MAX];
	ssize_t n = sys_read_file("/proc/cmdline", line, sizeof line);
	options_parse(span_of(line, n > 0 ? (size_t)n : 0), options);
}
