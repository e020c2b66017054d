/* SPDX-License-Identifier: MIT */
/* SSRs and the table of open inodes (state.h has the rules). */
#include "state.h"

#include "checksum.h"

#define HANDLE_CHECKED_WORDS (offsetof(struct fs_handle, padding) / 8)
#define HEADER_CHECKED_WORDS ((offsetof(struct fs_ssr, check) - 4) / 8)

_Static_assert(offsetof(struct fs_handle, check) == offsetof(struct fs_handle, padding) + 4, "check is last");
_Static_assert(offsetof(struct fs_ssr, check) == 60, "check ends the header");

static struct fs_ssr *own_ssr(void)
{
    return server_ssr();
}

/* The seed is 0, so that zeros are valid; the place of a handle does not matter to anyone but its client. */
static uint32_t handle_check(const struct fs_handle *handle)
{
    return checksum_words(0, handle, HANDLE_CHECKED_WORDS);
}

static uint32_t header_check(const struct fs_ssr *ssr)
{
    return checksum_words(0, ssr, HEADER_CHECKED_WORDS);
}

static struct fs_ssr *checked_ssr(void)
{
    struct fs_ssr *ssr = own_ssr();

    if (header_check(ssr) != ssr->check) {
        fs_panic(FS_PANIC_SSR);
    }
    return ssr;
}

static void seal_header(struct fs_ssr *ssr)
{
    ssr->magic = FS_SSR_MAGIC;
    ssr->version = FS_SSR_VERSION;
    ssr->check = header_check(ssr);
}

static struct fs_handle *checked_handle(uint64_t number)
{
    struct fs_handle *handle;

    if (number >= FS_HANDLES) {
        return NULL;
    }
    handle = &own_ssr()->handles[number];
    if (handle_check(handle) != handle->check || handle->padding != 0) {
        fs_panic(FS_PANIC_SSR);
    }
    return handle->state == 1 ? handle : NULL;
}

const struct fs_handle *handle_view(uint64_t number)
{
    return checked_handle(number);
}

int64_t handle_find_free(void)
{
    struct fs_ssr *ssr = checked_ssr();

    if (fs.open.used >= OPEN_ENTRIES - OPEN_ENTRIES / 8) {
        return -PE_NFILE;
    }
    if (~ssr->used[0] != 0) {
        return __builtin_ctzll(~ssr->used[0]);
    }
    if (~ssr->used[1] != 0 && __builtin_ctzll(~ssr->used[1]) < FS_HANDLES - 64) {
        return 64 + __builtin_ctzll(~ssr->used[1]);
    }
    return -PE_MFILE;
}

static void handle_open(uint32_t number, uint32_t inode, uint32_t generation, uint32_t flags, uint64_t offset)
{
    struct fs_ssr *ssr = own_ssr();
    struct fs_handle *handle = &ssr->handles[number];

    if (number >= FS_HANDLES || handle->state != 0) {
        fs_panic(FS_PANIC_SSR);
    }
    handle->inode = inode;
    handle->inode_generation = generation;
    handle->offset = offset;
    handle->flags = flags;
    handle->state = 1;
    handle->check = handle_check(handle);
    ssr->used[number >> 6] |= 1ull << (number & 63);
    ssr->handle_count++;
    seal_header(ssr);
    open_add(inode);
}

static void handle_move(uint32_t number, uint64_t offset)
{
    struct fs_handle *handle = &own_ssr()->handles[number];

    handle->offset = offset;
    handle->check = handle_check(handle);
}

uint32_t handle_close(uint32_t number)
{
    struct fs_ssr *ssr = checked_ssr();
    struct fs_handle *handle = checked_handle(number);
    uint32_t inode;

    if (handle == NULL) {
        fs_panic(FS_PANIC_SSR);
    }
    inode = handle->inode;
    memset(handle, 0, sizeof(*handle));
    ssr->used[number >> 6] &= ~(1ull << (number & 63));
    ssr->handle_count--;
    seal_header(ssr);
    return inode;
}

uint32_t sync_view(void)
{
    return own_ssr()->sync_batch;
}

void sync_set(uint32_t batch)
{
    struct fs_ssr *ssr = checked_ssr();

    ssr->sync_batch = batch;
    seal_header(ssr);
}

uint32_t doubt_view(void)
{
    return own_ssr()->doubt;
}

void doubt_set(uint32_t doubt)
{
    struct fs_ssr *ssr = checked_ssr();

    ssr->doubt = doubt;
    seal_header(ssr);
}

uint32_t cwd_view(void)
{
    uint32_t inode = checked_ssr()->cwd_inode;

    return inode != 0 ? inode : FS_ROOT_INODE;
}

static void cwd_set(uint32_t inode, uint32_t generation)
{
    struct fs_ssr *ssr = checked_ssr();
    uint32_t before = ssr->cwd_inode;

    ssr->cwd_inode = inode;
    ssr->cwd_generation = generation;
    seal_header(ssr);
    open_add(inode);
    if (before != 0) {
        open_remove(before);
    }
}

void session_open(uint32_t number, uint32_t inode, uint32_t generation, uint32_t flags, uint64_t offset)
{
    fs.transaction.session = (struct session){.change = SESSION_OPEN,
                                              .handle = number,
                                              .inode = inode,
                                              .generation = generation,
                                              .flags = flags,
                                              .offset = offset};
}

