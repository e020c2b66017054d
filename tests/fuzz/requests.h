/* SPDX-License-Identifier: MIT */
/* What a program that fuzzes the requests of one service says of it. */
#ifndef TESTS_FUZZ_REQUESTS_H
#define TESTS_FUZZ_REQUESTS_H

#include <stdint.h>

extern const char fuzzed_service[];    /* its name in the manifest */
extern const uint32_t fuzzed_audit;    /* its operation that counts differences, 0 if it has none */

#endif
