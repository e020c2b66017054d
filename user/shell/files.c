/* SPDX-License-Identifier: MIT */
/* Commands about files. Rule: each name is done for itself; what fails is named and the rest goes on. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "user/shell/shell.h"

#define COPY_BYTES 65536
#define PATH_ROOM 1024
#define LS_COLUMNS 4

static unsigned char buffer[COPY_BYTES] __attribute__((aligned(4096)));

static int usage(const char *name)
{
    fprintf(stderr, "%s: usage: %s %s\n", name, name, command_find(name)->usage);
    return 2;
}

static void mode_text(mode_t mode, char text[11])
{
    static const char letters[] = "rwxrwxrwx";

    text[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : S_ISCHR(mode) ? 'c' : '?';
    for (int bit = 0; bit < 9; bit++) {
        text[1 + bit] = mode & (0400u >> bit) ? letters[bit] : '-';
    }
    text[10] = 0;
}

static void list_long(const char *path, const char *name)
{
    char mode[11];
    char when[32];
    char target[PATH_ROOM];
    struct stat status;
    ssize_t length;

    if (lstat(path, &status) != 0) {
        complain("ls", path);
        return;
    }
    mode_text(status.st_mode, mode);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M", gmtime(&status.st_mtime));
    printf("%s %3u %4u %4u %10ld %s %s", mode, (unsigned)status.st_nlink, (unsigned)status.st_uid,
           (unsigned)status.st_gid, (long)status.st_size, when, name);
    if (S_ISLNK(status.st_mode) && (length = readlink(path, target, sizeof target)) >= 0) {
        printf(" -> %.*s", (int)length, target);
    }
    putchar('\n');
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The names in a directory, sorted; the caller frees them. Their number, or -1 and errno. */
static int read_names(const char *path, int all, char ***names)
{
    const struct dirent *entry;
    size_t room = 0;
    int count = 0;
    DIR *stream = opendir(path);

    *names = NULL;
    if (!stream) {
        return -1;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.' && !all) {
            continue;
        }
        if ((size_t)count == room) {
            char **more = realloc(*names, (room = room * 2 + 64) * sizeof *more);

            if (!more) {
                break;
            }
            *names = more;
        }
        (*names)[count++] = strdup(entry->d_name);
    }
    closedir(stream);
    if (count) {
        qsort(*names, (size_t)count, sizeof **names, compare_names);
    }
    return count;
}

static int list_directory(const char *directory, int all, int is_long)
{
    char path[PATH_ROOM];
    char **names;
    int count = read_names(directory, all, &names);

    if (count < 0) {
        return complain("ls", directory);
    }
    for (int index = 0; index < count; index++) {
        if (is_long) {
            snprintf(path, sizeof path, "%s/%s", directory, names[index]);
            list_long(path, names[index]);
        } else {
            printf("%-19s%c", names[index], index % LS_COLUMNS == LS_COLUMNS - 1 || index == count - 1 ? '\n' : ' ');
        }
        free(names[index]);
    }
    free(names);
    return 0;
}

static int list_one(const char *path, int all, int is_long)
{
    struct stat status;

    if (stat(path, &status) != 0 && lstat(path, &status) != 0) {
        return complain("ls", path);
    }
    if (S_ISDIR(status.st_mode)) {
        return list_directory(path, all, is_long);
    }
    if (is_long) {
        list_long(path, path);
    } else {
        puts(path);
    }
    return 0;
}

static int run_ls(int count, char **words)
{
    int all = 0;
    int is_long = 0;
    int first = 1;
    int result = 0;

    for (; first < count && words[first][0] == '-'; first++) {
        all |= strchr(words[first], 'a') != NULL;
        is_long |= strchr(words[first], 'l') != NULL;
    }
    if (first == count) {
        return list_one(".", all, is_long);
    }
    for (int index = first; index < count; index++) {
        if (count - first > 1) {
            printf("%s:\n", words[index]);
        }
        result |= list_one(words[index], all, is_long);
    }
    return result;
}

