/* SPDX-License-Identifier: MIT */
/* The model. Rule: world.h; nothing here calls the system but for memory. */
#include "user/fsx/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node nodes[NODES];
struct handle handles[HANDLES];
uint64_t operation_number;

static uint64_t random_state;
static const char *top;

uint64_t random_below(uint64_t limit)
{
    uint64_t value = random_state += 0x9e3779b97f4a7c15u; /* splitmix64 */

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return (value ^ value >> 31) % limit;
}

bool one_in(unsigned chances)
{
    return random_below(chances) == 0;
}

void world_start(const char *directory, uint64_t seed)
{
    top = directory;
    random_state = seed;
    for (unsigned index = 0; index < HANDLES; index++) {
        handles[index].fd = -1;
    }
    node_new(NODE_DIRECTORY);
    nodes[0].links = 1;
}

int node_new(enum node_kind kind)
{
    for (int index = 0; index < NODES; index++) {
        struct node *node = &nodes[index];

        if (node->kind != NODE_FREE) {
            continue;
        }
        memset(node, 0, sizeof *node);
        node->kind = kind;
        for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
            node->children[name] = -1;
        }
        if (kind == NODE_FILE) {
            node->content = calloc(1, FILE_BYTES_MAXIMUM);
            if (!node->content) {
                node->kind = NODE_FREE;
                return -1;
            }
        }
        return index;
    }
    return -1;
}

void node_settle(int index)
{
    struct node *node = &nodes[index];

    if (node->links == 0 && node->opened == 0) {
        free(node->content);
        node->content = NULL;
        node->kind = NODE_FREE;
    }
}

int node_at(struct place place)
{
    return nodes[place.directory].children[place.name];
}

void node_put(struct place place, int node)
{
    nodes[place.directory].children[place.name] = node;
    if (node >= 0 && nodes[node].kind == NODE_DIRECTORY) {
        nodes[node].parent = place.directory;
        nodes[node].depth = nodes[place.directory].depth + 1;
    }
}

int random_directory(void)
{
    for (;;) {
        int node = one_in(3) ? 0 : (int)random_below(NODES);

        if (nodes[node].kind == NODE_DIRECTORY) {
            return node;
        }
    }
}

struct place random_place(void)
{
    struct place place = {random_directory(), (unsigned)random_below(NAMES_PER_DIRECTORY)};

    return place;
}

bool random_place_of(enum node_kind kind, struct place *place)
{
    for (int attempt = 0; attempt < 200; attempt++) {
        int node;

        *place = random_place();
        node = node_at(*place);
        if (node >= 0 && nodes[node].kind == kind) {
            return true;
        }
    }
    return false;
}

bool is_above(int above, int node)
{
    while (node != above && node != 0) {
        node = nodes[node].parent;
    }
    return node == above;
}

/* Most names are short, one is as long as names may be, one has odd characters. */
const char *name_text(unsigned name)
{
    static char text[NAMES_PER_DIRECTORY][256];

    if (!text[name][0]) {
        if (name == 1) {
            memset(text[name], 'L', 255);
        } else if (name == 2) {
            snprintf(text[name], sizeof text[name], "a name with \"blanks\"\t\xc3\xa4");
        } else {
            snprintf(text[name], sizeof text[name], "%.*s%u", (int)name, "nnnnnnnnnnnn", name);
        }
    }
    return text[name];
}

void path_of_directory(int directory, char *path)
{
    int parent = nodes[directory].parent;

    if (directory == 0) {
        snprintf(path, PATH_BYTES, "%s", top);
        return;
    }
    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        if (nodes[parent].children[name] == directory) {
            struct place place = {parent, name};

            path_of(place, path);
            return;
        }
    }
}

void path_of(struct place place, char *path)
{
    size_t length;

    path_of_directory(place.directory, path);
    length = strlen(path);
    snprintf(path + length, PATH_BYTES - length, "/%s", name_text(place.name));
}

struct handle *random_handle(void)
{
    for (int attempt = 0; attempt < 60; attempt++) {
        struct handle *handle = &handles[random_below(HANDLES)];

        if (handle->fd >= 0) {
            return handle;
        }
    }
    return NULL;
}

struct handle *free_handle(void)
{
    for (unsigned index = 0; index < HANDLES; index++) {
        if (handles[index].fd < 0) {
            return &handles[index];
        }
    }
    return NULL;
}
