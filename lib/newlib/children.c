/* SPDX-License-Identifier: MIT */
/*
 * Starting programs and waiting for them.
 *
 * Rule: that there is a child, and how it ended, is the process service's to know; what is here are the capabilities to it,
 * which go back when it has been waited for. Its memory comes from the account that this program draws on, too.
 */
#include "newlib/children.h"

#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "newlib/signals.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/slots.h"
#include "perdure/thread.h"
#include "spawn/program.h"

#define PROGRAM_PRIORITY 10
#define RESERVED_PART 16
#define REMAINS_NS 2000000u

_Static_assert(PROGRAM_SERVICES <= 8 && PROGRAM_CAPABILITIES <= 24, "struct child_capabilities has room");

static struct child children[GLUE_CHILDREN];
static uint32_t ended; /* a notification that their ends are told to; 0 before the first child */

static struct child *child_of(pid_t number)
{
    for (struct child *child = children; child < children + GLUE_CHILDREN; child++) {
        if (child->number == number && number) {
            return child;
        }
    }
    return NULL;
}

pid_t glue_child_at(unsigned index, const char **name)
{
    if (index >= GLUE_CHILDREN || !children[index].number) {
        return 0;
    }
    *name = children[index].name;
    return children[index].number;
}

void glue_child_usage(unsigned index, uint64_t *consumed_ns, uint64_t *used_pages)
{
    uint64_t ignored;

    *consumed_ns = *used_pages = 0;
    pd_sched_context_info(children[index].program.sched_context, consumed_ns);
    pd_domain_info(children[index].program.domain, &ignored, used_pages, &ignored, &ignored);
}

/* The most that a child may take of the account: what others need to go on is out of its reach. */
static uint64_t limit(void)
{
    uint64_t quota_pages = 0;
    uint64_t used_pages;
    uint64_t threads;
    uint64_t name;

    pd_domain_info(SLOT_ACCOUNT, &quota_pages, &used_pages, &threads, &name);
    return quota_pages - quota_pages / RESERVED_PART;
}

/*
 * The kernel takes the remains of ended programs apart when nothing else is to do. If much of the account is in use, let it:
 * for as long as that frees something.
 */
static void await_remains(void)
{
    uint64_t quota_pages = 0, used_pages = 0, before, threads, name;

    do {
        before = used_pages;
        pd_domain_info(SLOT_ACCOUNT, &quota_pages, &used_pages, &threads, &name);
        if (used_pages <= quota_pages / 2) {
            return;
        }
        pd_sleep_until(pd_now_ns() + REMAINS_NS);
    } while (before == 0 || used_pages < before);
}

static int notification_ready(void)
{
    if (!ended) {
        ended = pd_slot_take();
        if (pd_create_notification(SLOT_SELF_DOMAIN, ended) != PD_OK) {
            pd_slot_give(ended);
            ended = 0;
            return -1;
        }
    }
    return 0;
}

struct child *glue_child_new(const char *name)
{
    const char *slash = strrchr(name, '/');
    struct child *child = children;

    while (child < children + GLUE_CHILDREN && child->number) {
        child++;
    }
    if (child == children + GLUE_CHILDREN || notification_ready() != 0) {
        errno = EAGAIN;
        return NULL;
    }
    await_remains();
    *child = (struct child){.number = 0};
    strlcpy(child->name, slash ? slash + 1 : name, sizeof child->name);
    return child;
}

pid_t glue_child_announce(const struct inheritance *inheritance, uint64_t flags, uint32_t *token)
{
    struct pd_call call = {.word = {inheritance->reads, inheritance->writes, inheritance->offsets, flags}};
    int64_t number = glue_result(glue_proc_call(PROC_SPAWN, &call));

    *token = (uint32_t)call.word[1];
    return (pid_t)number;
}

void glue_child_request(struct spawn_request *request, struct child *child, uint32_t token, int supervisor,
                        struct child_capabilities *tables)
{
    request->name = child->name;
    request->process_number = (uint64_t)child->number;
    request->process_token = token;
    request->parent_number = glue_process;
    request->creation_mask = glue_creation_mask;
    request->priority = PROGRAM_PRIORITY;
    request->limit_pages = limit();
    request->exit_notification = ended;
    request->exit_bits = 1;
    program_capabilities(request, tables->services, tables->capabilities, supervisor);
    for (uint32_t index = 0; index < request->service_count; index++) {
        if (tables->services[index].portal_slot == SLOT_PROC) {
            tables->services[index].badge = token;
        }
    }
}

