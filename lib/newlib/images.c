/* SPDX-License-Identifier: MIT */
/* ELF files of programs to be started. Rule: a file is read whole into a mapping of its own, which is what is mapped into the
 * program; a change of the file afterwards does not reach it. */
#include "newlib/images.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "newlib/glue.h"
#include "newlib/mappings.h"
#include "spawn/program.h"

int glue_system_program(const char *path, struct spawn_image *image)
{
    static const char directory[] = "/system/";

    return strncmp(path, directory, sizeof directory - 1) == 0 && program_find_system(path + sizeof directory - 1, image);
}

int glue_image_open(const char *path, struct loaded_image *loaded)
{
    struct stat status;
    int reason;
    int fd;

    *loaded = (struct loaded_image){.file = NULL};
    if (glue_system_program(path, &loaded->image)) {
        return 0;
    }
    fd = open(path, O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    errno = ENOEXEC;
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = EACCES;
    } else if (status.st_size > 0) {
        loaded->file_bytes = (size_t)status.st_size;
        loaded->file = mmap(NULL, loaded->file_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (loaded->file == MAP_FAILED) {
            loaded->file = NULL;
        }
    }
    reason = errno;
    close(fd);
    errno = reason;
    if (!loaded->file) {
        return -1;
    }
    loaded->image = (struct spawn_image){glue_mapping_memory(loaded->file), 0, loaded->file, loaded->file_bytes};
    return 0;
}

/* Search the directories of PATH. 0 or -1 and ENOENT. */
static int load_from_path(const char *name, struct loaded_image *loaded)
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
            if (glue_image_open(path, loaded) == 0) {
                return 0;
            }
        }
        list += length + (list[length] == ':');
    }
    errno = ENOENT;
    return -1;
}

int glue_image_find(const char *path, struct loaded_image *loaded)
{
    if (strchr(path, '/')) {
        return glue_image_open(path, loaded);
    }
    *loaded = (struct loaded_image){.file = NULL};
    return program_find(path, &loaded->image) ? 0 : load_from_path(path, loaded);
}

void glue_image_drop(struct loaded_image *loaded)
{
    if (loaded->file) {
        munmap(loaded->file, loaded->file_bytes);
        loaded->file = NULL;
    }
}
