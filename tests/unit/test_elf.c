/* SPDX-License-Identifier: MIT */
/* The ELF reader: what it takes, and that no damaged header leads it outside the image. */
/* sources: lib/elf/elf.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf.h"
#include "elf/format.h"
#include "suite.h"

#define BASE 0x400000ul
#define LIMIT 0x20000000ul
#define IMAGE_BYTES 0x4000

/* A program of three segments: code, constants, data with a tail of zeros. */
struct image {
    struct elf_header header;
    struct elf_program_header segments[3];
    uint8_t rest[IMAGE_BYTES - sizeof(struct elf_header) - 3 * sizeof(struct elf_program_header)];
};

static struct image *make(void)
{
    struct image *image = calloc(1, sizeof *image);

    image->header = (struct elf_header){
        .magic = ELF_MAGIC,
        .class = ELF_CLASS_64,
        .data = ELF_LITTLE_ENDIAN,
        .type = ELF_TYPE_EXECUTABLE,
        .machine = ELF_MACHINE_X86_64,
        .entry = BASE + 0x1010,
        .program_offset = offsetof(struct image, segments),
        .program_bytes = sizeof(struct elf_program_header),
        .program_count = 3,
    };
    image->segments[0] = (struct elf_program_header){
        .type = ELF_PROGRAM_LOAD, .flags = ELF_FLAG_READ | ELF_FLAG_EXECUTE, .offset = 0x1000, .address = BASE + 0x1000,
        .file_bytes = 0x800, .memory_bytes = 0x800};
    image->segments[1] = (struct elf_program_header){
        .type = ELF_PROGRAM_LOAD, .flags = ELF_FLAG_READ, .offset = 0x2000, .address = BASE + 0x2000,
        .file_bytes = 0x123, .memory_bytes = 0x123};
    image->segments[2] = (struct elf_program_header){
        .type = ELF_PROGRAM_LOAD, .flags = ELF_FLAG_READ | ELF_FLAG_WRITE, .offset = 0x3010, .address = BASE + 0x3010,
        .file_bytes = 0x40, .memory_bytes = 0x5000};
    return image;
}

static const char *read_it(const struct image *image, struct elf_program *program)
{
    return elf_read(image, sizeof *image, BASE, LIMIT, program);
}

START_TEST(program_is_read)
{
    struct image *image = make();
    struct elf_program program;

    ck_assert_ptr_null(read_it(image, &program));
    ck_assert_uint_eq(program.count, 3);
    ck_assert_uint_eq(program.entry, BASE + 0x1010);
    ck_assert_uint_eq(program.segment[0].protection, ELF_READ | ELF_EXECUTE);
    ck_assert_uint_eq(program.segment[2].address, BASE + 0x3010);
    ck_assert_uint_eq(program.segment[2].memory_bytes, 0x5000);
    ck_assert_uint_eq(program.segment[2].protection, ELF_READ | ELF_WRITE);
    free(image);
}
END_TEST

START_TEST(scratch_flag_is_kept)
{
    struct image *image = make();
    struct elf_program program;

    image->segments[2].flags |= ELF_FLAG_SCRATCH;
    ck_assert_ptr_null(read_it(image, &program));
    ck_assert(program.segment[2].protection & ELF_SCRATCH);
    free(image);
}
END_TEST

#define FIELD(path) offsetof(struct image, path), sizeof(((struct image *)0)->path)

/* Changes that must be refused, one at a time. */
static const struct {
    const char *what;
    size_t offset;
    size_t bytes;
    uint64_t value;
} damages[] = {
    {"magic", FIELD(header.magic), 0},
    {"32 bits", FIELD(header.class), 1},
    {"big endian", FIELD(header.data), 2},
    {"another machine", FIELD(header.machine), 3},
    {"position independent", FIELD(header.type), 3},
    {"program headers past the end", FIELD(header.program_offset), IMAGE_BYTES - 8},
    {"program headers far away", FIELD(header.program_offset), ~(uint64_t)7},
    {"too many program headers", FIELD(header.program_count), 0xffff},
    {"program headers of another size", FIELD(header.program_bytes), 64},
    {"dynamically linked", FIELD(segments[1].type), ELF_PROGRAM_INTERPRETER},
    {"thread-local storage", FIELD(segments[1].type), ELF_PROGRAM_TLS},
    {"file part past the end", FIELD(segments[0].file_bytes), IMAGE_BYTES},
    {"file part wraps around", FIELD(segments[0].offset), ~(uint64_t)0xfff},
    {"memory smaller than the file part", FIELD(segments[1].memory_bytes), 0x100},
    {"memory wraps around", FIELD(segments[2].memory_bytes), ~(uint64_t)0},
    {"above the limit", FIELD(segments[2].address), LIMIT + 0x10},
    {"below the base", FIELD(segments[0].address), 0x1000},
    {"overlap", FIELD(segments[1].address), BASE + 0x1000},
    {"not congruent", FIELD(segments[2].address), BASE + 0x3018},
    {"writable and executable", FIELD(segments[0].flags), 7},
    {"entry in data", FIELD(header.entry), BASE + 0x2000},
    {"entry outside", FIELD(header.entry), 0},
};

START_TEST(damage_is_refused)
{
    struct image *image = make();
    struct elf_program program;

    memcpy((uint8_t *)image + damages[_i].offset, &damages[_i].value, damages[_i].bytes);
    ck_assert_msg(read_it(image, &program) != NULL, "%s was taken", damages[_i].what);
    free(image);
}
END_TEST

/* Every byte of the headers set to every of some values: whatever comes out lies inside (the sanitizer watches). */
START_TEST(no_byte_leads_outside)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    struct image *image = make();
    struct elf_program program;

    for (size_t byte = 0; byte < sizeof image->header + sizeof image->segments; byte++) {
        uint8_t kept = ((uint8_t *)image)[byte];

        for (size_t index = 0; index < sizeof values; index++) {
            ((uint8_t *)image)[byte] = values[index];
            if (read_it(image, &program) != NULL) {
                continue;
            }
            for (uint32_t number = 0; number < program.count; number++) {
                const struct elf_segment *segment = &program.segment[number];

                ck_assert_uint_le(segment->offset_bytes + segment->file_bytes, sizeof *image);
                ck_assert_uint_ge(segment->address, BASE);
                ck_assert_uint_le(segment->address + segment->memory_bytes, LIMIT);
            }
        }
        ((uint8_t *)image)[byte] = kept;
    }
    free(image);
}
END_TEST

START_TEST(short_files_are_refused)
{
    struct image *image = make();
    struct elf_program program;

    for (size_t bytes = 0; bytes < sizeof image->header + sizeof image->segments; bytes++) {
        void *copy = malloc(bytes ? bytes : 1);

        memcpy(copy, image, bytes);
        ck_assert_ptr_nonnull(elf_read(copy, bytes, BASE, LIMIT, &program));
        free(copy);
    }
    free(image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("elf");
    TCase *test_case = tcase_create("elf");

    tcase_add_test(test_case, program_is_read);
    tcase_add_test(test_case, scratch_flag_is_kept);
    tcase_add_loop_test(test_case, damage_is_refused, 0, sizeof damages / sizeof damages[0]);
    tcase_add_test(test_case, no_byte_leads_outside);
    tcase_add_test(test_case, short_files_are_refused);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
