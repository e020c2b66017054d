/* SPDX-License-Identifier: MIT */
/*
 * The first C code: final page tables, then boot_information, then the kernel proper.
 *
 * Rule: order matters: the loader's information lies anywhere below 4 GiB and is readable only through the
 * physical map. There is no IDT yet, so nothing here may fault.
 */
#include "boot/protocols.h"
#include "kernel/boot_information.h"
#include "kernel/x86_64/log.h"

/* Called by boot/start.S on the kernel stack: the protocol's magic number and its information. */
_Noreturn void boot_main(uint32_t magic, uint64_t information);

_Noreturn void boot_main(uint32_t magic, uint64_t information)
{
    paging_initialise();
    if (magic == PVH_START_INFO_MAGIC)
        pvh_read(information);
    else if (magic == MULTIBOOT2_BOOT_MAGIC)
        multiboot2_read(information);
    else
        panic("entered with unknown magic number %x: boot by PVH or multiboot2", magic);
    boot_information_finish();
    kernel_main();
}
