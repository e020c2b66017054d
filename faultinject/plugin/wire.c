/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of the debugger's protocol are "$", the text, "#" and two digits of its sum, acknowledged by "+". The monitor takes
 * and gives a line of JSON at a time; of its answers only few members are wanted, so they are looked for by name.
 *
 * Skipped idle time is told nowhere but in the state that QEMU saves of its devices, where its part "timer/icount" holds two
 * big-endian numbers after a version: the skipped time, and the count of instructions.
 */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PACKET_BYTES = 8192, LINE_BYTES = 8192, STATE_BYTES = 1 << 20, MEMORY_PIECE_BYTES = 1024, STOP_BYTE = 0x03 };

static struct line {
    int descriptor;
    char bytes[LINE_BYTES]; /* read, not yet taken */
    size_t filled;
} debugger, monitor;

static enum wire_event ended = WIRE_NOTHING; /* what the monitor said of the machine's end */
static bool physical_mode;
static int state_file = -1;

static _Noreturn void fail(const char *what, const char *detail)
{
    fprintf(stderr, "fault injection: QEMU's %s: %.200s\n  mend: use QEMU 7.2 to 10, or one that has its symbols\n", what,
            detail);
    _exit(1);
}

static void send_all(const struct line *line, const void *bytes, size_t length)
{
    const char *rest = bytes;

    while (length > 0) {
        ssize_t sent = write(line->descriptor, rest, length);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            fail("end of a line", strerror(errno));
        }
        rest += sent;
        length -= (size_t)sent;
    }
}

/* Reads more; false when nothing comes in time. */
static bool read_more(struct line *line, int timeout_ms)
{
    struct pollfd wait = {.fd = line->descriptor, .events = POLLIN};
    ssize_t got;

    if (line->filled == sizeof(line->bytes) - 1) {
        fail("answer is too long", line->bytes);
    }
    if (poll(&wait, 1, timeout_ms) <= 0) {
        return false;
    }
    got = read(line->descriptor, line->bytes + line->filled, sizeof(line->bytes) - 1 - line->filled);
    if (got <= 0) {
        _exit(1); /* QEMU is about to end */
    }
    line->filled += (size_t)got;
    line->bytes[line->filled] = 0;
    return true;
}

static void take(struct line *line, size_t length)
{
    line->filled -= length;
    memmove(line->bytes, line->bytes + length, line->filled + 1);
}

/* ---- the debugger's ---- */

/* Takes the text of one whole packet, if there is one. */
static bool packet_take(char text[PACKET_BYTES])
{
    char *begin = memchr(debugger.bytes, '$', debugger.filled);
    char *end = begin ? memchr(begin, '#', debugger.filled - (size_t)(begin - debugger.bytes)) : NULL;

    if (!end || (size_t)(end - debugger.bytes) + 3 > debugger.filled) {
        return false;
    }
    memcpy(text, begin + 1, (size_t)(end - begin - 1));
    text[end - begin - 1] = 0;
    take(&debugger, (size_t)(end - debugger.bytes) + 3);
    send_all(&debugger, "+", 1);
    return true;
}

static void packet_send(const char *text)
{
    char packet[PACKET_BYTES];
    unsigned sum = 0;

    for (const char *at = text; *at; at++) {
        sum += (unsigned char)*at;
    }
    send_all(&debugger, packet, (size_t)snprintf(packet, sizeof(packet), "$%s#%02x", text, sum & 0xff));
}

static void ask(const char *text, char answer[PACKET_BYTES])
{
    packet_send(text);
    while (!packet_take(answer)) {
        read_more(&debugger, -1);
    }
}

static void hexadecimal(char *text, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        sprintf(text + 2 * i, "%02x", bytes[i]);
    }
}

static uint8_t digit(char character)
{
    return (uint8_t)(character <= '9' ? character - '0' : (character | 0x20) - 'a' + 10);
}

size_t wire_register_place(unsigned number, size_t *size_bytes)
{
    static const struct {
        unsigned count;
        unsigned bytes;
    } runs[] = {{17, 8}, {7, 4}, {9, 8}, {8, 10}, {8, 4}, {16, 16}, {1, 4}};
    size_t place = 0;
    unsigned run = 0;

    for (; number >= runs[run].count; run++) {
        place += (size_t)runs[run].count * runs[run].bytes;
        number -= runs[run].count;
    }
    *size_bytes = runs[run].bytes;
    return place + (size_t)number * runs[run].bytes;
}

void wire_read_registers(uint8_t bytes[WIRE_ALL_BYTES])
{
    char answer[PACKET_BYTES];

    ask("g", answer);
    if (strlen(answer) != 2 * (size_t)WIRE_ALL_BYTES) {
        fail("registers are others than this plugin knows", answer);
    }
    for (size_t i = 0; i < WIRE_ALL_BYTES; i++) {
        bytes[i] = (uint8_t)(digit(answer[2 * i]) << 4 | digit(answer[2 * i + 1]));
    }
}

void wire_write_register(unsigned number, const uint8_t *bytes, size_t size_bytes)
{
    char question[64];
    char answer[PACKET_BYTES];
    int length = snprintf(question, sizeof(question), "P%x=", number);

    hexadecimal(question + length, bytes, size_bytes);
    ask(question, answer);
    if (strcmp(answer, "OK") != 0) {
        fail("gdb stub does not write a register", answer);
    }
}

