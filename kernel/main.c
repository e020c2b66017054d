/* SPDX-License-Identifier: MIT */
/* Start of the kernel proper: the root domain, which gets everything there is, and the first entry into it.
 * Rule: the kernel starts one program, `init` of the system bundle, and leaves all else to it.
 */
#include "kernel/boot_information.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/notification.h"
#include "kernel/root.h"
#include "kernel/thread.h"
#include "kernel/x86_64/apic.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/descriptors.h"
#include "kernel/x86_64/log.h"
#include "kernel/x86_64/mmu.h"

#define KERNEL_RESERVE_FRAMES 64 /* for the kernel's own size classes; the rest is the root domain's quota */
#define ROOT_PRIORITY 12

static struct cpu boot_cpu;

_Noreturn void enter_user(struct thread *thread);

static void cpu_start(void)
{
    boot_cpu.self = &boot_cpu;
    boot_cpu.kernel_stack = (uint64_t)kernel_stack_top;
    boot_cpu.root = cpu_read_cr3();
    cpu_write_msr(MSR_GS_BASE, (uint64_t)&boot_cpu);
    cpu_write_cr4(cpu_read_cr4() & ~(uint64_t)CR4_FSGSBASE); /* threads have no segment bases of their own */
    cpu_write_cr0(cpu_read_cr0() | CR0_TS);
}

static struct domain *root_create(void)
{
    struct domain *root = domain_create(NULL, frame_count_free() - KERNEL_RESERVE_FRAMES, false);

    if (!root)
        panic("no memory for the root domain");
    __builtin_memcpy(root->name, "init", 4);
    return root;
}

static void give(struct domain *root, uint64_t slot, struct object *object, uint8_t rights)
{
    struct capability *capability;

    if (!object || capability_reserve(&root->table, root, slot, &capability) != PD_OK)
        panic("no memory for capability %lu of the root domain", slot);
    capability_fill(capability, object, rights, 0, NULL);
}

static struct thread *root_thread(struct domain *root, uint64_t entry)
{
    struct thread *thread = thread_create(root);
    struct sched_context *context = sched_context_create(root);

    if (!thread || !context)
        panic("no memory for the root domain's thread");
    thread_prepare(thread, entry, PROGRAM_STACK_TOP, 0);
    sched_context_set_priority(context, ROOT_PRIORITY);
    context->thread = thread;
    thread->context = context;
    give(root, SLOT_SELF_DOMAIN, &root->object, RIGHT_ALL);
    give(root, SLOT_SELF_THREAD, &thread->object, RIGHT_ALL);
    give(root, SLOT_SCHED_CONTEXT, &context->object, RIGHT_ALL);
    return thread;
}

_Noreturn void kernel_main(void)
{
    struct domain *root;
    struct thread *thread;

    log_initialise();
    descriptors_initialise();
    cpu_initialise();
    cpu_start();
    apic_initialise();
    clock_initialise();
    frame_initialise();
    root = root_create();
    thread = root_thread(root, root_load(root));
    root_give_machine(root, give);
    log_line("%lu KiB free, starting init", frame_count_free() * (PAGE_BYTES / 1024));
    apic_timer_start(TICK_NS);
    boot_cpu.accounted_ticks = cpu_timestamp();
    thread_wake(thread);
    enter_user(switch_to(schedule()));
}
