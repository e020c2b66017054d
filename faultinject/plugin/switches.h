/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Switches of address space. At a write of CR3 QEMU forgets all translations of addresses, and finding them again took a
 * sixth of an experiment. By the rules of the processor (Intel 64 Software Developer's Manual, volume 3, "Operations that
 * Invalidate TLBs") those of global pages may stay; so they do here, if all pages of the guest's kernel are global. So do
 * QEMU's own translations of physical addresses, which do not depend on CR3 at all.
 */
#ifndef FAULTINJECT_SWITCHES_H
#define FAULTINJECT_SWITCHES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Finds out what may be kept. Called between two instructions of a service, once; what is looked at leaves traces in the
 * guest (bits of page tables), so the machine must be put back afterwards.
 */
void switches_learn(void);

/* Keeps it from here on. False: nothing was found that may be kept, or this QEMU is not as expected. */
bool switches_keep(void);

/* From here on everything is forgotten at each switch. For faults after which the page tables may be anything. */
void switches_forget(void);

/* Whether physical memory holds code of the guest's kernel; once it is known where that is. */
bool switches_kernel_code(uint64_t physical);
bool switches_kernel_code_known(void);

#endif
