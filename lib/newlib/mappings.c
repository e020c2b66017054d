/* SPDX-License-Identifier: MIT */
/*
 * mmap() and its kin.
 *
 * Rule: a mapping is a memory of its own; its address is never used again for another but by MAP_FIXED, so a stale pointer
 * faults. A file's pages come when they are touched: the file system is the pager of the memory, asked by a pread for
 * each page. A mapping keeps its file open. What cannot be promised is refused (sys/mman.h).
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "newlib/map.h"
#include "newlib/mappings.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"

#define PROTECTIONS (PROT_READ | PROT_WRITE | PROT_EXEC)
#define FLAGS (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE)

static uint64_t map_next = PROGRAM_MAP;

static int fail(int reason)
{
    errno = reason;
    return -1;
}

static uint64_t rights_of(int protection)
{
    return (protection & PROT_READ ? RIGHT_USE : 0) | (protection & PROT_WRITE ? RIGHT_USE | RIGHT_WRITE : 0) |
           (protection & PROT_EXEC ? RIGHT_USE | RIGHT_EXECUTE : 0);
}

/* Fill a fresh mapping with the file's bytes; past its end stay zeros. */
static int fill(uint8_t *start, size_t bytes, int fd, off_t offset)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t got = pread(fd, start + done, bytes - done, offset + (off_t)done);

        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return 0;
}

/* Why a request for a mapping is refused: an errno, 0 if it is not. */
static int refusal(uint64_t address, size_t bytes, int protection, int flags, off_t offset)
{
    if (bytes == 0 || !(flags & MAP_PRIVATE) == !(flags & MAP_SHARED) || flags & ~FLAGS || protection & ~PROTECTIONS) {
        return EINVAL;
    }
    if ((protection & PROT_WRITE) && (protection & PROT_EXEC)) {
        return EACCES;
    }
    if (!(flags & MAP_ANONYMOUS) && bytes > INT64_MAX - ((uint64_t)offset & INT64_MAX)) {
        return EOVERFLOW;
    }
    if (bytes > USER_ADDRESS_LIMIT - PROGRAM_MAP) {
        return ENOMEM;
    }
    if ((flags & MAP_FIXED) && (address & (PAGE_BYTES - 1))) {
        return EINVAL;
    }
    if ((flags & MAP_FIXED) && (address < PROGRAM_MAP || address > USER_ADDRESS_LIMIT - bytes)) {
        return ENOMEM;
    }
    return 0;
}

