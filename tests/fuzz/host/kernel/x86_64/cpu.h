/* SPDX-License-Identifier: MIT */
/* The processor of the kernel on the build machine: one that does nothing, and whose time goes on when it is told to. */
#ifndef KERNEL_X86_64_CPU_H
#define KERNEL_X86_64_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define CR0_TS (1 << 3)
#define RFLAGS_IF (1 << 9)

extern uint64_t host_cr3, host_ticks;

static inline uint64_t cpu_read_cr3(void)
{
    return host_cr3;
}

static inline void cpu_write_cr3(uint64_t value)
{
    host_cr3 = value;
}

static inline uint64_t cpu_read_cr0(void)
{
    return 0;
}

static inline void cpu_write_cr0(uint64_t value)
{
    (void)value;
}

static inline uint64_t cpu_timestamp(void)
{
    return host_ticks++;
}

static inline void cpu_invalidate_page(uint64_t address)
{
    (void)address;
}

#define HOST_PORT(width)                                                  \
    static inline uint##width##_t port_in##width(uint16_t port)           \
    {                                                                     \
        return (uint##width##_t)(port * 257u);                            \
    }                                                                     \
    static inline void port_out##width(uint16_t port, uint##width##_t value) \
    {                                                                     \
        (void)port;                                                       \
        (void)value;                                                      \
    }
HOST_PORT(8)
HOST_PORT(16)
HOST_PORT(32)
#undef HOST_PORT

static inline void port_out_string(uint16_t port, const void *bytes, uint64_t count)
{
    (void)port;
    (void)bytes;
    (void)count;
}

#endif
