/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results in a file mapped by the fork server and all its children. Only complete records carry `done`. */
#define _GNU_SOURCE
#include "results.h"

#include "disk.h"
#include "service.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The file is sparse: what is never written takes no space. */
enum { ARENA_BYTES_PER_EXPERIMENT = 65536, ARENA_BYTES_LEAST = 64 << 20 };

static struct results_header *header;
static struct experiment_record *records;
static uint32_t *list;

static uint64_t output_starts[OUTPUT_COUNT];
static uint64_t replies_before; /* the injection */

static uint8_t recovery_records[RECOVERIES_KEPT * RECOVERY_BYTES];
static unsigned recovery_count;

/* The file gets its name when its header is complete, for the harness may be waiting for it. */
bool results_create(const char *path, unsigned experiments)
{
    char unfinished[4096];
    uint64_t list_offset = sizeof(struct results_header) +
                           (uint64_t)experiments * sizeof(struct experiment_record);
    uint64_t first = (list_offset + (uint64_t)experiments * sizeof(*list) + 7) & ~7ull;
    uint64_t bytes = first + ARENA_BYTES_LEAST + (uint64_t)experiments * ARENA_BYTES_PER_EXPERIMENT;
    int file;

    snprintf(unfinished, sizeof(unfinished), "%s.new", path);
    file = open(unfinished, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (file < 0 || ftruncate(file, (off_t)bytes) != 0) {
        fprintf(stderr, "fault injection: cannot create %s: %m\n", path);
        return false;
    }
    header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (header == MAP_FAILED) {
        fprintf(stderr, "fault injection: cannot map %s: %m\n", path);
        return false;
    }
    records = (struct experiment_record *)(header + 1);
    list = (uint32_t *)((uint8_t *)header + list_offset);
    *header = (struct results_header){.magic = RESULTS_MAGIC,
                                      .header_bytes = sizeof(struct results_header),
                                      .record_bytes = sizeof(struct experiment_record),
                                      .recovery_bytes = RECOVERY_BYTES,
                                      .experiments = experiments,
                                      .arena_used = first,
                                      .file_bytes = bytes};
    if (rename(unfinished, path) != 0) {
        fprintf(stderr, "fault injection: cannot create %s: %m\n", path);
        return false;
    }
    return true;
}

struct experiment_record *results_record(unsigned index)
{
    return &records[index];
}

/* After a fork the child's processor time begins anew, and so does its account. */
void results_phase(enum phase phase)
{
    static enum phase current;
    static uint64_t since_ns;
    static pid_t whose;
    struct timespec now;
    uint64_t now_ns;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (whose != getpid()) {
        current = whose ? PHASE_CHILD : PHASE_GOLDEN;
        whose = getpid();
        since_ns = 0;
    }
    __atomic_fetch_add(&header->phase_ns[current], now_ns - since_ns, __ATOMIC_RELAXED);
    current = phase;
    since_ns = now_ns;
}

void results_feature(uint32_t feature)
{
    __atomic_fetch_or(&header->features, feature, __ATOMIC_RELAXED);
}

void results_done(struct experiment_record *record)
{
    uint32_t place = __atomic_fetch_add(&header->listed, 1, __ATOMIC_RELAXED);

    __atomic_store_n(&record->done, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&list[place], (uint32_t)(record - records) + 1, __ATOMIC_RELEASE);
}

void results_count_fork(void)
{
    header->forked++;
}

void results_finished(void)
{
    __atomic_store_n(&header->finished, 1, __ATOMIC_RELEASE);
}

uint64_t results_append(const void *bytes, uint64_t length_bytes)
{
    uint64_t offset = __atomic_fetch_add(&header->arena_used, (length_bytes + 7) & ~7ull, __ATOMIC_RELAXED);

    if (offset + length_bytes > header->file_bytes) {
        return 0;
    }
    memcpy((uint8_t *)header + offset, bytes, length_bytes);
    return offset;
}

void results_recovery(const uint8_t *record)
{
    if (recovery_count < RECOVERIES_KEPT) {
        memcpy(recovery_records + recovery_count * RECOVERY_BYTES, record, RECOVERY_BYTES);
    }
    recovery_count++;
}

unsigned results_recovery_count(void)
{
    return recovery_count;
}

const uint8_t *results_recovery_records(void)
{
    return recovery_records;
}

void results_note_outputs(void)
{
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        output_starts[i] = machine_output_bytes(i);
    }
}

/* Replies of the target service since the injection. */
static uint64_t calls_of_target(const struct experiment_record *record)
{
    return service_replies(service_of_address(record->rip)) - replies_before;
}

void results_injection(struct experiment_record *record)
{
    struct service_view view;

    record->injected_at_ns = machine_time();
    record->rip = machine_register(REGISTER_RIP);
    record->cr3 = machine_cr3();
    record->privilege = machine_privilege();
    if (service_look(service_of_address(record->rip), &view)) {
        record->stage = view.stage;
        record->serving_binding = view.serving_binding;
        record->incarnation = view.incarnation;
    }
    replies_before = service_replies(service_of_address(record->rip));
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        record->outputs[i].start = output_starts[i];
    }
}

