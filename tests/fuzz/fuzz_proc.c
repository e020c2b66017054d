/* SPDX-License-Identifier: MIT */
/* sources: tests/fuzz/requests.c tests/fuzz/service_host.c servers/common/runtime.c servers/common/capabilities.c servers/common/recover.c servers/common/format.c lib/perdure/boot.c servers/proc/ */
/* flags: -DPERDURE_HOST=1 -include tests/fuzz/server_memory.h */
/* runs: 2000 */
/* Requests of proc. */
#include "requests.h"

#include "abi/proc.h"

const char fuzzed_service[] = "proc";
const uint32_t fuzzed_audit = PROC_AUDIT;
