/* SPDX-License-Identifier: MIT */
/*
 * exec: another program in this domain.
 *
 * Rule: domain, process number, portals and open files stay, so nothing has to be handed over. Everything that can fail is done
 * while this program still exists: the new image, its data and its stack are made beside the old. The rest is a list of
 * system calls that a page of code outside of both carries out (exec_stub.S): unmap the old, map the new, empty the slots.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "newlib/children.h"
#include "newlib/exec.h"
#include "newlib/mappings.h"
#include "newlib/proc.h"
#include "newlib/regions.h"
#include "newlib/signals.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"
#include "spawn/block.h"
#include "spawn/program.h"

#define STEPS_MAXIMUM ((EXEC_WINDOW_PAGES - 1) * PAGE_BYTES / sizeof(struct step) - 1)
#define ARGUMENTS_MAXIMUM 2048
#define INTERPRETER_LINE 256

/* One system call. */
struct step {
    uint64_t selector; /* slot and operation; 0 ends the list */
    uint64_t word[6];
    uint64_t must_succeed;
};

_Static_assert(sizeof(struct step) == 64, "exec_stub.S");

extern const uint8_t exec_stub[];
extern const uint8_t exec_stub_end[];

/* What the new program will be. */
struct plan {
    struct loaded_image loaded;
    struct elf_program program;
    struct spawn_part parts[SPAWN_PARTS_MAXIMUM];
    uint32_t part_count;
    uint32_t zero_memory;
    uint32_t stack_memory;
    uint64_t block;
};

static struct step *steps;
static uint32_t step_count;

static void add_step(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2, uint64_t word_3,
                     uint64_t word_4, uint64_t word_5, int must_succeed)
{
    if (step_count < STEPS_MAXIMUM) {
        steps[step_count] = (struct step){SLOT_SELF_DOMAIN | (uint64_t)operation << INVOKE_OPERATION_SHIFT,
                                          {word_0, word_1, word_2, word_3, word_4, word_5},
                                          (uint64_t)must_succeed};
    }
    step_count++;
}

static void add_unmap(uint64_t address, uint64_t pages)
{
    add_step(DOMAIN_UNMAP, address, pages, 0, 0, 0, 0, 1);
}

uint32_t glue_own_image(struct elf_program *program, struct spawn_part parts[SPAWN_PARTS_MAXIMUM])
{
    /* The headers are in memory; the file was checked when the program was started. */
    if (elf_read((const void *)PROGRAM_BASE, (uint64_t)1 << 40, PROGRAM_BASE, PROGRAM_HEAP, program)) {
        return 0;
    }
    return spawn_parts(program, parts);
}

/* All that is mapped now, but the boot page. */
static void unmap_old(void)
{
    struct elf_program program;
    struct spawn_part parts[SPAWN_PARTS_MAXIMUM];
    uint32_t count = glue_own_image(&program, parts);
    struct region region;
    uint64_t bytes;

    for (uint32_t index = 0; index < count; index++) {
        add_unmap(parts[index].address, parts[index].pages);
    }
    for (unsigned index = 0; glue_region(index, &region); index++) {
        if (region.pages && region.rights) {
            add_unmap(region.start, region.pages);
        }
    }
    for (unsigned index = 0; index < 2; index++) {
        uint64_t address = program_bundle_at(index, &bytes);

        if (bytes) {
            add_unmap(address, bytes / PAGE_BYTES);
        }
    }
    add_unmap(PROGRAM_STACK_TOP - PROGRAM_STACK_BYTES, PROGRAM_STACK_BYTES / PAGE_BYTES);
}

static void map_new(const struct plan *plan)
{
    for (uint32_t index = 0; index < plan->part_count; index++) {
        const struct spawn_part *part = &plan->parts[index];

        add_step(DOMAIN_MAP, part->zeros ? plan->zero_memory : plan->loaded.image.memory_slot, part->address,
                 spawn_part_page(part, &plan->loaded.image), part->pages, part->protection, spawn_part_flags(part), 1);
    }
    add_step(DOMAIN_MAP, plan->stack_memory, PROGRAM_STACK_TOP - PROGRAM_STACK_BYTES, 0, PROGRAM_STACK_BYTES / PAGE_BYTES,
             RIGHT_USE | RIGHT_WRITE, 0, 1);
}

