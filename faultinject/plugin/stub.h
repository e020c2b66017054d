/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The slow engine: QEMU's functions as far as the plugin needs them, made of nothing but what every build of QEMU offers to
 * anyone: callbacks of the plugin interface, the gdb stub, the monitor. For builds that were stripped and export nothing.
 *
 * Rule: the machine is stopped by the stub's stop byte alone. A breakpoint or a single step moves virtual time, for then
 * QEMU's main loop sees an idle processor in a machine that still runs. The byte makes the main loop itself stop the machine:
 * it holds the lock from its request to the end, and no time goes by.
 *
 * QEMU translates one instruction to a block, and each has a callback before it. The last instruction before a stop waits in
 * its callback until the main loop waits for the processor; then it is executed, and the machine is stopped exactly behind
 * it. If another instruction begins all the same, the run is ended and says so: a stop is exact or there is none.
 *
 * Time is QEMU's own count, asked for at every stop. Between stops the callbacks are counted, which is never too few: an
 * instruction that faults may or may not count. So no point is ever passed, and at each it is known whether it is the one.
 */
#ifndef FAULTINJECT_STUB_H
#define FAULTINJECT_STUB_H

#include "qemu.h"

/*
 * Fills the table of functions, but for those of the plugin interface, which must be there. The descriptors are of the
 * plugin's ends of the two lines (wire.h); guest memory is the memory file that this process has mapped shared.
 */
void stub_take_over(int debugger, int monitor);

/* Whether it was. */
bool stub_is_used(void);

/* For each block that is translated, before anything else is done with it. */
void stub_translated(struct qemu_plugin_tb *block);

/*
 * In the callback of the instruction at `address`, for functions like those of async_run_on_cpu(): calls `work` with the
 * machine as it is before that instruction. Unless the machine has just been stopped there, that is one instruction too
 * late; time and RIP are then those of before, and a register that the instruction has written ends the run with a message.
 */
void stub_run_before(uint64_t address, vcpu_work *work, void *argument);

/* Who is told that the machine was reset (or else switched off); called while it is stopped. */
void stub_on_end(void (*handler)(bool reset));

#endif
