/* SPDX-License-Identifier: MIT */
/*
 * Codes that servers end themselves with (server_panic); the fault record shows them. Each names a state
 * that the server must not go on from.
 *
 * Rule: the upper half says whose code it is (0 common, else the service's first letters), the lower half
 * counts.
 */
#ifndef SERVERS_COMMON_PANIC_H
#define SERVERS_COMMON_PANIC_H

#define SERVER_PANIC_DELIVERY 0x00000001 /* a delivery of an unknown kind */
#define SERVER_PANIC_REGION 0x00000002   /* the service region is not as this server left it */
#define SERVER_PANIC_DEVICE 0x00000003   /* the device cannot be brought into a usable state */
#define SERVER_PANIC_RECOVERY 0x00000005 /* recovery cannot walk the SSRs */
#define SERVER_PANIC_MANIFEST 0x00000004 /* a capability that the manifest promises is missing */
#define SERVER_PANIC_REPLY 0x00000006    /* the result of a call is none of its kind */

#endif
