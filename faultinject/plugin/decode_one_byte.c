/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-byte opcodes. */
#include "decode_internal.h"

#include <string.h>

/* Bytes of the usual immediate of an operation: 1, 2 or 4 (sign-extended to 8). */
static unsigned immediate_bytes(unsigned width)
{
    return width == 8 ? 4 : width;
}

/* ADD OR ADC SBB AND SUB XOR CMP, in that order. */
static void arithmetic(struct decoder *d, unsigned operation, bool same_register)
{
    enum { ADC = 2, SBB = 3, SUB = 5, XOR = 6 };

    d->out->flags_written |= FLAGS_ARITHMETIC;
    if (operation == ADC || operation == SBB) {
        d->out->flags_read |= FLAG_CF;
    }
    if (same_register && (operation == SUB || operation == XOR)) {
        memset(d->out->read, 0, sizeof(d->out->read)); /* r - r and r ^ r use no bit of r */
    }
}

static bool decode_arithmetic(struct decoder *d, uint8_t opcode)
{
    unsigned operation = opcode >> 3;
    unsigned form = opcode & 7;
    unsigned width = decoder_width(d, form & 1);
    bool writes = operation != 7;

    if (form >= 6) {
        return false;
    }
    if (form >= 4) {
        register_read(d, RAX, width);
        decoder_skip(d, immediate_bytes(width));
        arithmetic(d, operation, false);
        if (writes) {
            register_write(d, RAX, width);
        }
        return true;
    }
    decoder_modrm(d);
    operand_read(d, width);
    register_read(d, modrm_reg(d), width);
    arithmetic(d, operation, modrm_is_register(d) && modrm_reg(d) == modrm_rm(d) && width >= 4);
    if (writes && form < 2) {
        operand_write(d, width);
    } else if (writes) {
        register_write(d, modrm_reg(d), width);
    }
    return true;
}

/* 80, 81, 83: arithmetic with an immediate. */
static bool decode_group_1(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);

    decoder_modrm(d);
    decoder_skip(d, opcode == 0x81 ? immediate_bytes(width) : 1);
    operand_read(d, width);
    arithmetic(d, modrm_extension(d), false);
    if (modrm_extension(d) != 7) {
        operand_write(d, width);
    }
    return true;
}

/* C0, C1, D0 to D3: rotates and shifts. A count of 0 leaves the flags, so only an immediate count surely writes. */
static bool decode_shift(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);
    unsigned kind;

    decoder_modrm(d);
    kind = modrm_extension(d);
    operand_read(d, width);
    operand_write(d, width);
    if (opcode <= 0xc1) {
        decoder_skip(d, 1);
    } else if (opcode >= 0xd2) {
        register_read(d, RCX, 8);
    }
    if (kind == 2 || kind == 3) {
        d->out->flags_read |= FLAG_CF;
    }
    if (opcode < 0xd2 && kind >= 4) {
        d->out->flags_written |= FLAGS_ARITHMETIC;
    }
    return true;
}

/* F6, F7: TEST, NOT, NEG, MUL, IMUL, DIV, IDIV. */
static bool decode_group_3(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);
    unsigned kind;

    decoder_modrm(d);
    kind = modrm_extension(d);
    operand_read(d, width);
    if (kind <= 1) {
        decoder_skip(d, immediate_bytes(width));
    }
    if (kind != 2) {
        d->out->flags_written |= FLAGS_ARITHMETIC;
    }
    if (kind == 2 || kind == 3) {
        operand_write(d, width);
    }
    if (kind >= 4) {
        register_read(d, RAX, kind >= 6 && width == 1 ? 2 : width);
        register_write(d, RAX, width == 1 ? 2 : width);
        if (width > 1) {
            if (kind >= 6) {
                register_read(d, RDX, width);
            }
            register_write(d, RDX, width);
        }
    }
    return true;
}