/* Everything from one descriptor to another. 0, or -1 and errno; *reading tells which side failed. */
static int pour(int from, int to, int *reading)
{
    ssize_t got;

    while ((got = read(from, buffer, sizeof buffer)) > 0) {
        *reading = 0;
        if (write(to, buffer, (size_t)got) != got) {
            return -1;
        }
        *reading = 1;
    }
    return got < 0 ? -1 : 0;
}

static int run_cat(int count, char **words)
{
    int result = 0;

    fflush(stdout);
    for (int index = 1; index < count || index == 1; index++) {
        int from = count > 1 ? open(words[index], O_RDONLY) : STDIN_FILENO;
        int reading = 1;

        if (from < 0 || pour(from, STDOUT_FILENO, &reading) != 0) {
            result = complain("cat", count > 1 ? words[index] : "standard input");
        }
        if (from > STDIN_FILENO) {
            close(from);
        }
    }
    return result;
}

static int copy_file(const char *from_path, const char *to_path)
{
    struct stat status;
    int from = open(from_path, O_RDONLY);
    int reading = 1;
    int result;
    int to;

    if (from < 0 || fstat(from, &status) != 0) {
        return complain("cp", from_path);
    }
    if (S_ISDIR(status.st_mode)) {
        close(from);
        errno = EISDIR;
        return complain("cp", from_path);
    }
    to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC, status.st_mode & 0777);
    if (to < 0) {
        close(from);
        return complain("cp", to_path);
    }
    result = pour(from, to, &reading) == 0 ? 0 : complain("cp", reading ? from_path : to_path);
    close(from);
    close(to);
    return result;
}

