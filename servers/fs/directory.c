/* SPDX-License-Identifier: MIT */
/* Looking up and changing directory entries (directory.h has the rules). */
#include "directory.h"

#include "block_map.h"
#include "device.h"
#include "directory_walk.h"
#include "inode.h"
#include "transaction.h"

static bool name_equals(const struct ext2_entry *entry, const char *name, uint32_t name_bytes)
{
    return entry->inode != 0 && entry->name_bytes == name_bytes && memcmp(entry->name, name, name_bytes) == 0;
}

/* Bytes that an entry could give up to a new one behind it. */
static uint32_t slack(const struct ext2_entry *entry)
{
    return entry->record_bytes - (entry->inode != 0 ? entry_bytes(entry->name_bytes) : 0);
}

int64_t directory_find(uint32_t directory, const char *name, uint32_t name_bytes, struct directory_place *place)
{
    uint32_t wanted = entry_bytes(name_bytes);
    const struct ext2_entry *entry;
    struct directory_walk walk;
    int64_t result;

    memset(place, 0, sizeof(*place));
    walk_start(&walk, directory, 0);
    while ((result = walk_next(&walk, &entry)) > 0) {
        if (name_equals(entry, name, name_bytes)) {
            place->block = walk.block;
            place->offset = walk.offset;
            place->previous = walk.previous;
            place->inode = entry->inode;
            place->type = fs.volume.has_filetype ? entry->type : EXT2_TYPE_UNKNOWN;
            return 0;
        }
        if (place->gap_block == 0 && slack(entry) >= wanted) {
            place->gap_block = walk.block;
            place->gap_offset = walk.offset;
        }
    }
    return result;
}

/* What every change of a directory does to its inode. */
static int64_t mark_changed(uint32_t directory)
{
    struct ext2_inode *inode = inode_edit(directory);

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    inode->mtime = inode->ctime = clock_seconds();
    inode->flags &= ~(uint32_t)EXT2_FLAG_INDEX;
    return 0;
}

static void set_entry(struct ext2_entry *entry, const char *name, uint32_t name_bytes, uint32_t inode, uint32_t mode)
{
    entry->inode = inode;
    entry->name_bytes = (uint8_t)name_bytes;
    entry->type = fs.volume.has_filetype ? inode_entry_type(mode) : 0;
    memcpy(entry->name, name, name_bytes);
}

/* Put the entry behind the one at the gap, or over it if that one is unused. */
static int64_t add_at_gap(const char *name, uint32_t name_bytes, uint32_t inode, uint32_t mode,
                          const struct directory_place *place)
{
    const struct ext2_entry *found = block_view(place->gap_block, place->gap_offset, sizeof(*found));
    struct ext2_entry *entry;
    uint32_t kept;
    uint32_t record_bytes;

    if (found == NULL) {
        return -PE_IO;
    }
    record_bytes = found->record_bytes;
    kept = found->inode != 0 ? entry_bytes(found->name_bytes) : 0;
    if (place->gap_offset + record_bytes > fs.volume.block_bytes || kept + entry_bytes(name_bytes) > record_bytes) {
        fs_panic(FS_PANIC_CHECK);
    }
    entry = block_edit(place->gap_block, place->gap_offset, kept + entry_bytes(name_bytes), BLOCK_METADATA);
    if (entry == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (kept != 0) {
        entry->record_bytes = (uint16_t)kept;
        entry = (struct ext2_entry *)((uint8_t *)entry + kept);
        entry->record_bytes = (uint16_t)(record_bytes - kept);
    }
    set_entry(entry, name, name_bytes, inode, mode);
    return 0;
}

/* A further block with this one entry. */
static int64_t add_in_new_block(uint32_t directory, const char *name, uint32_t name_bytes, uint32_t inode,
                                uint32_t mode)
{
    struct ext2_inode *head = inode_edit(directory);
    uint64_t size;
    bool fresh;
    int64_t block;
    struct ext2_entry *entry;

    if (head == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    size = inode_size(head);
    if (size + fs.volume.block_bytes > INT32_MAX) {
        return -PE_NOSPC;
    }
    block = map_allocate(head, directory, size >> fs.volume.block_shift, 0, &fresh);
    if (block < 0 || !fresh) {
        return block < 0 ? block : -PE_IO;
    }
    entry = block_make((uint32_t)block, BLOCK_METADATA);
    if (entry == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    entry->record_bytes = (uint16_t)fs.volume.block_bytes;
    set_entry(entry, name, name_bytes, inode, mode);
    inode_set_size(head, size + fs.volume.block_bytes);
    return 0;
}

int64_t directory_add(uint32_t directory, const char *name, uint32_t name_bytes, uint32_t inode, uint32_t mode,
                      const struct directory_place *place)
{
    int64_t result = place->gap_block != 0 ? add_at_gap(name, name_bytes, inode, mode, place)
                                           : add_in_new_block(directory, name, name_bytes, inode, mode);

    return result < 0 ? result : mark_changed(directory);
}

int64_t directory_remove(uint32_t directory, const struct directory_place *place)
{
    uint32_t bytes = place->offset - place->previous + (uint32_t)sizeof(struct ext2_entry);
    struct ext2_entry *previous = block_edit(place->block, place->previous, bytes, BLOCK_METADATA);
    struct ext2_entry *entry;

    if (previous == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    entry = (struct ext2_entry *)((uint8_t *)previous + (place->offset - place->previous));
    if (entry->inode != place->inode) {
        fs_panic(FS_PANIC_CHECK);
    }
    if (entry != previous) {
        previous->record_bytes = (uint16_t)(previous->record_bytes + entry->record_bytes);
    }
    entry->inode = 0;
    return mark_changed(directory);
}

int64_t directory_replace(uint32_t directory, const struct directory_place *place, uint32_t inode, uint32_t mode)
{
    struct ext2_entry *entry = block_edit(place->block, place->offset, sizeof(*entry), BLOCK_METADATA);

    if (entry == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (entry->inode != place->inode) {
        fs_panic(FS_PANIC_CHECK);
    }
    entry->inode = inode;
    entry->type = fs.volume.has_filetype ? inode_entry_type(mode) : 0;
    return mark_changed(directory);
}

int64_t directory_start(uint32_t directory, uint32_t parent)
{
    struct ext2_inode *inode = inode_edit(directory);
    struct ext2_entry *entry;
    int64_t block;
    bool fresh;

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    block = map_allocate(inode, directory, 0, 0, &fresh);
    if (block < 0 || !fresh) {
        return block < 0 ? block : -PE_IO;
    }
    entry = block_make((uint32_t)block, BLOCK_METADATA);
    if (entry == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    entry->record_bytes = (uint16_t)entry_bytes(1);
    set_entry(entry, ".", 1, directory, FS_MODE_DIRECTORY);
    entry = (struct ext2_entry *)((uint8_t *)entry + entry_bytes(1));
    entry->record_bytes = (uint16_t)(fs.volume.block_bytes - entry_bytes(1));
    set_entry(entry, "..", 2, parent, FS_MODE_DIRECTORY);
    inode_set_size(inode, fs.volume.block_bytes);
    return 0;
}
