/* SPDX-License-Identifier: MIT */
/* Choice of the driver. Rule: state.h. */
#include "state.h"

#include "perdure/boot.h"
#include "servers/common/server.h"

static const struct driver *const drivers[] = {&ram_driver, &virtio_driver};

struct block_service block_service;

static bool start_one(void)
{
    size_t length = 0;
    const char *wanted = pd_boot_word("disk", &length);

    for (size_t index = 0; index < sizeof(drivers) / sizeof(drivers[0]); index++) {
        const char *name = drivers[index]->name;

        if (wanted && (strlen(name) != length || memcmp(wanted, name, length) != 0)) {
            continue;
        }
        if (drivers[index]->start(&block_service.disk)) {
            block_service.driver = drivers[index];
            return true;
        }
    }
    return false;
}

void block_service_start(void)
{
    block_service.driver = NULL;
    if (!start_one()) {
        start_one(); /* that there is no disk at all is believed when it is found twice */
    }
}
