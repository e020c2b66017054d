/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading tables of symbols. Rule: nothing in a file is believed before it is known to lie within the file. */
#define _GNU_SOURCE
#include "symbols.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDENTIFIER_BYTES_MAX = 64, PATH_BYTES = 256 };

/* The program itself, as the dynamic linker has loaded it. */
struct program {
    uintptr_t base;
    uint8_t identifier[IDENTIFIER_BYTES_MAX];
    size_t identifier_bytes;
};

static bool lies_within(const struct symbol_table *table, uint64_t offset, uint64_t bytes)
{
    return offset <= table->file_bytes && bytes <= table->file_bytes - offset;
}

/* Among notes; NULL: there is none. They are of any alignment in memory, but each begins at a multiple of 4 from the first. */
static const uint8_t *identifier_in_notes(const uint8_t *notes, size_t bytes, size_t *identifier_bytes)
{
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= bytes;) {
        ElfW(Nhdr) note;
        size_t name_at = at + sizeof(note);
        size_t value_at;

        memcpy(&note, notes + at, sizeof(note));
        value_at = name_at + ((size_t)note.n_namesz + 3) / 4 * 4;
        if (value_at > bytes || note.n_descsz > bytes - value_at) {
            return NULL;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
            memcmp(notes + name_at, "GNU", sizeof("GNU")) == 0) {
            *identifier_bytes = note.n_descsz;
            return notes + value_at;
        }
        at = value_at + ((size_t)note.n_descsz + 3) / 4 * 4;
    }
    return NULL;
}

static bool section_read(const struct symbol_table *table, size_t number, ElfW(Shdr) * section)
{
    ElfW(Ehdr) header;

    memcpy(&header, table->file, sizeof(header));
    if (header.e_shentsize != sizeof(*section) || number >= header.e_shnum ||
        !lies_within(table, header.e_shoff, (uint64_t)header.e_shnum * sizeof(*section))) {
        return false;
    }
    memcpy(section, table->file + header.e_shoff + number * sizeof(*section), sizeof(*section));
    return section->sh_type == SHT_NOBITS || lies_within(table, section->sh_offset, section->sh_size);
}

static bool carries(const struct symbol_table *table, const uint8_t *identifier, size_t identifier_bytes)
{
    ElfW(Shdr) section;

    for (size_t i = 0; section_read(table, i, &section); i++) {
        size_t found_bytes;
        const uint8_t *found = section.sh_type != SHT_NOTE ? NULL
                                                           : identifier_in_notes(table->file + section.sh_offset,
                                                                                 section.sh_size, &found_bytes);

        if (found) {
            return found_bytes == identifier_bytes && memcmp(found, identifier, found_bytes) == 0;
        }
    }
    return false;
}

static bool find_table(struct symbol_table *table)
{
    ElfW(Shdr) section;
    ElfW(Shdr) names;

    for (size_t i = 0; section_read(table, i, &section); i++) {
        if (section.sh_type == SHT_SYMTAB && section_read(table, section.sh_link, &names) &&
            names.sh_type == SHT_STRTAB && names.sh_size > 0 &&
            table->file[names.sh_offset + names.sh_size - 1] == 0) {
            table->symbols_at = section.sh_offset;
            table->symbols = section.sh_size / sizeof(ElfW(Sym));
            table->names_at = names.sh_offset;
            table->names_bytes = names.sh_size;
            return true;
        }
    }
    return false;
}

static bool map_file(struct symbol_table *table, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *mapped = MAP_FAILED;

    if (file >= 0 && fstat(file, &status) == 0 && status.st_size >= (off_t)sizeof(ElfW(Ehdr))) {
        mapped = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    if (file >= 0) {
        close(file);
    }
    if (mapped == MAP_FAILED) {
        return false;
    }
    table->file = mapped;
    table->file_bytes = (size_t)status.st_size;
    return true;
}

bool symbol_table_open(struct symbol_table *table, const char *path, const uint8_t *identifier, size_t identifier_bytes)
{
    static const uint8_t magic[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB};

    *table = (struct symbol_table){0};
    if (!map_file(table, path)) {
        return false;
    }
    if (memcmp(table->file, magic, sizeof(magic)) == 0 &&
        (!identifier || carries(table, identifier, identifier_bytes)) && find_table(table)) {
        return true;
    }
    munmap((void *)(uintptr_t)table->file, table->file_bytes);
    *table = (struct symbol_table){0};
    return false;
}

uint64_t symbol_table_value(const struct symbol_table *table, const char *name)
{
    uint64_t local = 0;
    unsigned locals = 0;

    for (size_t i = 0; i < table->symbols; i++) {
        ElfW(Sym) symbol;

        memcpy(&symbol, table->file + table->symbols_at + i * sizeof(symbol), sizeof(symbol));
        if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= table->names_bytes ||
            (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC && ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT) ||
            strcmp((const char *)table->file + table->names_at + symbol.st_name, name) != 0) {
            continue;
        }
        if (ELF64_ST_BIND(symbol.st_info) != STB_LOCAL) {
            return symbol.st_value;
        }
        local = symbol.st_value;
        locals++;
    }
    return locals == 1 ? local : 0;
}

/* The program is the first object. */
static int look_at_program(struct dl_phdr_info *object, size_t size, void *argument)
{
    struct program *program = argument;

    (void)size;
    program->base = object->dlpi_addr;
    for (unsigned i = 0; i < object->dlpi_phnum && program->identifier_bytes == 0; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        const uint8_t *identifier;
        size_t bytes;

        if (header->p_type != PT_NOTE) {
            continue;
        }
        identifier = identifier_in_notes((const uint8_t *)(object->dlpi_addr + header->p_vaddr), header->p_memsz, &bytes);
        if (identifier && bytes <= sizeof(program->identifier)) {
            memcpy(program->identifier, identifier, bytes);
            program->identifier_bytes = bytes;
        }
    }
    return 1;
}

/* Where distributors put it: the first byte names a directory. */
static bool open_debugging_file(struct symbol_table *table, const struct program *program)
{
    char path[PATH_BYTES] = "/usr/lib/debug/.build-id/";
    size_t length = strlen(path);

    if (program->identifier_bytes < 2) {
        return false;
    }
    for (size_t i = 0; i < program->identifier_bytes; i++) {
        length += (size_t)snprintf(path + length, sizeof(path) - length, i == 0 ? "%02x/" : "%02x",
                                   program->identifier[i]);
    }
    snprintf(path + length, sizeof(path) - length, ".debug");
    return symbol_table_open(table, path, program->identifier, program->identifier_bytes);
}

void *symbol_find(const char *name)
{
    static struct program program;
    static struct symbol_table table;
    static bool looked;
    void *exported = dlsym(RTLD_DEFAULT, name);
    uint64_t value;

    if (exported) {
        return exported;
    }
    if (!looked) {
        looked = true;
        dl_iterate_phdr(look_at_program, &program);
        if (!symbol_table_open(&table, "/proc/self/exe", NULL, 0)) {
            open_debugging_file(&table, &program);
        }
    }
    value = symbol_table_value(&table, name);
    return value ? (void *)(uintptr_t)(program.base + value) : NULL;
}
