/* SPDX-License-Identifier: MIT */
/* What the parts of fuzz share. Rule: main.c. */
#ifndef USER_FUZZ_FUZZ_H
#define USER_FUZZ_FUZZ_H

#include <stdint.h>

#define FUZZ_STATUSES 32

struct fuzz_counts {
    uint64_t by_status[FUZZ_STATUSES]; /* indexed by -status */
    uint64_t other;
};

void fuzz_start(uint64_t seed);

/* Make one random call; its status. */
int64_t fuzz_one_call(void);

static inline void fuzz_count(struct fuzz_counts *counts, int64_t status)
{
    if (status <= 0 && status > -FUZZ_STATUSES) {
        counts->by_status[-status]++;
    } else {
        counts->other++;
    }
}

/* Use every service as a program does: 0, or -1 after saying what does not work. */
int fuzz_check(void);

#endif