void session_move(uint32_t number, uint64_t offset)
{
    struct session *session = &fs.transaction.session;

    session->change = SESSION_MOVE;
    session->handle = number;
    session->offset = offset;
}

void session_close(uint32_t number)
{
    fs.transaction.session = (struct session){.change = SESSION_CLOSE, .handle = number};
}

void session_change_directory(uint32_t inode, uint32_t generation)
{
    fs.transaction.session =
        (struct session){.change = SESSION_DIRECTORY, .inode = inode, .generation = generation};
}

uint32_t session_digest(uint32_t digest)
{
    const struct session *session = &fs.transaction.session;

    switch (session->change) {
    case SESSION_SAME:
        return digest;
    case SESSION_MOVE: /* the other fields are nobody's */
        return (uint32_t)__builtin_ia32_crc32di(__builtin_ia32_crc32di(digest, session->handle), session->offset);
    default:
        return checksum_words(digest, session, sizeof(*session) / 8);
    }
}

void session_commit(void)
{
    const struct session *session = &fs.transaction.session;

    switch (session->change) {
    case SESSION_SAME:
        break;
    case SESSION_OPEN:
        handle_open(session->handle, session->inode, session->generation, session->flags, session->offset);
        break;
    case SESSION_MOVE:
        handle_move(session->handle, session->offset);
        break;
    case SESSION_CLOSE:
        open_remove(handle_close(session->handle));
        break;
    case SESSION_DIRECTORY:
        cwd_set(session->inode, session->generation);
        break;
    default:
        fs_panic(FS_PANIC_TRANSACTION);
    }
}

bool ssr_is_valid(const struct fs_ssr *ssr)
{
    uint32_t inodes = fs.volume.mounted ? fs.volume.inodes : UINT32_MAX;

    if (header_check(ssr) != ssr->check || ssr->handle_count > FS_HANDLES || ssr->cwd_inode > inodes) {
        return false;
    }
    for (uint32_t number = 0; number < FS_HANDLES; number++) {
        const struct fs_handle *handle = &ssr->handles[number];
        uint32_t used = ssr->used[number >> 6] >> (number & 63) & 1;

        if (handle->state != used) {
            return false;
        }
        if (used && (handle_check(handle) != handle->check || handle->inode == 0 ||
                     handle->inode > inodes || handle->padding != 0)) {
            return false;
        }
    }
    return true;
}

void ssr_count_opens(const struct fs_ssr *ssr)
{
    if (ssr->cwd_inode != 0) {
        open_add(ssr->cwd_inode);
    }
    for (uint32_t word = 0; word < 2; word++) {
        for (uint64_t left = ssr->used[word]; left != 0; left &= left - 1) {
            open_add(ssr->handles[word * 64 + (uint32_t)__builtin_ctzll(left)].inode);
        }
    }
}

static uint32_t home_of(uint32_t inode)
{
    return inode & (OPEN_ENTRIES - 1);
}

static uint16_t entry_check(const struct open_entry *entry)
{
    return (uint16_t)(entry->inode * 40503u + entry->count * 3u + 1);
}

/* The inode's entry, or the free one where it would be. NULL if the table is full. */
static struct open_entry *find_entry(uint32_t inode)
{
    uint32_t place = home_of(inode);

    for (uint32_t step = 0; step < OPEN_ENTRIES; step++) {
        struct open_entry *entry = &fs.open.entry[place];

        if (entry->inode == 0) {
            return entry;
        }
        if (entry->inode == inode) {
            if (entry->check != entry_check(entry)) {
                fs_panic(FS_PANIC_OPEN_TABLE);
            }
            return entry;
        }
        place = (place + 1) & (OPEN_ENTRIES - 1);
    }
    return NULL;
}

void open_add(uint32_t inode)
{
    struct open_entry *entry = find_entry(inode);

    if (entry == NULL || entry->count == UINT16_MAX) {
        fs_panic(FS_PANIC_OPEN_TABLE);
    }
    if (entry->inode == 0) {
        entry->inode = inode;
        entry->count = 0;
        fs.open.used++;
    }
    entry->count++;
    entry->check = entry_check(entry);
}

uint32_t open_count(uint32_t inode)
{
    const struct open_entry *entry = find_entry(inode);

    return entry != NULL && entry->inode != 0 ? entry->count : 0;
}

/* Free an entry and move up those behind it that would not be found any more. */
static void delete_entry(struct open_entry *entry)
{
    uint32_t hole = (uint32_t)(entry - fs.open.entry);
    uint32_t place = hole;

    fs.open.used--;
    for (;;) {
        uint32_t home;

        place = (place + 1) & (OPEN_ENTRIES - 1);
        if (fs.open.entry[place].inode == 0) {
            break;
        }
        home = home_of(fs.open.entry[place].inode);
        if (((place - home) & (OPEN_ENTRIES - 1)) >= ((place - hole) & (OPEN_ENTRIES - 1))) {
            fs.open.entry[hole] = fs.open.entry[place];
            hole = place;
        }
    }
    memset(&fs.open.entry[hole], 0, sizeof(struct open_entry));
}

uint32_t open_remove(uint32_t inode)
{
    struct open_entry *entry = find_entry(inode);
    uint32_t left;

    if (entry == NULL || entry->inode == 0 || entry->count == 0) {
        fs_panic(FS_PANIC_OPEN_TABLE);
    }
    left = --entry->count;
    entry->check = entry_check(entry);
    if (left == 0) {
        delete_entry(entry);
    }
    return left;
}
