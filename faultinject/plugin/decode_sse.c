/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an instruction does with one SSE register, as far as SSE and SSE2 go (Intel SDM vol. 2): what x86-64 compilers
 * write without being told more. Rule: whatever is not known to replace the whole register counts as a read.
 */
#include "decode.h"

enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 };

struct form {
    unsigned prefix;
    unsigned opcode;
    unsigned reg; /* of the ModRM byte, REX included */
    unsigned rm;
    bool register_form;
};

/* Prefixes, REX, 0F, opcode, ModRM; false when it is no such instruction. */
static bool form_read(const uint8_t *bytes, size_t available, struct form *form)
{
    unsigned rex = 0;
    size_t at = 0;

    *form = (struct form){.prefix = PREFIX_NONE};
    for (; at < available && (bytes[at] == 0x66 || bytes[at] == 0xf2 || bytes[at] == 0xf3); at++) {
        form->prefix = bytes[at] == 0xf2 ? PREFIX_F2 : bytes[at] == 0xf3 ? PREFIX_F3 : PREFIX_66;
    }
    if (at < available && (bytes[at] & 0xf0) == 0x40) {
        rex = bytes[at++];
    }
    if (at + 3 > available || bytes[at] != 0x0f) {
        return false;
    }
    form->opcode = bytes[at + 1];
    form->reg = (bytes[at + 2] >> 3 & 7u) | (rex & 4u) << 1;
    form->rm = (bytes[at + 2] & 7u) | (rex & 1u) << 3;
    form->register_form = bytes[at + 2] >= 0xc0;
    return true;
}

static bool in(unsigned opcode, unsigned first, unsigned last)
{
    return opcode >= first && opcode <= last;
}

/* Without a prefix 60 to 7F and D0 to FF are MMX's; 38 and 3A begin later extensions. */
static bool is_sse(const struct form *form)
{
    unsigned opcode = form->opcode;

    return in(opcode, 0x10, 0x17) || in(opcode, 0x28, 0x2f) || in(opcode, 0x50, 0x5f) || opcode == 0xc2 || opcode == 0xc6 ||
           (form->prefix != PREFIX_NONE && (in(opcode, 0x60, 0x7f) || in(opcode, 0xc4, 0xc5) || in(opcode, 0xd0, 0xff)));
}

static bool reg_is_general(const struct form *form)
{
    unsigned opcode = form->opcode;

    return opcode == 0x2c || opcode == 0x2d || opcode == 0x50 || opcode == 0xc5 || opcode == 0xd7;
}

static bool rm_is_general(const struct form *form)
{
    unsigned opcode = form->opcode;

    return opcode == 0x2a || opcode == 0xc4 || opcode == 0x6e || (opcode == 0x7e && form->prefix == PREFIX_66);
}

/* Loads of whole registers, or such as clear the rest; and the idioms that clear one. */
static bool replaces_reg(const struct form *form)
{
    unsigned opcode = form->opcode;
    bool same = form->register_form && form->reg == form->rm;

    switch (opcode) {
    case 0x10:
        return form->prefix == PREFIX_NONE || form->prefix == PREFIX_66 || !form->register_form;
    case 0x28:
    case 0x6e:
    case 0x6f:
    case 0x70: /* PSHUFD and its like */
        return true;
    case 0x7e:
        return form->prefix == PREFIX_F3;
    case 0x57:
    case 0xef:
        return same;
    default:
        return false;
    }
}

/* The register form of what stores a whole register. */
static bool replaces_rm(const struct form *form)
{
    unsigned opcode = form->opcode;

    return opcode == 0x29 || opcode == 0x7f || opcode == 0xd6 ||
           (opcode == 0x11 && (form->prefix == PREFIX_NONE || form->prefix == PREFIX_66));
}

enum sse_effect instruction_sse(const uint8_t *bytes, size_t available, unsigned number)
{
    struct form form;
    bool reg;
    bool rm;

    if (!form_read(bytes, available, &form) || !is_sse(&form)) {
        return SSE_NONE;
    }
    reg = form.reg == number && !reg_is_general(&form);
    rm = form.register_form && form.rm == number && !rm_is_general(&form);
    if (reg && replaces_reg(&form) && (!rm || form.opcode == 0x57 || form.opcode == 0xef)) {
        return SSE_REPLACED;
    }
    if (rm && !reg && replaces_rm(&form)) {
        return SSE_REPLACED;
    }
    return reg || rm ? SSE_READ : SSE_NONE;
}
