/* SPDX-License-Identifier: MIT */
/* From the entry to main() and on to the exit. Rule: descriptors 0-2 are made from the start-up block before any code
 * of the program runs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "newlib/glue.h"
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

_Noreturn void perdure_start(const struct startup_block *block)
{
    if (!block || block->magic != STARTUP_MAGIC) {
        pd_exit(127);
    }
    glue_startup = block;
    environ = block->environment;
    glue_creation_mask = (mode_t)block->creation_mask;
    if (block->working_directory && chdir(block->working_directory) != 0) {
        static const char text[] = "start: the working directory is not there\n";

        glue_descriptors_start(block);
        write(STDERR_FILENO, text, sizeof text - 1);
        pd_exit(127);
    }
    glue_descriptors_start(block);
    run(__preinit_array_start, __preinit_array_end);
    run(__init_array_start, __init_array_end);
    atexit(run_finalizers);
    exit(main((int)block->argument_count, block->arguments, environ));
}

void _exit(int status)
{
    pd_exit((uint64_t)status & 0xff);
}
