/* SPDX-License-Identifier: MIT */
/* Transactions over cached blocks (transaction.h has the rules). */
#include "transaction.h"

#include "log.h"
#include "state.h"

void transaction_begin(bool revocable)
{
    struct transaction *transaction = &fs.transaction;

    transaction->count = 0;
    transaction->bytes = 0;
    transaction->blocks_freed = 0;
    transaction->inodes_freed = 0;
    transaction->free_blocks = 0;
    transaction->free_inodes = 0;
    transaction->release_inode = fs_region()->release_inode;
    transaction->release_size = fs_region()->release_size;
    transaction->located_inode = 0;
    transaction->revocable = revocable;
    transaction->saved_chunks = 0;
    transaction->failure = 0;
    transaction->session.change = SESSION_SAME;
    log_room(&transaction->room_touches, &transaction->room_bytes);
}

const void *block_view(uint32_t block, uint32_t offset, uint32_t bytes)
{
    int64_t frame = cache_get(block_unit(block));
    uint32_t place = block_place(block) + offset;

    if (frame < 0) {
        fs.transaction.failure = PE_IO;
        return NULL;
    }
    cache_verify((uint32_t)frame, place, bytes);
    return cache_bytes((uint32_t)frame) + place;
}

/* The touch of `block` in its frame, or NULL. */
static struct touch *find_touch(uint32_t frame, uint32_t block)
{
    uint32_t number = fs_scratch.frame[frame].touch;

    while (number != 0) {
        struct touch *touch;

        if (number > fs.transaction.count) {
            fs_panic(FS_PANIC_TRANSACTION);
        }
        touch = &fs.transaction.touch[number - 1];
        if (touch->block == block) {
            return touch;
        }
        number = touch->next;
    }
    return NULL;
}

/* The transaction is as large as it may be, or the log is full. */
static int64_t no_room(void)
{
    struct transaction *transaction = &fs.transaction;
    bool largest = transaction->count == TOUCH_MAXIMUM ||
                   transaction->bytes + fs.volume.block_bytes > TOUCH_BYTES;

    transaction->failure = largest ? PE_NOMEM : (uint32_t)-FS_DRAIN_FIRST;
    return -(int64_t)transaction->failure;
}

int64_t block_touch(uint32_t frame, uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind)
{
    struct transaction *transaction = &fs.transaction;
    struct touch *touch = find_touch(frame, block);
    uint32_t low = offset & ~7u;
    uint32_t high = (offset + bytes + 7) & ~7u;

    if (touch != NULL) {
        touch->low = (uint16_t)(low < touch->low ? low : touch->low);
        touch->high = (uint16_t)(high > touch->high ? high : touch->high);
        touch->kind |= (uint16_t)kind;
        return 0;
    }
    if (transaction->count == transaction->room_touches ||
        transaction->bytes + fs.volume.block_bytes > transaction->room_bytes) {
        return no_room();
    }
    touch = &transaction->touch[transaction->count++];
    transaction->bytes += (uint32_t)fs.volume.block_bytes;
    touch->block = block;
    touch->low = (uint16_t)low;
    touch->high = (uint16_t)high;
    touch->frame = (uint16_t)frame;
    touch->kind = (uint16_t)kind;
    touch->next = fs_scratch.frame[frame].touch;
    fs_scratch.frame[frame].touch = (uint16_t)transaction->count;
    return 0;
}

/* Remember the chunks in mask as they are. What there is no room for is not remembered. */
static void save_chunks(uint32_t frame, uint32_t mask)
{
    struct transaction *transaction = &fs.transaction;

    for (uint32_t left = mask; left != 0; left &= left - 1) {
        uint32_t chunk = (uint32_t)__builtin_ctz(left);
        uint32_t number = transaction->saved_chunks;

        if (number == SAVED_CHUNKS) {
            fs_scratch.frame[frame].overwritten = 1;
            return;
        }
        memcpy(fs_scratch.saved[number], cache_bytes(frame) + chunk * CHUNK_BYTES, CHUNK_BYTES);
        transaction->saved[number] = (struct saved_chunk){.frame = (uint16_t)frame, .chunk = (uint16_t)chunk};
        transaction->saved_chunks++;
    }
}

void *block_edit(uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind)
{
    int64_t frame = cache_get(block_unit(block));
    uint32_t place = block_place(block) + offset;
    uint32_t chunks;

    if (frame < 0) {
        fs.transaction.failure = PE_IO;
        return NULL;
    }
    cache_verify((uint32_t)frame, place, bytes);
    if (block_touch((uint32_t)frame, block, offset, bytes, kind) < 0) {
        return NULL;
    }
    chunks = cache_chunks(place, bytes) & ~(uint32_t)fs_scratch.frame[frame].stale_chunks;
    if (fs.transaction.revocable) {
        save_chunks((uint32_t)frame, chunks);
    }
    fs_scratch.frame[frame].stale_chunks |= (uint16_t)chunks;
    return cache_bytes((uint32_t)frame) + place;
}

