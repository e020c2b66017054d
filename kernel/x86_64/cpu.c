/* SPDX-License-Identifier: MIT */
/*
 * Processor features.
 *
 * Rule: control registers are set whole, not amended: what is not named here is off, whatever the firmware
 * left. Every protection the CPU offers is on; one that it lacks is logged; the kernel does not start without
 * those that its design rests on (NX, checked here again for its name's sake, and the CRC32 instruction).
 */
#include "kernel/x86_64/cpu.h"

#include "kernel/x86_64/address.h"
#include "kernel/x86_64/descriptors.h"
#include "kernel/x86_64/log.h"

/* Feature bits: Intel SDM vol. 2A, CPUID, leaves 1, 7 and 0x80000001. */
#define LEAF1_EDX_GLOBAL_PAGES (1u << 13)
#define LEAF1_EDX_FXSAVE       (1u << 24)
#define LEAF1_EDX_SSE2         (1u << 26)
#define LEAF1_ECX_SSE42        (1u << 20)
#define LEAF7_EBX_FSGSBASE     (1u << 0)
#define LEAF7_EBX_SMEP         (1u << 7)
#define LEAF7_EBX_SMAP         (1u << 20)
#define LEAF7_ECX_UMIP         (1u << 2)
#define EXTENDED_EDX_SYSCALL   (1u << 11)
#define EXTENDED_EDX_NX        (1u << 20)

#define LEAF_EXTENDED 0x80000001

#define NOP3_LOW  0x1f0f /* 0f 1f 00: the three-byte NOP */
#define NOP3_HIGH 0x00

struct cpu_features cpu_features;

extern const uint64_t smap_sites_start[], smap_sites_end[];
extern void syscall_entry(void);

static void feature_require(uint32_t present, const char *name)
{
    if (!present)
        panic("this CPU has no %s; under QEMU use -cpu max", name);
}

static bool feature_want(uint32_t present, const char *name)
{
    if (!present)
        log_line("cpu: no %s: running without", name);
    return present != 0;
}

static void features_identify(void)
{
    struct cpu_identification basic = cpu_identify(1, 0);
    struct cpu_identification extended = cpu_identify(LEAF_EXTENDED, 0);
    struct cpu_identification structured = {0, 0, 0, 0};
    if (cpu_identify(0, 0).eax >= 7)
        structured = cpu_identify(7, 0);

    feature_require(extended.edx & EXTENDED_EDX_NX, "NX");
    feature_require(extended.edx & EXTENDED_EDX_SYSCALL, "SYSCALL");
    feature_require(basic.edx & LEAF1_EDX_FXSAVE, "FXSAVE");
    feature_require(basic.edx & LEAF1_EDX_SSE2, "SSE2");
    feature_require(basic.ecx & LEAF1_ECX_SSE42, "SSE4.2 (CRC32 instruction)");

    cpu_features = (struct cpu_features){
        .smep = feature_want(structured.ebx & LEAF7_EBX_SMEP, "SMEP"),
        .smap = feature_want(structured.ebx & LEAF7_EBX_SMAP, "SMAP"),
        .umip = feature_want(structured.ecx & LEAF7_ECX_UMIP, "UMIP"),
        .fsgsbase = feature_want(structured.ebx & LEAF7_EBX_FSGSBASE, "FSGSBASE"),
        .global_pages = feature_want(basic.edx & LEAF1_EDX_GLOBAL_PAGES, "global pages"),
    };
}

/* STAC and CLAC are undefined opcodes without SMAP. Kernel text is read-only: this is the one exception. */
static void smap_sites_erase(void)
{
    cpu_write_cr0(cpu_read_cr0() & ~(uint64_t)CR0_WP);
    for (const uint64_t *site = smap_sites_start; site < smap_sites_end; site++) {
        *(volatile uint16_t *)*site = NOP3_LOW;
        *(volatile uint8_t *)(*site + 2) = NOP3_HIGH;
    }
    cpu_write_cr0(cpu_read_cr0() | CR0_WP);
}

static void system_calls_enable(void)
{
    /* SYSRET loads SS from the base + 8 and CS from the base + 16. */
    uint64_t sysret_base = SELECTOR_USER_DATA - 8;
    _Static_assert(SELECTOR_KERNEL_DATA == SELECTOR_KERNEL_CODE + 8, "SYSCALL: SS is CS + 8");
    _Static_assert(SELECTOR_USER_CODE == SELECTOR_USER_DATA + 8, "SYSRET: CS is SS + 8");
    cpu_write_msr(MSR_STAR, sysret_base << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    cpu_write_msr(MSR_LSTAR, (uint64_t)syscall_entry);
    cpu_write_msr(MSR_CSTAR, 0);
    cpu_write_msr(MSR_SYSCALL_MASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
    cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) | EFER_NXE | EFER_SCE);
}

void cpu_initialise(void)
{
    features_identify();
    if (!cpu_features.smap)
        smap_sites_erase();

    /* EM and TS off: user mode has SSE at once. OSXSAVE off: AVX is an undefined opcode. */
    cpu_write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE);
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= cpu_features.smep ? CR4_SMEP : 0;
    cr4 |= cpu_features.smap ? CR4_SMAP : 0;
    cr4 |= cpu_features.umip ? CR4_UMIP : 0;
    cr4 |= cpu_features.fsgsbase ? CR4_FSGSBASE : 0;
    cr4 |= cpu_features.global_pages ? CR4_PGE : 0;
    cpu_write_cr4(cr4);
    cpu_forbid_user_access();
    system_calls_enable();
    log_line("cpu: nx wp%s%s%s%s%s", cpu_features.smep ? " smep" : "", cpu_features.smap ? " smap" : "",
             cpu_features.umip ? " umip" : "", cpu_features.fsgsbase ? " fsgsbase" : "",
             cpu_features.global_pages ? " pge" : "");
}
