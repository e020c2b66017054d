/* SPDX-License-Identifier: MIT */
/* Whether everything still works. Rule: only what any program does, and each answer is known. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/console.h"
#include "abi/rng.h"
#include "perdure/portal.h"
#include "user/fuzz/fuzz.h"

#define TEST_PATH "/fuzz.file"

static int broken(const char *what)
{
    printf("fuzz: broken: %s (%s)\n", what, strerror(errno));
    return -1;
}

/* The same seed gives the same numbers. */
static int check_numbers(void)
{
    uint64_t first[2];

    for (int turn = 0; turn < 2; turn++) {
        struct pd_call seed = {.word = {42, 0, 0, 0}};
        struct pd_call draw = {.word = {4, 0, 0, 0}};

        if (pd_portal_call(SLOT_RNG, RNG_SEED, &seed) < 0 || pd_portal_call(SLOT_RNG, RNG_NEXT, &draw) < 0) {
            return broken("rng");
        }
        first[turn] = draw.word[1];
    }
    return first[0] == first[1] ? 0 : broken("rng: another stream");
}

static int check_files(void)
{
    char text[16] = {0};
    int fd = open(TEST_PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 && (errno == ENODEV || errno == ENXIO)) {
        return 0; /* a machine without a disk */
    }
    if (fd < 0 || write(fd, "still here", 10) != 10 || pread(fd, text, sizeof text, 0) != 10 ||
        strcmp(text, "still here") != 0 || close(fd) != 0 || unlink(TEST_PATH) != 0) {
        return broken("fs");
    }
    return 0;
}

static int check_console(void)
{
    struct pd_call call = {0};

    return pd_portal_call(SLOT_CONSOLE, CONSOLE_POLL, &call) >= 0 ? 0 : broken("console");
}

static int check_self(void)
{
    uint64_t type;
    uint64_t rights;
    uint64_t badge;

    return pd_identify(SLOT_SELF_DOMAIN, &type, &rights, &badge) == PD_OK && type == OBJECT_DOMAIN
               ? 0
               : broken("the own domain");
}

int fuzz_check(void)
{
    return check_self() || check_numbers() || check_console() || check_files() ? -1 : 0;
}