int64_t block_replace(uint32_t block, uint32_t kind)
{
    uint32_t unit = block_unit(block);
    int64_t frame = fs.volume.unit_shift == 0 ? cache_get_blank(unit) : cache_get(unit);

    if (frame < 0) {
        fs.transaction.failure = PE_IO;
        return -PE_IO;
    }
    if (block_touch((uint32_t)frame, block, 0, (uint32_t)fs.volume.block_bytes, kind) < 0) {
        if (fs_scratch.frame[frame].touch == 0) {
            cache_drop((uint32_t)frame); /* its contents may be nobody's */
        }
        return -(int64_t)fs.transaction.failure;
    }
    fs_scratch.frame[frame].overwritten = 1;
    return frame;
}

void *block_make(uint32_t block, uint32_t kind)
{
    int64_t frame = block_replace(block, kind);
    uint32_t bytes = (uint32_t)fs.volume.block_bytes;
    uint8_t *contents;

    if (frame < 0) {
        return NULL;
    }
    contents = cache_bytes((uint32_t)frame) + block_place(block);
    memset(contents, 0, bytes);
    fs_scratch.frame[frame].stale_chunks |= (uint16_t)cache_chunks(block_place(block), bytes);
    return contents;
}

/* What a transaction does besides its records. */
static uint32_t digest_rest(uint32_t digest)
{
    const struct transaction *transaction = &fs.transaction;
    uint64_t crc = digest;

    crc = __builtin_ia32_crc32di(crc, transaction->blocks_freed | (uint64_t)transaction->inodes_freed << 32);
    crc = __builtin_ia32_crc32di(crc, (uint32_t)transaction->free_blocks | (uint64_t)transaction->free_inodes << 32);
    crc = __builtin_ia32_crc32di(crc, transaction->release_size ^ (uint64_t)transaction->release_inode << 32);
    return session_digest((uint32_t)crc);
}

uint32_t transaction_digest(void)
{
    const struct transaction *transaction = &fs.transaction;
    uint32_t digest = 0;

    for (uint32_t index = 0; index < transaction->count; index++) {
        const struct touch *touch = &transaction->touch[index];
        const uint8_t *bytes = cache_bytes(touch->frame) + block_place(touch->block) + touch->low;

        digest = log_digest(digest, touch, log_payload_check(touch->block, touch->low, bytes, touch->high - touch->low));
    }
    return digest_rest(digest);
}

void transaction_commit(const uint32_t *digest)
{
    struct transaction *transaction = &fs.transaction;
    struct fs_region *region = fs_region();
    uint32_t first_record = region->log_records;
    uint32_t records;

    for (uint32_t index = 0; index < transaction->count; index++) {
        struct touch *touch = &transaction->touch[index];
        struct frame *frame = &fs_scratch.frame[touch->frame];
        uint32_t place = block_place(touch->block);

        if (frame->key != block_unit(touch->block) || touch->high > fs.volume.block_bytes) {
            fs_panic(FS_PANIC_TRANSACTION);
        }
        if (frame->stale_chunks != 0) {
            cache_seal(touch->frame, frame->stale_chunks);
        }
        frame->touch = 0;
        frame->overwritten = 0;
        log_append(touch, cache_bytes(touch->frame) + place + touch->low, &frame->checksum[place >> CHUNK_SHIFT]);
    }
    records = log_confirm(first_record, transaction->touch, transaction->count);
    if (digest != NULL && digest_rest(records) != *digest) {
        fs_panic(FS_PANIC_TWICE);
    }
    region->blocks_freed += transaction->blocks_freed;
    region->inodes_freed += transaction->inodes_freed;
    region->release_inode = transaction->release_inode;
    region->release_size = transaction->release_size;
    fs.free_blocks += (uint32_t)transaction->free_blocks;
    fs.free_inodes += (uint32_t)transaction->free_inodes;
    transaction->count = 0;
    session_commit();
}

/* The saved chunks as they were; their checksums are still those of then, and are compared at the next use. */
static void restore_chunks(void)
{
    struct transaction *transaction = &fs.transaction;

    for (uint32_t index = 0; index < transaction->saved_chunks; index++) {
        const struct saved_chunk *saved = &transaction->saved[index];
        struct frame *frame = &fs_scratch.frame[saved->frame];

        memcpy(cache_bytes(saved->frame) + saved->chunk * CHUNK_BYTES, fs_scratch.saved[index], CHUNK_BYTES);
        frame->stale_chunks &= (uint16_t)~(1u << saved->chunk);
        frame->verified_in = 0;
    }
}

void transaction_abort(void)
{
    struct transaction *transaction = &fs.transaction;
    bool revocable = transaction->revocable;

    restore_chunks();
    for (uint32_t index = 0; index < transaction->count; index++) {
        uint32_t number = transaction->touch[index].frame;
        struct frame *frame = &fs_scratch.frame[number];

        if (frame->overwritten || frame->stale_chunks != 0) {
            cache_drop(number);
        }
        frame->touch = 0;
        frame->overwritten = 0;
    }
    transaction_begin(revocable);
}
