/* SPDX-License-Identifier: MIT */
/*
 * Building the start-up block.
 *
 * Rule: pure: it is laid out for the address it will have in the program while it is written at another one, and
 * nothing is written outside `room_bytes`.
 */
#include "spawn/block.h"

/* A cursor that writes at `here` what the program will find at `there`. overflow is set for good when room ends. */
struct cursor {
    uint8_t *here;
    uint64_t there;
    uint64_t left_bytes;
    int overflow;
};

static uint64_t rounded(uint64_t bytes)
{
    return (bytes + 7) & ~(uint64_t)7;
}

static void *reserve(struct cursor *cursor, uint64_t bytes, uint64_t *address)
{
    void *place = cursor->here;

    bytes = rounded(bytes);
    if (cursor->overflow || bytes > cursor->left_bytes) {
        cursor->overflow = 1;
        return NULL;
    }
    *address = cursor->there;
    cursor->here += bytes;
    cursor->there += bytes;
    cursor->left_bytes -= bytes;
    return place;
}

/* Bytes of a text with its NUL. */
static uint64_t text_bytes(const char *text)
{
    uint64_t bytes = 1;

    while (text[bytes - 1]) {
        bytes++;
    }
    return bytes;
}

static char *put_text(struct cursor *cursor, const char *text)
{
    uint64_t address = 0;
    uint64_t bytes = text_bytes(text);
    char *place = reserve(cursor, bytes, &address);

    for (uint64_t index = 0; place && index < bytes; index++) {
        place[index] = text[index];
    }
    return (char *)address;
}

static uint64_t count_of(const char *const *list)
{
    uint64_t count = 0;

    while (list && list[count]) {
        count++;
    }
    return count;
}

static char **put_list(struct cursor *cursor, const char *const *list)
{
    uint64_t count = count_of(list);
    uint64_t address = 0;
    char **place = reserve(cursor, (count + 1) * sizeof *place, &address);

    for (uint64_t index = 0; place && index < count; index++) {
        place[index] = put_text(cursor, list[index]);
    }
    if (place) {
        place[count] = NULL;
    }
    return (char **)address;
}

static uint64_t list_bytes(const char *const *list)
{
    uint64_t bytes = (count_of(list) + 1) * sizeof *list;

    for (; list && *list; list++) {
        bytes += rounded(text_bytes(*list));
    }
    return bytes;
}

/* The names of the services; one that is too long is cut. */
static const struct startup_service *put_services(struct cursor *cursor, const struct spawn_request *request)
{
    uint64_t address = 0;
    struct startup_service *place = reserve(cursor, request->service_count * sizeof *place, &address);

    for (uint32_t index = 0; place && index < request->service_count; index++) {
        const struct spawn_service *service = &request->services[index];

        for (unsigned character = 0; character + 1 < sizeof place->name && service->name[character]; character++) {
            place[index].name[character] = service->name[character];
        }
        place[index].slot = service->portal_slot;
    }
    return (const struct startup_service *)address;
}

static const struct startup_stream *put_streams(struct cursor *cursor, const struct spawn_request *request)
{
    uint64_t address = 0;
    struct startup_stream *place = reserve(cursor, request->stream_count * sizeof *place, &address);

    for (uint32_t index = 0; place && index < request->stream_count; index++) {
        place[index] = request->streams[index];
        if (place[index].path) {
            place[index].path = put_text(cursor, place[index].path);
        }
    }
    return (const struct startup_stream *)address;
}

uint64_t startup_bytes(const struct spawn_request *request)
{
    uint64_t bytes = rounded(sizeof(struct startup_block)) + list_bytes(request->arguments) +
                     list_bytes(request->environment) + request->service_count * sizeof(struct startup_service) +
                     request->stream_count * sizeof(struct startup_stream);

    if (request->working_directory) {
        bytes += rounded(text_bytes(request->working_directory));
    }
    for (uint32_t index = 0; index < request->stream_count; index++) {
        bytes += request->streams[index].path ? rounded(text_bytes(request->streams[index].path)) : 0;
    }
    return bytes;
}

int startup_build(void *room, uint64_t room_bytes, uint64_t address, const struct spawn_request *request)
{
    struct cursor cursor = {room, address, room_bytes, 0};
    uint64_t block_address;
    struct startup_block *block = reserve(&cursor, sizeof *block, &block_address);

    if (!block) {
        return -1;
    }
    block->magic = STARTUP_MAGIC;
    block->argument_count = count_of(request->arguments);
    block->arguments = put_list(&cursor, request->arguments);
    block->environment = put_list(&cursor, request->environment);
    block->working_directory =
        request->working_directory ? put_text(&cursor, request->working_directory) : NULL;
    block->process_number = request->process_number;
    block->parent_number = request->parent_number;
    block->creation_mask = request->creation_mask;
    block->process_token = request->process_token;
    block->process_started = request->process_started;
    block->signals = request->signals;
    block->stream_count = request->stream_count;
    block->streams = put_streams(&cursor, request);
    block->service_count = request->service_count;
    block->services = put_services(&cursor, request);
    return cursor.overflow ? -1 : 0;
}
