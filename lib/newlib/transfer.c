/* SPDX-License-Identifier: MIT */
/*
 * read, write and their kin.
 *
 * Rule: data moves once. Whole pages at a page boundary are lent to the file system as they are; other data goes through
 * a page-aligned buffer that is lent, and little data through the message page. A call that the file system
 * served in part ends the transfer; an error after some bytes are through is left for the next call.
 */
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

#include "newlib/pipes.h"
#include "newlib/signals.h"
#include "perdure/memory.h"

static uint8_t bounce[GLUE_TRANSFER_BYTES] __attribute__((aligned(PAGE_BYTES)));

static inline void copy(void *to, const void *from, size_t bytes)
{
    size_t words = bytes >> 3;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    bytes &= 7;
    while (bytes--) {
        ((uint8_t *)to)[bytes] = ((const uint8_t *)from)[bytes];
    }
}

/* Make lent pages resident: the kernel lends only what is there. */
static void touch(uint8_t *base, size_t pages, bool writable)
{
    for (size_t page = 0; page < pages; page++) {
        volatile uint8_t *byte = base + page * PAGE_BYTES;
        uint8_t value = *byte;

        if (writable) {
            *byte = value;
        }
    }
}

/* One call with lent pages; a second one after touching them if they were not there. */
static int64_t lend(uint32_t operation, uint32_t handle, size_t bytes, uint64_t offset, uint8_t *base, bool out)
{
    size_t pages = pd_pages(bytes);
    uint64_t transfer = out ? pd_transfer_lend_out(pages) : pd_transfer_lend_in(pages);
    struct pd_call call = {{handle, bytes, offset, 0}, transfer, (uint64_t)base};
    int64_t status = pd_invoke_checked(SLOT_FS, operation, &call);

    if (__builtin_expect(status == PD_BAD_ADDRESS, 0)) {
        touch(base, pages, out);
        call = (struct pd_call){{handle, bytes, offset, 0}, transfer, (uint64_t)base};
        status = pd_invoke_checked(SLOT_FS, operation, &call);
    }
    return status == PD_OK ? (int64_t)call.word[0] : pd_portal_error(status);
}

static inline bool is_aligned(const void *address)
{
    return ((uintptr_t)address & (PAGE_BYTES - 1)) == 0;
}

/* How much of `bytes` bytes goes directly from or to `buffer`: whole pages of it, 0 for none. */
static inline size_t direct_bytes(const void *buffer, size_t bytes)
{
    if (!is_aligned(buffer)) {
        return 0;
    }
    bytes &= ~(size_t)(PAGE_BYTES - 1);
    return bytes > GLUE_TRANSFER_BYTES ? GLUE_TRANSFER_BYTES : bytes;
}

/* One call's worth of a read. */
static int64_t read_part(uint32_t operation, uint32_t handle, uint8_t *buffer, size_t bytes, uint64_t offset)
{
    size_t direct = direct_bytes(buffer, bytes);
    int64_t got;

    if (direct) {
        return lend(operation, handle, direct, offset, buffer, true);
    }
    if (bytes <= GLUE_MESSAGE_BYTES) {
        struct pd_call call = {.word = {handle, bytes, offset, 0}};

        got = pd_portal_call(SLOT_FS, operation, &call);
        if (got > 0) {
            copy(buffer, pd_message(), (size_t)got);
        }
        return got;
    }
    if (bytes > GLUE_TRANSFER_BYTES) {
        bytes = GLUE_TRANSFER_BYTES;
    }
    got = lend(operation, handle, bytes, offset, bounce, true);
    if (got > 0) {
        copy(buffer, bounce, (size_t)got);
    }
    return got;
}

/* One call's worth of a write. */
static int64_t write_part(uint32_t operation, uint32_t handle, const uint8_t *buffer, size_t bytes,
                          uint64_t offset)
{
    size_t direct = direct_bytes(buffer, bytes);

    if (direct) {
        return lend(operation, handle, direct, offset, (uint8_t *)buffer, false);
    }
    if (bytes <= GLUE_MESSAGE_BYTES) {
        struct pd_call call = {.word = {handle, bytes, offset, 0}, .transfer = pd_transfer_message(bytes)};

        copy(pd_message(), buffer, bytes);
        return pd_portal_call(SLOT_FS, operation, &call);
    }
    if (bytes > GLUE_TRANSFER_BYTES) {
        bytes = GLUE_TRANSFER_BYTES;
    }
    copy(bounce, buffer, bytes);
    return lend(operation, handle, bytes, offset, bounce, false);
}

