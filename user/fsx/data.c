/* SPDX-License-Identifier: MIT */
/* Opening, reading, writing, sizes. Rule: world.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/fsx/world.h"

static uint8_t room[FILE_BYTES_MAXIMUM + 8192] __attribute__((aligned(4096)));

/* A buffer for a transfer, at a page boundary or not. */
static uint8_t *buffer(void)
{
    return one_in(2) ? room : room + 1 + random_below(4095);
}

static size_t random_bytes(void)
{
    switch (random_below(5)) {
    case 0:
        return 4096 * (1 + random_below(4));
    case 1:
        return random_below(64);
    case 2:
        return random_below(70000);
    default:
        return random_below(9000);
    }
}

static void fill(uint8_t *to, size_t bytes)
{
    uint64_t word = random_below(UINT64_MAX);

    for (size_t index = 0; index < bytes; index++) {
        to[index] = (uint8_t)(word >> index % 8 * 8) ^ (uint8_t)(index / 8);
    }
}

/* Where a transfer begins: in the file, at its end, or beyond. */
static uint64_t random_offset(const struct node *node)
{
    uint64_t offset = one_in(4) ? node->bytes + random_below(20000) : random_below(node->bytes + 1);

    if (one_in(3)) {
        offset &= ~(uint64_t)4095;
    }
    return offset < FILE_BYTES_MAXIMUM ? offset : FILE_BYTES_MAXIMUM - 1;
}

static size_t clip(uint64_t offset, size_t bytes)
{
    return offset + bytes > FILE_BYTES_MAXIMUM ? FILE_BYTES_MAXIMUM - offset : bytes;
}

static void take_in(struct node *node, uint64_t offset, const uint8_t *from, size_t bytes)
{
    memcpy(node->content + offset, from, bytes);
    if (bytes && offset + bytes > node->bytes) {
        node->bytes = offset + bytes;
    }
}

/* Compare what was read at `offset` with the model. */
static void compare(const struct node *node, uint64_t offset, const uint8_t *got, ssize_t got_bytes, size_t asked)
{
    uint64_t left = offset < node->bytes ? node->bytes - offset : 0;
    uint64_t due = left < asked ? left : asked;

    if ((uint64_t)got_bytes != due) {
        differ("%zd bytes read where %lu were due", got_bytes, (unsigned long)due);
        return;
    }
    for (uint64_t index = 0; index < due; index++) {
        if (got[index] != node->content[offset + index]) {
            differ("byte %lu is %02x, due was %02x", (unsigned long)(offset + index), got[index],
                   node->content[offset + index]);
            return;
        }
    }
}

static void pwrite_some(struct handle *handle)
{
    struct node *node = &nodes[handle->node];
    uint64_t offset = random_offset(node);
    size_t bytes = clip(offset, random_bytes());
    uint8_t *from = buffer();
    ssize_t done;

    if (handle->append) {
        return; /* systems differ in where it goes */
    }
    fill(from, bytes);
    say("pwrite node %d, %zu bytes at %lu (size %lu)", handle->node, bytes, (unsigned long)offset,
        (unsigned long)node->bytes);
    done = pwrite(handle->fd, from, bytes, (off_t)offset);
    if (expect(done, handle->writable ? 0 : EBADF) && done >= 0) {
        take_in(node, offset, from, (size_t)done);
        if ((size_t)done != bytes) {
            differ("%zd bytes written of %zu", done, bytes);
        }
    }
}

static void write_some(struct handle *handle)
{
    struct node *node = &nodes[handle->node];
    uint64_t offset = handle->append ? node->bytes : *handle->offset;
    size_t bytes = random_bytes();
    uint8_t *from = buffer();
    ssize_t done;

    if (offset >= FILE_BYTES_MAXIMUM) {
        return;
    }
    bytes = clip(offset, bytes);
    fill(from, bytes);
    say("write node %d, %zu bytes at %lu%s", handle->node, bytes, (unsigned long)offset,
        handle->append ? " (append)" : "");
    done = write(handle->fd, from, bytes);
    if (expect(done, handle->writable ? 0 : EBADF) && done >= 0) {
        take_in(node, offset, from, (size_t)done);
        if (bytes) {
            *handle->offset = offset + (uint64_t)done;
        }
        if ((size_t)done != bytes) {
            differ("%zd bytes written of %zu", done, bytes);
        }
    }
}

