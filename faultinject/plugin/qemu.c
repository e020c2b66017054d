/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding QEMU's functions. The version of the plugin interface is announced before QEMU looks at it: 1 where the
 * executable has nothing newer (7.2), 4 where it has scoreboards (9.0 and later, which still accept 4).
 */
#define _GNU_SOURCE
#include "qemu.h"

#include "symbols.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct qemu_functions qemu;

__attribute__((visibility("default"))) int qemu_plugin_version = 4;

static void (*instruction_data)(void);
static bool instruction_data_copies;

__attribute__((constructor)) static void announce_version(void)
{
    instruction_data_copies = symbol_find("qemu_plugin_scoreboard_new") != NULL;
    qemu_plugin_version = instruction_data_copies ? 4 : 1;
}

static bool is_of_interface(const char *name)
{
    return strncmp(name, "qemu_plugin_", strlen("qemu_plugin_")) == 0 || strncmp(name, "g_", strlen("g_")) == 0;
}

bool qemu_find_functions(bool interface_only)
{
    unsigned missing = 0;
    void *address;

#define QEMU_FIND(type, name, arguments)                                                                     \
    address = interface_only && !is_of_interface(#name) ? NULL : symbol_find(#name);                         \
    if (!address && (!interface_only || is_of_interface(#name))) {                                                                                          \
        fprintf(stderr, "%s %s", missing ? "," : "fault injection: this QEMU has no symbol", #name);       \
        missing++;                                                                                           \
    }                                                                                                        \
    memcpy(&qemu.name, &address, sizeof(address));
    QEMU_FUNCTIONS(QEMU_FIND)
#undef QEMU_FIND

    address = symbol_find("qemu_plugin_insn_data");
    memcpy(&instruction_data, &address, sizeof(address));
    if (!address) {
        fprintf(stderr, "%s qemu_plugin_insn_data", missing ? "," : "fault injection: this QEMU has no symbol");
        missing++;
    }
    if (missing > 0) {
        fprintf(stderr, "\n  mend: use a QEMU that exports its functions (one built with --enable-modules, such as Debian's "
                        "package qemu-system-x86), one that was not stripped, or install its debugging symbols; "
                        "campaigns run without, slowly (--engine stub)\n");
    }
    return missing == 0;
}

static bool lies_in_an_object(const void *address)
{
    Dl_info info;

    return address && dladdr(address, &info) != 0;
}

/* A description holds a pointer to its fields. */
const struct state_field *qemu_first_state_field(const char *description, const char *name)
{
    enum { DESCRIPTION_WORDS = 16 };
    void *const *words = symbol_find(description);

    for (unsigned i = 0; words && i < DESCRIPTION_WORDS; i++) {
        const struct state_field *field = words[i];

        if (lies_in_an_object(field) && lies_in_an_object(field->name) && strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

size_t qemu_instruction_bytes(const struct qemu_plugin_insn *instruction, uint8_t *bytes, size_t capacity)
{
    size_t length_bytes = qemu.qemu_plugin_insn_size(instruction);

    if (length_bytes > capacity) {
        length_bytes = capacity;
    }
    if (instruction_data_copies) {
        return ((size_t(*)(const struct qemu_plugin_insn *, void *, size_t))instruction_data)(instruction, bytes,
                                                                                              length_bytes);
    }
    memcpy(bytes, ((const void *(*)(const struct qemu_plugin_insn *))instruction_data)(instruction), length_bytes);
    return length_bytes;
}
