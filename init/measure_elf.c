/* SPDX-License-Identifier: MIT
 *
 * ELF as the gABI has it ("ELF Header", "Program Header"), in the byte order and class of this machine, with the
 * limits of the kernel's fs/binfmt_elf.c; the "#!" line as its fs/binfmt_script.c reads it. What this file calls
 * static must never be run by the kernel with an interpreter: in doubt a program is unknown, and not run.
 */
#include <elf.h>

#include "measure_elf.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "measure_elf.c: which e_machine has this processor?"
#endif

/* The kernel reads this much of a script to find its interpreter (BINPRM_BUF_SIZE). */
#define SCRIPT_LINE_MAX 256
/* The kernel refuses program headers that are larger together (load_elf_phdrs). */
#define HEADERS_BYTES_MAX 65536

static bool ends_word(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == 0;
}

static enum program_kind script(struct span bytes, char *interpreter)
{
	size_t i = 2, n = 0;
	size_t end = bytes.n < SCRIPT_LINE_MAX ? bytes.n : SCRIPT_LINE_MAX;
	while (i < end && (bytes.p[i] == ' ' || bytes.p[i] == '\t'))
		i++;
	while (i < end && !ends_word(bytes.p[i]))
		interpreter[n++] = (char)bytes.p[i++];
	interpreter[n] = '\0';
	/* A name that the kernel's buffer cuts off is none; what the file's end cuts off is one. */
	return n > 0 && i < SCRIPT_LINE_MAX ? PROGRAM_SCRIPT : PROGRAM_UNKNOWN;
}

static bool copy_at(struct span bytes, uint64_t at, void *to, size_t n)
{
	if (at > bytes.n || n > bytes.n - at)
		return false;
	memcpy(to, bytes.p + at, n);
	return true;
}

static enum program_kind dynamic(struct span bytes, const Elf64_Phdr *segment, char *interpreter)
{
	if (segment->p_filesz < 2 || segment->p_offset > bytes.n ||
	    segment->p_filesz > bytes.n - segment->p_offset || bytes.p[segment->p_offset] == 0)
		return PROGRAM_UNKNOWN;
	size_t n = segment->p_filesz < INTERPRETER_MAX ? (size_t)segment->p_filesz : INTERPRETER_MAX;
	memcpy(interpreter, bytes.p + segment->p_offset, n);
	interpreter[n - 1] = '\0';
	return PROGRAM_DYNAMIC;
}

static enum program_kind elf(struct span bytes, char *interpreter)
{
	Elf64_Ehdr header;
	/* The machine decides with which layout the kernel reads the file; the class it does not even look at. */
	if (!copy_at(bytes, 0, &header, sizeof header) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_machine != MACHINE || (header.e_type != ET_EXEC && header.e_type != ET_DYN) ||
	    header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
	    header.e_phnum * sizeof(Elf64_Phdr) > HEADERS_BYTES_MAX || header.e_phoff > bytes.n)
		return PROGRAM_UNKNOWN;
	for (uint64_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		if (!copy_at(bytes, header.e_phoff + i * sizeof segment, &segment, sizeof segment))
			return PROGRAM_UNKNOWN;
		if (segment.p_type == PT_INTERP)
			return dynamic(bytes, &segment, interpreter);
	}
	return PROGRAM_STATIC;
}

enum program_kind program_inspect(struct span bytes, char interpreter[static INTERPRETER_MAX])
{
	interpreter[0] = '\0';
	if (bytes.n >= 2 && bytes.p[0] == '#' && bytes.p[1] == '!')
		return script(bytes, interpreter);
	if (bytes.n >= SELFMAG && memcmp(bytes.p, ELFMAG, SELFMAG) == 0)
		return elf(bytes, interpreter);
	return PROGRAM_UNKNOWN;
}
