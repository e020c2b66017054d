/* SPDX-License-Identifier: MIT */
/* names: which services this program was given, and what becomes of calls to one that it was not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <abi/rng.h>
#include <perdure/names.h>
#include <perdure/portal.h>

int main(void)
{
    struct pd_call seed = {.word = {1}};
    int64_t slot = pd_find_service("rng");
    int file;

    printf("names:");
    for (uint64_t index = 0; pd_service_name(index); index++) {
        printf(" %s", pd_service_name(index));
    }
    printf("\nrng %s\n", slot > 0 && pd_portal_call((uint32_t)slot, RNG_SEED, &seed) == 0 ? "answers" : "does not answer");
    printf("blk: %s\n", strerror((int)-pd_find_service("blk")));
    printf("rngs: %s\n", strerror((int)-pd_find_service("rngs")));
    file = open("/file", O_CREAT | O_RDWR, 0600);
    printf("/file: %s\n", file >= 0 ? "opened" : strerror(errno));
    return 0;
}
