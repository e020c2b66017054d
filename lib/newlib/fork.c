/* SPDX-License-Identifier: MIT */
/*
 * fork: a copy of this program in a domain of its own.
 *
 * Rule: the copy is made page by page, now: what is resident and is not all zeros. Memories that the library has slots for get the
 * same slots in the child, so that its heap and its mappings go on as they are. The child has sessions of its own with all
 * services; it takes its parent's open files over before fork() returns in the parent. Nothing is shared afterwards but
 * what POSIX says: pipes, offsets of files, the console.
 */
#include <limits.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "newlib/children.h"
#include "newlib/mappings.h"
#include "newlib/proc.h"
#include "newlib/regions.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"
#include "spawn/program.h"

#define RUN_PAGES 64 /* that can be made resident at once */
#define FROM_WINDOW SPAWN_WINDOW
#define TO_WINDOW (SPAWN_WINDOW + 0x01000000)

/* What the child needs to know before it is a process of its own: it finds it in its copy. */
static jmp_buf child_context;
static struct inheritance inheritance;
static uint32_t child_token;
static char directory[PATH_MAX];

static int is_zero(const uint64_t *page)
{
    for (unsigned word = 0; word < PAGE_BYTES / sizeof *page; word++) {
        if (page[word]) {
            return 0;
        }
    }
    return 1;
}

static int64_t copy_run(uint32_t memory, uint64_t first_page, const uint8_t *from, uint64_t pages)
{
    int64_t status = pd_map(SLOT_SELF_DOMAIN, memory, TO_WINDOW, first_page, pages, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT);

    if (status == PD_OK) {
        memcpy((void *)TO_WINDOW, from, pages * PAGE_BYTES);
        status = pd_unmap(SLOT_SELF_DOMAIN, TO_WINDOW, pages);
    }
    return status;
}

/* Copy those of `pages` pages at `from` that are not all zeros. */
static int64_t copy_pages(uint32_t memory, uint64_t first_page, const uint8_t *from, uint64_t pages)
{
    int64_t status = PD_OK;

    for (uint64_t page = 0; page < pages && status == PD_OK;) {
        uint64_t run = 0;

        while (page + run < pages && run < RUN_PAGES && !is_zero((const uint64_t *)(from + (page + run) * PAGE_BYTES))) {
            run++;
        }
        if (run) {
            status = copy_run(memory, first_page + page, from + page * PAGE_BYTES, run);
        }
        page += run ? run : 1;
    }
    return status;
}

/* A range that this program has no slot for: image and stack. */
static int64_t copy_range(uint32_t domain, uint64_t start, uint64_t pages, uint64_t used_from, uint64_t rights)
{
    uint32_t memory = pd_slot_take();
    int64_t status = pd_create_memory(domain, memory, pages, 0);

    if (status == PD_OK) {
        status = copy_pages(memory, used_from, (const uint8_t *)start + used_from * PAGE_BYTES, pages - used_from);
    }
    if (status == PD_OK) {
        status = pd_map(domain, memory, start, 0, pages, rights, 0);
    }
    pd_slot_drop(memory);
    return status;
}

static int is_resident(uint32_t memory, uint64_t page)
{
    struct pd_call call = {.word = {page, 0, 0, 0}};

    return pd_invoke(memory, MEMORY_INFO, &call) == PD_OK && call.word[2] != 0;
}

/* The resident pages of a memory, in runs. */
static int64_t copy_memory(uint32_t from, uint32_t to, uint64_t pages)
{
    int64_t status = PD_OK;

    for (uint64_t page = 0; page < pages && status == PD_OK;) {
        uint64_t run = 0;

        while (page + run < pages && run < RUN_PAGES && is_resident(from, page + run)) {
            run++;
        }
        if (run && (status = pd_map(SLOT_SELF_DOMAIN, from, FROM_WINDOW, page, run, RIGHT_USE, 0)) == PD_OK) {
            status = copy_pages(to, page, (const uint8_t *)FROM_WINDOW, run);
            pd_unmap(SLOT_SELF_DOMAIN, FROM_WINDOW, run);
        }
        page += run ? run : 1;
    }
    return status;
}

/* The copy of the memory in `slot`, in the same slot of the child; mappings that share it find it there. */
static int64_t clone_memory(uint32_t domain, uint32_t slot, uint64_t used_pages, uint32_t *copy)
{
    uint64_t pages, resident_pages, physical_address;
    int64_t status = pd_memory_info(slot, &pages, &resident_pages, &physical_address);

    *copy = pd_slot_take();
    if (status == PD_OK) {
        status = pd_create_memory(domain, *copy, pages, 0);
    }
    if (status == PD_OK) {
        status = copy_memory(slot, *copy, used_pages < pages ? used_pages : pages);
    }
    return status == PD_OK ? pd_copy(SLOT_SELF_DOMAIN, *copy, domain, slot, RIGHT_ALL & ~RIGHT_SUPERVISE, 0) : status;
}

