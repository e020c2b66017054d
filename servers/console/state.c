/* SPDX-License-Identifier: MIT */
/* The console's view of the machine. Rule: found anew at every start, by the same steps. */
#include "state.h"

#include "perdure/boot.h"

#define COM1_PORT           0x3f8
#define COM2_PORT           0x2f8
#define IRQ_LEVEL_TRIGGERED 1
#define COLUMNS_DEFAULT     80
#define ROWS_DEFAULT        24
#define SIZE_MAXIMUM        1000

struct console console;

static bool option_is(const char *name, const char *value)
{
    size_t length;
    const char *word = pd_boot_word(name, &length);

    return word && length == strlen(value) && memcmp(word, value, length) == 0;
}

/* A number of 1..SIZE_MAXIMUM, else `otherwise`. */
static uint32_t option_size(const char *name, uint32_t otherwise)
{
    size_t length;
    const char *word = pd_boot_word(name, &length);
    uint32_t number = 0;

    for (size_t index = 0; word && index < length && number <= SIZE_MAXIMUM; index++) {
        if (word[index] < '0' || word[index] > '9') {
            return otherwise;
        }
        number = number * 10 + (uint32_t)(word[index] - '0');
    }
    return number >= 1 && number <= SIZE_MAXIMUM ? number : otherwise;
}

void console_find_devices(void)
{
    console.terminal = !option_is("console", "framed");
    console.columns = option_size("columns", COLUMNS_DEFAULT);
    console.rows = option_size("rows", ROWS_DEFAULT);
    uart_find(&console.first, SLOT_IOPORT, COM1_PORT);
    uart_find(&console.second, SLOT_IOPORT + 1, COM2_PORT);
}

void console_set_up_devices(void)
{
    uart_set_up(&console.first, true, !console.terminal); /* a key is shown at once */
    uart_set_up(&console.second, false, false);
    /*
     * Level-triggered, so that a byte that comes while the line is masked is not missed. PD_BUSY: an
     * earlier incarnation has bound it. PD_BAD_CAPABILITY: no such line, then nothing is ever received.
     */
    pd_invoke_4(SLOT_IRQ, IRQ_BIND, SLOT_NOTIFICATION, EVENT_UART, IRQ_LEVEL_TRIGGERED, 0);
}
