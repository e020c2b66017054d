/* SPDX-License-Identifier: MIT */
/*
 * Who the program is and where it runs. Rule: there is one user, root; rights are capabilities, so user and group
 * numbers are only what files show.
 */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "newlib/glue.h"

#define CLOCK_TICKS_PER_S 1000000
#define ARGUMENT_BYTES_MAXIMUM STARTUP_BYTES_MAXIMUM

static struct passwd root_user = {
    .pw_name = (char *)"root",
    .pw_passwd = (char *)"",
    .pw_comment = (char *)"",
    .pw_gecos = (char *)"root",
    .pw_dir = (char *)"/",
    .pw_shell = (char *)"",
};

static char *no_members[] = {NULL};
static struct group root_group = {.gr_name = (char *)"root", .gr_passwd = (char *)"", .gr_mem = no_members};

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}

int getgroups(int count, gid_t *groups)
{
    (void)count;
    (void)groups;
    return 0;
}

int issetugid(void)
{
    return 0;
}

/* Changing to the only user there is works, to another does not. */
static int become(unsigned number)
{
    if (number == 0) {
        return 0;
    }
    errno = EPERM;
    return -1;
}

int setuid(uid_t user)
{
    return become(user);
}

int seteuid(uid_t user)
{
    return become(user);
}

int setgid(gid_t group)
{
    return become(group);
}

int setegid(gid_t group)
{
    return become(group);
}

struct passwd *getpwuid(uid_t user)
{
    return user == 0 ? &root_user : NULL;
}

struct passwd *getpwnam(const char *name)
{
    return strcmp(name, root_user.pw_name) == 0 ? &root_user : NULL;
}

struct group *getgrgid(gid_t group)
{
    return group == 0 ? &root_group : NULL;
}

struct group *getgrnam(const char *name)
{
    return strcmp(name, root_group.gr_name) == 0 ? &root_group : NULL;
}

char *getlogin(void)
{
    return root_user.pw_name;
}

int gethostname(char *name, size_t bytes)
{
    static const char host[] = "perdure";

    if (bytes < sizeof host) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, host, sizeof host);
    return 0;
}

int uname(struct utsname *answer)
{
    *answer = (struct utsname){
        .sysname = "Perdure",
        .nodename = "perdure",
        .release = "0.1",
        .version = "1",
        .machine = "x86_64",
    };
    return 0;
}

int getpagesize(void)
{
    return PAGE_BYTES;
}

int getdtablesize(void)
{
    return GLUE_DESCRIPTORS;
}

long sysconf(int name)
{
    switch (name) {
    case _SC_ARG_MAX:
        return ARGUMENT_BYTES_MAXIMUM;
    case _SC_CLK_TCK:
        return CLOCK_TICKS_PER_S;
    case _SC_NGROUPS_MAX:
        return 0;
    case _SC_OPEN_MAX:
        return GLUE_DESCRIPTORS;
    case _SC_PAGESIZE:
        return PAGE_BYTES;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return 1;
    case _SC_VERSION:
    case _SC_TIMERS:
    case _SC_MONOTONIC_CLOCK:
    case _SC_CLOCK_SELECTION:
    case _SC_CPUTIME:
    case _SC_THREAD_CPUTIME:
    case _SC_FSYNC:
    case _SC_MAPPED_FILES:
    case _SC_SPAWN:
        return _POSIX_VERSION;
    default:
        errno = EINVAL;
        return -1;
    }
}

long pathconf(const char *path, int name)
{
    (void)path;
    switch (name) {
    case _PC_LINK_MAX:
        return 32000;
    case _PC_NAME_MAX:
        return FS_NAME_BYTES;
    case _PC_PATH_MAX:
        return FS_PATH_BYTES;
    case _PC_NO_TRUNC:
        return 1;
    default:
        errno = EINVAL;
        return -1;
    }
}

long fpathconf(int fd, int name)
{
    return glue_file(fd) ? pathconf("", name) : -1;
}
