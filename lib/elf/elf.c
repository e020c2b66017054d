/* SPDX-License-Identifier: MIT */
/* Rule: every offset and count is checked against the image before it is followed; sums are written so that they
 * cannot wrap. */
#include "elf/elf.h"
#include "elf/format.h"

#define ELF_PAGE_BYTES 4096u

/* A structure of `bytes` bytes at `offset`, or NULL if it is not wholly inside the image or not 8-aligned. */
static const void *place(const void *image, uint64_t image_bytes, uint64_t offset, uint64_t bytes)
{
    if (offset % 8 || offset > image_bytes || bytes > image_bytes - offset) {
        return NULL;
    }
    return (const uint8_t *)image + offset;
}

static const struct elf_header *header_of(const void *image, uint64_t bytes)
{
    const struct elf_header *header = place(image, bytes, 0, sizeof *header);

    if (!header || header->magic != ELF_MAGIC || header->class != ELF_CLASS_64 ||
        header->data != ELF_LITTLE_ENDIAN) {
        return NULL;
    }
    return header;
}

/* Check one loadable segment and append it. NULL or a reason. */
static const char *add_segment(struct elf_program *program, const struct elf_program_header *source,
                               uint64_t image_bytes, uint64_t base, uint64_t limit)
{
    struct elf_segment *segment = &program->segment[program->count];
    uint64_t first_free = base;

    if (source->memory_bytes == 0) {
        return NULL;
    }
    if (program->count == ELF_SEGMENTS_MAXIMUM) {
        return "too many segments";
    }
    if (program->count > 0) {
        const struct elf_segment *last = segment - 1;

        first_free = (last->address + last->memory_bytes + ELF_PAGE_BYTES - 1) & ~(uint64_t)(ELF_PAGE_BYTES - 1);
    }
    if (source->file_bytes > source->memory_bytes || source->offset > image_bytes ||
        source->file_bytes > image_bytes - source->offset) {
        return "a segment leaves the file";
    }
    if (source->address % ELF_PAGE_BYTES != source->offset % ELF_PAGE_BYTES) {
        return "a segment is not aligned to pages: link with -z max-page-size=4096";
    }
    if (source->address < first_free || source->address >= limit ||
        source->memory_bytes > limit - source->address) {
        return "a segment lies outside the addresses of programs or shares a page with another";
    }
    if ((source->flags & ELF_FLAG_WRITE) && (source->flags & ELF_FLAG_EXECUTE)) {
        return "a segment is writable and executable";
    }
    segment->address = source->address;
    segment->offset_bytes = source->offset;
    segment->file_bytes = source->file_bytes;
    segment->memory_bytes = source->memory_bytes;
    segment->protection = ELF_READ | (source->flags & ELF_FLAG_WRITE ? ELF_WRITE : 0) |
                          (source->flags & ELF_FLAG_EXECUTE ? ELF_EXECUTE : 0) |
                          (source->flags & ELF_FLAG_SCRATCH ? ELF_SCRATCH : 0);
    program->count++;
    return NULL;
}

/* The entry must be in an executable segment. */
static int entry_is_code(const struct elf_program *program)
{
    for (uint32_t index = 0; index < program->count; index++) {
        const struct elf_segment *segment = &program->segment[index];

        if ((segment->protection & ELF_EXECUTE) && program->entry >= segment->address &&
            program->entry - segment->address < segment->file_bytes) {
            return 1;
        }
    }
    return 0;
}

const char *elf_read(const void *image, uint64_t bytes, uint64_t base, uint64_t limit,
                     struct elf_program *program)
{
    const struct elf_header *header = header_of(image, bytes);
    const struct elf_program_header *table;

    program->count = 0;
    if (!header) {
        return "not an ELF64 file";
    }
    if (header->machine != ELF_MACHINE_X86_64) {
        return "not for x86-64";
    }
    if (header->type != ELF_TYPE_EXECUTABLE) {
        return "not statically linked at fixed addresses: build it with perdure cc";
    }
    table = header->program_bytes == sizeof *table
                ? place(image, bytes, header->program_offset, (uint64_t)header->program_count * sizeof *table)
                : NULL;
    if (!table) {
        return "damaged program headers";
    }
    for (uint32_t index = 0; index < header->program_count; index++) {
        const char *reason = NULL;

        if (table[index].type == ELF_PROGRAM_INTERPRETER) {
            return "dynamically linked: build it with perdure cc";
        }
        if (table[index].type == ELF_PROGRAM_TLS) {
            return "it has thread-local variables, which programs cannot have here";
        }
        if (table[index].type == ELF_PROGRAM_LOAD) {
            reason = add_segment(program, &table[index], bytes, base, limit);
        }
        if (reason) {
            return reason;
        }
    }
    program->entry = header->entry;
    return entry_is_code(program) ? NULL : "the entry is not in code";
}
