/* SPDX-License-Identifier: MIT */
/* Reading the mode. Rule: mode.h. It is read anew at each failure: the monitor keeps nothing. */
#include "mode.h"

#include <stddef.h>

#include "perdure/boot.h"
#include "servers/common/server.h"

enum recovery_mode recovery_mode(void)
{
    static const char *const names[] = {
        [RECOVERY_FULL] = "full", [RECOVERY_SSR] = "ssr", [RECOVERY_RESTART] = "restart", [RECOVERY_NONE] = "none"};
    size_t length;
    const char *value = pd_boot_word("recovery", &length);

    for (unsigned mode = RECOVERY_FULL; value && mode <= RECOVERY_NONE; mode++) {
        if (strlen(names[mode]) == length && memcmp(names[mode], value, length) == 0) {
            return (enum recovery_mode)mode;
        }
    }
    if (value) {
        server_log("monitor: recovery= takes none, restart, ssr or full; all of it is in force");
    }
    return RECOVERY_FULL;
}
