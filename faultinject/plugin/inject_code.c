/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults in code. The instruction is changed where the processor will fetch it, so it stays so until the code is
 * restored from its pristine image, as a recovery does.
 *
 * The software faults are those of W. T. Ng and P. M. Chen (The systematic improvement of fault tolerance in the Rio file
 * cache, FTCS 1999) as far as they can be told from machine code, and what EDFI (C. Giuffrida et al., PRDC 2013) has
 * beside them. Each waits for the next instruction that it applies to.
 */
#include "inject.h"

#include "watch.h"
#include "watch_memory.h"

#include <string.h>

enum { NOP = 0x90, JUMP_SHORT = 0xeb, JUMP_NEAR = 0xe9, JUMP_SHORT_BYTES = 2, PAGE_BYTES = 4096 };

static struct experiment_record *record;

/* Replaces bytes of code at RIP and notes the change of its first 8. */
static void code_write(unsigned offset, const uint8_t *bytes, unsigned length, unsigned instruction_bytes)
{
    uint64_t rip = machine_register(REGISTER_RIP);
    unsigned kept = instruction_bytes < 8 ? instruction_bytes : 8;

    record->address = rip;
    machine_read(rip, &record->before, kept);
    machine_write(rip + offset, bytes, length);
    machine_read(rip, &record->after, kept);
    results_activation(record, ACTIVATION_USED);
}

void inject_code(struct experiment_record *experiment_record, unsigned byte, const struct damage *damage)
{
    uint64_t value = 0;
    uint8_t changed;

    record = experiment_record;
    if (!machine_read(machine_register(REGISTER_RIP) + byte, &value, 1)) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    changed = (uint8_t)damage_apply(damage, value);
    code_write(byte, &changed, 1, byte + 1);
}

/*
 * An endless loop in place of the next instructions, up to the page's end or 128 bytes: NOPs and a jump back to the
 * first. A jump to itself alone would do; the longer loop costs the host a fiftieth of the time.
 */
void inject_hang(struct experiment_record *experiment_record)
{
    enum { LOOP_BYTES_MAX = 128 };
    uint64_t page_rest = PAGE_BYTES - machine_register(REGISTER_RIP) % PAGE_BYTES;
    unsigned length = page_rest < LOOP_BYTES_MAX ? (unsigned)page_rest : LOOP_BYTES_MAX;
    uint8_t loop[LOOP_BYTES_MAX];

    record = experiment_record;
    if (length < JUMP_SHORT_BYTES) {
        length = JUMP_SHORT_BYTES;
    }
    memset(loop, NOP, sizeof(loop));
    loop[length - 2] = JUMP_SHORT;
    loop[length - 1] = (uint8_t)(256 - length);
    code_write(0, loop, length, length);
}

/* What a delay is to put back, byte by byte: they may be on two pages. */
static uint64_t delayed_physical[JUMP_SHORT_BYTES];
static uint8_t delayed_bytes[JUMP_SHORT_BYTES];
static uint64_t delay_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];

static void delay_over(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    for (unsigned i = 0; i < JUMP_SHORT_BYTES; i++) {
        qemu.cpu_physical_memory_rw(delayed_physical[i], &delayed_bytes[i], 1, true);
    }
}

static void delay_due(void *argument)
{
    if (qemu.qemu_cpu_is_self(machine_cpu)) {
        delay_over(machine_cpu, argument);
    } else {
        qemu.async_run_on_cpu(machine_cpu, delay_over, argument);
    }
}

