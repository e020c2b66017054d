/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding a function of the running program by its name: among what it exports, else in the table of symbols of its file,
 * else in that of the separate file of debugging information that carries the same build identifier. So a QEMU that exports
 * nothing will do as well, unless it was stripped and its symbols thrown away.
 */
#ifndef FAULTINJECT_SYMBOLS_H
#define FAULTINJECT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its address in this process, or NULL. */
void *symbol_find(const char *name);

/* The value of a symbol in a file's table: an address before the file was relocated. */
struct symbol_table {
    const uint8_t *file; /* mapped; NULL: there is none */
    size_t file_bytes;
    size_t symbols_at;
    size_t symbols;
    size_t names_at;
    size_t names_bytes;
};

/*
 * Maps an ELF file of this kind of machine and finds its table; false, with an empty table, when it has none or its contents
 * do not hold together. With a build identifier the file must carry it; NULL: any file will do.
 */
bool symbol_table_open(struct symbol_table *table, const char *path, const uint8_t *identifier, size_t identifier_bytes);

/*
 * 0: it is not there. A local symbol (a function that was given to one file alone) counts if no other has its name.
 */
uint64_t symbol_table_value(const struct symbol_table *table, const char *name);

#endif
