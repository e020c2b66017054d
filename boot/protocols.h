/* SPDX-License-Identifier: MIT */
/*
 * What the parts of boot/ share.
 *
 * Rule: a protocol reader only translates: it hands every memory range it is told of to boot_memory_report(),
 * and fills in the payload and the command line. All judgement is in boot/information.c.
 */
#ifndef BOOT_PROTOCOLS_H
#define BOOT_PROTOCOLS_H

#define PVH_START_INFO_MAGIC    0x336ec578
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_BOOT_MAGIC   0x36d76289

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both readers take the physical address of the protocol's information, below PHYSICAL_MAP_BYTES. */
void pvh_read(uint64_t information);
void multiboot2_read(uint64_t information);

/* Notes a range of physical memory; anything that is not usable wins over what overlaps it. */
void boot_memory_report(uint64_t start, uint64_t bytes, bool usable);

/* Copies the NUL-terminated command line of at most limit_bytes; panics when it is too long to keep. */
void boot_command_line_report(const char *text, size_t limit_bytes);

/* Turns what was reported into boot_information; panics when no memory was. */
void boot_information_finish(void);

/* Builds the final page tables (kernel/x86_64/address.h) and loads them. */
void paging_initialise(void);
#endif

#endif
