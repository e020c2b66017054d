/* SPDX-License-Identifier: MIT */
/* Looking: status, listings, contents. Rule: looking changes nothing, neither in the model nor on the disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/fsx/world.h"

#define READ_BYTES 65536

static uint8_t buffer[READ_BYTES] __attribute__((aligned(4096)));

static unsigned links_due(const struct node *node)
{
    unsigned links = 2;

    if (node->kind != NODE_DIRECTORY) {
        return node->links;
    }
    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        links += node->children[name] >= 0 && nodes[node->children[name]].kind == NODE_DIRECTORY;
    }
    return links;
}

static void compare_status(const struct node *node, const struct stat *status)
{
    static const mode_t types[] = {0, S_IFREG, S_IFDIR, S_IFLNK};

    if ((status->st_mode & S_IFMT) != types[node->kind]) {
        differ("type %o where %o was due", (unsigned)(status->st_mode & S_IFMT), (unsigned)types[node->kind]);
    } else if (status->st_nlink != links_due(node)) {
        differ("%u links where %u were due", (unsigned)status->st_nlink, links_due(node));
    } else if (node->kind == NODE_FILE && (uint64_t)status->st_size != node->bytes) {
        differ("size %ld where %lu was due", (long)status->st_size, (unsigned long)node->bytes);
    } else if (node->kind == NODE_SYMLINK && (size_t)status->st_size != strlen(node->target)) {
        differ("size %ld of a link where %zu was due", (long)status->st_size, strlen(node->target));
    } else if (node->kind == NODE_FILE && (status->st_mode & 07777) != node->mode) {
        differ("mode %o where %o was due", (unsigned)(status->st_mode & 07777), node->mode);
    }
}

static void status_by_name(struct place place)
{
    char path[PATH_BYTES];
    struct stat status;
    int node = node_at(place);

    path_of(place, path);
    say("lstat %s (node %d)", path, node);
    if (expect(lstat(path, &status), node < 0 ? ENOENT : 0) && node >= 0) {
        compare_status(&nodes[node], &status);
    }
}

static void status_by_handle(void)
{
    struct handle *handle = random_handle();
    struct stat status;

    if (!handle) {
        return;
    }
    say("fstat node %d", handle->node);
    if (expect(fstat(handle->fd, &status), 0)) {
        compare_status(&nodes[handle->node], &status);
    }
}

/* Number of the name in a listing, -1 if this program never made it. */
static int name_number(const char *text)
{
    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        if (strcmp(text, name_text(name)) == 0) {
            return (int)name;
        }
    }
    return -1;
}

static void list(int directory)
{
    unsigned seen[NAMES_PER_DIRECTORY] = {0};
    char path[PATH_BYTES];
    const struct dirent *entry;
    DIR *stream;

    path_of_directory(directory, path);
    say("list %s (node %d)", path, directory);
    stream = opendir(path);
    if (!expect(stream ? 0 : -1, 0)) {
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        int name = name_number(entry->d_name);

        if (name >= 0) {
            seen[name]++;
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            differ("an entry that nobody made: %s", entry->d_name);
        }
    }
    closedir(stream);
    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        unsigned due = nodes[directory].children[name] >= 0;

        if (seen[name] != due) {
            differ("name %u listed %u times where %u was due", name, seen[name], due);
        }
    }
}

static void read_whole(struct place place)
{
    const struct node *node = &nodes[node_at(place)];
    char path[PATH_BYTES];
    uint64_t offset = 0;
    ssize_t got;
    int fd;

    path_of(place, path);
    say("read all of %s (node %d, %lu bytes)", path, node_at(place), (unsigned long)node->bytes);
    fd = open(path, O_RDONLY);
    if (!expect(fd, 0)) {
        return;
    }
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        if (offset + (uint64_t)got > node->bytes || memcmp(buffer, node->content + offset, (size_t)got) != 0) {
            differ("content in the %zd bytes at %lu", got, (unsigned long)offset);
            break;
        }
        offset += (uint64_t)got;
    }
    if (expect(got < 0 ? -1 : 0, 0) && got == 0 && offset != node->bytes) {
        differ("end at %lu where %lu was due", (unsigned long)offset, (unsigned long)node->bytes);
    }
    close(fd);
}

static void read_link(struct place place)
{
    const struct node *node = &nodes[node_at(place)];
    char path[PATH_BYTES];
    char target[TARGET_BYTES + 1];
    ssize_t length;

    path_of(place, path);
    say("readlink %s", path);
    length = readlink(path, target, sizeof target);
    if (expect(length, 0) &&
        ((size_t)length != strlen(node->target) || memcmp(target, node->target, (size_t)length) != 0)) {
        differ("target of %s", path);
    }
}

static void change_mode(struct place place)
{
    char path[PATH_BYTES];
    unsigned mode = 0600 | (unsigned)random_below(0100);

    path_of(place, path);
    say("chmod %s to %o", path, mode);
    if (expect(chmod(path, mode), 0)) {
        nodes[node_at(place)].mode = mode;
    }
}

/* Ways that cannot lead anywhere. */
static void go_wrong(void)
{
    char path[PATH_BYTES];
    struct stat status;
    struct place place;
    size_t length;

    if (one_in(2)) {
        path_of_directory(random_directory(), path);
        length = strlen(path);
        path[length] = '/';
        memset(path + length + 1, 'x', 256);
        path[length + 257] = 0;
        say("lstat of a name of 256 bytes");
        expect(lstat(path, &status), ENAMETOOLONG);
    } else if (random_place_of(NODE_FILE, &place)) {
        path_of(place, path);
        strcat(path, "/below");
        say("lstat %s (below a file)", path);
        expect(lstat(path, &status), ENOTDIR);
    }
}

void look_action(unsigned number)
{
    struct place place;

    switch (number) {
    case 0:
        status_by_name(random_place());
        break;
    case 1:
        status_by_handle();
        break;
    case 2:
        list(random_directory());
        break;
    case 3:
        if (random_place_of(NODE_FILE, &place)) {
            read_whole(place);
        }
        break;
    case 4:
        if (random_place_of(one_in(2) ? NODE_SYMLINK : NODE_FILE, &place)) {
            if (nodes[node_at(place)].kind == NODE_SYMLINK) {
                read_link(place);
            } else {
                change_mode(place);
            }
        }
        break;
    default:
        go_wrong();
        break;
    }
}

void look_at_all(void)
{
    for (int directory = 0; directory < NODES; directory++) {
        if (nodes[directory].kind != NODE_DIRECTORY) {
            continue;
        }
        list(directory);
        for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
            struct place place = {directory, name};
            int node = node_at(place);

            status_by_name(place);
            if (node >= 0 && nodes[node].kind == NODE_FILE) {
                read_whole(place);
            } else if (node >= 0 && nodes[node].kind == NODE_SYMLINK) {
                read_link(place);
            }
        }
    }
}
