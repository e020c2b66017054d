/* SPDX-License-Identifier: MIT */
/* Structures of an ELF64 file, as the System V ABI (generic, chapters 4 and 5) lays them out. */
#ifndef ELF_FORMAT_H
#define ELF_FORMAT_H

#include <stdint.h>

#define ELF_MAGIC 0x464c457fu
#define ELF_CLASS_64 2
#define ELF_LITTLE_ENDIAN 1
#define ELF_TYPE_EXECUTABLE 2
#define ELF_MACHINE_X86_64 62
#define ELF_PROGRAM_LOAD 1
#define ELF_PROGRAM_INTERPRETER 3
#define ELF_PROGRAM_TLS 7
#define ELF_FLAG_EXECUTE 1
#define ELF_FLAG_WRITE 2
#define ELF_FLAG_READ 4
#define ELF_FLAG_SCRATCH 0x00100000 /* for the operating system: Perdure's scratch memory */

struct elf_header {
    uint32_t magic;
    uint8_t class;
    uint8_t data;
    uint8_t identification_version;
    uint8_t padding[9];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t program_offset;
    uint64_t section_offset;
    uint32_t flags;
    uint16_t header_bytes;
    uint16_t program_bytes;
    uint16_t program_count;
    uint16_t section_bytes;
    uint16_t section_count;
    uint16_t section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");

struct elf_program_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t address;
    uint64_t physical_address;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t alignment;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF64 program header");

#endif
