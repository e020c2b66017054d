/* SPDX-License-Identifier: MIT */
/*
 * sha256 [PATH...]: the SHA-256 of every regular file at or below the paths (the root by default), in the format of
 * sha256sum, so that `sha256sum -c` on the host can check a whole disk. Symbolic links are not followed.
 *
 * Rule: a file that cannot be read is named on standard error and makes the exit status 1; all others are still done.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/sha256/hash.h"

#define BUFFER_BYTES 65536

static uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(4096)));
static char path[PATH_MAX];
static int failures;

static void complain(void)
{
    warn("%s", path);
    failures++;
}

static void hash_file(void)
{
    uint8_t digest[SHA256_BYTES];
    struct sha256 hash;
    ssize_t got;
    int fd = open(path, O_RDONLY);

    if (fd < 0) {
        complain();
        return;
    }
    sha256_start(&hash);
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        sha256_add(&hash, buffer, (size_t)got);
    }
    close(fd);
    if (got < 0) {
        complain();
        return;
    }
    sha256_end(&hash, digest);
    for (unsigned index = 0; index < SHA256_BYTES; index++) {
        printf("%02x", digest[index]);
    }
    printf("  %s\n", path);
}

static void walk(size_t length);

/* Everything in the directory `path`, whose length is `length`. */
static void walk_directory(size_t length)
{
    const struct dirent *entry;
    DIR *directory = opendir(path);
    size_t base = length;

    if (!directory) {
        complain();
        return;
    }
    if (base == 0 || path[base - 1] != '/') {
        path[base++] = '/';
    }
    while ((entry = readdir(directory)) != NULL) {
        size_t name_length = strlen(entry->d_name);

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (base + name_length + 2 > sizeof path) {
            warnx("%.*s%s: path too long", (int)base, path, entry->d_name);
            failures++;
            continue;
        }
        memcpy(path + base, entry->d_name, name_length + 1);
        walk(base + name_length);
    }
    path[length] = 0;
    closedir(directory);
}

static void walk(size_t length)
{
    struct stat status;

    if (lstat(path, &status) != 0) {
        complain();
    } else if (S_ISDIR(status.st_mode)) {
        walk_directory(length);
    } else if (S_ISREG(status.st_mode)) {
        hash_file();
    }
}

static void start(const char *from)
{
    if (strlen(from) + 2 > sizeof path) {
        errx(1, "%s: path too long", from);
    }
    strcpy(path, from);
    walk(strlen(path));
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 2) {
        start("/");
    }
    for (int index = 1; index < argument_count; index++) {
        start(arguments[index]);
    }
    return failures ? 1 : 0;
}
