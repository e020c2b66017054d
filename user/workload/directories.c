/* SPDX-License-Identifier: MIT */
/* directories: a tree of them, made, listed and removed. Rule: which exist is kept here; listings are compared sorted. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/workload/client.h"

#define FAN_OUT 5
#define NODES (1 + FAN_OUT + FAN_OUT * FAN_OUT)
#define PATH_BYTES 256

/* Node 0 is the client's own directory; the children of n are n * FAN_OUT + 1 and on. */
static uint8_t exists[NODES] = {1};

static unsigned parent_of(unsigned node)
{
    return (node - 1) / FAN_OUT;
}

static void path_of(const struct client *client, unsigned node, char *path)
{
    char parent[PATH_BYTES];

    if (node == 0) {
        snprintf(path, PATH_BYTES, "%s", client->directory);
        return;
    }
    path_of(client, parent_of(node), parent);
    snprintf(path, PATH_BYTES, "%.200s/d%u", parent, node);
}

static unsigned children_of(unsigned node)
{
    unsigned count = 0;

    for (unsigned child = node * FAN_OUT + 1; child <= node * FAN_OUT + FAN_OUT && child < NODES; child++) {
        count += exists[child];
    }
    return count;
}

static void make(struct client *client, unsigned node, const char *path)
{
    int due = !exists[parent_of(node)] ? ENOENT : exists[node] ? EEXIST : 0;

    if (client_reply(client, OP_MKDIR, mkdir(path, 0755), due) && due == 0) {
        exists[node] = 1;
    }
}

static void take_away(struct client *client, unsigned node, const char *path)
{
    int due = !exists[node] ? ENOENT : children_of(node) ? ENOTEMPTY : 0;

    if (client_reply(client, OP_RMDIR, rmdir(path), due) && due == 0) {
        exists[node] = 0;
    }
}

/* The number in a name that this client made; 0 for any other. */
static unsigned node_of(const char *name)
{
    char *end;
    unsigned long number = name[0] == 'd' ? strtoul(name + 1, &end, 10) : 0;

    return number > 0 && number < NODES && *end == 0 ? (unsigned)number : 0;
}

static void list(struct client *client, unsigned node, const char *path)
{
    uint8_t seen[NODES] = {0};
    const struct dirent *entry;
    unsigned count = 0;
    DIR *directory = opendir(path);

    if (!client_reply(client, OP_OPEN, directory ? 0 : -1, exists[node] ? 0 : ENOENT) || !directory) {
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        unsigned child = node_of(entry->d_name);

        if (child && parent_of(child) == node) {
            count++;
            seen[child] = 1;
        }
    }
    closedir(directory);
    client_reply(client, OP_LIST, count, 0);
    client_data(client, seen, sizeof seen);
    for (unsigned child = node * FAN_OUT + 1; child <= node * FAN_OUT + FAN_OUT && child < NODES; child++) {
        if (seen[child] != exists[child]) {
            client_wrong(client, "listing", path);
            return;
        }
    }
    if (count != children_of(node)) {
        client_wrong(client, "number of entries", path);
    }
}

static void look_at(struct client *client, unsigned node, const char *path)
{
    struct stat status;
    unsigned links = 2;

    if (!client_reply(client, OP_STAT, stat(path, &status), exists[node] ? 0 : ENOENT) || !exists[node]) {
        return;
    }
    links += children_of(node);
    if (!S_ISDIR(status.st_mode) || status.st_nlink != links) {
        client_wrong(client, "status", path);
    }
}

/* A directory with all below it goes to another name, and back. */
static void move(struct client *client, unsigned node, const char *path)
{
    char other[PATH_BYTES];

    client_path(client, other, sizeof other, "moved", 0);
    if (client_reply(client, OP_RENAME, rename(path, other), exists[node] ? 0 : ENOENT) && exists[node]) {
        client_reply(client, OP_RENAME, rename(other, path), 0);
    }
}

int variant_directories(struct client *client)
{
    char path[PATH_BYTES];

    while (client->operations < client->operations_wanted) {
        unsigned node = 1 + (unsigned)client_random(client, NODES - 1);

        path_of(client, node, path);
        switch (client_random(client, 8)) {
        case 0:
        case 1:
        case 2:
            make(client, node, path);
            break;
        case 3:
        case 4:
            take_away(client, node, path);
            break;
        case 5:
            look_at(client, node, path);
            break;
        case 6:
            move(client, node, path);
            break;
        default:
            path_of(client, parent_of(node), path);
            list(client, parent_of(node), path);
            break;
        }
    }
    return 0;
}
