/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opcodes after 0F, and the few after 0F 38 that integer code has. */
#include "decode_internal.h"

/* BT, BTS, BTR, BTC. With a register as bit number and memory as operand, the access may be far from the operand's
 * address, so that form is left unknown. */
static bool decode_bit_test(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, true);
    unsigned kind;

    decoder_modrm(d);
    if (opcode == 0xba) {
        kind = modrm_extension(d);
        decoder_skip(d, 1);
        if (kind < 4) {
            return false;
        }
    } else {
        kind = 4 + ((opcode >> 3) & 3);
        register_read(d, modrm_reg(d), width);
        if (!modrm_is_register(d)) {
            return false;
        }
    }
    operand_read(d, width);
    if (kind != 4) {
        operand_write(d, width);
    }
    d->out->flags_written = FLAG_CF;
    return true;
}

/* SHLD, SHRD. */
static bool decode_double_shift(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, true);

    decoder_modrm(d);
    operand_read(d, width);
    register_read(d, modrm_reg(d), width);
    operand_write(d, width);
    if (opcode & 1) {
        register_read(d, RCX, 1);
    } else {
        decoder_skip(d, 1);
    }
    return true;
}

static bool decode_exchange(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);

    decoder_modrm(d);
    operand_read(d, width);
    register_read(d, modrm_reg(d), width);
    d->out->flags_written = FLAGS_ARITHMETIC;
    if (opcode <= 0xb1) { /* CMPXCHG: which operand is written depends on the comparison */
        register_read(d, RAX, width);
    } else { /* XADD */
        operand_write(d, width);
        register_write(d, modrm_reg(d), width);
    }
    return true;
}

static bool decode_extend(struct decoder *d, uint8_t opcode)
{
    decoder_modrm(d);
    operand_read(d, (opcode & 1) ? 2 : 1);
    /* The register operand is never one of AH..BH here. */
    register_write(d, modrm_reg(d), decoder_width(d, true));
    return true;
}

/* BSF, BSR, TZCNT, LZCNT, POPCNT. BSF and BSR leave the destination alone when the source is 0. */
static bool decode_bit_scan(struct decoder *d)
{
    unsigned width = decoder_width(d, true);

    decoder_modrm(d);
    operand_read(d, width);
    d->out->flags_written = FLAGS_ARITHMETIC;
    if (d->repeat) {
        register_write(d, modrm_reg(d), width);
    } else {
        register_read(d, modrm_reg(d), width);
    }
    return true;
}

/* 0F 38 F0, F1: MOVBE, CRC32. */
static bool decode_three_byte(struct decoder *d)
{
    uint8_t opcode = decoder_byte(d);
    unsigned width = decoder_width(d, opcode & 1);

    decoder_opcode(d, opcode, 0x3800);
    if (opcode != 0xf0 && opcode != 0xf1) {
        return false;
    }
    decoder_modrm(d);
    if (d->repeat_not) {
        operand_read(d, width);
        register_read(d, modrm_reg(d), 4);
        register_write(d, modrm_reg(d), 4);
        return true;
    }
    width = decoder_width(d, true);
    if (opcode == 0xf0) {
        register_write(d, modrm_reg(d), width);
    } else {
        register_read(d, modrm_reg(d), width);
    }
    return true;
}

/* Instructions that only servers at the edge use: SYSCALL, RDTSC, RDTSCP, CPUID, fences, prefetches, long NOP. */
static bool decode_system(struct decoder *d, uint8_t opcode)
{
    switch (opcode) {
    case 0x05:
        d->out->system_call = true;
        d->out->written[RCX] = ~0ull;
        d->out->written[R11] = ~0ull;
        return true;
    case 0x0b: /* UD2 */
        return true;
    case 0x0d:
    case 0x18 ... 0x1f:
        decoder_modrm(d);
        d->out->memory = false;
        return true;
    case 0x31:
        d->out->written[RAX] = ~0ull;
        d->out->written[RDX] = ~0ull;
        return true;
    case 0xa2:
        register_read(d, RAX, 4);
        register_read(d, RCX, 4);
        d->out->written[RAX] = d->out->written[RBX] = d->out->written[RCX] = d->out->written[RDX] = ~0ull;
        return true;
    case 0xae:
        decoder_modrm(d);
        return modrm_is_register(d) && modrm_extension(d) >= 5 && !d->repeat;
    default:
        return false;
    }
}

/* MOVNTI, BSWAP and what only the system uses. */
static bool decode_upper(struct decoder *d, uint8_t opcode, unsigned width)
{
    unsigned number = (opcode & 7) | ((d->rex & REX_B) ? 8 : 0);

    switch (opcode) {
    case 0xc3: /* MOVNTI */
        decoder_modrm(d);
        register_read(d, modrm_reg(d), width);
        return true;
    case 0xc8 ... 0xcf: /* BSWAP */
        register_read(d, number, width);
        register_write(d, number, width);
        return true;
    default:
        return decode_system(d, opcode);
    }
}

bool decode_two_byte(struct decoder *d)
{
    uint8_t opcode = decoder_byte(d);
    unsigned width = decoder_width(d, true);

    decoder_opcode(d, opcode, 0x0f00);
    switch (opcode) {
    case 0x38:
        return decode_three_byte(d);
    case 0x40 ... 0x4f: /* CMOVcc: the old value may stay, so it counts as read */
        decoder_modrm(d);
        operand_read(d, width);
        register_read(d, modrm_reg(d), width);
        d->out->flags_read = condition_flags(opcode);
        return true;
    case 0x80 ... 0x8f:
        d->out->flags_read = condition_flags(opcode);
        decoder_skip(d, 4);
        return true;
    case 0x90 ... 0x9f:
        decoder_modrm(d);
        operand_write(d, 1);
        d->out->flags_read = condition_flags(opcode);
        return true;
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xba:
    case 0xbb:
        return decode_bit_test(d, opcode);
    case 0xa4:
    case 0xa5:
    case 0xac:
    case 0xad:
        return decode_double_shift(d, opcode);
    case 0xaf: /* IMUL */
        decoder_modrm(d);
        operand_read(d, width);
        register_read(d, modrm_reg(d), width);
        register_write(d, modrm_reg(d), width);
        d->out->flags_written = FLAGS_ARITHMETIC;
        return true;
    case 0xb0:
    case 0xb1:
    case 0xc0:
    case 0xc1:
        return decode_exchange(d, opcode);
    case 0xb6:
    case 0xb7:
    case 0xbe:
    case 0xbf:
        return decode_extend(d, opcode);
    case 0xb8:
        return d->repeat && decode_bit_scan(d);
    case 0xbc:
    case 0xbd:
        return decode_bit_scan(d);
    default:
        return decode_upper(d, opcode, width);
    }
}
