/* SPDX-License-Identifier: MIT */
/*
 * Recovery of the console: check the region, find out from outbox and message page what had left and what
 * had been taken, find the devices as at the first start, take in the bytes that the dead incarnation had
 * taken from the line.
 *
 * Rule: nothing is asked of the dead incarnation's memory but those pages, and they are believed only where
 * they agree.
 */
#include "input.h"
#include "output.h"
#include "state.h"

static bool region_is_valid(const struct console_region *region)
{
    return region->magic == CONSOLE_MAGIC && region->head < CONSOLE_INPUT_BYTES &&
           region->ready_bytes + region->pending_bytes <= CONSOLE_INPUT_BYTES;
}

void service_start_recovered(void)
{
    if (!region_is_valid(console_region())) {
        server_panic(SERVER_PANIC_REGION);
    }
    output_recover();
    input_recover_taking();
    console_find_devices();
    console_set_up_devices();
    output_finish();
    input_recover();
    /* Readers may be served by what that brought; in an event, when everybody is back. */
    pd_invoke_4(SLOT_NOTIFICATION, NOTIFICATION_SIGNAL, EVENT_SERVE | EVENT_UART, 0, 0, 0);
}
