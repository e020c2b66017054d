/* SPDX-License-Identifier: MIT */
/*
 * fork: a copy of this program in a domain of its own.
 *
 * Rule: the kernel clones each mapping, and pages are copied when one of the two writes them; without memory for
 * a copy of all there is it is refused, since a write cannot be. Memories that the library has slots for get the
 * same slots in the child, so that its heap and its mappings go on as they are. The child has sessions of its own with all
 * services; it takes its parent's open files over before fork() returns in the parent. Nothing is shared afterwards but
 * what POSIX says: shared mappings, pipes, offsets of files, the console.
 */
#include <limits.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "newlib/children.h"
#include "newlib/mappings.h"
#include "newlib/proc.h"
#include "newlib/regions.h"
#include "newlib/signals.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"
#include "perdure/thread.h"
#include "spawn/program.h"


/* What the child needs to know before it is a process of its own: it finds it in its copy. */
static jmp_buf child_context;
static struct inheritance inheritance;
static uint32_t child_token;
static char directory[PATH_MAX];

/* Is there a part of the memory that this program can see? */
static int is_seen(uint32_t memory)
{
    struct region other;

    for (unsigned index = 0; glue_region(index, &other); index++) {
        if (other.pages && other.rights && other.memory == memory) {
            return 1;
        }
    }
    return 0;
}

/* What is mapped without any rights is shown for as long as the kernel needs to clone it. */
static int64_t clone_hidden(uint32_t domain, const struct region *region)
{
    int64_t status =
        pd_map(SLOT_SELF_DOMAIN, region->memory, region->start, region->first_page, region->pages, RIGHT_USE, 0);

    if (status == PD_OK) {
        status = pd_clone_mapping(SLOT_SELF_DOMAIN, region->start, domain, region->memory, 0);
        pd_unmap(SLOT_SELF_DOMAIN, region->start, region->pages);
    }
    return status == PD_OK ? pd_unmap(domain, region->start, region->pages) : status;
}

/* The same memory, under the same name. */
static int64_t share(uint32_t domain, const struct region *region)
{
    int64_t status = pd_copy(SLOT_SELF_DOMAIN, region->memory, domain, region->memory, RIGHT_ALL & ~RIGHT_SUPERVISE, 0);

    if ((status != PD_OK && status != PD_SLOT_TAKEN) || !region->rights) {
        return status == PD_SLOT_TAKEN ? PD_OK : status;
    }
    return pd_map(domain, region->memory, region->start, region->first_page, region->pages, region->rights, 0);
}

/* Heap and mappings. The parts of one memory become parts of one clone. */
static int64_t clone_named(uint32_t domain)
{
    struct region region;
    int64_t status = PD_OK;

    for (unsigned index = 0; status == PD_OK && glue_region(index, &region); index++) {
        if (!region.pages) {
            continue;
        }
        if (region.shared) {
            status = share(domain, &region);
        } else if (region.rights) {
            status = pd_clone_mapping(SLOT_SELF_DOMAIN, region.start, domain, region.memory, 0);
        } else if (!is_seen(region.memory)) {
            status = clone_hidden(domain, &region);
        }
    }
    return status;
}

/* Its code is the same memory. */
static int64_t clone_image(uint32_t domain)
{
    struct elf_program program;
    struct spawn_part parts[SPAWN_PARTS_MAXIMUM];
    uint32_t count = glue_own_image(&program, parts);
    int64_t status = PD_OK;

    for (uint32_t index = 0; index < count && status == PD_OK; index++) {
        status = pd_clone_mapping(SLOT_SELF_DOMAIN, parts[index].address, domain, 0,
                                  parts[index].protection & RIGHT_WRITE ? 0 : CLONE_SHARE);
    }
    return status;
}

static int64_t clone_stack(uint32_t domain)
{
    return pd_clone_mapping(SLOT_SELF_DOMAIN, PROGRAM_STACK_TOP - PROGRAM_STACK_BYTES, domain, 0, 0);
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
    glue_mappings_forked();
    glue_timers_child();
    program_bundles_forget();
    if (chdir(directory) != 0 || glue_adopt_copies(inheritance.streams, inheritance.count) != 0 ||
        glue_proc_start(child_token, &signals) != 0) {
        pd_exit(126);
    }
    return 0;
}

/* Is there memory for a copy of all that this program holds? */
static int has_room(void)
{
    uint64_t ignored, used_pages = UINT64_MAX;

    pd_domain_info(SLOT_SELF_DOMAIN, &ignored, &used_pages, &ignored, &ignored);
    return glue_quota_has(used_pages);
}

/* Make and start the copy; child_context is where it goes on. */
static int make_copy(struct child *child, struct spawn_failure *failure)
{
    static struct child_capabilities tables;
    struct spawn_request request = {.name = child->name};
    uint64_t stack = ((uint64_t)__builtin_frame_address(0) & ~(uint64_t)15) - 2 * PAGE_BYTES - 8;
    uint32_t domain;
    int64_t status;

    if (!has_room()) {
        failure->status = PD_NO_QUOTA;
        return -1;
    }
    glue_child_request(&request, child, child_token, 1, &tables);
    if (spawn_begin(&request, &child->program, failure) != 0) {
        return -1;
    }
    domain = child->program.domain;
    if ((status = clone_named(domain)) != PD_OK || (status = clone_stack(domain)) != PD_OK ||
        (status = clone_image(domain)) != PD_OK) {
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
    if (!getcwd(directory, sizeof directory) || glue_mappings_fork() != 0 || glue_inherit(&files, 0, &inheritance) != 0) {
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
        errno = failure.status == PD_TOO_LARGE ? EAGAIN : ENOMEM;
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
