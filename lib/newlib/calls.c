/* SPDX-License-Identifier: MIT */
/* Calls to the file system that carry paths or words. */
#include "newlib/glue.h"

int64_t glue_put_path(const char *path, size_t offset)
{
    char *message = (char *)pd_message() + offset;
    size_t length = 0;

    if (!path) {
        return -PE_FAULT;
    }
    while ((message[length] = path[length]) != 0) {
        if (++length + offset >= MESSAGE_BYTES) {
            return -PE_NAMETOOLONG;
        }
    }
    return length ? (int64_t)length : -PE_NOENT;
}

int64_t glue_path_call(uint32_t operation, const char *path, uint64_t word_0, uint64_t word_1, uint64_t word_2)
{
    int64_t length = glue_put_path(path, 0);
    struct pd_call call = {.word = {word_0, word_1, word_2, 0}, .transfer = (uint64_t)length};

    if (length < 0) {
        return length;
    }
    return pd_portal_call(SLOT_FS, operation, &call);
}

int64_t glue_two_path_call(uint32_t operation, const char *first, const char *second)
{
    int64_t first_length = glue_put_path(first, 0);
    int64_t second_length;
    struct pd_call call = {0};

    if (first_length < 0) {
        return first_length;
    }
    second_length = glue_put_path(second, (size_t)first_length + 1);
    if (second_length < 0) {
        return second_length;
    }
    call.transfer = pd_transfer_message((size_t)first_length + 1 + (size_t)second_length);
    return pd_portal_call(SLOT_FS, operation, &call);
}

int64_t glue_word_call(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, 0}};

    return pd_portal_call(SLOT_FS, operation, &call);
}
