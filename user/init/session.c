/* SPDX-License-Identifier: MIT */
/*
 * The session: programs that run side by side, and the end of the last of them.
 *
 * The payload's entry `session` has a line for each: the name of the program in the payload or the system bundle, then its
 * arguments from argument 0 on. Its entry `environment` has lines NAME=VALUE. Without a session the shell runs.
 *
 * Rule: the status is the first that is not 0, in the order of the lines, whatever the order in which they end. What a program
 * has started ends with it at the latest. Programs
 * that ship in the kernel's own bundle and supervise (the shell, the measurements) get the rights to; a program of the payload
 * never does.
 */
#include "init.h"

#include "abi/console.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/notification.h"
#include "perdure/slots.h"
#include "servers/common/server.h"
#include "spawn/program.h"

#define WORDS_MAXIMUM 128
#define ENVIRONMENT_MAXIMUM 64
#define PROGRAM_PRIORITY 10
#define FIRST_PROCESS 2
#define RESERVE_PAGES 1024 /* stays with init */
#define STATUS_NOT_STARTED 127
#define NAME_BYTES 32

static struct spawn_child programs[SESSION_PROGRAMS];
static uint32_t accounts[SESSION_PROGRAMS]; /* what each, and all that it starts, is paid from */
static int statuses[SESSION_PROGRAMS];
static char client_names[SESSION_PROGRAMS][NAME_BYTES];
static uint32_t program_count;

static char word_room[32768];
static const char *words[WORDS_MAXIMUM + 1];
static char environment_room[16384];
static const char *environment[ENVIRONMENT_MAXIMUM + 1];

/* An entry of the payload as text; its length in *bytes, NULL if it is not there. */
static const char *payload_text(const char *name, uint64_t *bytes)
{
    const struct boot_info *info = pd_boot_info();
    const struct bundle_entry *entry = NULL;

    if (info->payload_pages) {
        program_bundles();
        entry = pd_bundle_find((const void *)PAYLOAD_ADDRESS, info->payload_pages * PAGE_BYTES, name);
    }
    if (!entry) {
        return NULL;
    }
    *bytes = entry->size_bytes;
    return (const char *)PAYLOAD_ADDRESS + entry->offset_bytes;
}

static const char *line_end(const char *line, const char *end)
{
    while (line < end && *line != '\n') {
        line++;
    }
    return line;
}

/* Read NAME=VALUE lines; those that do not fit are left out with a line in the log. */
static void read_environment(void)
{
    uint64_t bytes = 0;
    const char *line = payload_text("environment", &bytes);
    const char *end = line + bytes;
    uint64_t used = 0;
    int count = 0;

    while (line && line < end) {
        const char *stop = line_end(line, end);
        uint64_t length = (uint64_t)(stop - line);

        if (count == ENVIRONMENT_MAXIMUM || length + 1 > sizeof environment_room - used) {
            server_log("init: the environment is too large, the rest is left out");
            break;
        }
        if (length) {
            environment[count++] = memcpy(environment_room + used, line, length);
            environment_room[used + length] = 0;
            used += length + 1;
        }
        line = stop + 1;
    }
    environment[count] = NULL;
}

/* Lines of the session that are not empty. */
static uint32_t count_lines(const char *line, const char *end)
{
    uint32_t count = 0;

    while (line < end) {
        const char *stop = line_end(line, end);

        count += stop > line;
        line = stop + 1;
    }
    return count;
}

/* Quota of each of `count` programs. */
static uint64_t share(uint32_t count)
{
    uint64_t quota_pages = 0;
    uint64_t used_pages = 0;
    uint64_t threads;
    uint64_t name;

    pd_domain_info(SLOT_SELF_DOMAIN, &quota_pages, &used_pages, &threads, &name);
    return quota_pages > used_pages + RESERVE_PAGES ? (quota_pages - used_pages - RESERVE_PAGES) / count : 0;
}

