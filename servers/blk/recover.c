/* SPDX-License-Identifier: MIT */
/*
 * Recovery of blk: a start like the first. The driver resets its device before it touches a DMA page, for
 * the request of the dead incarnation may still be under way.
 *
 * Rule: a disk that is gone for the moment answers -PE_NODEV; that is no reason to die again.
 */
#include "servers/common/server.h"

#include "state.h"

void service_start_recovered(void)
{
    block_service_start();
}
