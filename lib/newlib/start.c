/* SPDX-License-Identifier: MIT */
/* From the entry to main() and on to the exit. Rule: the descriptors are made from the start-up block before any code
 * of the program runs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "newlib/exec.h"
#include "newlib/inherit.h"
#include "newlib/proc.h"
#include "newlib/signals.h"
#include "perdure/domain.h"

char **environ;
const struct startup_block *glue_startup;

typedef void initializer(void);

extern initializer *__preinit_array_start[] __attribute__((weak));
extern initializer *__preinit_array_end[] __attribute__((weak));
extern initializer *__init_array_start[] __attribute__((weak));
extern initializer *__init_array_end[] __attribute__((weak));
extern initializer *__fini_array_start[] __attribute__((weak));
extern initializer *__fini_array_end[] __attribute__((weak));

int main(int argument_count, char **arguments, char **environment);
_Noreturn void perdure_start(const struct startup_block *block);

static void run(initializer **from, initializer **to)
{
    while (from < to) {
        (*from++)();
    }
}

static void run_finalizers(void)
{
    for (initializer **each = __fini_array_end; each > __fini_array_start;) {
        (*--each)();
    }
}

/* The program cannot begin. */
static _Noreturn void refuse(const char *text)
{
    struct pd_call call = {.word = {CONSOLE_STREAM_ERROR, strlen(text), 0, 0}, .transfer = pd_transfer_message(strlen(text))};

    memcpy(pd_message(), text, strlen(text));
    pd_portal_call(SLOT_CONSOLE, CONSOLE_WRITE, &call);
    pd_exit(126);
}

/* After an exec it is one already; else its parent may expect it. */
static void become_process(const struct startup_block *block)
{
    uint64_t signals;

    if (block->process_started) {
        pd_unmap(SLOT_SELF_DOMAIN, EXEC_WINDOW, EXEC_WINDOW_PAGES);
        glue_process = (uint32_t)block->process_number;
        glue_parent = (uint32_t)block->parent_number;
        glue_signals_start(block->signals);
    } else if (block->process_token && glue_proc_start((uint32_t)block->process_token, &signals) == 0) {
        glue_signals_start(signals);
    }
}

_Noreturn void perdure_start(const struct startup_block *block)
{
    if (!block || block->magic != STARTUP_MAGIC) {
        pd_exit(127);
    }
    glue_startup = block;
    environ = block->environment;
    glue_creation_mask = (mode_t)block->creation_mask;
    if (block->working_directory && chdir(block->working_directory) != 0) {
        refuse("start: the working directory is not there\n");
    }
    if (glue_adopt(block->streams, block->stream_count) != 0) {
        refuse("start: a file cannot be opened\n");
    }
    become_process(block);
    run(__preinit_array_start, __preinit_array_end);
    run(__init_array_start, __init_array_end);
    atexit(run_finalizers);
    exit(main((int)block->argument_count, block->arguments, environ));
}