/* Whether this program of the system bundle supervises. */
static int supervises(const char *name, const struct spawn_image *image)
{
    static const char *const names[] = {"shell", "bench", "recovery"};

    for (unsigned index = 0; index < sizeof names / sizeof names[0]; index++) {
        if (image->memory_slot == SLOT_SYSTEM_BUNDLE && strlen(name) == strlen(names[index]) &&
            memcmp(name, names[index], strlen(name)) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What observers know a program by: its first argument (a client's name), or its own name. */
static void keep_name(uint32_t index, const char *name)
{
    unsigned length = 0;

    while (name[length] && length < NAME_BYTES - 1) {
        client_names[index][length] = name[length];
        length++;
    }
    client_names[index][length] = 0;
}

/* Tell observers who is behind each binding. */
static void log_bindings(const struct spawn_request *request, const struct spawn_child *program, const char *name)
{
    for (uint32_t index = 0; index < request->service_count; index++) {
        server_log("init: binding %lu of %s is %s", program->bindings[index],
                   manifest_services[request->services[index].service_slot - SLOT_SERVICES].name, name);
    }
}

/* The account of a program, in SLOT_ACCOUNT until it is started; a name of it stays with init. */
static void open_account(uint32_t index, uint64_t quota_pages)
{
    accounts[index] = pd_slot_take();
    init_check(pd_create_domain(SLOT_SELF_DOMAIN, SLOT_ACCOUNT, quota_pages), "an account", "the session");
    init_check(pd_copy(SLOT_SELF_DOMAIN, SLOT_ACCOUNT, SLOT_SELF_DOMAIN, accounts[index], RIGHT_USE | RIGHT_MANAGE, 0),
               "an account", "the session");
}

/* Start one program of the session with its words. */
static void start(const char *const *line_words, uint64_t quota_pages)
{
    static const struct startup_stream streams[] = {
        {.kind = STARTUP_CONSOLE, .descriptor = 0, .number = 0},
        {.kind = STARTUP_CONSOLE, .descriptor = 1, .number = CONSOLE_STREAM_OUTPUT},
        {.kind = STARTUP_CONSOLE, .descriptor = 2, .number = CONSOLE_STREAM_ERROR},
    };
    struct spawn_service services[PROGRAM_SERVICES];
    struct spawn_capability capabilities[PROGRAM_CAPABILITIES];
    struct spawn_failure failure = {0, "no such program in the payload or the system bundle"};
    uint32_t index = program_count++;
    struct spawn_image image;
    struct spawn_request request = {
        .name = line_words[0],
        .arguments = line_words + 1,
        .environment = environment,
        .streams = streams,
        .stream_count = sizeof streams / sizeof streams[0],
        .process_number = FIRST_PROCESS + index,
        .parent_number = 1,
        .creation_mask = 022,
        .limit_pages = quota_pages,
        .priority = PROGRAM_PRIORITY,
        .exit_notification = SLOT_EXIT_NOTIFICATION,
        .exit_bits = (uint64_t)1 << index,
    };
    int found = program_find(line_words[0], &image);

    statuses[index] = STATUS_NOT_STARTED;
    keep_name(index, line_words[2] ? line_words[2] : line_words[0]);
    open_account(index, quota_pages);
    if (found) {
        program_capabilities(&request, services, capabilities, supervises(line_words[0], &image));
        if (supervises(line_words[0], &image)) {
            request.priority_limit = PRIORITY_MAXIMUM;
        }
    }
    if (!found || spawn_start(&request, &image, &programs[index], &failure) != 0) {
        server_log("init: cannot start %s: %s%s%s", line_words[0], failure.reason, failure.status ? ": " : "",
                   failure.status ? pd_status_text(failure.status) : "");
    } else {
        log_bindings(&request, &programs[index], client_names[index]);
    }
    pd_delete(SLOT_SELF_DOMAIN, SLOT_ACCOUNT);
}

/* Tell observers who did not end well. */
static void log_end(uint32_t index)
{
    if (statuses[index]) {
        server_log("init: %s ended with status %lu", client_names[index], (uint64_t)statuses[index]);
    }
}

/* Wait for every program that was started. */
static void wait_for_all(void)
{
    uint64_t running = 0;

    for (uint32_t index = 0; index < program_count; index++) {
        running |= programs[index].domain ? (uint64_t)1 << index : 0;
    }
    while (running) {
        uint64_t bits;

        init_check(pd_wait(SLOT_EXIT_NOTIFICATION, running, 0, &bits), "waiting", "the session");
        for (uint32_t index = 0; index < program_count; index++) {
            if (bits & (uint64_t)1 << index) {
                statuses[index] = spawn_status(&programs[index], NULL);
                if (statuses[index] >= 0) {
                    spawn_release(&programs[index]);
                    pd_kill(accounts[index]); /* and all that it has left behind */
                    running &= ~((uint64_t)1 << index);
                    log_end(index);
                }
            }
        }
    }
}

static void start_lines(const char *line, const char *end)
{
    uint32_t count = count_lines(line, end);
    uint64_t quota_pages;

    if (count == 0 || count > SESSION_PROGRAMS) {
        init_fail("the number of lines", "the session", PD_TOO_LARGE);
    }
    quota_pages = share(count);
    while (line < end) {
        const char *stop = line_end(line, end);

        if (stop > line) {
            int found = words_split(line, stop, word_room, sizeof word_room, words, WORDS_MAXIMUM);

            if (found < 2) {
                init_fail("a line (name and argument 0 at least)", "the session", PD_BAD_ARGUMENT);
            }
            start(words, quota_pages);
        }
        line = stop + 1;
    }
}

int session_run(void)
{
    static const char shell_line[] = "shell shell";
    uint64_t bytes = sizeof shell_line - 1;
    const char *text = payload_text("session", &bytes);

    init_check(pd_create_notification(SLOT_SELF_DOMAIN, SLOT_EXIT_NOTIFICATION), "the exit notification", "the session");
    read_environment();
    if (!text) {
        text = shell_line;
        bytes = sizeof shell_line - 1;
    }
    start_lines(text, text + bytes);
    wait_for_all();
    for (uint32_t index = 0; index < program_count; index++) {
        if (statuses[index]) {
            return statuses[index];
        }
    }
    return 0;
}