/*
 * A whole transfer in as many calls as it needs. `parts` goes up to and over the end of the first short answer only
 * when a part was shorter than asked because it was cut at a page or at the transfer limit.
 */
static ssize_t transfer(uint32_t operation, uint32_t handle, uint8_t *buffer, size_t bytes, uint64_t offset,
                        bool reading)
{
    size_t done = 0;

    for (;;) {
        size_t left = bytes - done;
        size_t asked = direct_bytes(buffer + done, left);
        int64_t got = reading ? read_part(operation, handle, buffer + done, left, offset + done)
                              : write_part(operation, handle, buffer + done, left, offset + done);

        if (got < 0) {
            return done ? (ssize_t)done : glue_result(got);
        }
        done += (size_t)got;
        if (!asked) {
            asked = left > GLUE_TRANSFER_BYTES ? GLUE_TRANSFER_BYTES : left;
        }
        if (done == bytes || (size_t)got < asked) {
            return (ssize_t)done;
        }
    }
}

ssize_t read(int fd, void *buffer, size_t bytes)
{
    struct open_file *file = glue_file(fd);

    if (!file) {
        return -1;
    }
    glue_safe_point();
    if (__builtin_expect(file->kind != OPEN_FILE, 0)) {
        return glue_device_read(file, buffer, bytes);
    }
    return transfer(FS_READ, file->handle, buffer, bytes, 0, true);
}

ssize_t write(int fd, const void *buffer, size_t bytes)
{
    struct open_file *file = glue_file(fd);

    if (!file) {
        return -1;
    }
    glue_safe_point();
    if (__builtin_expect(file->kind != OPEN_FILE, 0)) {
        return glue_device_write(file, buffer, bytes);
    }
    return transfer(FS_WRITE, file->handle, (uint8_t *)buffer, bytes, 0, false);
}

/* The file behind a descriptor for pread and pwrite; NULL and errno. */
static struct open_file *seekable(int fd, off_t offset)
{
    struct open_file *file = glue_file(fd);

    if (file && (!glue_is_file(file) || offset < 0)) {
        errno = glue_is_file(file) ? EINVAL : ESPIPE;
        return NULL;
    }
    return file;
}

ssize_t glue_transfer_at(struct open_file *file, void *buffer, size_t bytes, uint64_t offset, int reading)
{
    return transfer(reading ? FS_PREAD : FS_PWRITE, file->handle, buffer, bytes, offset, reading);
}

ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    struct open_file *file = seekable(fd, offset);

    return file ? transfer(FS_PREAD, file->handle, buffer, bytes, (uint64_t)offset, true) : -1;
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    struct open_file *file = seekable(fd, offset);

    return file ? transfer(FS_PWRITE, file->handle, (uint8_t *)buffer, bytes, (uint64_t)offset, false) : -1;
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct open_file *file = seekable(fd, 0);

    if (file && file->kind == OPEN_SHARED) {
        return glue_shared_seek(file, offset, whence);
    }
    return file ? glue_result(glue_word_call(FS_SEEK, file->handle, (uint64_t)offset, (uint64_t)whence)) : -1;
}

/* Several buffers, one after the other, up to the first short transfer. */
static ssize_t vectors(int fd, const struct iovec *vector, int count, bool reading)
{
    ssize_t done = 0;

    if (count < 0 || count > IOV_MAX) {
        errno = EINVAL;
        return -1;
    }
    for (int index = 0; index < count; index++) {
        ssize_t got = reading ? read(fd, vector[index].iov_base, vector[index].iov_len)
                              : write(fd, vector[index].iov_base, vector[index].iov_len);

        if (got < 0) {
            return done ? done : -1;
        }
        done += got;
        if ((size_t)got < vector[index].iov_len) {
            break;
        }
    }
    return done;
}

ssize_t readv(int fd, const struct iovec *vector, int count)
{
    return vectors(fd, vector, count, true);
}

ssize_t writev(int fd, const struct iovec *vector, int count)
{
    return vectors(fd, vector, count, false);
}