static void empty_slots(void)
{
    for (uint32_t slot = SLOT_FREE; slot < CAPABILITY_SLOTS; slot++) {
        if (pd_slot_is_taken(slot)) {
            add_step(DOMAIN_DELETE, slot, 0, 0, 0, 0, 0, 0);
        }
    }
}

/* Put the stub and the list where they outlive this program. 0 or -1 and errno. */
static int make_steps(const struct plan *plan)
{
    uint32_t memory = pd_slot_take();

    errno = ENOMEM;
    if (pd_create_memory(SLOT_SELF_DOMAIN, memory, EXEC_WINDOW_PAGES, 0) != PD_OK ||
        pd_map(SLOT_SELF_DOMAIN, memory, EXEC_WINDOW, 0, EXEC_WINDOW_PAGES, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT) != PD_OK) {
        pd_slot_drop(memory);
        return -1;
    }
    memcpy((void *)EXEC_WINDOW, exec_stub, (size_t)(exec_stub_end - exec_stub));
    steps = (struct step *)(EXEC_WINDOW + PAGE_BYTES);
    step_count = 0;
    unmap_old();
    map_new(plan);
    empty_slots();
    pd_unmap(SLOT_SELF_DOMAIN, EXEC_WINDOW, EXEC_WINDOW_PAGES);
    if (step_count > STEPS_MAXIMUM ||
        pd_map(SLOT_SELF_DOMAIN, memory, EXEC_WINDOW, 0, EXEC_WINDOW_PAGES, RIGHT_USE | RIGHT_EXECUTE, 0) != PD_OK) {
        pd_slot_drop(memory);
        return -1;
    }
    return 0;
}

/* Data and stack of the new program. 0 or -1 and errno. */
static int make_memory(struct plan *plan, struct spawn_request *request)
{
    struct spawn_failure failure = {0};

    if (spawn_zeros(SLOT_SELF_DOMAIN, &plan->zero_memory, &plan->loaded.image, plan->parts, plan->part_count, &failure) == 0 &&
        spawn_stack(SLOT_SELF_DOMAIN, &plan->stack_memory, request, &plan->block, &failure) == 0) {
        return 0;
    }
    errno = failure.status == PD_TOO_LARGE ? E2BIG : ENOMEM;
    return -1;
}

static void drop_plan(struct plan *plan)
{
    int reason = errno;

    pd_slot_drop(plan->zero_memory);
    pd_slot_drop(plan->stack_memory);
    glue_image_drop(&plan->loaded);
    errno = reason;
}

/* Nothing can fail any more. */
static _Noreturn void leave(const struct plan *plan, const char *path)
{
    void (*stub)(const void *list, uint64_t entry, uint64_t block) =
        (void (*)(const void *, uint64_t, uint64_t))EXEC_WINDOW;
    const char *slash = strrchr(path, '/');

    for (int fd = 0; fd < GLUE_DESCRIPTORS; fd++) {
        if (glue_descriptors[fd].file && (glue_descriptors[fd].flags & FD_CLOEXEC)) {
            close(fd);
        }
    }
    glue_signals_exec();
    glue_timers_exec();
    if (!glue_image_is_system(&plan->loaded)) {
        program_end_supervision();
    }
    pd_set_name(SLOT_SELF_DOMAIN, slash ? slash + 1 : path);
    glue_mappings_exec();
    stub((const void *)(EXEC_WINDOW + PAGE_BYTES), plan->program.entry, plan->block);
    __builtin_unreachable();
}

/* The services that this program was given: the new one is bound to the same. */
static void same_services(struct spawn_request *request, struct spawn_service services[SPAWN_SERVICES_MAXIMUM])
{
    for (uint64_t index = 0; index < glue_startup->service_count && index < SPAWN_SERVICES_MAXIMUM; index++) {
        services[index] = (struct spawn_service){.name = glue_startup->services[index].name,
                                                 .portal_slot = (uint32_t)glue_startup->services[index].slot};
        request->service_count++;
    }
    request->services = services;
}

