/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the two halves of the decoder (one-byte opcodes, opcodes after 0F); nobody else includes it. */
#ifndef FAULTINJECT_DECODE_INTERNAL_H
#define FAULTINJECT_DECODE_INTERNAL_H

#include "decode.h"

struct decoder {
    const uint8_t *bytes;
    size_t available;
    size_t position;
    bool overrun;       /* the encoding goes on beyond what is available */
    bool operand_16;    /* prefix 66 */
    bool repeat;        /* prefix F3 */
    bool repeat_not;    /* prefix F2 */
    bool rex_present;
    uint8_t rex;
    uint8_t modrm;
    struct instruction *out;
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

uint8_t decoder_byte(struct decoder *d);
void decoder_skip(struct decoder *d, unsigned bytes);

/* Notes the opcode, whose last byte has just been read; `map` is 0, 0x0f00 or 0x3800. */
void decoder_opcode(struct decoder *d, uint8_t opcode, uint16_t map);

/* Width of the operation in bytes (2, 4, 8); `wide` false means the byte form (1). */
unsigned decoder_width(const struct decoder *d, bool wide);

/* Reads ModRM, SIB and displacement. Address registers of a memory operand are noted as read. */
void decoder_modrm(struct decoder *d);
unsigned modrm_reg(const struct decoder *d);
unsigned modrm_rm(const struct decoder *d);
bool modrm_is_register(const struct decoder *d);
unsigned modrm_extension(const struct decoder *d);

/* Notes a use of a register as an operand of that many bytes; knows AH..BH, and that 4 bytes clear the upper 4. */
void register_read(struct decoder *d, unsigned number, unsigned width);
void register_write(struct decoder *d, unsigned number, unsigned width);

/* The same for the r/m operand, which may be memory. */
void operand_read(struct decoder *d, unsigned width);
void operand_write(struct decoder *d, unsigned width);

/* A memory operand without ModRM: [base + displacement], its address register noted as read. */
void memory_at(struct decoder *d, unsigned base, int64_t displacement);

void stack_push(struct decoder *d);
void stack_pop(struct decoder *d);

/* Bits of RFLAGS that condition `code` (0..15, low nibble of Jcc, SETcc, CMOVcc) looks at. */
uint32_t condition_flags(unsigned code);

/* The opcode's own operands and effects; each returns false when it does not know it. The second is for what follows 0F. */
bool decode_one_byte(struct decoder *d, uint8_t opcode);
bool decode_two_byte(struct decoder *d);

#endif