/* Whether a file may be mapped so: 0, or an errno. That it is one with pages, and open for reading, a read of nothing says. */
static int file_refusal(const struct open_file *file, int protection, int flags, off_t offset)
{
    int64_t status;

    if (offset < 0 || offset % PAGE_BYTES) {
        return EINVAL;
    }
    if (!glue_is_file(file)) {
        return ENODEV;
    }
    status = glue_word_call(FS_PREAD, file->handle, 0, 0);
    if (status < 0) {
        return status == -PE_BADF ? EACCES : status == -PE_ISDIR || status == -PE_INVAL ? ENODEV : (int)-status;
    }
    if ((flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        return (file->flags & O_ACCMODE) == O_RDONLY ? EACCES : ENOTSUP;
    }
    return 0;
}

/* The addresses of a new mapping. */
static uint8_t *choose(void *address, uint64_t pages, int flags)
{
    uint64_t run, left = pages + 1; /* one stays free */
    uint8_t *start = (uint8_t *)map_next;
    struct mapped *mapping;

    if (flags & MAP_FIXED) {
        return address;
    }
    for (uint8_t *place = start; left; place += run * PAGE_BYTES) { /* what MAP_FIXED has put here is stepped over */
        run = glue_map_run(place, left, &mapping);
        left = mapping ? pages + 1 : left - run;
        start = mapping ? place + run * PAGE_BYTES : start;
    }
    map_next = (uint64_t)start + (pages + 1) * PAGE_BYTES;
    return start;
}

/* Make the memory of a mapping and show it. 0, or -1 and errno: then there is none. */
static int make_memory(struct mapped *mapping)
{
    const struct open_file *file = mapping->file;

    mapping->memory = pd_slot_take();
    if (!glue_quota_has(mapping->pages) ||
        pd_create_memory(SLOT_SELF_DOMAIN, mapping->memory, mapping->pages, 0) != PD_OK ||
        (file && pd_set_pager(mapping->memory, SLOT_FS, FS_PREAD, file->handle, mapping->offset) != PD_OK)) {
        pd_slot_drop(mapping->memory);
        return fail(ENOMEM);
    }
    if (glue_map_show(mapping) != 0) {
        pd_slot_drop(mapping->memory);
        return -1;
    }
    return 0;
}

/* The mapping that is asked for; what MAP_FIXED puts it over goes when all else has been found right. NULL and errno. */
static uint8_t *make(void *address, uint64_t pages, uint64_t rights, int flags, struct open_file *file, off_t offset)
{
    struct mapped *mapping;

    if ((flags & MAP_FIXED) && glue_map_change(address, pages, 1, 0) != 0) {
        return NULL;
    }
    mapping = glue_map_new();
    if (!mapping) {
        return NULL;
    }
    *mapping = (struct mapped){.start = choose(address, pages, flags),
                               .pages = pages,
                               .rights = rights,
                               .shared = (flags & MAP_SHARED) != 0,
                               .file = file,
                               .offset = (uint64_t)offset};
    if (make_memory(mapping) != 0) {
        mapping->pages = 0;
        return NULL;
    }
    if (file) {
        file->references++;
    }
    return mapping->start;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    uint64_t pages = pd_pages(bytes);
    struct open_file *file = NULL;
    int reason = refusal((uint64_t)address, bytes, protection, flags, offset);
    int populate;
    uint8_t *start;

    if (!reason && !(flags & MAP_ANONYMOUS)) {
        file = glue_file(fd);
        reason = file ? 0 : EBADF;
        if (file && file->kind == OPEN_ZERO) { /* of zeros, as without a file */
            file = NULL;
        } else if (file) {
            reason = file_refusal(file, protection, flags, offset);
        }
    }
    if (reason) {
        errno = reason;
        return MAP_FAILED;
    }
    populate = file && (flags & MAP_POPULATE);
    start = make(address, pages, populate ? RIGHT_USE | RIGHT_WRITE : rights_of(protection), flags, populate ? NULL : file,
                 offset);
    if (!start) {
        return MAP_FAILED;
    }
    if (populate && (fill(start, bytes, fd, offset) != 0 || mprotect(start, bytes, protection) != 0)) {
        reason = errno;
        munmap(start, bytes);
        errno = reason;
        return MAP_FAILED;
    }
    return start;
}

int munmap(void *address, size_t bytes)
{
    if (((uintptr_t)address & (PAGE_BYTES - 1)) || bytes == 0) {
        return fail(EINVAL);
    }
    return glue_map_change(address, pd_pages(bytes), 1, 0);
}

/* Whether a mapping in a range is of a shared file, which is not written. */
static int shows_shared_file(uint8_t *place, uint64_t pages)
{
    struct mapped *mapping;

    for (uint64_t run; pages; place += run * PAGE_BYTES, pages -= run) {
        run = glue_map_run(place, pages, &mapping);
        if (mapping && mapping->shared && mapping->file) {
            return 1;
        }
    }
    return 0;
}

int mprotect(void *address, size_t bytes, int protection)
{
    uint64_t pages = pd_pages(bytes);

    if (protection & ~PROTECTIONS) {
        return fail(EINVAL);
    }
    if ((protection & PROT_WRITE) && (protection & PROT_EXEC)) {
        return fail(EACCES);
    }
    if (bytes == 0 && !((uintptr_t)address & (PAGE_BYTES - 1))) {
        return 0;
    }
    if (glue_map_check(address, pages) != 0) {
        return -1;
    }
    if ((protection & PROT_WRITE) && shows_shared_file(address, pages)) {
        return fail(EACCES);
    }
    return glue_map_change(address, pages, 0, rights_of(protection));
}

/* Nothing that is mapped is to be written back: files are mapped for reading, or privately. */
int msync(void *address, size_t bytes, int flags)
{
    if ((flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE)) || ((flags & MS_ASYNC) && (flags & MS_SYNC))) {
        return fail(EINVAL);
    }
    return bytes == 0 ? 0 : glue_map_check(address, pd_pages(bytes));
}

int madvise(void *address, size_t bytes, int advice)
{
    (void)address;
    (void)bytes;
    (void)advice;
    return 0;
}

int posix_madvise(void *address, size_t bytes, int advice)
{
    return madvise(address, bytes, advice);
}

int mlock(const void *address, size_t bytes)
{
    (void)address;
    (void)bytes;
    return 0;
}

int munlock(const void *address, size_t bytes)
{
    return mlock(address, bytes);
}

/* No page ever leaves memory. */
int mlockall(int flags)
{
    if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE))) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

int munlockall(void)
{
    return 0;
}