void results_activation(struct experiment_record *record, enum activation activation)
{
    record->activation = activation;
    record->activation_rip = machine_register(REGISTER_RIP);
    record->activated_at_ns = machine_time();
    record->calls_at_activation = calls_of_target(record);
}

void results_failure(struct experiment_record *record)
{
    if (record->detected_at_ns == 0) {
        record->detected_at_ns = machine_time();
        record->calls_at_detection = calls_of_target(record);
    }
}

/* This output since the injection, and after it `rest`. */
static void keep_output(struct experiment_record *record, unsigned output, const uint8_t *rest, size_t rest_bytes)
{
    static uint8_t bytes[OUTPUT_KEPT_BYTES];
    uint64_t from = machine_outputs_diverted() ? 0 : record->outputs[output].start;
    size_t length = machine_output_read(output, from, bytes, sizeof(bytes));

    if (rest_bytes > sizeof(bytes) - length) {
        rest_bytes = sizeof(bytes) - length;
    }
    if (rest_bytes > 0) {
        memcpy(bytes + length, rest, rest_bytes);
        length += rest_bytes;
    }
    record->outputs[output].length_bytes = length;
    record->outputs[output].offset = length ? results_append(bytes, length) : 0;
}

static void look_at_services(struct service_view view[SERVICES_MAX])
{
    for (int service = 0; service < service_count(); service++) {
        if (!service_look(service, &view[service])) {
            view[service].stage = 0;
        }
    }
}

/* What has become of the services; the last fields of a record. */
static void keep_services(struct experiment_record *record, const struct service_view view[SERVICES_MAX])
{
    int target = service_of_address(record->rip);

    for (int service = 0; service < service_count(); service++) {
        if (view[service].stage == STAGE_GIVEN_UP) {
            record->given_up |= 1ull << service;
        }
    }
    if (target != SERVICE_NONE && view[target].stage != 0) {
        record->end_stage = view[target].stage;
        record->end_restarts = view[target].restarts;
    }
}

static void keep_recoveries(struct experiment_record *record)
{
    unsigned kept = recovery_count < RECOVERIES_KEPT ? recovery_count : RECOVERIES_KEPT;

    record->recoveries = recovery_count;
    record->recoveries_offset = kept ? results_append(recovery_records, (uint64_t)kept * RECOVERY_BYTES) : 0;
}

static void complete(struct experiment_record *record)
{
    results_phase(PHASE_RESULT); /* closes the account before the reader looks */
    results_done(record);
}

void results_complete(struct experiment_record *record, enum end end)
{
    struct service_view view[SERVICES_MAX];
    uint64_t hash[2];

    results_phase(PHASE_RESULT);
    if (record->detected_at_ns == 0) {
        record->calls_at_detection = calls_of_target(record);
    }
    record->end = end;
    record->ended_at_ns = machine_time();
    record->end_rip = machine_register(REGISTER_RIP);
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        keep_output(record, i, NULL, 0);
    }
    keep_recoveries(record);
    look_at_services(view);
    keep_services(record, view);
    if (disk_hash(hash)) {
        memcpy(record->disk_hash, hash, sizeof(hash));
        record->disk_bytes_known = 1;
        disk_save(hash);
    }
    complete(record);
}

struct results_moment results_moment(void)
{
    struct results_moment moment = {0};

    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        moment.output_bytes[i] = machine_output_bytes(i);
    }
    for (int service = 0; service < service_count(); service++) {
        moment.replies[service] = service_replies(service);
    }
    return moment;
}

bool results_end_note(struct results_end *end, uint64_t code, uint64_t detail)
{
    struct results_moment moment = results_moment();

    *end = (struct results_end){
        .code = code, .detail = detail, .time_ns = machine_time(), .rip = machine_register(REGISTER_RIP)};
    end->disk_known = disk_hash(end->disk_hash);
    memcpy(end->replies, moment.replies, sizeof(end->replies));
    look_at_services(end->view);
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        end->output[i] = malloc(moment.output_bytes[i] + 1);
        if (!end->output[i]) {
            return false;
        }
        end->output_bytes[i] = machine_output_read(i, 0, end->output[i], moment.output_bytes[i]);
    }
    return true;
}

void results_complete_as(struct experiment_record *record, const struct results_end *end,
                         const struct results_moment *moment)
{
    int target = service_of_address(record->rip);

    results_phase(PHASE_RESULT);
    results_feature(FEATURE_EARLY_END);
    record->calls_at_detection = calls_of_target(record);
    if (target != SERVICE_NONE) {
        record->calls_at_detection += end->replies[target] - moment->replies[target];
    }
    record->end = END_VERDICT;
    record->code = end->code;
    record->detail = end->detail;
    record->ended_at_ns = end->time_ns;
    record->end_rip = end->rip;
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        keep_output(record, i, end->output[i] + moment->output_bytes[i], end->output_bytes[i] - moment->output_bytes[i]);
    }
    keep_recoveries(record);
    keep_services(record, end->view);
    memcpy(record->disk_hash, end->disk_hash, sizeof(end->disk_hash));
    record->disk_bytes_known = end->disk_known;
    complete(record);
}
