/* SPDX-License-Identifier: MIT */
/* Going through directories (directory_walk.h), and the operations that read a directory as a whole. */
#include "directory_walk.h"

#include "block_map.h"
#include "directory.h"
#include "inode.h"
#include "transaction.h"

void walk_start(struct directory_walk *walk, uint32_t directory, uint64_t logical)
{
    memset(walk, 0, sizeof(*walk));
    walk->directory = directory;
    walk->logical = logical;
    walk->next = 0;
    walk->bytes = NULL;
}

/* Take the block walk->logical, or the first behind it that is no hole. 1, 0 behind the last, or an error. */
static int64_t take_block(struct directory_walk *walk)
{
    const struct ext2_inode *inode = inode_view_used(walk->directory);
    uint64_t blocks;
    int64_t block = 0;
    int64_t frame;

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
    frame = cache_get(block_unit((uint32_t)block));
    if (frame < 0) {
        return -PE_IO;
    }
    walk->block = (uint32_t)block;
    walk->frame = (uint32_t)frame;
    walk->bytes = cache_bytes((uint32_t)frame) + block_place((uint32_t)block);
    walk->next = 0;
    walk->previous = 0;
    walk->verified = 0;
    return 1;
}

/* Bytes 0..end-1 of the block agree with their checksums from here on. */
static void verify_to(struct directory_walk *walk, uint32_t end)
{
    uint32_t place = block_place(walk->block);

    cache_verify(walk->frame, place + walk->verified, end - walk->verified);
    walk->verified = (end + CHUNK_BYTES - 1) & ~(CHUNK_BYTES - 1);
}

static int64_t damaged(const struct directory_walk *walk)
{
    server_log("directory %u: block %u is damaged; run e2fsck", walk->directory, walk->block);
    return -PE_IO;
}

int64_t walk_next(struct directory_walk *walk, const struct ext2_entry **entry)
{
    uint32_t block_bytes = (uint32_t)fs.volume.block_bytes;
    const struct ext2_entry *here;
    uint32_t offset;
    uint32_t used;

    if (walk->bytes == NULL || walk->next >= block_bytes) {
        int64_t result;

        walk->logical += walk->bytes != NULL;
        result = take_block(walk);
        if (result <= 0) {
            return result;
        }
    }
    offset = walk->next;
    if (offset + sizeof(*here) > block_bytes) {
        return damaged(walk);
    }
    if (offset + sizeof(*here) > walk->verified) {
        verify_to(walk, offset + (uint32_t)sizeof(*here));
    }
    here = (const struct ext2_entry *)(walk->bytes + offset);
    used = entry_bytes(here->inode != 0 ? here->name_bytes : 1);
    if (here->record_bytes < used || here->record_bytes % 4 != 0 || here->record_bytes > block_bytes - offset ||
        (here->inode != 0 && (here->name_bytes == 0 || here->inode > fs.volume.inodes))) {
        return damaged(walk);
    }
    if (offset + used > walk->verified) {
        verify_to(walk, offset + used);
    }
    walk->previous = offset == 0 ? 0 : walk->offset;
    walk->offset = offset;
    walk->next = offset + here->record_bytes;
    *entry = here;
    return 1;
}

static bool is_dot_or_dot_dot(const struct ext2_entry *entry)
{
    return (entry->name_bytes == 1 && entry->name[0] == '.') ||
           (entry->name_bytes == 2 && entry->name[0] == '.' && entry->name[1] == '.');
}

int64_t directory_is_empty(uint32_t directory)
{
    const struct ext2_entry *entry;
    struct directory_walk walk;
    int64_t result;

    walk_start(&walk, directory, 0);
    while ((result = walk_next(&walk, &entry)) > 0) {
        if (entry->inode != 0 && !is_dot_or_dot_dot(entry)) {
            return 0;
        }
    }
    return result < 0 ? result : 1;
}

int64_t directory_name_of(uint32_t directory, uint32_t child, char *to)
{
    const struct ext2_entry *entry;
    struct directory_walk walk;
    int64_t result;

    walk_start(&walk, directory, 0);
    while ((result = walk_next(&walk, &entry)) > 0) {
        if (entry->inode == child && !is_dot_or_dot_dot(entry)) {
            memcpy(to, entry->name, entry->name_bytes);
            return entry->name_bytes;
        }
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
    const struct ext2_entry *entry;
    struct directory_walk walk;
    uint64_t start = *offset;
    int64_t count = 0;
    int64_t result;

    *bytes = 0;
    walk_start(&walk, directory, start >> fs.volume.block_shift);
    while ((result = walk_next(&walk, &entry)) > 0) {
        uint64_t base = walk.logical << fs.volume.block_shift;

        /* An offset that is no entry's any more (it was removed) goes on with the next entry behind it. */
        if (base + walk.offset >= start && entry->inode != 0) {
            if (!emit(entry, to, room_bytes, bytes)) {
                return count;
            }
            count++;
        }
        if (base + walk.next > start) {
            *offset = base + walk.next;
        }
    }
    return result < 0 ? result : count;
}
