/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder's frame: prefixes, ModRM, operands. Rule: say "read" when in doubt. A register bit counts as written only
 * when the instruction replaces it whatever it was, on every path through the instruction.
 */
#include "decode_internal.h"

#include <string.h>

uint8_t decoder_byte(struct decoder *d)
{
    if (d->position >= d->available) {
        d->overrun = true;
        return 0;
    }
    return d->bytes[d->position++];
}

void decoder_opcode(struct decoder *d, uint8_t opcode, uint16_t map)
{
    d->out->opcode = map | opcode;
    d->out->opcode_at = (uint8_t)(d->position - 1);
}

void decoder_skip(struct decoder *d, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        decoder_byte(d);
    }
}

unsigned decoder_width(const struct decoder *d, bool wide)
{
    if (!wide) {
        return 1;
    }
    if (d->rex & REX_W) {
        return 8;
    }
    return d->operand_16 ? 2 : 4;
}

static int64_t decoder_signed(struct decoder *d, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)decoder_byte(d) << (8 * i);
    }
    return (int64_t)(value << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

unsigned modrm_reg(const struct decoder *d)
{
    return ((d->modrm >> 3) & 7) | ((d->rex & REX_R) ? 8 : 0);
}

unsigned modrm_rm(const struct decoder *d)
{
    return (d->modrm & 7) | ((d->rex & REX_B) ? 8 : 0);
}

bool modrm_is_register(const struct decoder *d)
{
    return (d->modrm >> 6) == 3;
}

unsigned modrm_extension(const struct decoder *d)
{
    return (d->modrm >> 3) & 7;
}

static void decode_sib(struct decoder *d)
{
    uint8_t sib = decoder_byte(d);
    unsigned index = ((sib >> 3) & 7) | ((d->rex & REX_X) ? 8 : 0);
    unsigned base = (sib & 7) | ((d->rex & REX_B) ? 8 : 0);

    d->out->scale = (uint8_t)(1 << (sib >> 6));
    if (index != RSP) {
        d->out->index = (uint8_t)index;
    }
    if ((sib & 7) == 5 && (d->modrm >> 6) == 0) {
        d->out->displacement = decoder_signed(d, 4);
    } else {
        d->out->base = (uint8_t)base;
    }
}

void decoder_modrm(struct decoder *d)
{
    struct instruction *out = d->out;

    out->modrm_at = (uint8_t)d->position;
    d->modrm = decoder_byte(d);
    if (modrm_is_register(d)) {
        return;
    }
    out->memory = true;
    if ((d->modrm & 7) == 4) {
        decode_sib(d);
    } else if ((d->modrm >> 6) == 0 && (d->modrm & 7) == 5) {
        out->base = REGISTER_RIP;
        out->displacement = decoder_signed(d, 4);
    } else {
        out->base = (uint8_t)modrm_rm(d);
    }
    if ((d->modrm >> 6) == 1) {
        out->displacement = decoder_signed(d, 1);
    } else if ((d->modrm >> 6) == 2) {
        out->displacement = decoder_signed(d, 4);
    }
    if (out->base < REGISTER_COUNT) {
        out->read[out->base] = ~0ull;
    }
    if (out->index < REGISTER_COUNT) {
        out->read[out->index] = ~0ull;
    }
}

static uint64_t width_mask(unsigned width)
{
    return width == 8 ? ~0ull : (1ull << (8 * width)) - 1;
}

/* AH, CH, DH, BH: byte operands 4 to 7 where there is no REX prefix. */
static bool is_high_byte(const struct decoder *d, unsigned number, unsigned width)
{
    return width == 1 && !d->rex_present && number >= 4 && number <= 7;
}

void register_read(struct decoder *d, unsigned number, unsigned width)
{
    if (is_high_byte(d, number, width)) {
        d->out->read[number - 4] |= 0xff00;
    } else {
        d->out->read[number] |= width_mask(width);
    }
}

void register_write(struct decoder *d, unsigned number, unsigned width)
{
    if (is_high_byte(d, number, width)) {
        d->out->written[number - 4] |= 0xff00;
    } else {
        d->out->written[number] |= width == 4 ? ~0ull : width_mask(width);
    }
}

void operand_read(struct decoder *d, unsigned width)
{
    if (modrm_is_register(d)) {
        register_read(d, modrm_rm(d), width);
    }
}

void operand_write(struct decoder *d, unsigned width)
{
    if (modrm_is_register(d)) {
        register_write(d, modrm_rm(d), width);
    } else {
        d->out->stores = true;
    }
}

void memory_at(struct decoder *d, unsigned base, int64_t displacement)
{
    d->out->memory = true;
    d->out->base = (uint8_t)base;
    d->out->displacement = displacement;
    d->out->read[base] = ~0ull;
}

/* A push is found at RSP - 8; its operand, when that is in memory itself, stays the operand reported. */
void stack_push(struct decoder *d)
{
    if (!d->out->memory) {
        memory_at(d, RSP, -8);
    }
    d->out->read[RSP] = ~0ull;
    d->out->written[RSP] = ~0ull;
}

void stack_pop(struct decoder *d)
{
    if (!d->out->memory) {
        memory_at(d, RSP, 0);
    }
    d->out->read[RSP] = ~0ull;
    d->out->written[RSP] = ~0ull;
}

uint32_t condition_flags(unsigned code)
{
    static const uint32_t flags[8] = {FLAG_OF, FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_SF, FLAG_PF,
                                      FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF};
    return flags[(code >> 1) & 7];
}

static uint8_t decode_prefixes(struct decoder *d)
{
    for (;;) {
        uint8_t byte = decoder_byte(d);

        if (byte == 0x66) {
            d->operand_16 = true;
        } else if (byte == 0xf2) {
            d->repeat_not = true;
        } else if (byte == 0xf3) {
            d->repeat = true;
        } else if (byte == 0x64 || byte == 0x65) {
            d->out->segment = byte;
        } else if (byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0xf0) {
            continue;
        } else if ((byte & 0xf0) == 0x40) {
            d->rex_present = true;
            d->rex = byte & 0x0f;
            return decoder_byte(d);
        } else {
            return byte;
        }
    }
}

bool instruction_decode(const uint8_t *bytes, size_t available, struct instruction *instruction)
{
    struct decoder d = {.bytes = bytes, .available = available, .out = instruction};
    uint8_t opcode;

    memset(instruction, 0, sizeof(*instruction));
    instruction->base = REGISTER_NONE;
    instruction->index = REGISTER_NONE;
    opcode = decode_prefixes(&d);
    decoder_opcode(&d, opcode, 0);
    instruction->known = opcode == 0x0f ? decode_two_byte(&d) : decode_one_byte(&d, opcode);
    instruction->known = instruction->known && !d.overrun;
    instruction->length_bytes = (uint8_t)d.position;
    return instruction->known;
}

void instruction_add_call_arguments(struct instruction *instruction)
{
    static const uint8_t arguments[] = {RAX, RDI, RSI, RDX, R10, R8, R9};

    for (unsigned i = 0; i < sizeof(arguments); i++) {
        instruction->read[arguments[i]] = ~0ull;
    }
}

const char *register_name(unsigned number)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
                                        "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
    return number <= REGISTER_RIP ? names[number] : "?";
}
