/* SPDX-License-Identifier: MIT */
/*
 * Reading ELF64 files: statically linked programs and server images.
 *
 * Rule: an image is untrusted input. Whatever comes out of elf_read() lies inside the image and inside the
 * address range asked for, has no overlap and no segment that is writable and executable.
 */
#ifndef ELF_ELF_H
#define ELF_ELF_H

#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAXIMUM 12

#define ELF_READ 1
#define ELF_WRITE 2
#define ELF_EXECUTE 4
#define ELF_SCRATCH 8 /* of a server: contents need not outlive a restart (mk/server.ld) */

/* One loadable segment. address and offset_bytes are equal modulo the page size. */
struct elf_segment {
    uint64_t address;
    uint64_t offset_bytes;
    uint64_t file_bytes;   /* from the file */
    uint64_t memory_bytes; /* >= file_bytes; the rest is zero */
    uint32_t protection;   /* ELF_* mask */
};

struct elf_program {
    uint64_t entry;
    uint32_t count;
    struct elf_segment segment[ELF_SEGMENTS_MAXIMUM]; /* ascending, each on pages of its own */
};

/*
 * Read the headers of the `bytes` bytes at `image`. Everything loadable must lie in [base, limit).
 * Returns NULL, or the reason why this cannot be loaded.
 */
const char *elf_read(const void *image, uint64_t bytes, uint64_t base, uint64_t limit,
                     struct elf_program *program);

#endif
