/* SPDX-License-Identifier: MIT */
/* Status codes as people read them, and as a C library hands them on. */
#include "perdure/portal.h"

const char *pd_status_text(int64_t status)
{
    static const char *const texts[] = {
        "done",
        "no capability in that slot",
        "object of another type",
        "missing right",
        "no such operation",
        "argument out of range",
        "address not usable",
        "memory quota used up",
        "slot is taken",
        "service or object is gone",
        "this client's server state was lost",
        "request was dropped as poison",
        "object is busy",
        "deadline passed",
        "not in this stage",
        "too large",
        "more steps remain",
        "caller gave up waiting",
    };

    if (status > 0 || -status >= (int64_t)(sizeof texts / sizeof texts[0])) {
        return "unknown status";
    }
    return texts[-status];
}

int64_t pd_portal_error(int64_t status)
{
    switch (status) {
    case PD_BAD_CAPABILITY:
    case PD_WRONG_TYPE:
        return -PE_NODEV;
    case PD_NO_RIGHT:
        return -PE_ACCES;
    case PD_BAD_ARGUMENT:
        return -PE_INVAL;
    case PD_BAD_ADDRESS:
        return -PE_FAULT;
    case PD_NO_QUOTA:
        return -PE_NOMEM;
    case PD_TIMEOUT:
        return -PE_TIMEDOUT;
    case PD_ABANDONED:
        return -PE_INTR;
    default:
        return -PE_IO;
    }
}
