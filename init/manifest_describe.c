/* SPDX-License-Identifier: MIT
 *
 * What a manifest would run, for people: an aligned table in the order of starting.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../crypto/root.h"
#include "../policy/guard.h"
#include "manifest_read.h"
#include "transport.h"

#define COLUMNS 6
/* Of a cell that is not the last: longer ones push the rest of their line aside. */
#define CELL_MAX 120

/* One line: the last column is written as long as it is. */
struct line {
	char cell[COLUMNS - 1][CELL_MAX];
};

static const struct line titles = { { "SERVICE", "TYPE", "RESTART", "USER", "AFTER" } };

static void put(struct wr *out, const char *text)
{
	wr_bytes(out, text, strlen(text));
}

/* In characters: names and paths may be UTF-8. */
static int width_of(const char *text)
{
	int n = 0;
	for (; *text != '\0'; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void list_after(const struct manifest *m, const struct service *s, char *out, size_t cap)
{
	size_t n = 0;
	snprintf(out, cap, "-");
	for (uint16_t i = 0; i < s->n_after; i++) {
		const char *name = m->services[s->after[i]].name;
		if (n + strlen(name) + 16 > cap) {
			snprintf(out + n, cap - n, ",+%d", s->n_after - i);
			return;
		}
		n += (size_t)snprintf(out + n, cap - n, "%s%s", i > 0 ? "," : "", name);
	}
}

static struct line line_of(const struct manifest *m, const struct service *s)
{
	static const char *const restarts[] = { "never", "on-failure", "always" };
	struct line line;
	snprintf(line.cell[0], CELL_MAX, "%s", s->name);
	snprintf(line.cell[1], CELL_MAX, "%s", s->type == SERVICE_ONESHOT ? "oneshot" : "daemon");
	snprintf(line.cell[2], CELL_MAX, "%s", restarts[s->restart]);
	snprintf(line.cell[3], CELL_MAX, "%lu:%lu", (unsigned long)s->uid, (unsigned long)s->gid);
	list_after(m, s, line.cell[4], CELL_MAX);
	return line;
}

static void put_line(struct wr *out, const struct line *line, const int width[COLUMNS - 1])
{
	for (int i = 0; i < COLUMNS - 1; i++) {
		put(out, line->cell[i]);
		for (int n = width_of(line->cell[i]) - 2; n < width[i]; n++)
			put(out, " ");
	}
}

/* An argument as it could be typed, without what would upset a terminal. */
static void put_argument(struct wr *out, const char *text)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
	if (text[0] != '\0' && text[strspn(text, bare)] == '\0')
		put(out, text);
	else
		put(out, quote(text).text);
}

static void put_command(struct wr *out, const struct service *s)
{
	for (int i = 0; i < s->n_exec; i++) {
		put(out, i > 0 ? " " : "");
		put_argument(out, s->exec[i]);
	}
	put(out, s->essential ? "  [essential]" : "");
	put(out, s->privileged ? "  [privileged]" : "");
	put(out, "\n");
}

static void put_host(const struct manifest *m, struct wr *out)
{
	const struct host *host = &m->host;
	put(out, "host: root ");
	put(out, host->root->name);
	put(out, " ");
	put(out, host->root_ephemeral ? "(ephemeral)" : host->root_file);
	put(out, ", guard ");
	put(out, host->guard->name);
	for (int i = 0; i < host->n_admin; i++) {
		put(out, ", admin ");
		put(out, host->admin[i].transport->name);
		put(out, " ");
		put(out, host->admin[i].path);
	}
	put(out, "\n");
}

int manifest_describe(const struct manifest *m, struct wr *out)
{
	size_t n = m->n_services, n_cycle = 0;
	uint16_t *room = calloc(4 * n + 1, sizeof *room);
	int width[COLUMNS - 1];
	if (room == NULL)
		return ERR_NO_SPACE;
	size_t n_order = manifest_order(m, room, room + n, room + 3 * n, &n_cycle);
	for (int c = 0; c < COLUMNS - 1; c++)
		width[c] = width_of(titles.cell[c]);
	for (size_t i = 0; i < n; i++) {
		struct line line = line_of(m, &m->services[i]);
		for (int c = 0; c < COLUMNS - 1; c++)
			if (width_of(line.cell[c]) > width[c])
				width[c] = width_of(line.cell[c]);
	}
	put_host(m, out);
	if (n > 0) {
		put_line(out, &titles, width);
		put(out, "COMMAND\n");
	}
	for (size_t i = 0; i < n_order; i++) {
		struct line line = line_of(m, &m->services[room[i]]);
		put_line(out, &line, width);
		put_command(out, &m->services[room[i]]);
	}
	free(room);
	return out->err;
}
