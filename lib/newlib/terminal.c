/* SPDX-License-Identifier: MIT */
/* Terminals. Rule: ICANON is the console's cooked mode; the other bits are only remembered (sys/termios.h). */
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "newlib/proc.h"

static struct termios modes = {
    .c_iflag = ICRNL,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = CS8 | CREAD | CLOCAL,
    .c_lflag = ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN,
    .c_cc = {[VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1},
    .c_ispeed = B115200,
    .c_ospeed = B115200,
};

/* Ask the console what is at its other end; 0 or -PE_*. */
static int64_t console_info(uint64_t *terminal, uint64_t *columns, uint64_t *rows)
{
    struct pd_call call = {0};
    int64_t result = pd_portal_call(SLOT_CONSOLE, CONSOLE_INFO, &call);

    *terminal = call.word[1];
    *columns = call.word[2];
    *rows = call.word[3];
    return result;
}

/* The file of a descriptor if a person sits at it; NULL and ENOTTY or EBADF. */
static struct open_file *terminal_file(int fd)
{
    struct open_file *file = glue_file(fd);
    uint64_t terminal = 0;
    uint64_t columns;
    uint64_t rows;

    if (!file) {
        return NULL;
    }
    if (file->kind == OPEN_CONSOLE && !file->terminal) {
        file->terminal = console_info(&terminal, &columns, &rows) >= 0 && terminal ? 2 : 1;
    }
    if (file->terminal != 2) {
        errno = ENOTTY;
        return NULL;
    }
    return file;
}

int isatty(int fd)
{
    return terminal_file(fd) != NULL;
}

char *ttyname(int fd)
{
    return terminal_file(fd) ? (char *)"/dev/console" : NULL;
}

int ttyname_r(int fd, char *buffer, size_t bytes)
{
    const char *name = ttyname(fd);

    if (!name) {
        return errno;
    }
    if (strlen(name) >= bytes) {
        return ERANGE;
    }
    strcpy(buffer, name);
    return 0;
}

int tcgetattr(int fd, struct termios *answer)
{
    if (!terminal_file(fd)) {
        return -1;
    }
    *answer = modes;
    return 0;
}

int tcsetattr(int fd, int when, const struct termios *wanted)
{
    struct pd_call call = {.word = {wanted->c_lflag & ICANON ? CONSOLE_MODE_COOKED : CONSOLE_MODE_RAW, 0, 0, 0}};

    (void)when;
    if (!terminal_file(fd) || glue_result(pd_portal_call(SLOT_CONSOLE, CONSOLE_SET_MODE, &call)) < 0) {
        return -1;
    }
    modes = *wanted;
    return 0;
}

void cfmakeraw(struct termios *wanted)
{
    wanted->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    wanted->c_oflag &= ~(tcflag_t)OPOST;
    wanted->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    wanted->c_cflag = (wanted->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
}

speed_t cfgetispeed(const struct termios *wanted)
{
    return wanted->c_ispeed;
}

speed_t cfgetospeed(const struct termios *wanted)
{
    return wanted->c_ospeed;
}

int cfsetispeed(struct termios *wanted, speed_t speed)
{
    wanted->c_ispeed = speed;
    return 0;
}

int cfsetospeed(struct termios *wanted, speed_t speed)
{
    wanted->c_ospeed = speed;
    return 0;
}

/* What was written has left when a write returns, and input is not thrown away. */
static int nothing_to_do(int fd)
{
    return terminal_file(fd) ? 0 : -1;
}

int tcflush(int fd, int queue)
{
    (void)queue;
    return nothing_to_do(fd);
}

int tcdrain(int fd)
{
    return nothing_to_do(fd);
}

int tcflow(int fd, int action)
{
    (void)action;
    return nothing_to_do(fd);
}

int tcsendbreak(int fd, int duration)
{
    (void)duration;
    return nothing_to_do(fd);
}

int64_t glue_input_waiting(void)
{
    struct pd_call call = {0};

    return pd_portal_call(SLOT_CONSOLE, CONSOLE_POLL, &call);
}

int ioctl(int fd, unsigned long request, ...)
{
    struct open_file *file = glue_file(fd);
    uint64_t terminal;
    uint64_t columns;
    uint64_t rows;
    va_list arguments;
    void *answer;

    va_start(arguments, request);
    answer = va_arg(arguments, void *);
    va_end(arguments);
    if (!file) {
        return -1;
    }
    if (request == TIOCGWINSZ && terminal_file(fd)) {
        struct winsize *size = answer;

        if (glue_result(console_info(&terminal, &columns, &rows)) < 0) {
            return -1;
        }
        *size = (struct winsize){(unsigned short)rows, (unsigned short)columns, 0, 0};
        return 0;
    }
    if (request == FIONREAD && file->kind == OPEN_CONSOLE) {
        int64_t waiting = glue_result(glue_input_waiting());

        *(int *)answer = (int)waiting;
        return waiting < 0 ? -1 : 0;
    }
    if (request == FIONREAD && file->kind == OPEN_PIPE) {
        int64_t waiting = glue_result(glue_proc(PROC_PIPE_INFO, file->handle, 0, 0));

        *(int *)answer = (int)waiting;
        return waiting < 0 ? -1 : 0;
    }
    errno = ENOTTY;
    return -1;
}
