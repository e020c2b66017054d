/* SPDX-License-Identifier: MIT */
/*
 * Directory streams.
 *
 * Rule: one call fetches as many entries as fit the message page; they are kept here, for the page is used by the
 * next call. A place in a directory is the number of entries before it: seekdir() walks there from the start.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "newlib/glue.h"

struct __perdure_directory {
    int fd;
    long place;    /* entries handed out since the start */
    size_t next;   /* where the next entry is in `batch` */
    size_t left;   /* entries of the batch not yet handed out */
    struct dirent entry;
    uint8_t batch[MESSAGE_BYTES] __attribute__((aligned(8)));
};

static const uint8_t types[] = {DT_UNKNOWN, DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK};

DIR *fdopendir(int fd)
{
    struct stat status;
    DIR *directory;

    if (fstat(fd, &status) != 0) {
        return NULL;
    }
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    directory = malloc(sizeof *directory);
    if (!directory) {
        errno = ENOMEM;
        return NULL;
    }
    directory->fd = fd;
    directory->place = 0;
    directory->left = 0;
    return directory;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !directory) {
        int reason = errno;

        close(fd);
        errno = reason;
    }
    return directory;
}

/* Fetch the next entries: 1, 0 at the end, -1 and errno. */
static int refill(DIR *directory)
{
    struct open_file *file = glue_file(directory->fd);
    struct pd_call call = {.word = {file ? file->handle : 0, 0, 0, 0}};
    int64_t count;

    if (!file) {
        return -1;
    }
    count = glue_result(pd_portal_call(SLOT_FS, FS_READDIR, &call));
    if (count <= 0) {
        return (int)count;
    }
    memcpy(directory->batch, pd_message(), sizeof directory->batch);
    directory->left = (size_t)count;
    directory->next = 0;
    return 1;
}

struct dirent *readdir(DIR *directory)
{
    const struct fs_dirent *source;
    struct dirent *entry = &directory->entry;

    if (directory->left == 0 && refill(directory) <= 0) {
        return NULL;
    }
    source = (const struct fs_dirent *)(directory->batch + directory->next);
    directory->next += source->record_bytes;
    directory->left--;
    directory->place++;
    entry->d_ino = source->inode;
    entry->d_off = directory->place;
    entry->d_namlen = source->name_bytes;
    entry->d_reclen = (unsigned short)(offsetof(struct dirent, d_name) + source->name_bytes + 1);
    entry->d_type = source->type < sizeof types ? types[source->type] : DT_UNKNOWN;
    memcpy(entry->d_name, source + 1, source->name_bytes);
    entry->d_name[source->name_bytes] = 0;
    return entry;
}

int readdir_r(DIR *restrict directory, struct dirent *restrict entry, struct dirent **restrict result)
{
    int before = errno;
    const struct dirent *next;
    int problem;

    errno = 0;
    next = readdir(directory);
    problem = errno;
    errno = before;
    *result = NULL;
    if (next) {
        *entry = *next;
        *result = entry;
    }
    return problem;
}

void rewinddir(DIR *directory)
{
    lseek(directory->fd, 0, SEEK_SET);
    directory->place = 0;
    directory->left = 0;
}

void seekdir(DIR *directory, long place)
{
    rewinddir(directory);
    while (directory->place < place && readdir(directory)) {
    }
}

long telldir(DIR *directory)
{
    return directory->place;
}

int dirfd(DIR *directory)
{
    return directory->fd;
}

int closedir(DIR *directory)
{
    int fd = directory->fd;

    free(directory);
    return close(fd);
}

int fdclosedir(DIR *directory)
{
    int fd = directory->fd;

    free(directory);
    return fd;
}

int alphasort(const struct dirent **left, const struct dirent **right)
{
    return strcoll((*left)->d_name, (*right)->d_name);
}

/* A copy of an entry as long as its name; NULL and ENOMEM. */
static struct dirent *copy_entry(const struct dirent *entry)
{
    struct dirent *copy = malloc(sizeof *copy);

    if (copy) {
        *copy = *entry;
    }
    return copy;
}

static void free_entries(struct dirent **entries, size_t count)
{
    while (count) {
        free(entries[--count]);
    }
    free(entries);
}

int scandir(const char *path, struct dirent ***entries, int (*wanted)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **))
{
    DIR *directory = opendir(path);
    struct dirent **list = NULL;
    const struct dirent *entry;
    size_t room = 0;
    size_t count = 0;

    if (!directory) {
        return -1;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (wanted && !wanted(entry)) {
            continue;
        }
        if (count == room) {
            struct dirent **longer = realloc(list, (room = room * 2 + 16) * sizeof *list);

            if (!longer) {
                break;
            }
            list = longer;
        }
        if ((list[count] = copy_entry(entry)) == NULL) {
            break;
        }
        count++;
    }
    closedir(directory);
    if (entry) {
        free_entries(list, count);
        errno = ENOMEM;
        return -1;
    }
    if (compare && count) {
        qsort(list, count, sizeof *list, (int (*)(const void *, const void *))(void *)compare);
    }
    *entries = list;
    return (int)count;
}
