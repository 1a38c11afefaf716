/* SPDX-License-Identifier: MIT
 *
 * ELF as the gABI has it ("ELF Header", "Program Header"), in the byte order and class of this machine; the "#!"
 * line as fs/binfmt_script.c reads it.
 */
#include <elf.h>

#include "measure_elf.h"

/* The kernel reads this much of a script to find its interpreter (BINPRM_BUF_SIZE). */
#define SCRIPT_LINE_MAX 256

static enum program_kind script(struct span bytes, char *interpreter)
{
	size_t i = 2, n = 0;
	size_t end = bytes.n < SCRIPT_LINE_MAX ? bytes.n : SCRIPT_LINE_MAX;
	while (i < end && (bytes.p[i] == ' ' || bytes.p[i] == '\t'))
		i++;
	while (i < end && n < 255 && bytes.p[i] != ' ' && bytes.p[i] != '\t' && bytes.p[i] != '\n' &&
	       bytes.p[i] != 0)
		interpreter[n++] = (char)bytes.p[i++];
	interpreter[n] = '\0';
	return n > 0 ? PROGRAM_SCRIPT : PROGRAM_UNKNOWN;
}

static bool copy_at(struct span bytes, uint64_t at, void *to, size_t n)
{
	if (at > bytes.n || n > bytes.n - at)
		return false;
	memcpy(to, bytes.p + at, n);
	return true;
}

static enum program_kind elf(struct span bytes, char *interpreter)
{
	Elf64_Ehdr header;
	if (!copy_at(bytes, 0, &header, sizeof header) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    (header.e_type != ET_EXEC && header.e_type != ET_DYN) || header.e_phentsize != sizeof(Elf64_Phdr))
		return PROGRAM_UNKNOWN;
	for (uint64_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		if (header.e_phoff > bytes.n ||
		    !copy_at(bytes, header.e_phoff + i * sizeof segment, &segment, sizeof segment))
			return PROGRAM_UNKNOWN;
		if (segment.p_type != PT_INTERP)
			continue;
		size_t n = segment.p_filesz < 255 ? (size_t)segment.p_filesz : 255;
		if (!copy_at(bytes, segment.p_offset, interpreter, n))
			return PROGRAM_UNKNOWN;
		interpreter[n] = '\0';
		return PROGRAM_DYNAMIC;
	}
	return PROGRAM_STATIC;
}

enum program_kind program_inspect(struct span bytes, char interpreter[static 256])
{
	interpreter[0] = '\0';
	if (bytes.n >= 2 && bytes.p[0] == '#' && bytes.p[1] == '!')
		return script(bytes, interpreter);
	if (bytes.n >= SELFMAG && memcmp(bytes.p, ELFMAG, SELFMAG) == 0)
		return elf(bytes, interpreter);
	return PROGRAM_UNKNOWN;
}
