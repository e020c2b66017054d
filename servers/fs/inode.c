/* SPDX-License-Identifier: MIT */
/* Inodes (inode.h). */
#include "inode.h"

#include "allocate.h"
#include "device.h"
#include "transaction.h"
#include "volume.h"

/* Block and offset of an inode; false if the number is out of range or its group unreadable. */
static bool locate(uint32_t number, uint32_t *block, uint32_t *offset)
{
    struct transaction *transaction = &fs.transaction;
    const struct ext2_group *group;
    uint32_t index;

    if (number == transaction->located_inode && number != 0) { /* most calls are about one inode */
        *block = transaction->located_block;
        *offset = transaction->located_offset;
        return true;
    }
    if (number == 0 || number > fs.volume.inodes) {
        fs.transaction.failure = PE_IO;
        return false;
    }
    group = group_view((number - 1) / fs.volume.inodes_per_group);
    if (group == NULL) {
        return false;
    }
    index = (number - 1) % fs.volume.inodes_per_group << fs.volume.inode_shift;
    *block = group->inode_table + (index >> fs.volume.block_shift);
    *offset = index & (uint32_t)(fs.volume.block_bytes - 1);
    transaction->located_inode = number;
    transaction->located_block = *block;
    transaction->located_offset = *offset;
    return true;
}

const struct ext2_inode *inode_view(uint32_t number)
{
    uint32_t block;
    uint32_t offset;

    return locate(number, &block, &offset) ? block_view(block, offset, sizeof(struct ext2_inode)) : NULL;
}

struct ext2_inode *inode_edit(uint32_t number)
{
    uint32_t block;
    uint32_t offset;

    return locate(number, &block, &offset) ? block_edit(block, offset, sizeof(struct ext2_inode), BLOCK_METADATA)
                                           : NULL;
}

const struct ext2_inode *inode_view_used(uint32_t number)
{
    const struct ext2_inode *inode = inode_view(number);

    if (inode == NULL || inode->links == 0 || inode_entry_type(inode->mode) == EXT2_TYPE_UNKNOWN) {
        return NULL;
    }
    return inode;
}

uint8_t inode_entry_type(uint32_t mode)
{
    switch (mode & FS_MODE_TYPE_MASK) {
    case FS_MODE_REGULAR:
        return EXT2_TYPE_REGULAR;
    case FS_MODE_DIRECTORY:
        return EXT2_TYPE_DIRECTORY;
    case FS_MODE_CHARACTER:
        return EXT2_TYPE_CHARACTER;
    case FS_MODE_BLOCK:
        return EXT2_TYPE_BLOCK;
    case FS_MODE_FIFO:
        return EXT2_TYPE_FIFO;
    case FS_MODE_SOCKET:
        return EXT2_TYPE_SOCKET;
    case FS_MODE_SYMLINK:
        return EXT2_TYPE_SYMLINK;
    default:
        return EXT2_TYPE_UNKNOWN;
    }
}

bool inode_is_fast_symlink(const struct ext2_inode *inode)
{
    uint32_t attributes = inode->attribute_block != 0 ? (uint32_t)fs.volume.block_bytes / 512 : 0;

    return inode_type(inode) == FS_MODE_SYMLINK && inode->blocks512 == attributes;
}

int64_t inode_make(uint32_t parent, uint32_t mode)
{
    int64_t number = inode_allocate(parent, (mode & FS_MODE_TYPE_MASK) == FS_MODE_DIRECTORY);
    const struct ext2_inode *directory = inode_view(parent);
    uint32_t now = clock_seconds();
    uint32_t flags;
    struct ext2_inode *inode;
    uint32_t generation;
    uint32_t block;
    uint32_t offset;

    if (number < 0 || directory == NULL) {
        return number < 0 ? number : -PE_IO;
    }
    flags = directory->flags & EXT2_FLAGS_INHERITED;
    if (!locate((uint32_t)number, &block, &offset)) {
        return -PE_IO;
    }
    inode = block_edit(block, offset, 1u << fs.volume.inode_shift, BLOCK_METADATA);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    generation = inode->generation + 1;
    memset(inode, 0, 1u << fs.volume.inode_shift);
    inode->mode = (uint16_t)mode;
    inode->links = 1;
    inode->flags = flags;
    inode->generation = generation;
    inode->atime = inode->ctime = inode->mtime = now;
    if (fs.volume.extra_bytes != 0) {
        struct ext2_inode_extra *extra = (struct ext2_inode_extra *)(inode + 1);

        extra->extra_bytes = EXT2_EXTRA_BYTES;
        extra->made_time = now;
    }
    return number;
}

int64_t inode_describe(uint32_t number, struct fs_stat *stat)
{
    const struct ext2_inode *inode = inode_view(number);
    uint32_t type;

    if (inode == NULL) {
        return -PE_IO;
    }
    type = inode_type(inode);
    stat->inode = number;
    stat->mode = inode->mode;
    stat->links = inode->links;
    stat->uid = inode->uid_low | (uint64_t)inode->uid_high << 16;
    stat->gid = inode->gid_low | (uint64_t)inode->gid_high << 16;
    stat->size = inode_size(inode);
    stat->blocks512 = inode->blocks512;
    stat->atime = inode->atime;
    stat->mtime = inode->mtime;
    stat->ctime = inode->ctime;
    stat->block_bytes = fs.volume.block_bytes;
    stat->device = 0;
    if (type == FS_MODE_CHARACTER || type == FS_MODE_BLOCK) {
        stat->device = inode->block[0] != 0 ? inode->block[0] : inode->block[1];
    }
    return 0;
}
