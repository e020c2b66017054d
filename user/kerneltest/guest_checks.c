/* SPDX-License-Identifier: MIT */
/* Replies of the test service with a check, and those that are damaged on their way. Rule: guest.h. */
#pragma GCC target("general-regs-only")
#include "guest.h"

uint64_t guest_check(uint64_t word, uint64_t bytes)
{
    uint64_t sum = 0, nothing = 0;

    __asm__("crc32q %1, %0" : "+r"(sum) : "r"(word));
    for (int index = 1; index < 4; index++) {
        __asm__("crc32q %1, %0" : "+r"(sum) : "r"(nothing));
    }
    __asm__("crc32l %1, %k0" : "+r"(sum) : "r"((uint32_t)bytes));
    return sum;
}

uint64_t guest_damaged(uint64_t word)
{
    uint64_t change = board()->damage;

    board()->damage = 0;
    return word ^ change;
}
