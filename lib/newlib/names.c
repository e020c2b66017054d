/* SPDX-License-Identifier: MIT */
/* Services by name, as the start-up block has them. Rule: perdure/names.h. */
#include <string.h>

#include "newlib/glue.h"
#include "perdure/names.h"

int64_t pd_find_service(const char *name)
{
    for (uint64_t index = 0; index < glue_startup->service_count; index++) {
        if (strcmp(glue_startup->services[index].name, name) == 0) {
            return (int64_t)glue_startup->services[index].slot;
        }
    }
    return -PE_NODEV;
}

const char *pd_service_name(uint64_t index)
{
    return index < glue_startup->service_count ? glue_startup->services[index].name : NULL;
}
