/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Observing the first use of faulty bytes in memory, whoever makes it, the service, the kernel or a program, and
 * through whichever address: bytes are known by their physical address. A load of one of them is a use; when all have
 * been stored to before that, they are replaced. Bytes of code are used when the instruction that they belong to is
 * executed.
 *
 * Rule: the guest executes the same instructions at the same times with and without the watching. It costs the host a
 * new translation of all code that is executed from here on.
 */
#ifndef FAULTINJECT_WATCH_MEMORY_H
#define FAULTINJECT_WATCH_MEMORY_H

#include "results.h"

/* Watches `length_bytes` (1 to 8) bytes within one page. activated_at_ns is that of the end of the block. */
void watch_memory(struct experiment_record *record, uint64_t physical, unsigned length_bytes);

/*
 * Besides, holds bits of them: after each store the bits of `mask` (of the little-endian number at `physical`) are as
 * in `value` again. `still` is asked after each store, if it is not NULL; when it says no, the frame belongs to something
 * else: what was stored is put back, and nothing is held any more.
 */
void watch_memory_hold(uint64_t mask, uint64_t value, bool (*still)(uint64_t physical));

/* Watches the code at these virtual addresses of the present service. */
void watch_code(struct experiment_record *record, uint64_t address, unsigned length_bytes);

/* For each instruction that is translated. */
void watch_translated(struct qemu_plugin_insn *instruction);

/* It is not known yet what becomes of what is watched, or it is being held. */
bool watch_memory_goes_on(void);

#endif
