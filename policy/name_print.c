/* SPDX-License-Identifier: MIT
 *
 * The text form of names (PROTOCOL, section 1). Strings are quoted as Go's %q does it.
 */
#include "name.h"
#include "name_utf8.h"

static void put(struct wr *out, const char *text)
{
	wr_bytes(out, text, strlen(text));
}

static void put_hex(struct wr *out, uint32_t value, int digits)
{
	while (digits-- > 0)
		wr_u8(out, (uint8_t) "0123456789abcdef"[value >> (4 * digits) & 15]);
}

/* Code points that Go's %q escapes: controls, spaces but ' ', what has no picture. The list is coarser than
 * Unicode's; both forms read back the same. */
static bool is_printable(uint32_t c)
{
	static const uint32_t not [][2] = {
		{ 0x00, 0x1f },	    { 0x7f, 0xa0 },	{ 0xad, 0xad },	    { 0x2000, 0x200f },
		{ 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xe000, 0xf8ff },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0x10ffff },
	};
	for (size_t i = 0; i < sizeof not / sizeof not [0]; i++)
		if (c >= not [i][0] && c <= not [i][1])
			return false;
	return true;
}

static void put_escaped(struct wr *out, uint32_t c)
{
	static const char letters[] = "\a\b\f\n\r\t\v";
	const char *at = c != 0 && c < 0x80 ? strchr(letters, (int)c) : NULL;
	wr_u8(out, '\\');
	if (at != NULL) {
		wr_u8(out, (uint8_t) "abfnrtv"[at - letters]);
	} else if (c < 0x80) {
		wr_u8(out, 'x');
		put_hex(out, c, 2);
	} else if (c < 0x10000) {
		wr_u8(out, 'u');
		put_hex(out, c, 4);
	} else {
		wr_u8(out, 'U');
		put_hex(out, c, 8);
	}
}

static void put_quoted(struct wr *out, struct span s)
{
	wr_u8(out, '"');
	for (size_t i = 0; i < s.n;) {
		uint32_t c;
		size_t n = utf8_next(span_of(s.p + i, s.n - i), &c);
		if (n == 0) { /* no UTF-8: the byte itself */
			put(out, "\\x");
			put_hex(out, s.p[i], 2);
			n = 1;
		} else if (c == '"' || c == '\\') {
			wr_u8(out, '\\');
			wr_u8(out, (uint8_t)c);
		} else if (is_printable(c)) {
			wr_bytes(out, s.p + i, n);
		} else {
			put_escaped(out, c);
		}
		i += n;
	}
	wr_u8(out, '"');
}

static void put_int(struct wr *out, int64_t value)
{
	char digits[20];
	int n = 0;
	uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	if (value < 0)
		wr_u8(out, '-');
	while (n > 0)
		wr_u8(out, (uint8_t)digits[--n]);
}

static void print(const struct node *node, struct wr *out, unsigned depth);

static void put_exts(struct wr *out, const struct node *subprin, unsigned depth)
{
	for (const struct node *ext = subprin->kids; ext != NULL; ext = ext->next) {
		wr_u8(out, '.');
		print(ext, out, depth + 1);
	}
}

static void put_call(struct wr *out, const struct node *node, unsigned depth)
{
	wr_span_bytes(out, node->text);
	wr_u8(out, '(');
	for (const struct node *kid = node->kids; kid != NULL; kid = kid->next) {
		if (kid != node->kids)
			put(out, ", ");
		print(kid, out, depth + 1);
	}
	wr_u8(out, ')');
}

static void print(const struct node *node, struct wr *out, unsigned depth)
{
	if (depth > NAME_DEPTH_MAX && out->err == ERR_NONE)
		out->err = ERR_TOO_DEEP;
	if (out->err != ERR_NONE)
		return;
	switch (node->kind) {
	case NODE_PRIN:
		wr_span_bytes(out, node->text);
		wr_u8(out, '(');
		print(node->kids, out, depth + 1);
		wr_u8(out, ')');
		put_exts(out, node->kids->next, depth);
		break;
	case NODE_TAIL:
		put(out, "ext");
		put_exts(out, node->kids, depth);
		break;
	case NODE_SUBPRIN:
		put_exts(out, node, depth);
		break;
	case NODE_EXT:
	case NODE_PRED:
		put_call(out, node, depth);
		break;
	case NODE_STR:
		put_quoted(out, node->text);
		break;
	case NODE_BYTES:
		wr_u8(out, '[');
		for (size_t i = 0; i < node->text.n; i++)
			put_hex(out, node->text.p[i], 2);
		wr_u8(out, ']');
		break;
	case NODE_INT:
		put_int(out, node->number);
		break;
	case NODE_VAR:
		wr_span_bytes(out, node->text);
		break;
	case NODE_CONST:
	case NODE_NOT:
	case NODE_AND:
	case NODE_OR:
	case NODE_IMPLIES:
	case NODE_SPEAKSFOR:
	case NODE_SAYS:
	case NODE_FORALL:
	case NODE_EXISTS:
		out->err = ERR_UNSUPPORTED;
		break;
	}
}

int name_print(const struct node *node, struct wr *out)
{
	print(node, out, 0);
	return out->err;
}

/* Every name that a program can have fits; a longer one is printed by whoever has nodes for it. */
#define NODES_MAX 96

int name_print_binary(struct span binary, enum name_class what, struct wr *text)
{
	struct node nodes[NODES_MAX];
	struct node_pool pool = { .nodes = nodes, .cap = NODES_MAX };
	struct node *root;
	int r = name_decode(binary, what, &pool, &root);
	return r < 0 ? r : name_print(root, text);
}
