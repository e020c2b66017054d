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

static void *reserve(struct cursor *cursor, uint64_t bytes, uint64_t *address)
{
    void *place = cursor->here;

    bytes = (bytes + 7) & ~(uint64_t)7;
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

static char *put_text(struct cursor *cursor, const char *text)
{
    uint64_t address = 0;
    uint64_t bytes = 1;
    char *place;

    while (text[bytes - 1]) {
        bytes++;
    }
    place = reserve(cursor, bytes, &address);
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
    for (unsigned index = 0; index < 3; index++) {
        block->streams[index] = request->streams[index];
        if (request->streams[index].path) {
            block->streams[index].path = put_text(&cursor, request->streams[index].path);
        }
    }
    return cursor.overflow ? -1 : 0;
}
