/* SPDX-License-Identifier: MIT */
/* Choice of the driver. Rule: state.h. */
#include "state.h"

#include "perdure/boot.h"
#include "servers/common/server.h"

static const struct driver *const drivers[] = {&ram_driver, &virtio_driver};

struct block_service block_service;

void block_service_start(void)
{
    size_t length = 0;
    const char *wanted = pd_boot_word("disk", &length);

    block_service.driver = NULL;
    for (size_t index = 0; index < sizeof(drivers) / sizeof(drivers[0]); index++) {
        const char *name = drivers[index]->name;

        if (wanted && (strlen(name) != length || memcmp(wanted, name, length) != 0)) {
            continue;
        }
        if (drivers[index]->start(&block_service.disk)) {
            block_service.driver = drivers[index];
            return;
        }
    }
}