/* A jump to itself: wherever it is interrupted, it can be made the old instruction again. */
void inject_delay(struct experiment_record *experiment_record, uint64_t ns)
{
    static const uint8_t loop[JUMP_SHORT_BYTES] = {JUMP_SHORT, 0xfe};
    uint64_t rip = machine_register(REGISTER_RIP);

    record = experiment_record;
    for (unsigned i = 0; i < JUMP_SHORT_BYTES; i++) {
        if (!machine_read(rip + i, &delayed_bytes[i], 1) || !machine_physical(rip + i, &delayed_physical[i])) {
            record->activation = ACTIVATION_IMPOSSIBLE;
            return;
        }
    }
    code_write(0, loop, sizeof(loop), sizeof(loop));
    qemu.timer_init_full(delay_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, delay_due, NULL);
    qemu.timer_mod_ns(delay_timer, machine_time() + (int64_t)ns);
}

/* ---- software faults ---- */

static enum mutation mutation;
static uint64_t choice;

static bool is_conditional_jump(const struct instruction *instruction)
{
    return (instruction->opcode & 0xfff0) == 0x70 || (instruction->opcode & 0xfff0) == 0x0f80;
}

static void leave_out(const struct instruction *instruction)
{
    uint8_t nops[INSTRUCTION_BYTES_MAX];

    memset(nops, NOP, sizeof(nops));
    code_write(0, nops, instruction->length_bytes, instruction->length_bytes);
}

static void opcode_toggle(const struct instruction *instruction, uint8_t bits)
{
    uint8_t opcode = (uint8_t)(instruction->opcode ^ bits);

    code_write(instruction->opcode_at, &opcode, 1, instruction->length_bytes);
}

/* JB JBE and JAE JA differ in bit 2, JL JLE and JGE JG in bit 1. */
static bool make_off_by_one(const struct instruction *instruction)
{
    static const uint8_t toggles[16] = {[2] = 4, [3] = 4, [6] = 4, [7] = 4, [12] = 2, [13] = 2, [14] = 2, [15] = 2};
    uint8_t bits = toggles[instruction->opcode & 15];

    if (!is_conditional_jump(instruction) || !bits) {
        return false;
    }
    opcode_toggle(instruction, bits);
    return true;
}

static bool make_stuck_loop(const struct instruction *instruction)
{
    static const uint8_t near[2] = {NOP, JUMP_NEAR};
    static const uint8_t jump = JUMP_SHORT;
    uint8_t distance[4] = {0};
    bool is_near = (instruction->opcode & 0xff00) != 0;

    /* The distance's sign is in its last byte. */
    if (!is_conditional_jump(instruction) ||
        !machine_read(machine_register(REGISTER_RIP) + instruction->length_bytes - 1, distance, 1) ||
        !(distance[0] & 0x80)) {
        return false;
    }
    if (is_near) {
        code_write((unsigned)instruction->opcode_at - 1, near, sizeof(near), instruction->length_bytes);
    } else {
        code_write(instruction->opcode_at, &jump, 1, instruction->length_bytes);
    }
    return true;
}

/*
 * Instructions with two operands in ModRM, one of which is the source: ADD to CMP, MOV, and, always from r/m to reg,
 * IMUL, MOVZX, MOVSX.
 */
static bool has_two_operands(const struct instruction *instruction, bool *to_rm)
{
    uint16_t opcode = instruction->opcode;

    *to_rm = false;
    if (opcode == 0x0faf || opcode == 0x0fb6 || opcode == 0x0fb7 || opcode == 0x0fbe || opcode == 0x0fbf) {
        return true;
    }
    *to_rm = !(opcode & 2);
    return (opcode < 0x40 && (opcode & 7) < 4) || (opcode >= 0x88 && opcode <= 0x8b);
}

/* Another register in place of the one that is read, or of the one that is written; not where that is memory. */
static bool make_wrong_operand(const struct instruction *instruction, bool source)
{
    uint8_t modrm;
    bool to_rm;
    unsigned shift;

    if (!instruction->modrm_at || !has_two_operands(instruction, &to_rm) ||
        !machine_read(machine_register(REGISTER_RIP) + instruction->modrm_at, &modrm, 1)) {
        return false;
    }
    shift = to_rm == source ? 3 : 0; /* where the operand is encoded */
    if (shift == 0 && modrm >> 6 != 3) {
        return false;
    }
    modrm = (uint8_t)((modrm & ~(7 << shift)) | (((modrm >> shift) + 1 + choice % 7) % 8) << shift);
    code_write(instruction->modrm_at, &modrm, 1, instruction->length_bytes);
    return true;
}

