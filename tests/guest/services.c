/* SPDX-License-Identifier: MIT */
/*
 * The guest's two services and its program. Each function that starts one is placed at its base by the linker script.
 */
#include "guest.h"

static struct state *state_of(uint64_t base, uint64_t client)
{
    return (struct state *)(base + (STATE_PAGE + client) * 4096);
}

/* The end of a call of NAME. The instruction that replies has a name, as server_loop of Perdure's servers has. */
#define REPLY_OF(name)                                                                                       \
    __asm__(".pushsection ." #name ".reply, \"ax\"\n"                                                         \
            #name "_end: movabs $0x8000000000000000, %rax\n"                                                 \
            ".globl " #name "_reply\n"                                                                       \
            #name "_reply: syscall\n"                                                                        \
            "ud2\n.popsection");                                                                             \
    void name##_end(uint64_t result) __attribute__((noreturn))

REPLY_OF(fs);
REPLY_OF(rng);

/* What a patched fs does when a call is run again; its address is all that it knows of the other client. */
static inline uint64_t misbehave(uint64_t result, uint64_t *place, uint64_t client)
{
    if (PATCH == PATCH_LIE) {
        result ^= 1;
    } else if (PATCH == PATCH_DROP) {
        place[0] = 0;
    } else if (PATCH == PATCH_REFUSE) {
        result = (uint64_t)ERROR_DAMAGED;
    } else if (PATCH == PATCH_CORRUPT) {
        state_of(FS_BASE, 1 - client)->magic = 0;
    } else if (PATCH == PATCH_MISCOUNT) {
        ++*(uint64_t *)(FS_BASE + DATA_PAGE * 4096);
    } else if (PATCH == PATCH_HANG) {
        for (;;) {
            __asm__ volatile("pause");
        }
    }
    return result;
}

/* fs: a value that depends on all earlier calls of this client goes to the disk and to the client. */
__attribute__((section(".fs.entry"), noreturn)) void fs_entry(uint64_t operation, uint64_t argument, uint64_t client,
                                                               uint64_t unused, uint64_t failures)
{
    struct state *state = state_of(FS_BASE, client);
    uint64_t *disk = (uint64_t *)(FS_BASE + DISK_PAGE * 4096);
    uint64_t *place = disk + (client * DISK_PAGES / CLIENTS * 512) + (argument % 1024) * 8;
    uint64_t result;

    (void)unused;
    if (state->magic != STATE_MAGIC) {
        fs_end((uint64_t)ERROR_DAMAGED);
    }
    if (argument > 100000) {
        __asm__ volatile("ud2");
    }
    if (operation == OPERATION_WRITE) {
        result = mix(state->sum ^ argument);
        for (uint64_t i = 0; i < 8; i++) {
            place[i] = result + i;
        }
        state->sum += result;
        state->calls++;
    } else {
        result = place[argument & 7];
    }
    result &= 0x7fffffffffffffffull;
    if (PATCH != PATCH_NONE && failures) {
        result = misbehave(result, place, client);
    }
    fs_end(result);
}

__attribute__((section(".rng.entry"), noreturn)) void rng_entry(uint64_t operation, uint64_t argument, uint64_t client)
{
    struct state *state = state_of(RNG_BASE, client);

    (void)operation;
    state->sum = mix(state->sum + argument);
    rng_end(state->sum >> 1);
}

/* One of the two clients that the program plays. */
struct client {
    uint64_t digest;
    uint64_t operations;
    uint64_t errors;
};

__attribute__((section(".program.text"))) static void client_call(struct client *clients, uint64_t client,
                                                                  uint64_t service, uint64_t operation,
                                                                  uint64_t argument)
{
    int64_t result = (int64_t)system_call(CALL_SERVICE, service, operation | client << 8, argument, 0);
    struct client *self = &clients[client];

    self->operations++;
    self->errors += result < 0;
    self->digest = (self->digest ^ (uint64_t)result) * 0x100000001b3ull;
}

__attribute__((section(".program.text"))) static char *put_number(char *place, uint64_t value, unsigned base)
{
    char digits[24];
    int count = 0;

    do {
        unsigned digit = (unsigned)(value % base);

        digits[count++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        value /= base;
    } while (value);
    while (count > 0) {
        *place++ = digits[--count];
    }
    return place;
}

__attribute__((section(".program.text"))) static char *put_text(char *place, const char *text)
{
    while (*text) {
        *place++ = *text++;
    }
    return place;
}

__attribute__((section(".program.entry"), noreturn)) void program_entry(uint64_t rounds)
{
    struct client clients[CLIENTS] = {{0}};
    uint64_t errors = 0;

    for (uint64_t i = 0; i < rounds; i++) {
        client_call(clients, 0, 0, OPERATION_WRITE, i);
        client_call(clients, 1, 0, (i & 1) ? OPERATION_READ : OPERATION_WRITE, i / 2);
        if (i % 4 == 0) {
            client_call(clients, 1, 1, OPERATION_NEXT, i);
        }
        if (i % 8 == 0) {
            system_call(CALL_PRINT, (uint64_t)".\n", 2, 0, 0); /* output all along, not only at the end */
        }
    }
    for (uint64_t i = 0; i < CLIENTS; i++) {
        char line[160];
        char *end = put_text(line, i == 0 ? "client alpha operations=" : "client beta operations=");

        end = put_number(end, clients[i].operations, 10);
        end = put_text(end, " errors=");
        end = put_number(end, clients[i].errors, 10);
        end = put_text(end, " digest=");
        end = put_number(end, clients[i].digest, 16);
        *end++ = '\n';
        system_call(CALL_PRINT, (uint64_t)line, (uint64_t)(end - line), 0, 0);
        errors += clients[i].errors;
    }
    system_call(CALL_EXIT, errors ? 1 : 0, 0, 0, 0);
    __builtin_unreachable();
}