static void pread_some(struct handle *handle)
{
    struct node *node = &nodes[handle->node];
    uint64_t offset = random_offset(node);
    size_t bytes = random_bytes();
    uint8_t *to = buffer();
    ssize_t got;

    say("pread node %d, %zu bytes at %lu (size %lu)", handle->node, bytes, (unsigned long)offset,
        (unsigned long)node->bytes);
    got = pread(handle->fd, to, bytes, (off_t)offset);
    if (expect(got, handle->readable ? 0 : EBADF) && got >= 0) {
        compare(node, offset, to, got, bytes);
    }
}

static void read_some(struct handle *handle)
{
    struct node *node = &nodes[handle->node];
    size_t bytes = random_bytes();
    uint8_t *to = buffer();
    ssize_t got;

    say("read node %d, %zu bytes at %lu (size %lu)", handle->node, bytes, (unsigned long)*handle->offset,
        (unsigned long)node->bytes);
    got = read(handle->fd, to, bytes);
    if (expect(got, handle->readable ? 0 : EBADF) && got >= 0) {
        compare(node, *handle->offset, to, got, bytes);
        *handle->offset += (uint64_t)got;
    }
}

static void seek(struct handle *handle)
{
    struct node *node = &nodes[handle->node];
    uint64_t wanted = random_offset(node);
    int whence = (int)random_below(3);
    int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (int64_t)*handle->offset : (int64_t)node->bytes;
    int64_t target = one_in(20) ? -1 - (int64_t)random_below(100) : (int64_t)wanted;
    off_t result;

    say("lseek node %d to %ld by whence %d", handle->node, (long)target, whence);
    result = lseek(handle->fd, (off_t)(target - base), whence);
    if (expect(result, target < 0 ? EINVAL : 0) && result >= 0) {
        *handle->offset = (uint64_t)target;
        if (result != target) {
            differ("offset %ld where %ld was due", (long)result, (long)target);
        }
    }
}

/* The model's part of a change of size: what is cut is zero if the file grows again. */
static void resize(struct node *node, uint64_t bytes)
{
    if (bytes < node->bytes) {
        memset(node->content + bytes, 0, node->bytes - bytes);
    }
    node->bytes = bytes;
}

static void truncate_some(struct handle *handle)
{
    struct node *node = &nodes[handle->node];
    uint64_t bytes = one_in(5) ? 0 : random_offset(node);

    say("ftruncate node %d from %lu to %lu", handle->node, (unsigned long)node->bytes, (unsigned long)bytes);
    if (expect(ftruncate(handle->fd, (off_t)bytes), handle->writable ? 0 : EINVAL) && handle->writable) {
        resize(node, bytes);
    }
}

static void truncate_by_name(void)
{
    char path[PATH_BYTES];
    struct place place;
    uint64_t bytes;

    if (!random_place_of(NODE_FILE, &place)) {
        return;
    }
    bytes = random_offset(&nodes[node_at(place)]);
    path_of(place, path);
    say("truncate %s to %lu", path, (unsigned long)bytes);
    if (expect(truncate(path, (off_t)bytes), 0)) {
        resize(&nodes[node_at(place)], bytes);
    }
}

static void synchronise(struct handle *handle)
{
    say("fsync node %d", handle->node);
    if (one_in(8)) {
        sync();
    } else {
        expect(one_in(2) ? fsync(handle->fd) : fdatasync(handle->fd), 0);
    }
}

static void duplicate(struct handle *handle)
{
    struct handle *copy = free_handle();

    if (!copy) {
        return;
    }
    say("dup of node %d", handle->node);
    *copy = *handle;
    copy->fd = dup(handle->fd);
    if (expect(copy->fd, 0)) {
        nodes[copy->node].opened++;
        ++*copy->sharers;
    }
}

void data_action(unsigned number)
{
    static void (*const with_handle[])(struct handle *handle) = {pwrite_some, write_some,    pread_some,  read_some,
                                                                 seek,        truncate_some, synchronise, duplicate};
    struct handle *handle = random_handle();

    if (number == DATA_ACTIONS - 1) {
        truncate_by_name();
    } else if (handle) {
        with_handle[number](handle);
    }
}