/* MOV register, constant; XOR register with itself. */
static bool sets_constant(const struct instruction *instruction)
{
    uint16_t opcode = instruction->opcode;
    bool reads = false;

    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        reads = reads || instruction->read[i];
    }
    return (opcode >= 0xb0 && opcode <= 0xbf) || (opcode == 0xc7 && !instruction->memory) ||
           ((opcode == 0x31 || opcode == 0x33) && !reads);
}

/* RDI RSI RDX RCX R8 R9 (System V ABI) written by a MOV or LEA. */
static bool sets_argument(const struct instruction *instruction)
{
    static const uint8_t arguments[] = {RDI, RSI, RDX, RCX, R8, R9};
    uint16_t opcode = instruction->opcode;

    for (unsigned i = 0; i < sizeof(arguments); i++) {
        if (instruction->written[arguments[i]] && (opcode == 0x89 || opcode == 0x8b || opcode == 0x8d ||
                                                   (opcode >= 0xb8 && opcode <= 0xbf) || opcode == 0xc7)) {
            return true;
        }
    }
    return false;
}

/* A register that is wrong from here on. */
static void register_wrong(unsigned number, uint64_t value)
{
    record->address = number;
    record->before = machine_register(number);
    record->after = value;
    results_activation(record, ACTIVATION_USED);
    machine_set_register(number, value);
}

static bool make_wrong_pointer(const struct instruction *instruction)
{
    if (!instruction->memory || instruction->base >= REGISTER_COUNT || instruction->base == RSP) {
        return false;
    }
    register_wrong(instruction->base, choice);
    return true;
}

static bool make_overrun(const struct instruction *instruction)
{
    if (!instruction->repeats || machine_register(RCX) == 0) {
        return false;
    }
    register_wrong(RCX, machine_register(RCX) + choice);
    return true;
}

/* Mutates the instruction if the mutation applies to it. */
static bool mutate(const struct instruction *instruction)
{
    bool leaves_out = false;

    if (!instruction->known) {
        return false;
    }
    switch (mutation) {
    case MUTATION_BRANCH_INVERT:
        if (!is_conditional_jump(instruction)) {
            return false;
        }
        opcode_toggle(instruction, 1);
        return true;
    case MUTATION_OFF_BY_ONE:
        return make_off_by_one(instruction);
    case MUTATION_STUCK_LOOP:
        return make_stuck_loop(instruction);
    case MUTATION_SOURCE:
        return make_wrong_operand(instruction, true);
    case MUTATION_DESTINATION:
        return make_wrong_operand(instruction, false);
    case MUTATION_POINTER:
        return make_wrong_pointer(instruction);
    case MUTATION_OVERRUN:
        return make_overrun(instruction);
    case MUTATION_SKIP:
        leaves_out = true;
        break;
    case MUTATION_BRANCH_NEVER:
        leaves_out = is_conditional_jump(instruction);
        break;
    case MUTATION_MISSING_STORE:
        leaves_out = instruction->stores;
        break;
    case MUTATION_MISSING_START:
        leaves_out = sets_constant(instruction);
        break;
    case MUTATION_MISSING_ARGUMENT:
        leaves_out = sets_argument(instruction);
        break;
    case MUTATIONS:
        break;
    }
    if (leaves_out) {
        leave_out(instruction);
    }
    return leaves_out;
}

void inject_mutation(struct experiment_record *experiment_record, enum mutation wanted, uint64_t wanted_choice)
{
    record = experiment_record;
    mutation = wanted;
    choice = wanted_choice;
    watch_instructions(record, mutate);
}