/* FE, FF: INC, DEC, CALL, JMP, PUSH. */
static bool decode_group_5(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);

    decoder_modrm(d);
    switch (modrm_extension(d)) {
    case 0:
    case 1:
        operand_read(d, width);
        operand_write(d, width);
        d->out->flags_written |= FLAGS_ARITHMETIC & ~FLAG_CF;
        return true;
    case 2:
        operand_read(d, 8);
        stack_push(d);
        return opcode == 0xff;
    case 4:
        operand_read(d, 8);
        return opcode == 0xff;
    case 6:
        operand_read(d, 8);
        stack_push(d);
        return opcode == 0xff;
    default:
        return false;
    }
}

/* MOVS CMPS STOS LODS SCAS. Each repetition counts as one instruction, and a count of 0 does nothing. */
static bool decode_string(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);
    unsigned kind = opcode & 0xfe;

    d->out->flags_read |= FLAG_DF;
    if (d->repeat || d->repeat_not) {
        d->out->repeats = true;
        register_read(d, RCX, 8);
    }
    if (kind == 0xa4 || kind == 0xa6 || kind == 0xac) {
        memory_at(d, RSI, 0);
    }
    if (kind == 0xa4 || kind == 0xaa || kind == 0xa6 || kind == 0xae) {
        memory_at(d, RDI, 0);
    }
    if (kind == 0xaa || kind == 0xae) {
        register_read(d, RAX, width);
    }
    if (kind == 0xac && !d->repeat) {
        register_write(d, RAX, width);
    }
    if ((kind == 0xa6 || kind == 0xae) && !d->repeat && !d->repeat_not) {
        d->out->flags_written |= FLAGS_ARITHMETIC;
    }
    return true;
}

/* XCHG, MOV, LEA, TEST, MOVSXD, IMUL with immediate: what has a ModRM byte and is in no group. */
static bool decode_moves(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);

    decoder_modrm(d);
    switch (opcode) {
    case 0x63:
        operand_read(d, 4);
        register_write(d, modrm_reg(d), decoder_width(d, true));
        return true;
    case 0x69:
    case 0x6b:
        decoder_skip(d, opcode == 0x6b ? 1 : immediate_bytes(width));
        operand_read(d, width);
        register_write(d, modrm_reg(d), width);
        d->out->flags_written |= FLAGS_ARITHMETIC;
        return true;
    case 0x84:
    case 0x85:
        operand_read(d, width);
        register_read(d, modrm_reg(d), width);
        d->out->flags_written |= FLAGS_ARITHMETIC;
        return true;
    case 0x86:
    case 0x87:
        operand_read(d, width);
        register_read(d, modrm_reg(d), width);
        operand_write(d, width);
        register_write(d, modrm_reg(d), width);
        return true;
    case 0x88:
    case 0x89:
        register_read(d, modrm_reg(d), width);
        operand_write(d, width);
        return true;
    case 0x8a:
    case 0x8b:
        operand_read(d, width);
        register_write(d, modrm_reg(d), width);
        return true;
    case 0x8d:
        d->out->memory = false;
        register_write(d, modrm_reg(d), decoder_width(d, true));
        return true;
    case 0xc6:
    case 0xc7:
        decoder_skip(d, immediate_bytes(width));
        operand_write(d, width);
        return true;
    default:
        return false;
    }
}

static bool decode_accumulator(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, true);
    unsigned other = (opcode & 7) | ((d->rex & REX_B) ? 8 : 0);

    if (opcode == 0x98) { /* CBW, CWDE, CDQE */
        register_read(d, RAX, width / 2);
        register_write(d, RAX, width);
    } else if (opcode == 0x99) { /* CWD, CDQ, CQO */
        register_read(d, RAX, width);
        register_write(d, RDX, width);
    } else if (other != RAX) { /* XCHG; 90 without REX.B is NOP */
        register_read(d, RAX, width);
        register_read(d, other, width);
        register_write(d, RAX, width);
        register_write(d, other, width);
    }
    return true;
}

