/* SPDX-License-Identifier: MIT */
/*
 * Starting programs and waiting for them.
 *
 * Rule: one notification tells of all children, bit n of the child at place n; a child that has ended keeps its place
 * until it has been waited for.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newlib/children.h"
#include "newlib/glue.h"
#include "newlib/mappings.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/notification.h"
#include "perdure/slots.h"
#include "perdure/thread.h"
#include "spawn/program.h"

#define FIRST_CHILD 1000 /* numbers of children: programs at different depths of a tree seldom share one */
#define PROGRAM_PRIORITY 10
#define RETURN_TURNS 100
#define RETURN_TURN_NS 1000000u
#define RETURN_SLACK_PAGES 64 /* what the parent itself may have taken meanwhile */

struct child {
    struct spawn_child program;
    void *file; /* mapped copy of its ELF file, NULL if it came from a bundle */
    size_t file_bytes;
    uint64_t quota_pages;
    int used;
    char name[32];
};

static struct child children[GLUE_CHILDREN];
static uint64_t pages_expected; /* left when the children that were waited for have been taken apart */
static uint32_t ended; /* notification; 0 before the first child */

static uint64_t bit_of(const struct child *child)
{
    return (uint64_t)1 << (child - children);
}

static pid_t number_of(const struct child *child)
{
    return FIRST_CHILD + (pid_t)(child - children);
}

static struct child *child_of(pid_t number)
{
    if (number < FIRST_CHILD || number >= FIRST_CHILD + GLUE_CHILDREN || !children[number - FIRST_CHILD].used) {
        return NULL;
    }
    return &children[number - FIRST_CHILD];
}

pid_t glue_child_at(unsigned index, const char **name)
{
    if (index >= GLUE_CHILDREN || !children[index].used) {
        return 0;
    }
    *name = children[index].name;
    return number_of(&children[index]);
}

int glue_child_kill(pid_t number, int signal_number)
{
    struct child *child = child_of(number);

    if (!child) {
        errno = ESRCH;
        return -1;
    }
    switch (signal_number) {
    case 0:
        return 0;
    case SIGKILL:
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGQUIT:
    case SIGABRT:
        pd_kill(child->program.domain);
        return 0;
    default:
        errno = EPERM;
        return -1;
    }
}

/* Read an ELF file into a mapping of its own and make it an image; 0 or -1 and errno. */
static int load_file(const char *path, struct child *child, struct spawn_image *image)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    int reason;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = EACCES;
    } else if (status.st_size > 0) {
        child->file_bytes = (size_t)status.st_size;
        child->file = mmap(NULL, child->file_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (child->file == MAP_FAILED) {
            child->file = NULL;
        }
    } else {
        errno = ENOEXEC;
    }
    reason = errno;
    close(fd);
    errno = reason;
    if (!child->file) {
        return -1;
    }
    *image = (struct spawn_image){glue_mapping_memory(child->file), 0, child->file, child->file_bytes};
    return 0;
}

/* Search the directories of PATH. 0 or -1 and ENOENT. */
static int load_from_path(const char *name, struct child *child, struct spawn_image *image)
{
    const char *list = getenv("PATH");
    char path[PATH_MAX];

    list = list ? list : "/bin:/usr/bin";
    while (*list) {
        size_t length = strcspn(list, ":");

        if (length + strlen(name) + 2 <= sizeof path) {
            memcpy(path, list, length);
            path[length] = '/';
            strcpy(path + length + 1, name);
            if (load_file(path, child, image) == 0) {
                return 0;
            }
        }
        list += length + (list[length] == ':');
    }
    errno = ENOENT;
    return -1;
}

static int find_image(const char *path, struct child *child, struct spawn_image *image)
{
    child->file = NULL;
    if (strchr(path, '/')) {
        return load_file(path, child, image);
    }
    return program_find(path, image) ? 0 : load_from_path(path, child, image);
}

static uint64_t pages_left(void)
{
    uint64_t quota_pages = 0;
    uint64_t used_pages = 0;
    uint64_t threads;
    uint64_t name;

    pd_domain_info(SLOT_SELF_DOMAIN, &quota_pages, &used_pages, &threads, &name);
    return quota_pages > used_pages ? quota_pages - used_pages : 0;
}

/*
 * Pages for a child when the caller does not say: half of what is left. The kernel takes the remains of an ended child
 * apart when nothing else is to do, so what the last one held may have to be waited for.
 */
