/* SPDX-License-Identifier: MIT */
/*
 * Memory functions of the servers.
 *
 * Rule: whole words first. A repeated string instruction counts once per iteration in the instruction-counted
 * machines that measurements run on, so eight bytes go in each and only the tail goes bytewise.
 */
#include "server.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *result = to;
    size_t count = bytes >> 3;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    count = bytes & 7;
    if (count) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    }
    return result;
}

/* Overlapping ranges of which `to` lies higher go from the end; whole words again where they can. */
static void copy_backward(uint8_t *to, const uint8_t *from, size_t bytes)
{
    while (bytes & 7) {
        bytes--;
        to[bytes] = from[bytes];
    }
    while (bytes) {
        uint64_t word;

        bytes -= 8;
        __builtin_memcpy(&word, from + bytes, 8);
        __builtin_memcpy(to + bytes, &word, 8);
    }
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        return memcpy(to, from, bytes);
    }
    copy_backward(to, from, bytes);
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *result = to;
    uint64_t pattern = (uint8_t)value * 0x0101010101010101u;
    size_t count = bytes >> 3;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(pattern) : "memory");
    count = bytes & 7;
    if (count) {
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(pattern) : "memory");
    }
    return result;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    size_t index = 0;

    for (; index + 8 <= bytes; index += 8) {
        uint64_t word_a;
        uint64_t word_b;

        __builtin_memcpy(&word_a, a + index, 8);
        __builtin_memcpy(&word_b, b + index, 8);
        if (word_a != word_b) {
            break;
        }
    }
    for (; index < bytes; index++) {
        if (a[index] != b[index]) {
            return a[index] < b[index] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length]) {
        length++;
    }
    return length;
}