static bool decode_stack_and_flags(struct decoder *d, uint8_t opcode)
{
    unsigned number = (opcode & 7) | ((d->rex & REX_B) ? 8 : 0);

    switch (opcode) {
    case 0x50 ... 0x57:
        register_read(d, number, 8);
        stack_push(d);
        return true;
    case 0x58 ... 0x5f:
        stack_pop(d);
        register_write(d, number, 8);
        return true;
    case 0x68:
    case 0x6a:
        decoder_skip(d, opcode == 0x6a ? 1 : 4);
        stack_push(d);
        return true;
    case 0x8f:
        decoder_modrm(d);
        stack_pop(d);
        operand_write(d, 8);
        return true;
    case 0x9c:
        d->out->flags_read = ~0u;
        stack_push(d);
        return true;
    case 0x9d:
        stack_pop(d);
        d->out->flags_written = FLAGS_ARITHMETIC | FLAG_DF;
        return true;
    case 0xc9: /* LEAVE */
        memory_at(d, RBP, 0);
        d->out->written[RSP] = ~0ull;
        d->out->written[RBP] = ~0ull;
        return true;
    case 0xf5:
        d->out->flags_read = FLAG_CF;
        d->out->flags_written = FLAG_CF;
        return true;
    case 0xf8:
    case 0xf9:
        d->out->flags_written = FLAG_CF;
        return true;
    case 0xfc:
    case 0xfd:
        d->out->flags_written = FLAG_DF;
        return true;
    default:
        return false;
    }
}

static bool decode_control(struct decoder *d, uint8_t opcode)
{
    switch (opcode) {
    case 0x70 ... 0x7f:
        d->out->flags_read = condition_flags(opcode);
        decoder_skip(d, 1);
        return true;
    case 0xc2:
        decoder_skip(d, 2);
        stack_pop(d);
        return true;
    case 0xc3:
        stack_pop(d);
        return true;
    case 0xcc:
        return true;
    case 0xe0 ... 0xe3:
        decoder_skip(d, 1);
        register_read(d, RCX, 8);
        d->out->flags_read = opcode < 0xe2 ? FLAG_ZF : 0;
        return true;
    case 0xe8:
        decoder_skip(d, 4);
        stack_push(d);
        return true;
    case 0xe9:
        decoder_skip(d, 4);
        return true;
    case 0xeb:
        decoder_skip(d, 1);
        return true;
    default:
        return false;
    }
}

bool decode_one_byte(struct decoder *d, uint8_t opcode)
{
    unsigned width = decoder_width(d, opcode & 1);

    switch (opcode) {
    case 0x00 ... 0x3f:
        return decode_arithmetic(d, opcode);
    case 0x80:
    case 0x81:
    case 0x83:
        return decode_group_1(d, opcode);
    case 0x63:
    case 0x69:
    case 0x6b:
    case 0x84 ... 0x8b:
    case 0x8d:
    case 0xc6:
    case 0xc7:
        return decode_moves(d, opcode);
    case 0x90 ... 0x99:
        return decode_accumulator(d, opcode);
    case 0xa4 ... 0xa7:
    case 0xaa ... 0xaf:
        return decode_string(d, opcode);
    case 0xa8:
    case 0xa9:
        register_read(d, RAX, width);
        decoder_skip(d, immediate_bytes(width));
        d->out->flags_written |= FLAGS_ARITHMETIC;
        return true;
    case 0xb0 ... 0xb7:
        decoder_skip(d, 1);
        register_write(d, (opcode & 7) | ((d->rex & REX_B) ? 8 : 0), 1);
        return true;
    case 0xb8 ... 0xbf:
        decoder_skip(d, decoder_width(d, true));
        register_write(d, (opcode & 7) | ((d->rex & REX_B) ? 8 : 0), decoder_width(d, true));
        return true;
    case 0xc0:
    case 0xc1:
    case 0xd0 ... 0xd3:
        return decode_shift(d, opcode);
    case 0xf6:
    case 0xf7:
        return decode_group_3(d, opcode);
    case 0xfe:
    case 0xff:
        return decode_group_5(d, opcode);
    default:
        return decode_stack_and_flags(d, opcode) || decode_control(d, opcode);
    }
}