/* Is there a region before this one with the same memory? Then it has been copied. */
static int is_first_of(unsigned index, uint32_t memory)
{
    struct region other;

    for (unsigned before = 0; before < index; before++) {
        if (glue_region(before, &other) && other.pages && other.memory == memory) {
            return 0;
        }
    }
    return 1;
}

/* Heap and mappings. All pages of a memory are copied with its first mapping. */
static int64_t copy_named(uint32_t domain)
{
    struct region region;
    int64_t status = PD_OK;

    for (unsigned index = 0; status == PD_OK && glue_region(index, &region); index++) {
        struct region part;
        uint32_t copy;

        if (!region.pages || !is_first_of(index, region.memory)) {
            continue;
        }
        status = clone_memory(domain, region.memory, index ? UINT64_MAX : region.used_pages, &copy);
        for (unsigned other = index; status == PD_OK && glue_region(other, &part); other++) {
            if (part.pages && part.rights && part.memory == region.memory) {
                status = pd_map(domain, copy, part.start, part.first_page, part.pages, part.rights, 0);
            }
        }
        pd_slot_drop(copy);
    }
    return status;
}

static int64_t copy_image(uint32_t domain)
{
    struct elf_program program;
    struct spawn_part parts[SPAWN_PARTS_MAXIMUM];
    uint32_t count = glue_own_image(&program, parts);
    int64_t status = PD_OK;

    for (uint32_t index = 0; index < count && status == PD_OK; index++) {
        status = copy_range(domain, parts[index].address, parts[index].pages, 0, parts[index].protection);
    }
    return status;
}

static int64_t copy_stack(uint32_t domain)
{
    uint64_t bottom = PROGRAM_STACK_TOP - PROGRAM_STACK_BYTES;
    uint64_t used_from = ((uint64_t)__builtin_frame_address(0) - bottom) / PAGE_BYTES - 1;

    return copy_range(domain, bottom, PROGRAM_STACK_BYTES / PAGE_BYTES, used_from, RIGHT_USE | RIGHT_WRITE);
}

/* Where the child begins, on a free part of its stack. */
static _Noreturn void child_entry(void)
{
    longjmp(child_context, 1);
}

/* The child, back in fork(). */
static pid_t become_child(void)
{
    uint64_t signals;

    glue_process = 0;
    glue_children_forked();
    program_bundles_forget();
    if (chdir(directory) != 0 || glue_adopt_copies(inheritance.streams, inheritance.count) != 0 ||
        glue_proc_start(child_token, &signals) != 0) {
        pd_exit(126);
    }
    return 0;
}

/* Make and start the copy; child_context is where it goes on. */
static int make_copy(struct child *child, struct spawn_failure *failure)
{
    static struct child_capabilities tables;
    struct spawn_request request = {.name = child->name};
    uint64_t stack = ((uint64_t)__builtin_frame_address(0) & ~(uint64_t)15) - 2 * PAGE_BYTES - 8;
    uint32_t domain;
    int64_t status;

    glue_child_request(&request, child, child_token, 1, &tables);
    if (spawn_begin(&request, &child->program, failure) != 0) {
        return -1;
    }
    domain = child->program.domain;
    if ((status = copy_named(domain)) != PD_OK || (status = copy_stack(domain)) != PD_OK ||
        (status = copy_image(domain)) != PD_OK) {
        failure->status = status;
        return -1;
    }
    return spawn_run(&request, &child->program, (uint64_t)child_entry, stack, 0, failure);
}

/* What the child inherits: all descriptors, those that close on exec, too. */
static int prepare(struct child *child)
{
    static struct child_files files;

    glue_files_begin(&files);
    for (int fd = 0; fd < GLUE_DESCRIPTORS; fd++) {
        files.table[fd].flags = 0;
    }
    if (!getcwd(directory, sizeof directory) || glue_inherit(&files, 0, &inheritance) != 0) {
        return -1;
    }
    child->number = glue_child_announce(&inheritance, PROC_FORK, &child_token);
    return child->number < 0 ? -1 : 0;
}

pid_t fork(void)
{
    struct child *child = glue_child_new(glue_startup->argument_count ? glue_startup->arguments[0] : "fork");
    struct spawn_failure failure;

    if (!child) {
        return -1;
    }
    if (prepare(child) != 0) {
        child->number = 0;
        return -1;
    }
    if (setjmp(child_context) != 0) {
        return become_child();
    }
    if (make_copy(child, &failure) != 0) {
        glue_child_cancel(child);
        errno = ENOMEM;
        return -1;
    }
    glue_child_started(child);
    return child->number;
}

/* A copy is as good: the child may change what it likes. */
pid_t vfork(void)
{
    return fork();
}
