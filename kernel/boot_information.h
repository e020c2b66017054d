/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader told us, in one form for every boot protocol.
 *
 * Rule: nothing in here points into memory that the loader owns; it is complete and read-only before
 * kernel_main() begins, and every usable range may be allocated at once.
 */
#ifndef KERNEL_BOOT_INFORMATION_H
#define KERNEL_BOOT_INFORMATION_H

#include <stddef.h>
#include <stdint.h>

#define BOOT_MEMORY_RANGES      32
#define BOOT_COMMAND_LINE_BYTES 1024

/* Physical memory, both values multiples of 4096. */
struct boot_memory_range {
    uint64_t start;
    uint64_t bytes;
};

struct boot_information {
    const char *protocol;              /* "pvh" or "multiboot2" */
    uint32_t memory_ranges;            /* number of valid entries of memory[], in ascending order */
    uint64_t memory_bytes;             /* their sum */
    uint64_t memory_unreachable_bytes; /* RAM that exists but lies beyond the physical map: not used */
    /* RAM free for use: without the first MiB, the kernel image and the payload. */
    struct boot_memory_range memory[BOOT_MEMORY_RANGES];
    uint64_t payload_start;                     /* physical address of the first boot module */
    uint64_t payload_bytes;                     /* its exact size; 0 when there is none */
    char command_line[BOOT_COMMAND_LINE_BYTES]; /* NUL-terminated; empty when there is none */
};

extern struct boot_information boot_information;

/*
 * Finds the word `name=value` in the command line; the last one wins. Returns the first character of the
 * value and stores its length in *length_bytes (the value is not NUL-terminated), or returns NULL.
 */
const char *boot_option(const char *name, size_t *length_bytes);

/* True when the command line holds the word `name=value`, as boot_option() finds it. */
int boot_option_is(const char *name, const char *value);

/* Stores the decimal value of option `name`; returns 0 and leaves *value alone when absent or malformed. */
int boot_option_number(const char *name, uint64_t *value);

/* The system bundle that is linked into the kernel (boot/bundle.S); page-aligned. */
extern const uint8_t system_bundle_start[], system_bundle_end[];

/* The kernel proper; boot/ calls it once, on the kernel stack, with the final page tables in force. */
_Noreturn void kernel_main(void);

#endif
