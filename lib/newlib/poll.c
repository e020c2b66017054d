/* SPDX-License-Identifier: MIT */
/*
 * poll and select.
 *
 * Rule: pipes are waited for in the process service, all at once. The console cannot be waited for there: with it among the
 * descriptors both are looked at in turns. Everything else is always ready.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "newlib/signals.h"
#include "perdure/boot.h"

#define NS_PER_MS 1000000u
#define TURN_NS (10 * NS_PER_MS)
#define FOREVER UINT64_MAX

/* What of the descriptors is in the process service. */
struct waiting {
    uint64_t reads;
    uint64_t writes;
    int console;
};

static struct open_file *file_of(int fd)
{
    return (unsigned)fd < GLUE_DESCRIPTORS ? glue_descriptors[fd].file : NULL;
}

static void note(struct waiting *waiting, const struct pollfd *each)
{
    const struct open_file *file = file_of(each->fd);

    if (!file) {
        return;
    }
    waiting->console |= file->kind == OPEN_CONSOLE && each->events & (POLLIN | POLLRDNORM);
    if (file->kind == OPEN_PIPE && (file->flags & O_ACCMODE) == O_RDONLY) {
        waiting->reads |= (uint64_t)1 << file->handle;
    } else if (file->kind == OPEN_PIPE) {
        waiting->writes |= (uint64_t)1 << file->handle;
    }
}

static short pipe_ready(const struct open_file *file, short events, const struct waiting *ready)
{
    struct pd_call call = {.word = {file->handle, 0, 0, 0}};
    uint64_t bit = (uint64_t)1 << file->handle;
    int64_t bytes;

    if ((file->flags & O_ACCMODE) != O_RDONLY) {
        if (!(ready->writes & bit)) {
            return 0;
        }
        return glue_proc_call(PROC_PIPE_INFO, &call) >= 0 && call.word[1] == 0 ? POLLERR : events & (POLLOUT | POLLWRNORM);
    }
    if (!(ready->reads & bit)) {
        return 0;
    }
    bytes = glue_proc_call(PROC_PIPE_INFO, &call);
    return (short)((bytes > 0 ? events & (POLLIN | POLLRDNORM) : 0) | (call.word[2] == 0 ? POLLHUP : 0));
}

/* The bits that hold for one descriptor now. */
static short ready_now(const struct pollfd *each, const struct waiting *ready)
{
    const struct open_file *file = file_of(each->fd);
    short bits = each->events & (POLLOUT | POLLWRNORM);

    if (!file) {
        return POLLNVAL;
    }
    if (file->kind == OPEN_PIPE) {
        return pipe_ready(file, each->events, ready);
    }
    if (file->kind != OPEN_CONSOLE || (each->events & (POLLIN | POLLRDNORM) && glue_input_waiting() > 0)) {
        bits |= each->events & (POLLIN | POLLRDNORM);
    }
    return bits;
}

/* Look once; wait no longer than to `until_ns` for pipes (0: not at all). How many are ready, or -PE_*. */
static int64_t look(struct pollfd *descriptors, nfds_t count, struct waiting *waiting, uint64_t until_ns)
{
    struct waiting ready = {0, 0, 0};
    int64_t found = 0;

    if (waiting->reads | waiting->writes) {
        struct pd_call call = {.word = {waiting->reads, waiting->writes, until_ns, 0}};
        int64_t result = glue_proc_call(PROC_POLL, &call);

        if (result < 0) {
            return result;
        }
        ready.reads = call.word[1];
        ready.writes = call.word[2];
    }
    for (nfds_t index = 0; index < count; index++) {
        struct pollfd *each = &descriptors[index];

        each->revents = each->fd < 0 ? 0 : ready_now(each, &ready);
        found += each->revents != 0;
    }
    return found;
}

/* Nothing is ready: wait until `until_ns` at the latest. 0 or -PE_INTR. */
static int64_t wait_turn(const struct waiting *waiting, uint64_t until_ns)
{
    uint64_t turn_ns = pd_now_ns() + TURN_NS;

    if (!waiting->console || turn_ns > until_ns) {
        turn_ns = until_ns;
    }
    if (glue_proc_ready() < 0) {
        pd_sleep_until(turn_ns);
        return 0;
    }
    return glue_proc(PROC_POLL, waiting->reads, waiting->writes, turn_ns) == -PE_INTR ? -PE_INTR : 0;
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout_ms)
{
    uint64_t until_ns = timeout_ms < 0 ? FOREVER : pd_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    struct waiting waiting = {0, 0, 0};
    int64_t found;

    for (nfds_t index = 0; index < count; index++) {
        note(&waiting, &descriptors[index]);
    }
    for (;;) {
        found = look(descriptors, count, &waiting, 0);
        if (found != 0 || timeout_ms == 0 || (timeout_ms > 0 && pd_now_ns() >= until_ns)) {
            return (int)glue_result(found);
        }
        if (wait_turn(&waiting, until_ns) == -PE_INTR && !glue_signals_restart()) {
            errno = EINTR;
            return -1;
        }
    }
}

/* The sets of select() as poll() wants them, and back. */
int select(int limit, fd_set *reads, fd_set *writes, fd_set *exceptions, struct timeval *timeout)
{
    struct pollfd descriptors[GLUE_DESCRIPTORS];
    nfds_t count = 0;
    int found;
    int bits = 0;

    if (limit < 0 || limit > GLUE_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    for (int fd = 0; fd < limit; fd++) {
        short events = (short)((reads && FD_ISSET(fd, reads) ? POLLIN : 0) | (writes && FD_ISSET(fd, writes) ? POLLOUT : 0));

        if (events) {
            descriptors[count++] = (struct pollfd){fd, events, 0};
        }
    }
    found = poll(descriptors, count, timeout ? (int)(timeout->tv_sec * 1000 + (timeout->tv_usec + 999) / 1000) : -1);
    for (nfds_t index = 0; index < count && found >= 0; index++) {
        short got = descriptors[index].revents;

        if (got & POLLNVAL) {
            errno = EBADF;
            return -1;
        }
        if (descriptors[index].events & POLLIN && !(got & (POLLIN | POLLHUP | POLLERR))) {
            FD_CLR(descriptors[index].fd, reads);
        }
        if (descriptors[index].events & POLLOUT && !(got & (POLLOUT | POLLERR))) {
            FD_CLR(descriptors[index].fd, writes);
        }
        bits += (reads && FD_ISSET(descriptors[index].fd, reads)) + (writes && FD_ISSET(descriptors[index].fd, writes));
    }
    if (exceptions) {
        FD_ZERO(exceptions);
    }
    return found < 0 ? -1 : bits;
}
