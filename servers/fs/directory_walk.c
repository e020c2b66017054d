/* SPDX-License-Identifier: MIT */
/* Going through directories (directory_walk.h), and the operations that read a directory as a whole. */
#include "directory_walk.h"

#include "block_map.h"
#include "directory.h"
#include "inode.h"
#include "transaction.h"

void walk_start(struct directory_walk *walk, uint32_t directory, uint64_t logical)
{
    walk->directory = directory;
    walk->block = 0;
    walk->logical = logical;
}

/* Whether all entries of a block are whole, aligned and inside it. */
static bool block_is_well_formed(const uint8_t *bytes)
{
    uint32_t block_bytes = (uint32_t)fs.volume.block_bytes;
    uint32_t offset = 0;

    while (offset < block_bytes) {
        const struct ext2_entry *entry = (const struct ext2_entry *)(bytes + offset);
        uint32_t record_bytes;

        if (block_bytes - offset < sizeof(*entry)) {
            return false;
        }
        record_bytes = entry->record_bytes;
        if (record_bytes < entry_bytes(1) || record_bytes % 4 != 0 || record_bytes > block_bytes - offset) {
            return false;
        }
        if (entry->inode != 0 && (entry->name_bytes == 0 || entry_bytes(entry->name_bytes) > record_bytes ||
                                  entry->inode > fs.volume.inodes)) {
            return false;
        }
        offset += record_bytes;
    }
    return true;
}

int64_t walk_block(struct directory_walk *walk, const uint8_t **bytes)
{
    const struct ext2_inode *inode = inode_view_used(walk->directory);
    int64_t block = 0;
    uint64_t blocks;

    if (inode == NULL) {
        return -PE_IO;
    }
    if (!inode_is_directory(inode)) {
        return -PE_NOTDIR;
    }
    blocks = inode_size(inode) >> fs.volume.block_shift;
    while (walk->logical < blocks && (block = map_lookup(inode, walk->logical)) == 0) {
        walk->logical++;
    }
    if (walk->logical >= blocks || block < 0) {
        return block < 0 ? -PE_IO : 0;
    }
    walk->block = (uint32_t)block;
    *bytes = block_view(walk->block, 0, (uint32_t)fs.volume.block_bytes);
    if (*bytes == NULL) {
        return -PE_IO;
    }
    if (!block_is_well_formed(*bytes)) {
        server_log("directory %u: block %u is damaged; run e2fsck", walk->directory, walk->block);
        return -PE_IO;
    }
    return 1;
}

static bool is_dot_or_dot_dot(const struct ext2_entry *entry)
{
    return (entry->name_bytes == 1 && entry->name[0] == '.') ||
           (entry->name_bytes == 2 && entry->name[0] == '.' && entry->name[1] == '.');
}

int64_t directory_is_empty(uint32_t directory)
{
    struct directory_walk walk;
    const uint8_t *bytes;
    int64_t result;

    walk_start(&walk, directory, 0);
    while ((result = walk_block(&walk, &bytes)) > 0) {
        for (uint32_t offset = 0; offset < fs.volume.block_bytes;) {
            const struct ext2_entry *entry = (const struct ext2_entry *)(bytes + offset);

            if (entry->inode != 0 && !is_dot_or_dot_dot(entry)) {
                return 0;
            }
            offset += entry->record_bytes;
        }
        walk.logical++;
    }
    return result < 0 ? result : 1;
}

int64_t directory_name_of(uint32_t directory, uint32_t child, char *to)
{
    struct directory_walk walk;
    const uint8_t *bytes;
    int64_t result;

    walk_start(&walk, directory, 0);
    while ((result = walk_block(&walk, &bytes)) > 0) {
        for (uint32_t offset = 0; offset < fs.volume.block_bytes;) {
            const struct ext2_entry *entry = (const struct ext2_entry *)(bytes + offset);

            if (entry->inode == child && !is_dot_or_dot_dot(entry)) {
                memcpy(to, entry->name, entry->name_bytes);
                return entry->name_bytes;
            }
            offset += entry->record_bytes;
        }
        walk.logical++;
    }
    return result < 0 ? result : -PE_NOENT;
}

/* One entry in the form of READDIR. False if there is no room. */
static bool emit(const struct ext2_entry *entry, uint8_t *to, uint32_t room_bytes, uint32_t *bytes)
{
    struct fs_dirent *dirent = (struct fs_dirent *)(to + *bytes);
    uint32_t record_bytes = (uint32_t)(sizeof(*dirent) + entry->name_bytes + 7) & ~7u;

    if (record_bytes > room_bytes - *bytes) {
        return false;
    }
    memset(dirent, 0, record_bytes);
    dirent->inode = entry->inode;
    dirent->record_bytes = (uint16_t)record_bytes;
    dirent->name_bytes = entry->name_bytes;
    dirent->type = fs.volume.has_filetype ? entry->type : EXT2_TYPE_UNKNOWN;
    memcpy(dirent + 1, entry->name, entry->name_bytes);
    *bytes += record_bytes;
    return true;
}

int64_t directory_read(uint32_t directory, uint64_t *offset, uint8_t *to, uint32_t room_bytes, uint32_t *bytes)
{
    struct directory_walk walk;
    const uint8_t *block;
    int64_t count = 0;
    int64_t result;

    *bytes = 0;
    walk_start(&walk, directory, *offset >> fs.volume.block_shift);
    while ((result = walk_block(&walk, &block)) > 0) {
        uint64_t base = walk.logical << fs.volume.block_shift;
        uint64_t start = *offset > base ? *offset - base : 0;

        for (uint32_t place = 0; place < fs.volume.block_bytes;) {
            const struct ext2_entry *entry = (const struct ext2_entry *)(block + place);

            /* An offset that is no entry's any more (it was removed) goes on with the next entry behind it. */
            if (place >= start && entry->inode != 0) {
                if (!emit(entry, to, room_bytes, bytes)) {
                    return count;
                }
                count++;
            }
            place += entry->record_bytes;
            if (place > start) {
                *offset = base + place;
            }
        }
        walk.logical++;
    }
    return result < 0 ? result : count;
}
