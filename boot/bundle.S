/* SPDX-License-Identifier: MIT */
/*
 * The system bundle: the services and programs that ship with the kernel.
 *
 * Rule: it is linked in read-only and page-aligned, so that its pages serve directly as pristine images. The
 * build names the file by -DSYSTEM_BUNDLE='"path"'.
 */
#include "kernel/x86_64/address.h"

    .section .bundle, "a", @progbits
    .balign PAGE_BYTES
    .global system_bundle_start, system_bundle_end
system_bundle_start:
    .incbin SYSTEM_BUNDLE
system_bundle_end:
    .balign PAGE_BYTES

    .section .note.GNU-stack, "", @progbits