/* Where something called `from` goes: `to`, or into it if it is a directory. */
static const char *destination(const char *from, const char *to, char *path)
{
    char name[PATH_ROOM];
    struct stat status;

    if (stat(to, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return to;
    }
    snprintf(name, sizeof name, "%s", from);
    snprintf(path, PATH_ROOM, "%s/%s", to, basename(name));
    return path;
}

static int move_file(const char *from, const char *to)
{
    return rename(from, to) == 0 ? 0 : complain("mv", from);
}

/* cp and mv: several names into a directory, or one to another. */
static int each_to_last(int count, char **words, int (*act)(const char *from, const char *to))
{
    char path[PATH_ROOM];
    struct stat status;
    int result = 0;

    if (count < 3) {
        return usage(words[0]);
    }
    if (count > 3 && (stat(words[count - 1], &status) != 0 || !S_ISDIR(status.st_mode))) {
        errno = ENOTDIR;
        return complain(words[0], words[count - 1]);
    }
    for (int index = 1; index < count - 1; index++) {
        result |= act(words[index], destination(words[index], words[count - 1], path));
    }
    return result;
}

static int run_cp(int count, char **words)
{
    return each_to_last(count, words, copy_file);
}

static int run_mv(int count, char **words)
{
    return each_to_last(count, words, move_file);
}

static int remove_tree(const char *path)
{
    char below[PATH_ROOM];
    char **names;
    struct stat status;
    int result = 0;
    int count;

    if (lstat(path, &status) != 0) {
        return complain("rm", path);
    }
    if (!S_ISDIR(status.st_mode)) {
        return unlink(path) == 0 ? 0 : complain("rm", path);
    }
    count = read_names(path, 1, &names);
    for (int index = 0; index < count; index++) {
        if (strcmp(names[index], ".") != 0 && strcmp(names[index], "..") != 0) {
            snprintf(below, sizeof below, "%s/%s", path, names[index]);
            result |= remove_tree(below);
        }
        free(names[index]);
    }
    free(names);
    return rmdir(path) == 0 ? result : complain("rm", path);
}

static int run_rm(int count, char **words)
{
    int recursive = count > 1 && strcmp(words[1], "-r") == 0;
    int result = 0;

    if (count < 2 + recursive) {
        return usage(words[0]);
    }
    for (int index = 1 + recursive; index < count; index++) {
        if (recursive) {
            result |= remove_tree(words[index]);
        } else if (unlink(words[index]) != 0) {
            result = complain("rm", words[index]);
        }
    }
    return result;
}

static int run_mkdir(int count, char **words)
{
    int result = 0;

    if (count < 2) {
        return usage(words[0]);
    }
    for (int index = 1; index < count; index++) {
        result |= mkdir(words[index], 0777) == 0 ? 0 : complain("mkdir", words[index]);
    }
    return result;
}

static int run_rmdir(int count, char **words)
{
    int result = 0;

    if (count < 2) {
        return usage(words[0]);
    }
    for (int index = 1; index < count; index++) {
        result |= rmdir(words[index]) == 0 ? 0 : complain("rmdir", words[index]);
    }
    return result;
}

static int run_ln(int count, char **words)
{
    char path[PATH_ROOM];
    int symbolic = count > 1 && strcmp(words[1], "-s") == 0;
    const char *target;
    const char *name;

    if (count != 3 + symbolic) {
        return usage(words[0]);
    }
    target = words[1 + symbolic];
    name = destination(target, words[2 + symbolic], path);
    return (symbolic ? symlink(target, name) : link(target, name)) == 0 ? 0 : complain("ln", name);
}

static int run_touch(int count, char **words)
{
    int result = 0;

    if (count < 2) {
        return usage(words[0]);
    }
    for (int index = 1; index < count; index++) {
        int fd = open(words[index], O_WRONLY | O_CREAT, 0666);

        if (fd < 0 || close(fd) != 0 || utime(words[index], NULL) != 0) {
            result = complain("touch", words[index]);
        }
    }
    return result;
}

static int run_stat(int count, char **words)
{
    int result = 0;

    if (count < 2) {
        return usage(words[0]);
    }
    for (int index = 1; index < count; index++) {
        struct stat status;
        char mode[11];
        char when[32];

        if (lstat(words[index], &status) != 0) {
            result = complain("stat", words[index]);
            continue;
        }
        mode_text(status.st_mode, mode);
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", gmtime(&status.st_mtime));
        printf("%s: %ld bytes in %ld blocks of 512, inode %lu, %u links\n", words[index], (long)status.st_size,
               (long)status.st_blocks, (unsigned long)status.st_ino, (unsigned)status.st_nlink);
        printf("  mode %04o (%s), owner %u, group %u, changed %s\n", (unsigned)(status.st_mode & 07777), mode,
               (unsigned)status.st_uid, (unsigned)status.st_gid, when);
    }
    return result;
}

static int run_chmod(int count, char **words)
{
    char *end;
    unsigned long mode = count > 1 ? strtoul(words[1], &end, 8) : 0;
    int result = 0;

    if (count < 3 || *end || mode > 07777) {
        return usage(words[0]);
    }
    for (int index = 2; index < count; index++) {
        result |= chmod(words[index], (mode_t)mode) == 0 ? 0 : complain("chmod", words[index]);
    }
    return result;
}

const struct command file_commands[] = {
    {"ls", "[-la] [PATH...]", "list a directory", run_ls},
    {"cat", "[FILE...]", "show files", run_cat},
    {"cp", "FROM... TO", "copy files", run_cp},
    {"mv", "FROM... TO", "rename or move", run_mv},
    {"rm", "[-r] PATH...", "remove files, with -r whole directories", run_rm},
    {"mkdir", "PATH...", "make directories", run_mkdir},
    {"rmdir", "PATH...", "remove empty directories", run_rmdir},
    {"ln", "[-s] TARGET NAME", "give a file another name, with -s by a symbolic link", run_ln},
    {"touch", "FILE...", "make files, or set their time to now", run_touch},
    {"stat", "PATH...", "describe files", run_stat},
    {"chmod", "OCTAL PATH...", "set permissions", run_chmod},
    {NULL, NULL, NULL, NULL},
};
