/* SPDX-License-Identifier: MIT */
/*
 * What a word may go on with: for the first word of a line commands and files, else files. Rule: only what lies before the cursor
 * counts; a directory goes on with '/', anything else that is certain with a blank.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "user/shell/shell.h"

#define COMMON_BYTES 256

/* What has been found so far. */
struct found {
    const char *prefix; /* of the name */
    size_t prefix_bytes;
    char common[COMMON_BYTES]; /* what all names begin with */
    int count;
    int directory; /* the last one found is a directory */
    void (*show)(const char *candidate);
};

static void offer(struct found *found, const char *name, int directory)
{
    size_t same = 0;

    if (strncmp(name, found->prefix, found->prefix_bytes) != 0 || strlen(name) >= COMMON_BYTES) {
        return;
    }
    if (found->show) {
        found->show(name);
    }
    if (found->count++ == 0) {
        strcpy(found->common, name);
    }
    while (found->common[same] && found->common[same] == name[same]) {
        same++;
    }
    found->common[same] = 0;
    found->directory = directory;
}

static void offer_commands(struct found *found)
{
    const struct command *command;

    for (unsigned index = 0; (command = command_at(index)) != NULL; index++) {
        offer(found, command->name, 0);
    }
}

/* Everything in the directory that the word names up to its last slash. */
static void offer_files(struct found *found, const char *word, size_t directory_bytes)
{
    char path[LINE_BYTES + COMMON_BYTES];
    const struct dirent *entry;
    struct stat status;
    DIR *stream;

    snprintf(path, sizeof path, "%.*s", (int)directory_bytes, word);
    stream = opendir(directory_bytes ? path : ".");
    while (stream && (entry = readdir(stream)) != NULL) {
        int dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;

        if (dots || (entry->d_name[0] == '.' && found->prefix[0] != '.')) {
            continue;
        }
        snprintf(path + directory_bytes, sizeof path - directory_bytes, "%s", entry->d_name);
        offer(found, entry->d_name, stat(path, &status) == 0 && S_ISDIR(status.st_mode));
    }
    if (stream) {
        closedir(stream);
    }
}

int complete(const char *line, size_t cursor, char *more, size_t more_bytes, void (*show)(const char *candidate))
{
    char word[LINE_BYTES];
    struct found found = {.show = show};
    size_t start = cursor;
    const char *slash;
    const char *rest;

    while (start > 0 && !strchr(" <>&", line[start - 1])) {
        start--;
    }
    memcpy(word, line + start, cursor - start);
    word[cursor - start] = 0;
    slash = strrchr(word, '/');
    found.prefix = slash ? slash + 1 : word;
    found.prefix_bytes = strlen(found.prefix);
    if (!slash && strspn(line, " ") == start) {
        offer_commands(&found);
    }
    offer_files(&found, word, slash ? (size_t)(slash + 1 - word) : 0);
    *more = 0;
    if (found.count) {
        rest = found.count > 1 ? "" : found.directory ? "/" : " ";
        snprintf(more, more_bytes, "%s%s", found.common + found.prefix_bytes, rest);
    }
    return found.count;
}
