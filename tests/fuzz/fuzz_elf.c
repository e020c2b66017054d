/* SPDX-License-Identifier: MIT */
/* Any bytes as a program: what is taken lies in the image and in the range asked for, as lib/elf/elf.h promises. */
/* sources: lib/elf/elf.c */
/* runs: 100000 */
#include <string.h>

#include "elf/elf.h"
#include "elf/format.h"
#include "tests/fuzz/fuzz.h"

#define BASE 0x400000ul
#define LIMIT 0x20000000ul
#define PAGE 4096ul

static void check(const struct elf_program *program, size_t bytes)
{
    uint64_t end_before = BASE;

    fuzz_must(program->count <= ELF_SEGMENTS_MAXIMUM);
    fuzz_must(program->entry >= BASE && program->entry < LIMIT);
    for (uint32_t index = 0; index < program->count; index++) {
        const struct elf_segment *segment = &program->segment[index];

        fuzz_must(segment->file_bytes <= segment->memory_bytes);
        fuzz_must(segment->offset_bytes <= bytes && segment->file_bytes <= bytes - segment->offset_bytes);
        fuzz_must(segment->address >= end_before && segment->address <= LIMIT);
        fuzz_must(segment->memory_bytes <= LIMIT - segment->address);
        fuzz_must(segment->address % PAGE == segment->offset_bytes % PAGE);
        fuzz_must(!(segment->protection & ELF_WRITE) || !(segment->protection & ELF_EXECUTE));
        end_before = (segment->address + segment->memory_bytes + PAGE - 1) / PAGE * PAGE;
    }
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
    struct elf_program program;
    uint8_t *image = malloc(bytes + 1); /* exactly so large that a read beyond is seen */

    memcpy(image, data, bytes);
    if (!elf_read(image, bytes, BASE, LIMIT, &program)) {
        check(&program, bytes);
    }
    free(image);
}

void fuzz_begin(void)
{
}

size_t fuzz_seed(unsigned index, uint8_t *room)
{
    struct elf_header *header = (struct elf_header *)room;
    struct elf_program_header *segment = (struct elf_program_header *)(header + 1);
    const unsigned segments = index + 1;

    if (index == 4) {
        return 0;
    }
    memset(room, 0, FUZZ_SEED_BYTES);
    *header = (struct elf_header){.magic = ELF_MAGIC, .class = ELF_CLASS_64, .data = ELF_LITTLE_ENDIAN,
                                  .type = ELF_TYPE_EXECUTABLE, .machine = ELF_MACHINE_X86_64, .entry = BASE + 0x1010,
                                  .program_offset = sizeof *header, .program_bytes = sizeof *segment,
                                  .program_count = (uint16_t)segments};
    for (unsigned number = 0; number < segments; number++) {
        segment[number] = (struct elf_program_header){
            .type = ELF_PROGRAM_LOAD, .flags = number ? ELF_FLAG_READ | ELF_FLAG_WRITE : ELF_FLAG_READ | ELF_FLAG_EXECUTE,
            .offset = 0x100 * number, .address = BASE + 0x1000 + 0x2100 * number, .file_bytes = 0x80,
            .memory_bytes = 0x80 << number};
    }
    return 1024;
}
