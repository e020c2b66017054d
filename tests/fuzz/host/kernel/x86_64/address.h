/* SPDX-License-Identifier: MIT */
/* Physical memory of the kernel on the build machine: a range of this process, at a fixed place. */
#ifndef KERNEL_X86_64_ADDRESS_H
#define KERNEL_X86_64_ADDRESS_H

#include <stdint.h>

#define PHYSICAL_MAP_BASE 0x200000000000
#define PHYSICAL_MAP_BYTES 0x100000000
#define KERNEL_IMAGE_LIMIT 0x2000000

static inline void *physical_to_pointer(uint64_t physical)
{
    return (void *)(PHYSICAL_MAP_BASE + physical);
}

static inline uint64_t pointer_to_physical(const void *pointer)
{
    return (uint64_t)pointer - PHYSICAL_MAP_BASE;
}

extern uint64_t kernel_page_table[512];

#endif
