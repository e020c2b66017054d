/* SPDX-License-Identifier: MIT */
/* Any bytes as a session, line by line: words end within their room, and nothing beyond the line is read. */
/* sources: user/init/words.c */
/* runs: 100000 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "user/init/init.h"

#define ROOM 128
#define LIMIT 12

static void check(const char *line, size_t bytes)
{
    char *copy = malloc(bytes + 1), *room = malloc(ROOM); /* so that a step beyond either is seen */
    const char *words[LIMIT + 1];
    int count;

    memcpy(copy, line, bytes);
    count = words_split(copy, copy + bytes, room, ROOM, words, LIMIT);
    fuzz_must(count <= LIMIT);
    for (int index = 0; index < count; index++) {
        fuzz_must(words[index] >= room && memchr(words[index], 0, (size_t)(room + ROOM - words[index])));
    }
    fuzz_must(count < 0 || !words[count]);
    free(room);
    free(copy);
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
    const char *at = (const char *)data, *end = at + bytes;

    check(at, bytes); /* with the ends of its lines in it */
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));

        line_end = line_end ? line_end : end;
        check(at, (size_t)(line_end - at));
        at = line_end + 1;
    }
}

void fuzz_begin(void)
{
}

size_t fuzz_seed(unsigned index, uint8_t *room)
{
    static const char *const sessions[] = {"hello hello\n", "a \"b c\" 'd' \\x41\\n\\ \n\nname name -x \"\"\n",
                                           "one two three four five six seven eight nine ten eleven twelve thirteen\n"};

    if (index == sizeof sessions / sizeof sessions[0]) {
        return 0;
    }
    memcpy(room, sessions[index], strlen(sessions[index]));
    return strlen(sessions[index]);
}
