/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode "path": the address of every instruction that is executed between a run's first mark and its second, in order, each
 * as 8 bytes of the report. Only code that is translated meanwhile is instrumented, so all is translated again at both marks.
 */
#include "observe.h"

#include <stdio.h>
#include <unistd.h>

static FILE *report;
static unsigned marks;

bool path_configure(const char *events_path)
{
    report = events_path ? fopen(events_path, "wb") : NULL;
    if (!report) {
        fprintf(stderr, "fault injection: cannot create the report %s\n", events_path ? events_path : "(none)");
    }
    return report != NULL;
}

static void executes(unsigned cpu_index, void *address)
{
    uint64_t value = (uint64_t)(uintptr_t)address;

    (void)cpu_index;
    if (fwrite(&value, sizeof(value), 1, report) != 1) {
        perror("fault injection: writing the report");
        _exit(1);
    }
}

static void path_translated(struct qemu_plugin_insn *instruction)
{
    if (marks == 1) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, executes, CALLBACK_NO_REGISTERS,
                                                    (void *)(uintptr_t)qemu.qemu_plugin_insn_vaddr(instruction));
    }
}

static void path_mark(uint64_t number)
{
    (void)number;
    marks++;
    qemu.tb_flush(machine_cpu);
}

static void path_begin(void)
{
}

static void path_verdict(uint64_t code, uint64_t detail)
{
    (void)code;
    (void)detail;
    if (fclose(report) != 0) {
        perror("fault injection: writing the report");
        _exit(1);
    }
}

const struct stop_handlers path_handlers = {
    .begin = path_begin,
    .verdict = path_verdict,
    .mark = path_mark,
    .translated = path_translated,
};
