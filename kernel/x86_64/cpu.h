/* SPDX-License-Identifier: MIT */
/*
 * Typed access to what only instructions can reach: control registers, MSRs, ports, flags.
 *
 * Rule: each function is one instruction (or one that cannot be split), orders memory where the instruction
 * does, and decides nothing. Instruction references: Intel SDM vol. 2; registers: vol. 3A section 2.5,
 * vol. 4.
 */
#ifndef KERNEL_X86_64_CPU_H
#define KERNEL_X86_64_CPU_H

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_TS (1 << 3)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_PG 0x80000000

#define CR4_PAE        (1 << 5)
#define CR4_PGE        (1 << 7)
#define CR4_OSFXSR     (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define CR4_UMIP       (1 << 11)
#define CR4_FSGSBASE   (1 << 16)
#define CR4_SMEP       (1 << 20)
#define CR4_SMAP       (1 << 21)

#define MSR_APIC_BASE      0x1b
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SYSCALL_MASK   0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SCE (1 << 0)
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)

#define RFLAGS_TF (1 << 8)
#define RFLAGS_IF (1 << 9)
#define RFLAGS_DF (1 << 10)
#define RFLAGS_NT (1 << 14)
#define RFLAGS_AC (1 << 18)

/*
 * STAC and CLAC exist only with SMAP. Each one is listed in .smap_sites, and cpu_initialise() overwrites them
 * all with NOPs on a CPU that has none. In assembly write SMAP_SITE(stac) or SMAP_SITE(clac).
 */
#ifdef __ASSEMBLER__
/* clang-format off */
#define SMAP_SITE(instruction) 771: instruction; .pushsection .smap_sites, "a"; .quad 771b; .popsection
/* clang-format on */
#else
#define SMAP_SITE(instruction) \
    "771: " instruction "\n.pushsection .smap_sites, \"a\"\n.quad 771b\n.popsection"

#include <stdbool.h>
#include <stdint.h>

/* What this CPU has of the features that are optional; valid after cpu_initialise(). */
struct cpu_features {
    bool smep;
    bool smap;
    bool umip;
    bool fsgsbase;
    bool global_pages;
};

extern struct cpu_features cpu_features;

/*
 * Checks that the CPU has what the kernel needs (panics, naming what is missing), turns on every protection
 * that it offers, SSE and SYSCALL for user mode. Needs descriptors_initialise(); once, interrupts off.
 */
void cpu_initialise(void);

#define CPU_CONTROL_REGISTER(name)                                          \
    static inline uint64_t cpu_read_##name(void)                            \
    {                                                                       \
        uint64_t value;                                                     \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                       \
    }                                                                       \
    static inline void cpu_write_##name(uint64_t value)                     \
    {                                                                       \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
    }

CPU_CONTROL_REGISTER(cr0)
CPU_CONTROL_REGISTER(cr2)
CPU_CONTROL_REGISTER(cr3)
CPU_CONTROL_REGISTER(cr4)
#undef CPU_CONTROL_REGISTER

static inline uint64_t cpu_read_msr(uint32_t number)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void cpu_write_msr(uint32_t number, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t cpu_timestamp(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

struct cpu_identification {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpu_identification cpu_identify(uint32_t leaf, uint32_t subleaf)
{
    struct cpu_identification result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

static inline void cpu_invalidate_page(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void cpu_allow_user_access(void)
{
    __asm__ volatile(SMAP_SITE("stac") : : : "memory", "cc");
}

static inline void cpu_forbid_user_access(void)
{
    __asm__ volatile(SMAP_SITE("clac") : : : "memory", "cc");
}

static inline uint64_t cpu_flags(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; pop %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline void cpu_enable_interrupts(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void cpu_disable_interrupts(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

/* Sleeps until an interrupt has been handled; STI holds interrupts off until HLT waits, so none is missed. */
static inline void cpu_wait_for_interrupt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#define CPU_PORT(width, letter)                                                         \
    static inline uint##width##_t port_in##width(uint16_t port)                         \
    {                                                                                   \
        uint##width##_t value;                                                          \
        __asm__ volatile("in" letter " %1, %0" : "=a"(value) : "Nd"(port) : "memory");  \
        return value;                                                                   \
    }                                                                                   \
    static inline void port_out##width(uint16_t port, uint##width##_t value)            \
    {                                                                                   \
        __asm__ volatile("out" letter " %0, %1" : : "a"(value), "Nd"(port) : "memory"); \
    }

CPU_PORT(8, "b")
CPU_PORT(16, "w")
CPU_PORT(32, "l")
#undef CPU_PORT

/* Writes bytes to one 8-bit port, one after the other. */
static inline void port_out_string(uint16_t port, const void *bytes, uint64_t count)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(port) : "memory");
}

#endif
#endif