/* Become the image that is loaded. Returns only with -1 and errno. */
static int become(struct plan *plan, const char *path, char *const arguments[], char *const environment[])
{
    static struct inheritance inheritance;
    static struct child_files files;
    struct spawn_service services[SPAWN_SERVICES_MAXIMUM];
    struct spawn_request request = {
        .arguments = (const char *const *)arguments,
        .environment = (const char *const *)environment,
        .streams = inheritance.streams,
        .process_number = glue_process,
        .parent_number = glue_parent,
        .process_started = 1,
        .signals = glue_signals_kept(),
        .creation_mask = glue_creation_mask,
    };

    if (elf_read(plan->loaded.image.mapped, plan->loaded.image.bytes, PROGRAM_BASE, PROGRAM_HEAP, &plan->program)) {
        errno = ENOEXEC;
    } else {
        plan->part_count = spawn_parts(&plan->program, plan->parts);
        same_services(&request, services);
        glue_files_begin(&files);
        if (glue_inherit(&files, 1, &inheritance) == 0) {
            request.stream_count = inheritance.count;
            if (make_memory(plan, &request) == 0 && make_steps(plan) == 0) {
                leave(plan, path);
            }
        }
    }
    drop_plan(plan);
    return -1;
}

/*
 * A file that begins with #! is run by the program that is named there: its arguments are the rest of that line as one, the path, and the
 * arguments of the call without the first.
 */
static int become_interpreter(struct plan *plan, const char *path, char *const arguments[], char *const environment[])
{
    static char *list[ARGUMENTS_MAXIMUM];
    char line[INTERPRETER_LINE] = "";
    size_t room = plan->loaded.image.bytes - 2 < sizeof line - 1 ? plan->loaded.image.bytes - 2 : sizeof line - 1;
    char *name;
    char *rest;
    unsigned count = 0;

    memcpy(line, (const char *)plan->loaded.image.mapped + 2, room);
    line[strcspn(line, "\n")] = 0;
    name = line + strspn(line, " \t");
    rest = name + strcspn(name, " \t");
    if (*rest) {
        *rest++ = 0;
        rest += strspn(rest, " \t");
    }
    drop_plan(plan);
    list[count++] = name;
    if (*rest) {
        list[count++] = rest;
    }
    list[count++] = (char *)path;
    for (unsigned index = 1; arguments[0] && arguments[index] && count < ARGUMENTS_MAXIMUM - 1; index++) {
        list[count++] = arguments[index];
    }
    list[count] = NULL;
    if (glue_image_open(name, &plan->loaded) != 0) {
        return -1;
    }
    return become(plan, name, list, environment);
}

static int run(struct plan *plan, const char *path, char *const arguments[], char *const environment[])
{
    const char *text = plan->loaded.image.mapped;

    if (plan->loaded.image.bytes > 2 && text[0] == '#' && text[1] == '!') {
        return become_interpreter(plan, path, arguments, environment);
    }
    return become(plan, path, arguments, environment);
}

int execve(const char *path, char *const arguments[], char *const environment[])
{
    struct plan plan = {.zero_memory = 0};

    return glue_image_open(path, &plan.loaded) == 0 ? run(&plan, path, arguments, environment) : -1;
}

int execvpe(const char *path, char *const arguments[], char *const environment[])
{
    struct plan plan = {.zero_memory = 0};

    return glue_image_find(path, &plan.loaded) == 0 ? run(&plan, path, arguments, environment) : -1;
}

int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

int execvp(const char *path, char *const arguments[])
{
    return execvpe(path, arguments, environ);
}

/* The arguments of execl and its kin, up to NULL. -1 and E2BIG. */
static int collect(char *list[ARGUMENTS_MAXIMUM], const char *first, va_list *arguments)
{
    unsigned count = 0;

    for (const char *each = first; (list[count] = (char *)each) != NULL; each = va_arg(*arguments, const char *)) {
        if (++count == ARGUMENTS_MAXIMUM - 1) {
            errno = E2BIG;
            return -1;
        }
    }
    return 0;
}

int execl(const char *path, const char *first, ...)
{
    char *list[ARGUMENTS_MAXIMUM];
    va_list arguments;
    int result;

    va_start(arguments, first);
    result = collect(list, first, &arguments);
    va_end(arguments);
    return result == 0 ? execve(path, list, environ) : -1;
}

int execlp(const char *path, const char *first, ...)
{
    char *list[ARGUMENTS_MAXIMUM];
    va_list arguments;
    int result;

    va_start(arguments, first);
    result = collect(list, first, &arguments);
    va_end(arguments);
    return result == 0 ? execvpe(path, list, environ) : -1;
}

int execle(const char *path, const char *first, ...)
{
    char *list[ARGUMENTS_MAXIMUM];
    char *const *environment;
    va_list arguments;
    int result;

    va_start(arguments, first);
    result = collect(list, first, &arguments);
    environment = va_arg(arguments, char *const *);
    va_end(arguments);
    return result == 0 ? execve(path, list, environment) : -1;
}