static uint64_t usual_quota(void)
{
    uint64_t left = pages_left();

    for (int turn = 0; turn < RETURN_TURNS && left < pages_expected; turn++) {
        pd_sleep_until(pd_now_ns() + RETURN_TURN_NS);
        left = pages_left();
    }
    pages_expected = 0;
    return left / 2;
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

static struct child *free_child(void)
{
    for (struct child *child = children; child < children + GLUE_CHILDREN; child++) {
        if (!child->used) {
            return child;
        }
    }
    return NULL;
}

void glue_child_streams(struct startup_stream streams[3])
{
    for (unsigned fd = 0; fd < 3; fd++) {
        const struct open_file *file = glue_descriptors[fd].file;

        streams[fd] = (struct startup_stream){.kind = STARTUP_CLOSED};
        if (file && file->kind == OPEN_CONSOLE) {
            streams[fd] = (struct startup_stream){STARTUP_CONSOLE, file->handle, 0, NULL};
        } else if (file) {
            streams[fd].kind = STARTUP_NULL;
        }
    }
}

/* Give back what a child held. */
static void forget(struct child *child)
{
    if (!pages_expected) {
        pages_expected = pages_left();
    }
    if (child->quota_pages > RETURN_SLACK_PAGES) {
        pages_expected += child->quota_pages - RETURN_SLACK_PAGES;
    }
    spawn_release(&child->program);
    if (child->file) {
        munmap(child->file, child->file_bytes);
    }
    child->used = 0;
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
                       const struct startup_stream streams[3], uint64_t quota_pages,
                       struct spawn_failure *failure)
{
    struct spawn_service services[PROGRAM_SERVICES];
    struct spawn_capability capabilities[PROGRAM_CAPABILITIES];
    char directory[PATH_MAX];
    struct child *child = free_child();
    struct spawn_image image;
    struct spawn_request request = {
        .arguments = (const char *const *)arguments,
        .environment = (const char *const *)environment,
        .working_directory = getcwd(directory, sizeof directory),
        .parent_number = (uint64_t)getpid(),
        .creation_mask = glue_creation_mask,
        .priority = PROGRAM_PRIORITY,
    };
    const char *slash = strrchr(path, '/');

    *failure = (struct spawn_failure){0};
    if (!child || notification_ready() != 0) {
        errno = EAGAIN;
        return -1;
    }
    if (find_image(path, child, &image) != 0) {
        return -1;
    }
    strlcpy(child->name, slash ? slash + 1 : path, sizeof child->name);
    memcpy(request.streams, streams, sizeof request.streams);
    request.name = child->name;
    request.process_number = (uint64_t)number_of(child);
    request.quota_pages = quota_pages ? quota_pages : usual_quota();
    child->quota_pages = request.quota_pages;
    request.exit_notification = ended;
    request.exit_bits = bit_of(child);
    program_capabilities(&request, services, capabilities, 0);
    if (spawn_start(&request, &image, &child->program, failure) != 0) {
        forget(child);
        errno = error_of(failure);
        return -1;
    }
    child->used = 1;
    return number_of(child);
}

/* waitpid's status word of a child that has ended. */
static int wait_status(const struct child *child)
{
    int signal_number = 0;
    int status = spawn_status(&child->program, &signal_number);

    return signal_number ? signal_number : status << 8;
}

/* A child that has ended among those asked for; NULL if none has. */
static struct child *find_ended(pid_t number)
{
    for (struct child *child = children; child < children + GLUE_CHILDREN; child++) {
        if (child->used && (number <= 0 || number_of(child) == number) &&
            spawn_status(&child->program, NULL) >= 0) {
            return child;
        }
    }
    return NULL;
}

static int any_child(pid_t number)
{
    if (number > 0) {
        return child_of(number) != NULL;
    }
    for (struct child *child = children; child < children + GLUE_CHILDREN; child++) {
        if (child->used) {
            return 1;
        }
    }
    return 0;
}

pid_t waitpid(pid_t number, int *status, int options)
{
    struct child *child;
    uint64_t bits;

    if (!any_child(number)) {
        errno = ECHILD;
        return -1;
    }
    while ((child = find_ended(number)) == NULL) {
        if (options & WNOHANG) {
            return 0;
        }
        pd_wait(ended, ~(uint64_t)0, 0, &bits);
    }
    if (status) {
        *status = wait_status(child);
    }
    number = number_of(child);
    forget(child);
    return number;
}

pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}
