/* SPDX-License-Identifier: MIT */
/* Between libFuzzer and a fuzzed program. With FUZZ_SEEDS=DIRECTORY it writes the seeds there and ends. Rule: fuzz.h. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void write_seeds(const char *directory)
{
    static uint8_t room[FUZZ_SEED_BYTES];
    size_t bytes;

    for (unsigned index = 0; (bytes = fuzz_seed(index, room)) > 0; index++) {
        char path[512];
        FILE *file;

        snprintf(path, sizeof path, "%s/seed-%u", directory, index);
        file = fopen(path, "wb");
        if (!file || fwrite(room, 1, bytes, file) != bytes || fclose(file) != 0) {
            perror(path);
            exit(1);
        }
    }
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
    const char *directory = getenv("FUZZ_SEEDS");

    (void)argument_count;
    (void)arguments;
    fuzz_begin();
    if (directory) {
        write_seeds(directory);
        exit(0);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_one(data, bytes);
    return 0;
}

uint64_t fuzz_take(struct fuzz_input *input, unsigned width)
{
    uint64_t value = 0;

    for (unsigned index = 0; index < width && input->bytes; index++, input->data++, input->bytes--) {
        value |= (uint64_t)*input->data << 8 * index;
    }
    return value;
}

#define TAG_SHORT 0xc0
#define TAG_LONG 0xe0

uint64_t fuzz_take_word(struct fuzz_input *input, const uint64_t *constants, unsigned count)
{
    uint64_t tag = fuzz_take(input, 1);

    if (tag < FUZZ_SMALL) {
        return tag;
    }
    if (tag < TAG_SHORT) {
        return constants[(tag - FUZZ_SMALL) % count];
    }
    return fuzz_take(input, tag < TAG_LONG ? 2 : 8);
}