static void set_physical_mode(bool physical)
{
    char answer[PACKET_BYTES];

    if (physical != physical_mode) {
        ask(physical ? "Qqemu.PhyMemMode:1" : "Qqemu.PhyMemMode:0", answer);
        if (strcmp(answer, "OK") != 0) {
            fail("gdb stub does not write physical memory", answer);
        }
        physical_mode = physical;
    }
}

bool wire_write_memory(uint64_t address, const uint8_t *bytes, size_t length_bytes, bool physical)
{
    char question[2 * MEMORY_PIECE_BYTES + 64];
    char answer[PACKET_BYTES];

    set_physical_mode(physical);
    while (length_bytes > 0) {
        size_t piece = length_bytes < MEMORY_PIECE_BYTES ? length_bytes : MEMORY_PIECE_BYTES;
        int length = snprintf(question, sizeof(question), "M%lx,%zx:", address, piece);

        hexadecimal(question + length, bytes, piece);
        ask(question, answer);
        if (strcmp(answer, "OK") != 0) {
            return false;
        }
        address += piece;
        bytes += piece;
        length_bytes -= piece;
    }
    return true;
}

void wire_ask_to_stop(void)
{
    static const uint8_t stop = STOP_BYTE;

    send_all(&debugger, &stop, 1);
}

void wire_continue(void)
{
    packet_send("c");
}

/* ---- the monitor's ---- */

static bool line_take(char text[LINE_BYTES])
{
    char *end = memchr(monitor.bytes, '\n', monitor.filled);
    size_t length = end ? (size_t)(end - monitor.bytes) + 1 : 0;

    if (!end) {
        return false;
    }
    memcpy(text, monitor.bytes, length);
    text[length] = 0;
    take(&monitor, length);
    if (strstr(text, "\"event\": \"SHUTDOWN\"")) {
        ended = strstr(text, "\"reason\": \"guest-reset\"") ? WIRE_RESET : WIRE_SHUTDOWN;
    }
    return true;
}

/* Commands are answered in their order; events may come before an answer. */
static void command(const char *text, char answer[LINE_BYTES])
{
    send_all(&monitor, text, strlen(text));
    do {
        while (!line_take(answer)) {
            read_more(&monitor, -1);
        }
    } while (strstr(answer, "\"event\": "));
    if (!strstr(answer, "\"return\": ")) {
        fail("monitor", answer);
    }
}

int64_t wire_instructions(void)
{
    char answer[LINE_BYTES];
    const char *found;

    command("{\"execute\": \"query-replay\"}\n", answer);
    found = strstr(answer, "\"icount\": ");
    if (!found) {
        fail("monitor does not tell how many instructions were executed", answer);
    }
    return strtoll(found + strlen("\"icount\": "), NULL, 10);
}

static int64_t big_endian(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < sizeof(value); i++) {
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

int64_t wire_instructions_and_idle(int64_t *skipped_ns)
{
    static const char part[] = "\014timer/icount"; /* with its length before it, and then its version */
    static uint8_t state[STATE_BYTES];
    char text[256];
    char answer[LINE_BYTES];
    const uint8_t *found;
    ssize_t length;

    if (state_file < 0 && (state_file = memfd_create("state", 0)) < 0) {
        fail("state has no place", strerror(errno));
    }
    snprintf(text, sizeof(text),
             "{\"execute\": \"xen-save-devices-state\", \"arguments\": {\"filename\": \"/proc/%d/fd/%d\"}}\n", getpid(),
             state_file);
    command(text, answer);
    length = pread(state_file, state, sizeof(state), 0);
    found = length > 0 ? memmem(state, (size_t)length, part, sizeof(part) - 1) : NULL;
    if (!found || found + sizeof(part) - 1 + 4 + 16 > state + length) {
        fail("state does not tell how much time was skipped", answer);
    }
    found += sizeof(part) - 1 + 4;
    *skipped_ns = big_endian(found);
    return big_endian(found + 8);
}

/* ---- both ---- */

void wire_open(int debugger_descriptor, int monitor_descriptor)
{
    debugger.descriptor = debugger_descriptor;
    monitor.descriptor = monitor_descriptor;
}

void wire_begin(void)
{
    char answer[PACKET_BYTES];

    while (!line_take(answer)) {
        read_more(&monitor, -1);
    }
    command("{\"execute\": \"qmp_capabilities\"}\n", answer);
    ask("qSupported:xmlRegisters=i386", answer);
    ask("?", answer);
    ask("qXfer:features:read:target.xml:0,10", answer); /* only who has read this may write a single register */
}

enum wire_event wire_await(int timeout_ms)
{
    struct pollfd both[] = {{.fd = debugger.descriptor, .events = POLLIN}, {.fd = monitor.descriptor, .events = POLLIN}};
    char text[PACKET_BYTES];

    for (;;) {
        while (line_take(text)) {
        }
        if (packet_take(text)) {
            /* The monitor has said before why the machine wants to end. */
            while (read_more(&monitor, 0)) {
                while (line_take(text)) {
                }
            }
            return ended != WIRE_NOTHING ? ended : WIRE_STOPPED;
        }
        if (poll(both, 2, timeout_ms) == 0) {
            return WIRE_NOTHING;
        }
        if (both[0].revents) {
            read_more(&debugger, 0);
        }
        if (both[1].revents) {
            read_more(&monitor, 0);
        }
    }
}
