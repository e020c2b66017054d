/* SPDX-License-Identifier: MIT */
/* Words of a session line. Rule: pure; it reads nothing past `end` and writes nothing past the room. */
#include "init.h"

static int digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* The character that an escape stands for; *at is moved past it. -1 if it is cut off or not well formed. */
static int unescape(const char **at, const char *end)
{
    const char *place = *at;
    int high;
    int low;

    if (place >= end || *place == '\n') {
        return -1;
    }
    *at = place + 1;
    switch (*place) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'x':
        if (end - place < 3) {
            return -1;
        }
        high = digit(place[1]);
        low = digit(place[2]);
        *at = place + 3;
        return high < 0 || low < 0 ? -1 : high * 16 + low;
    default:
        return (uint8_t)*place;
    }
}

/* One word, NUL-terminated, to room + *used. 0 if it is not well formed or does not fit. */
static int take_word(const char **at, const char *end, char *room, uint32_t room_bytes, uint32_t *used)
{
    const char *line = *at;
    int quoted = 0;

    while (line < end && *line != '\n' && (quoted || *line != ' ')) {
        int character = (uint8_t)*line++;

        if (character == '"') {
            quoted = !quoted;
            continue;
        }
        if (character == '\\') {
            character = unescape(&line, end);
        }
        if (character < 0 || *used + 1 >= room_bytes) {
            return 0;
        }
        room[(*used)++] = (char)character;
    }
    *at = line;
    if (quoted || *used >= room_bytes) {
        return 0;
    }
    room[(*used)++] = 0;
    return 1;
}

int words_split(const char *line, const char *end, char *room, uint32_t room_bytes, const char **words,
                int limit)
{
    uint32_t used = 0;
    int count = 0;

    for (;;) {
        while (line < end && *line == ' ') {
            line++;
        }
        if (line >= end || *line == '\n') {
            words[count] = 0;
            return count;
        }
        if (count == limit) {
            return -1;
        }
        words[count++] = room + used;
        if (!take_word(&line, end, room, room_bytes, &used)) {
            return -1;
        }
    }
}
