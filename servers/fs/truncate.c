/* SPDX-License-Identifier: MIT */
/*
 * Freeing blocks from the end of a file, and whole inodes.
 *
 * Rule: whatever is cut leaves a map that is right: a pointer is zeroed, or the block that holds it is freed with it. A
 * cut goes from the end to the front, so it can stop anywhere and go on in a later transaction.
 */
#include "allocate.h"
#include "block_map.h"
#include "device.h"
#include "inode.h"
#include "transaction.h"

/* Blocks freed in one step at most: about 100,000 instructions. */
#define STEP_BLOCKS   16384

/* Pointers looked at together: those of one chunk. */
#define GROUP_POINTERS (CHUNK_BYTES / 4)

/* Touches kept back for what a step still has to write once it stops: pointers of each level, the inode. */
#define KEPT_TOUCHES  24

/* A cut in progress: the run of adjacent blocks not yet given to block_free, and how much was freed. */
struct cut {
    uint32_t limit; /* blocks of this step */
    uint32_t run_first;
    uint32_t run_count;
    uint32_t freed;
};

static bool step_is_full(const struct cut *cut)
{
    const struct transaction *transaction = &fs.transaction;

    return cut->freed + cut->run_count >= cut->limit || transaction->count + KEPT_TOUCHES > transaction->room_touches ||
           transaction->bytes + KEPT_TOUCHES * fs.volume.block_bytes > transaction->room_bytes;
}

static int64_t flush_run(struct cut *cut)
{
    int64_t result = cut->run_count > 0 ? block_free(cut->run_first, cut->run_count) : 0;

    cut->freed += cut->run_count;
    cut->run_count = 0;
    return result;
}

/* Blocks come in descending order mostly: a run grows at its front, or at its end. */
static int64_t add_block(struct cut *cut, uint32_t block)
{
    if (cut->run_count > 0 && block + 1 == cut->run_first) {
        cut->run_first = block;
        cut->run_count++;
        return 0;
    }
    if (cut->run_count > 0 && block == cut->run_first + cut->run_count) {
        cut->run_count++;
        return 0;
    }
    if (!block_is_valid(block) || flush_run(cut) < 0) {
        return -PE_IO;
    }
    cut->run_first = block;
    cut->run_count = 1;
    return 0;
}

/* Zero the pointers `from`.. to the end of an indirect block. */
static int64_t zero_tail(uint32_t block, uint32_t from)
{
    uint32_t pointers = 1u << fs.volume.pointers_shift;
    uint32_t *zeroed;

    if (from >= pointers) {
        return 0;
    }
    zeroed = block_edit(block, from * 4, (pointers - from) * 4, BLOCK_METADATA);
    if (zeroed == NULL) {
        return -PE_IO;
    }
    memset(zeroed, 0, (pointers - from) * 4);
    return 0;
}

static int64_t cut_child(struct cut *cut, uint32_t child, uint32_t level, uint64_t first);

/*
 * Free what the indirect `block` of `level` (1..3) maps from its logical block `first` on. Returns 1 if the block
 * itself went too, 0 if it stays because of `first`, -PE_AGAIN if the step is full, -PE_IO.
 */
static int64_t cut_subtree(struct cut *cut, uint32_t block, uint32_t level, uint64_t first)
{
    uint32_t shift = fs.volume.pointers_shift * (level - 1);
    uint32_t index = 1u << fs.volume.pointers_shift;
    uint32_t stop = (uint32_t)(first >> shift);
    uint32_t group[GROUP_POINTERS];
    int64_t result = 1;

    if (!block_is_valid(block)) {
        return -PE_IO;
    }
    while (index > stop && result > 0) {
        uint32_t child;

        if (index % GROUP_POINTERS == 0) {
            const uint32_t *pointers = block_view(block, (index - GROUP_POINTERS) * 4, CHUNK_BYTES);

            if (pointers == NULL) {
                return -PE_IO;
            }
            memcpy(group, pointers, CHUNK_BYTES);
        }
        child = group[(index - 1) % GROUP_POINTERS];
        if (child != 0) {
            uint64_t inside = index - 1 == stop ? first & ((1ull << shift) - 1) : 0;

            result = cut_child(cut, child, level, inside);
        }
        index -= result > 0;
    }
    if (result == -PE_IO) {
        return result;
    }
    if (result > 0 && first == 0) {
        return add_block(cut, block) < 0 ? -PE_IO : 1;
    }
    if (zero_tail(block, index) < 0) {
        return -PE_IO;
    }
    return result == -PE_AGAIN ? result : 0;
}

/* One pointer of an indirect block of `level`: a block of the file, or the next level. Results as cut_subtree. */
static int64_t cut_child(struct cut *cut, uint32_t child, uint32_t level, uint64_t first)
{
    if (step_is_full(cut)) {
        return -PE_AGAIN;
    }
    if (level == 1) {
        return add_block(cut, child) < 0 ? -PE_IO : 1;
    }
    return cut_subtree(cut, child, level - 1, first);
}

