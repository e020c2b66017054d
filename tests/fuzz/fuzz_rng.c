/* SPDX-License-Identifier: MIT */
/* sources: tests/fuzz/requests.c tests/fuzz/service_host.c servers/common/runtime.c servers/common/capabilities.c servers/common/recover.c servers/common/format.c lib/perdure/boot.c servers/rng/ */
/* flags: -DPERDURE_HOST=1 -include tests/fuzz/server_memory.h */
/* runs: 2000 */
/* Requests of rng. */
#include "requests.h"

#include "abi/rng.h"

const char fuzzed_service[] = "rng";
const uint32_t fuzzed_audit = 0;