void glue_child_started(struct child *child)
{
    glue_proc(PROC_AWAIT_START, (uint64_t)child->number, 0, 0);
}

void glue_child_forget(struct child *child)
{
    spawn_release(&child->program);
    glue_image_drop(&child->image);
    child->number = 0;
}

void glue_child_cancel(struct child *child)
{
    if (child->number) {
        glue_proc(PROC_CANCEL, (uint64_t)child->number, 0, 0);
    }
    glue_child_forget(child);
}

void glue_children_forked(void)
{
    for (struct child *child = children; child < children + GLUE_CHILDREN; child++) {
        if (child->number) {
            glue_image_drop(&child->image);
            child->number = 0;
        }
    }
    ended = 0;
}

static int error_of(const struct spawn_failure *failure)
{
    switch (failure->status) {
    case 0:
        return ENOEXEC;
    case PD_TOO_LARGE:
        return E2BIG;
    default:
        return (int)-pd_portal_error(failure->status);
    }
}

pid_t glue_child_start(const char *path, char *const arguments[], char *const environment[],
                       const struct child_options *options, struct spawn_failure *failure)
{
    static struct inheritance inheritance;
    struct child_capabilities tables;
    char directory[PATH_MAX];
    struct child *child = glue_child_new(path);
    uint32_t token;
    struct spawn_request request = {
        .arguments = (const char *const *)arguments,
        .environment = (const char *const *)environment,
        .working_directory = getcwd(directory, sizeof directory),
        .streams = inheritance.streams,
    };

    *failure = (struct spawn_failure){0};
    if (!child || glue_image_find(path, &child->image) != 0) {
        return -1;
    }
    if (glue_inherit(options->files, 0, &inheritance) != 0 ||
        (child->number = glue_child_announce(&inheritance, 0, &token)) < 0) {
        child->number = 0;
        glue_image_drop(&child->image);
        return -1;
    }
    request.stream_count = inheritance.count;
    glue_child_request(&request, child, token, options->supervisor || glue_image_is_system(&child->image), &tables);
    if (options->set_group) {
        glue_proc(PROC_SET_GROUP, (uint64_t)child->number, (uint64_t)options->group, 0);
    }
    if (spawn_start(&request, &child->image.image, &child->program, failure) != 0) {
        glue_child_cancel(child);
        errno = error_of(failure);
        return -1;
    }
    glue_child_started(child);
    return child->number;
}

/* waitpid's status word; where the process service knows nothing, the kernel does. */
static int wait_status(const struct child *child, uint32_t told)
{
    int signal_number = 0;
    int status;

    if (told != PROC_STATUS_UNKNOWN) {
        return (int)told;
    }
    status = child ? spawn_status(&child->program, &signal_number) : 0;
    return signal_number ? signal_number : status << PROC_STATUS_EXITED_SHIFT;
}

pid_t waitpid(pid_t number, int *status, int options)
{
    struct child *child;
    struct pd_call call;
    int64_t result;

    do {
        call = (struct pd_call){.word = {(uint64_t)(int64_t)number, options & WNOHANG ? PROC_NO_WAIT : 0, 0, 0}};
        result = glue_proc_call(PROC_WAIT, &call);
    } while (result == -PE_INTR && glue_signals_restart());
    if (result <= 0) {
        return (pid_t)glue_result(result == -PE_NODEV ? -PE_CHILD : result);
    }
    child = child_of((pid_t)result);
    if (status) {
        *status = wait_status(child, (uint32_t)call.word[1]);
    }
    if (child) {
        glue_child_forget(child);
    }
    return (pid_t)result;
}

pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}

pid_t wait3(int *status, int options, struct rusage *usage)
{
    if (usage) {
        memset(usage, 0, sizeof *usage);
    }
    return waitpid(-1, status, options);
}

pid_t wait4(pid_t number, int *status, int options, struct rusage *usage)
{
    if (usage) {
        memset(usage, 0, sizeof *usage);
    }
    return waitpid(number, status, options);
}
