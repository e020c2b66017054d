/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction trace of the services: which instruction each of them executed, one by one, and what each
 * instruction reads and replaces. Rule: the trace has exactly the instructions that the timeline counts. An
 * instruction that faults is announced but not executed: it is the last of its stretch and is taken back, and
 * announced again later.
 *
 * The file: a header, a 32-bit number of an instruction for each execution, in order of time, and then the
 * instructions (faultinject/trace.py reads it). Services write neither their own code nor that of others, so
 * an address is an instruction.
 */
#include "decode.h"
#include "observe.h"
#include "service.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_MAGIC 0x3143415254444654ull /* "TFDTRAC1" */

enum { CODE_KNOWN = 1, CODE_MEMORY = 2 };

struct trace_header {
    uint64_t magic;
    uint32_t header_bytes;
    uint32_t code_bytes;
    uint64_t executed;
    uint64_t codes;
    int64_t ended_at_ns;
};

struct trace_code {
    uint64_t address;
    uint32_t flags_read;
    uint32_t flags_written;
    uint32_t kind; /* CODE_* */
    uint32_t length_bytes;
    uint64_t read[REGISTER_COUNT];
    uint64_t written[REGISTER_COUNT];
};

static FILE *file;
static struct trace_header header = {.magic = TRACE_MAGIC,
                                     .header_bytes = sizeof(struct trace_header),
                                     .code_bytes = sizeof(struct trace_code)};
static struct trace_code *codes;
static void *code_numbers; /* tree of known_code, by address */

static uint32_t *stretch; /* since stretch_start_ns */
static size_t stretch_length, stretch_capacity;
static int64_t stretch_start_ns;
static bool in_stretch;

struct known_code {
    uint64_t address;
    uint32_t number;
};

bool trace_configure(const char *path)
{
    file = path ? fopen(path, "wb") : NULL;
    if (!file || fwrite(&header, sizeof(header), 1, file) != 1) {
        fprintf(stderr, "fault injection: cannot create the trace %s\n", path ? path : "(none)");
        return false;
    }
    return true;
}

static void fail(const char *what)
{
    fprintf(stderr, "fault injection: the trace: %s\n", what);
    _exit(1);
}

static void *grown(void *array, size_t elements, size_t *capacity, size_t element_bytes)
{
    if (elements < *capacity) {
        return array;
    }
    *capacity = *capacity ? 2 * *capacity : 4096;
    array = realloc(array, *capacity * element_bytes);
    if (!array) {
        fail("out of memory");
    }
    return array;
}

static int compare_addresses(const void *one, const void *other)
{
    uint64_t a = ((const struct known_code *)one)->address;
    uint64_t b = ((const struct known_code *)other)->address;

    return (a > b) - (a < b);
}

static uint32_t add_code(uint64_t address, const uint8_t *bytes, unsigned length_bytes)
{
    static size_t capacity;
    struct instruction instruction;
    struct trace_code *code;

    codes = grown(codes, header.codes, &capacity, sizeof(*codes));
    code = &codes[header.codes];
    instruction_decode(bytes, length_bytes, &instruction);
    if (instruction.system_call) {
        instruction_add_call_arguments(&instruction);
    }
    *code = (struct trace_code){
        .address = address,
        .flags_read = instruction.flags_read,
        .flags_written = instruction.flags_written,
        .kind = (instruction.known ? CODE_KNOWN : 0) | (instruction.memory ? CODE_MEMORY : 0),
        .length_bytes = length_bytes,
    };
    memcpy(code->read, instruction.read, sizeof(code->read));
    memcpy(code->written, instruction.written, sizeof(code->written));
    return (uint32_t)header.codes++;
}

/* The number of an instruction, which becomes known when it is first translated. */
static uint32_t trace_number(uint64_t address, const uint8_t *bytes, unsigned length_bytes)
{
    struct known_code *code = malloc(sizeof(*code));
    struct known_code **place;

    if (code) {
        code->address = address;
        place = tsearch(code, &code_numbers, compare_addresses);
        if (place && *place == code) {
            code->number = add_code(address, bytes, length_bytes);
            return code->number;
        }
        free(code);
        if (place) {
            return (*place)->number;
        }
    }
    fail("out of memory");
    return 0;
}

static void trace_executes(uint32_t number)
{
    if (in_stretch) {
        stretch = grown(stretch, stretch_length, &stretch_capacity, sizeof(*stretch));
        stretch[stretch_length++] = number;
    }
}

static void finish_stretch(void)
{
    size_t executed = (size_t)(machine_time() - stretch_start_ns);

    if (!in_stretch) {
        return;
    }
    in_stretch = false;
    if (stretch_length != executed && stretch_length != executed + 1) {
        fail("it does not agree with the count of instructions");
    }
    if (fwrite(stretch, sizeof(*stretch), executed, file) != executed) {
        fail("it cannot be written (is the disk full?)");
    }
    header.executed += executed;
}

static void trace_moved(int service)
{
    finish_stretch();
    if (service != SERVICE_NONE && machine_privilege() == 3) {
        in_stretch = true;
        stretch_length = 0;
        stretch_start_ns = machine_time();
    }
}

static void trace_verdict(uint64_t code, uint64_t detail)
{
    (void)code;
    (void)detail;
    finish_stretch();
    header.ended_at_ns = machine_time();
    if (fwrite(codes, sizeof(*codes), header.codes, file) != header.codes || fseek(file, 0, SEEK_SET) != 0 ||
        fwrite(&header, sizeof(header), 1, file) != 1 || fclose(file) != 0) {
        fail("it cannot be written (is the disk full?)");
    }
    _exit(0);
}

static void trace_begin(void)
{
}

const struct stop_handlers trace_handlers = {
    .begin = trace_begin,
    .verdict = trace_verdict,
    .moved = trace_moved,
    .number = trace_number,
    .executes = trace_executes,
    .skips_idle = true,
};
