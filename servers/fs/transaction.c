/* SPDX-License-Identifier: MIT */
/* Transactions over cached blocks (transaction.h has the rules). */
#include "transaction.h"

#include "log.h"

void transaction_begin(void)
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
    transaction->failure = 0;
    transaction->refused = !log_has_room();
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

int64_t block_touch(uint32_t frame, uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind)
{
    struct transaction *transaction = &fs.transaction;
    struct touch *touch = find_touch(frame, block);
    uint32_t low = offset & ~7u;
    uint32_t high = (offset + bytes + 7) & ~7u;

    if (touch != NULL) {
        touch->low = (uint16_t)(low < touch->low ? low : touch->low);
        touch->high = (uint16_t)(high > touch->high ? high : touch->high);
        touch->kind |= kind;
        return 0;
    }
    if (transaction->refused) {
        transaction->failure = PE_IO;
        return -PE_IO;
    }
    if (transaction->count == TOUCH_MAXIMUM || transaction->bytes + fs.volume.block_bytes > TOUCH_BYTES) {
        transaction->failure = PE_NOMEM;
        return -PE_NOMEM;
    }
    touch = &transaction->touch[transaction->count++];
    transaction->bytes += (uint32_t)fs.volume.block_bytes;
    touch->block = block;
    touch->low = (uint16_t)low;
    touch->high = (uint16_t)high;
    touch->frame = (uint16_t)frame;
    touch->kind = kind;
    touch->next = fs_scratch.frame[frame].touch;
    fs_scratch.frame[frame].touch = (uint16_t)transaction->count;
    return 0;
}

void *block_edit(uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind)
{
    int64_t frame = cache_get(block_unit(block));
    uint32_t place = block_place(block) + offset;

    if (frame < 0) {
        fs.transaction.failure = PE_IO;
        return NULL;
    }
    cache_verify((uint32_t)frame, place, bytes);
    if (block_touch((uint32_t)frame, block, offset, bytes, kind) < 0) {
        return NULL;
    }
    fs_scratch.frame[frame].stale_chunks |= (uint16_t)cache_chunks(place, bytes);
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

void transaction_commit(void)
{
    struct transaction *transaction = &fs.transaction;
    struct fs_region *region = fs_region();

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
        log_append(touch->block, touch->low, touch->high - touch->low, touch->kind,
                   cache_bytes(touch->frame) + place + touch->low, &frame->checksum[place >> CHUNK_SHIFT]);
    }
    region->blocks_freed += transaction->blocks_freed;
    region->inodes_freed += transaction->inodes_freed;
    region->release_inode = transaction->release_inode;
    region->release_size = transaction->release_size;
    fs.free_blocks += (uint32_t)transaction->free_blocks;
    fs.free_inodes += (uint32_t)transaction->free_inodes;
    transaction->count = 0;
}

void transaction_abort(void)
{
    struct transaction *transaction = &fs.transaction;

    for (uint32_t index = 0; index < transaction->count; index++) {
        struct touch *touch = &transaction->touch[index];

        if (fs_scratch.frame[touch->frame].touch != 0) {
            cache_drop(touch->frame);
        }
    }
    transaction_begin();
}
