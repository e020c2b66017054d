/* SPDX-License-Identifier: MIT */
/*
 * The services that have devices: blk and console, killed while they work.
 *
 * Rule: the disk's sectors used here are its last ones, and are put back as they were.
 */
#include "harness.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <abi/blk.h>
#include <abi/console.h>

#define DISK_SECTORS  512u /* that are written */
#define BATCH_SECTORS 64u
#define BATCH_PAGES   (BATCH_SECTORS * BLK_SECTOR_BYTES / PAGE_BYTES)
#define ROUNDS        20
#define LINES         200

static uint8_t kept[DISK_SECTORS * BLK_SECTOR_BYTES] __attribute__((aligned(PAGE_BYTES)));
static uint8_t batch[BATCH_SECTORS * BLK_SECTOR_BYTES] __attribute__((aligned(PAGE_BYTES)));

/* One call of the disk. */
static int64_t disk(const struct client *client, uint32_t operation, uint64_t sector, uint32_t count,
                    void *memory)
{
    uint64_t pages = (count * BLK_SECTOR_BYTES + PAGE_BYTES - 1) / PAGE_BYTES;
    struct pd_call call;
    int64_t status;

    call = (struct pd_call){.word = {sector, count, 0, 0}, .lend_base = (uint64_t)memory};
    call.transfer = operation == BLK_READ    ? pd_transfer_lend_out(pages)
                    : operation == BLK_WRITE ? pd_transfer_lend_in(pages)
                                             : 0;
    status = pd_invoke(client->slot, operation, &call);
    if (status != PD_OK) {
        wrong("disk: %s", pd_status_text(status));
        return -PE_IO;
    }
    return (int64_t)call.word[0];
}

static void fill(uint64_t sector, uint32_t round)
{
    uint64_t *words = (uint64_t *)(void *)batch;

    for (unsigned index = 0; index < sizeof batch / sizeof(uint64_t); index++) {
        words[index] = sector * 0x9e3779b97f4a7c15u + round * 0xff51afd7ed558ccdu + index;
    }
}

static void write_and_check(const struct client *client, uint64_t base, uint32_t round)
{
    for (uint32_t sector = 0; sector < DISK_SECTORS; sector += BATCH_SECTORS) {
        fill(sector, round);
        expect(disk(client, BLK_WRITE, base + sector, BATCH_SECTORS, batch), 0, "writing");
    }
    expect(disk(client, BLK_FLUSH, 0, 0, NULL), 0, "flushing");
    for (uint32_t sector = 0; sector < DISK_SECTORS; sector += BATCH_SECTORS) {
        static uint8_t expected[sizeof batch];

        fill(sector, round);
        memcpy(expected, batch, sizeof batch);
        memset(batch, 0, sizeof batch);
        expect(disk(client, BLK_READ, base + sector, BATCH_SECTORS, batch), 0, "reading");
        if (memcmp(batch, expected, sizeof batch) != 0) {
            wrong("round %u: sectors from %u on differ", round, sector);
        }
    }
}

static void case_disk(void)
{
    static const uint32_t numbers[] = {SERVICE_NUMBER_BLK};
    struct client client = client_bind(SERVICE_NUMBER_BLK);
    struct pd_call call;
    uint64_t restarts = service_restarts(SERVICE_NUMBER_BLK);
    uint64_t base;
    uint32_t rounds = 0;

    expect(client_call(&client, BLK_INFO, 0, 0, &call), PD_OK, "asking for the disk's size");
    if ((int64_t)call.word[0] < 0 || call.word[1] < DISK_SECTORS) {
        printf("case disk: there is no disk to test\n");
        client_unbind(&client);
        return;
    }
    base = call.word[1] - DISK_SECTORS;
    expect(disk(&client, BLK_READ, call.word[1], 1, batch), -PE_INVAL, "reading past the end");
    expect(disk(&client, BLK_READ, call.word[1] - 1, 2, batch), -PE_INVAL, "reading across the end");
    for (uint32_t sector = 0; sector < DISK_SECTORS; sector += BATCH_SECTORS) {
        expect(disk(&client, BLK_READ, base + sector, BATCH_SECTORS, kept + sector * BLK_SECTOR_BYTES), 0,
               "reading");
    }
    begin_storm(numbers, 1, 100, 0xd15c);
    while (!storm_is_over() || rounds < ROUNDS) {
        write_and_check(&client, base, rounds++);
    }
    printf("disk: %llu crashes while %u rounds were written and read\n",
           (unsigned long long)(service_restarts(SERVICE_NUMBER_BLK) - restarts), rounds);
    for (uint32_t sector = 0; sector < DISK_SECTORS; sector += BATCH_SECTORS) {
        memcpy(batch, kept + sector * BLK_SECTOR_BYTES, sizeof batch);
        expect(disk(&client, BLK_WRITE, base + sector, BATCH_SECTORS, batch), 0, "writing back");
    }
    client_unbind(&client);
}

/* Writing fails, reading works, and nobody dies of it. */
static void case_disk_that_fails(void)
{
    struct client client = client_bind(SERVICE_NUMBER_BLK);
    uint64_t restarts = service_restarts(SERVICE_NUMBER_BLK);

    for (unsigned round = 0; round < 10; round++) {
        expect(disk(&client, BLK_WRITE, 0, 2, batch), -PE_IO, "writing to a disk that cannot");
        expect(disk(&client, BLK_READ, 0, 2, batch), 0, "reading");
    }
    expect((int64_t)(service_restarts(SERVICE_NUMBER_BLK) - restarts), 0, "restarts");
    client_unbind(&client);
}

/*
 * Lines of output while the console is killed: who reads them on the host finds each of them, in order;
 * what a kill can at worst repeat is said in servers/console/output.h.
 */
static void case_output(void)
{
    static const uint32_t numbers[] = {SERVICE_NUMBER_CONSOLE};
    unsigned line = 0;

    fflush(stdout);
    begin_storm(numbers, 1, 100, 0xc0);
    while (!storm_is_over() || line < LINES) {
        char text[96];
        int bytes = snprintf(text, sizeof text, "line %06u abcdefghijklmnopqrstuvwxyz 0123456789 end\n",
                             line++);

        if (write(1, text, (size_t)bytes) != bytes) {
            wrong("line %u was not written", line - 1);
        }
    }
    printf("output: %u lines, %llu crashes\n", line, (unsigned long long)storm_crashes());
}

/* Lines that the host sends, until one says "end"; each is sent back. The console is killed all the time. */
static void case_input(void)
{
    static const uint32_t numbers[] = {SERVICE_NUMBER_CONSOLE, SERVICE_NUMBER_CONSOLE,
                                       SERVICE_NUMBER_MONITOR};
    char line[512];
    int more = 1;

    printf("input: ready\n");
    fflush(stdout);
    begin_storm(numbers, 3, UINT32_MAX, 0x1);
    while (more && fgets(line, sizeof line, stdin)) {
        more = strcmp(line, "end\n") != 0;
        printf("got %s", line);
        fflush(stdout);
    }
    if (more) {
        wrong("the input ended early");
    }
    end_storm();
    printf("input: %llu crashes\n", (unsigned long long)storm_crashes());
}

const struct test_case device_cases[] = {
    {"disk", case_disk, 0},
    {"disk-that-fails", case_disk_that_fails, 1},
    {"output", case_output, 0},
    {"input", case_input, 1},
    {NULL, NULL, 0},
};
