/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping the guest exactly before the first instruction of a block, with the registers in place and virtual time
 * readable: the block is left before it has executed anything, the handler runs as queued work, and the guest goes on
 * as if nothing had been. A stop changes neither the guest's state nor its count of instructions.
 */
#ifndef FAULTINJECT_STOPS_H
#define FAULTINJECT_STOPS_H

#include "machine.h"

struct stop_handlers {
    /* The first block of the run is about to be translated; timers may be armed from here on. */
    void (*begin)(void);
    /* The machine states its verdict. */
    void (*verdict)(uint64_t code, uint64_t detail);
    /* An incarnation has failed; the kernel begins the record of its recovery. Optional, as are the next two. */
    void (*failure)(void);
    /* A recovery is complete: the kernel's record, RECOVERY_BYTES long. */
    void (*recovery)(const uint8_t *record);
    /* A benchmark's mark. */
    void (*mark)(uint64_t number);
    /* Execution moved into a service's range, or out of all of them (SERVICE_NONE). Optional: it instruments all. */
    void (*moved)(int service);
    /*
     * Called within every block of a service, for its `instructions`, before they execute; returns true to have
     * `entered` called at an exact stop before the block. Optional.
     */
    bool (*service_block)(int service, unsigned instructions);
    void (*entered)(int service);
    /* Skip idle time here (idle.h) instead of in QEMU's main loop. */
    bool skips_idle;
    /* stops_await_kernel_exit() is used. */
    bool follows_kernel_exits;
    /* Replies of services are counted (service_replies). */
    bool counts_replies;
    /* Each instruction that is translated may be instrumented. Optional. */
    void (*translated)(struct qemu_plugin_insn *instruction);
    /* For each instruction that is translated: an address to be counted up whenever it executes, or NULL. Optional. */
    uint64_t *(*counter)(uint64_t address, const uint8_t *bytes, unsigned length_bytes);
    /*
     * For each instruction of a service that is translated: a number by which `executes` is told of it, each time it is
     * about to execute. Optional, both or none.
     */
    uint32_t (*number)(uint64_t address, const uint8_t *bytes, unsigned length_bytes);
    void (*executes)(uint32_t number);
};

/* Addresses of the kernel functions that are hooked; 0 where there is none. */
struct stop_addresses {
    uint64_t verdict;
    uint64_t failure;
    uint64_t recovery;
    uint64_t mark;
};

void stops_install(uint64_t plugin_id, const struct stop_handlers *handlers, const struct stop_addresses *addresses);

/*
 * One-shot: calls `handler` when the kernel has next left to user mode (or would have, had no interrupt come), between
 * two instructions. Only in modes whose handlers set follows_kernel_exits.
 */
void stops_await_kernel_exit(void (*handler)(void));

#endif
