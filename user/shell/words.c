/* SPDX-License-Identifier: MIT */
/* A line into words. Rule: shell.h; pure. */
#include <stdio.h>
#include <string.h>

#include "user/shell/shell.h"

struct cursor {
    const char *line;
    char *room;
    size_t used;
    int status;
    const char *problem;
};

static void put(struct cursor *cursor, char character)
{
    if (cursor->used + 1 < LINE_BYTES * 2) {
        cursor->room[cursor->used++] = character;
    } else {
        cursor->problem = "the line is too long";
    }
}

/* The text between quotes, which have been seen; $? counts between double ones only. */
static void take_quoted(struct cursor *cursor, char quote)
{
    while (*cursor->line && *cursor->line != quote) {
        if (quote == '"' && *cursor->line == '\\' && cursor->line[1]) {
            cursor->line++;
        }
        put(cursor, *cursor->line++);
    }
    if (!*cursor->line) {
        cursor->problem = "a quote has no end";
        return;
    }
    cursor->line++;
}

static void take_status(struct cursor *cursor)
{
    char text[16];

    snprintf(text, sizeof text, "%d", cursor->status);
    for (const char *from = text; *from; from++) {
        put(cursor, *from);
    }
    cursor->line += 2;
}

/* One word, into the room. */
static char *take_word(struct cursor *cursor)
{
    char *word = cursor->room + cursor->used;

    while (*cursor->line && !strchr(" \t<>&", *cursor->line) && !cursor->problem) {
        char character = *cursor->line;

        if (character == '\'' || character == '"') {
            cursor->line++;
            take_quoted(cursor, character);
        } else if (character == '$' && cursor->line[1] == '?') {
            take_status(cursor);
        } else {
            if (character == '\\' && cursor->line[1]) {
                cursor->line++;
            }
            put(cursor, *cursor->line++);
        }
    }
    put(cursor, 0);
    return word;
}

static void skip_blanks(struct cursor *cursor)
{
    while (*cursor->line == ' ' || *cursor->line == '\t') {
        cursor->line++;
    }
}

/* < > >> and the file after them. */
static void take_redirection(struct cursor *cursor, struct command_line *parsed)
{
    char direction = *cursor->line++;
    char *file;

    if (direction == '>' && *cursor->line == '>') {
        cursor->line++;
        parsed->append = 1;
    }
    skip_blanks(cursor);
    file = take_word(cursor);
    if (!*file) {
        cursor->problem = "a file name is missing after < or >";
    } else if (direction == '<') {
        parsed->input = file;
    } else {
        parsed->output = file;
    }
}

const char *words_parse(const char *line, int status, struct command_line *parsed)
{
    struct cursor cursor = {line, parsed->room, 0, status, NULL};

    parsed->count = 0;
    parsed->input = parsed->output = NULL;
    parsed->append = parsed->background = 0;
    for (skip_blanks(&cursor); *cursor.line && *cursor.line != '#' && !cursor.problem; skip_blanks(&cursor)) {
        if (parsed->background) {
            return "& goes to the end of the line";
        }
        if (*cursor.line == '<' || *cursor.line == '>') {
            take_redirection(&cursor, parsed);
        } else if (*cursor.line == '&') {
            cursor.line++;
            parsed->background = 1;
        } else if (parsed->count == WORDS_MAXIMUM) {
            return "too many words";
        } else {
            parsed->words[parsed->count++] = take_word(&cursor);
        }
    }
    parsed->words[parsed->count] = NULL;
    if (!cursor.problem && parsed->count == 0 && (parsed->input || parsed->output || parsed->background)) {
        return "a command is missing";
    }
    return cursor.problem;
}