/* Cut the inode's own pointers, from the triple indirect one to the first direct. 1, 0 or -PE_IO as map_cut. */
static int64_t cut_pointers(struct cut *cut, uint32_t *pointer, uint64_t first)
{
    uint64_t base[4] = {0, EXT2_DIRECT_BLOCKS, 0, 0};

    base[2] = base[1] + (1ull << fs.volume.pointers_shift);
    base[3] = base[2] + (1ull << 2 * fs.volume.pointers_shift);
    for (uint32_t level = 3; level >= 1; level--) {
        uint32_t *root = &pointer[EXT2_DIRECT_BLOCKS + level - 1];
        int64_t result;

        if (*root == 0 || first >= base[level] + (1ull << level * fs.volume.pointers_shift)) {
            continue;
        }
        result = cut_subtree(cut, *root, level, first > base[level] ? first - base[level] : 0);
        if (result == -PE_AGAIN || result == -PE_IO) {
            return result == -PE_AGAIN ? 0 : result;
        }
        if (result == 1) {
            *root = 0;
        }
    }
    for (uint32_t index = EXT2_DIRECT_BLOCKS; index > first; index--) {
        if (pointer[index - 1] != 0 && add_block(cut, pointer[index - 1]) < 0) {
            return -PE_IO;
        }
        pointer[index - 1] = 0;
    }
    return 1;
}

int64_t map_cut(uint32_t number, uint64_t first, uint32_t limit)
{
    struct cut cut = {.limit = limit};
    struct ext2_inode *inode = inode_edit(number);
    uint32_t pointer[EXT2_POINTERS];
    int64_t result;

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    memcpy(pointer, inode->block, sizeof(pointer));
    result = cut_pointers(&cut, pointer, first);
    if (result < 0 || flush_run(&cut) < 0) {
        return -PE_IO;
    }
    inode = inode_edit(number);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    memcpy(inode->block, pointer, sizeof(pointer));
    inode->blocks512 -= cut.freed << (fs.volume.block_shift - 9);
    return result;
}

/* Drop one user of an extended attribute block; the last one frees it. */
static int64_t release_attributes(uint32_t block)
{
    struct ext2_attribute_head *head;

    if (!block_is_valid(block)) {
        return -PE_IO;
    }
    head = block_edit(block, 0, sizeof(*head), BLOCK_METADATA);
    if (head == NULL || head->magic != EXT2_ATTRIBUTE_MAGIC) {
        return -PE_IO;
    }
    if (head->references > 1) {
        head->references--;
        return 0;
    }
    return block_free(block, 1);
}

static bool has_map(const struct ext2_inode *inode)
{
    return inode_is_regular(inode) || inode_is_directory(inode) ||
           (inode_type(inode) == FS_MODE_SYMLINK && !inode_is_fast_symlink(inode));
}

/* All blocks of an inode without names are gone: give back its attributes and itself. */
static int64_t finish_inode(uint32_t number)
{
    struct ext2_inode *inode = inode_edit(number);
    bool directory;

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    directory = inode_is_directory(inode);
    if (inode->attribute_block != 0) {
        uint32_t attributes = inode->attribute_block;

        inode->attribute_block = 0;
        inode->blocks512 = 0;
        if (release_attributes(attributes) < 0) {
            return -PE_IO;
        }
    }
    return inode_free(number, directory);
}

/*
 * Free what the inode has behind `size`, and the inode too if it is being released. What does not fit into one step is left
 * to later ones: the region remembers it. `limit` is the number of blocks of this step.
 */
static int64_t cut_inode(uint32_t number, uint64_t size, uint32_t limit)
{
    uint64_t first = (size + fs.volume.block_bytes - 1) >> fs.volume.block_shift;
    const struct ext2_inode *inode = inode_view(number);
    int64_t result = 1;

    if (inode == NULL) {
        return -PE_IO;
    }
    if (has_map(inode)) {
        result = map_cut(number, first, limit);
    }
    if (result < 0) {
        return result;
    }
    fs.transaction.release_inode = result == 0 ? number : 0;
    fs.transaction.release_size = result == 0 ? size : 0;
    inode = inode_view(number);
    if (inode == NULL) {
        return -PE_IO;
    }
    /* A file may be cut while it is open and has no names any more; only inode_release sets the time of deletion. */
    return result == 1 && inode->links == 0 && inode->dtime != 0 ? finish_inode(number) : 0;
}

int64_t release_step(void)
{
    uint32_t number = fs.transaction.release_inode;

    return number != 0 ? cut_inode(number, fs.transaction.release_size, STEP_BLOCKS) : 0;
}

int64_t release_finish(uint32_t number)
{
    uint32_t pending = fs.transaction.release_inode;
    int64_t result;

    if (pending == 0 || (number != 0 && number != pending)) {
        return 0;
    }
    result = cut_inode(pending, fs.transaction.release_size, UINT32_MAX);
    if (result < 0) {
        return result;
    }
    return fs.transaction.release_inode == 0 ? 0 : -PE_NOMEM;
}

int64_t inode_cut(uint32_t number, uint64_t size)
{
    int64_t result = 0;

    if (fs.transaction.release_inode != number) {
        result = release_finish(0);
    }
    return result < 0 ? result : cut_inode(number, size, STEP_BLOCKS);
}

/*
 * Never 0: from here on the inode is being freed. Nor below the number of inodes, where e2fsck takes it for a link of the list
 * of orphans, which shares the field: a machine without a clock counts from 0.
 */
static uint32_t time_of_deletion(void)
{
    uint32_t now = clock_seconds();

    return now > fs.volume.inodes ? now : fs.volume.inodes;
}

int64_t inode_release(uint32_t number)
{
    struct ext2_inode *inode;

    if (!fs.transaction.revocable) {
        return FS_TWICE;
    }
    if (fs.volume.read_only) {
        return 0; /* metadata was lost: what has no names any more is left to e2fsck */
    }
    inode = inode_edit(number);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (inode->links != 0) {
        return -PE_IO;
    }
    inode->dtime = time_of_deletion();
    return inode_cut(number, 0);
}
