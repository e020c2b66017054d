/* SPDX-License-Identifier: MIT */
/*
 * init: the root domain. It owns everything at first, and hands out what abi/manifest.toml says.
 *
 *     services.c  make every service and the monitor from their pristine images, give them their capabilities
 *     devices.c   ports, interrupt lines, the RAM disk
 *     session.c   read the payload's session and start its programs, or the shell
 *     main.c      the order of things, and the end of the machine
 *
 * Rule: init decides nothing at run time. What cannot be made as the manifest says ends the machine with a line
 * that says what and why.
 */
#ifndef USER_INIT_H
#define USER_INIT_H

#include <stdint.h>

#include "abi/manifest.h"

/* The session's programs, at most. */
#define SESSION_PROGRAMS 16

/* Slots of init for the domains of services, by their numbers; the services themselves are at SLOT_SERVICES. */
#define SLOT_SERVICE_DOMAINS 0x400
#define SLOT_SCRATCH 0x420
#define SLOT_NOTIFICATIONS 0x430 /* of services, by their numbers */

/* ---- main.c ---- */
/* End the machine: a line with what failed, and the status of the kernel. */
_Noreturn void init_fail(const char *what, const char *name, int64_t status);

/* init_fail() unless the status is PD_OK. */
void init_check(int64_t status, const char *what, const char *name);

/* ---- services.c ---- */
/* Whether this system has the service: entry `system` of the bundle lists what was chosen from the manifest. */
int service_present(uint32_t number);

/* Make all services and the monitor, start the monitor, then the services in the manifest's order. */
void services_start(void);

/* ---- devices.c ---- */
/* Give the service in the domain slot `domain` its devices. */
void devices_give(const struct manifest_service *service, uint32_t domain);

/* And the notifications of other services that it may signal, when all services have been made. */
void devices_connect(const struct manifest_service *service, uint32_t domain);

/* ---- session.c ---- */
/* Run the session to its end; its exit status: the first that is not 0, in the order of its lines. */
int session_run(void);

/* ---- words.c: pure ---- */
/*
 * Split one line of a session into words: they are apart by blanks; a backslash gives the next character as it is,
 * except \n, \r, \t and \xHH; blanks between double quotes belong to the word, and "" is an empty one. Reads from `line` up to '\n' or `end`; writes NUL-terminated words into `room`
 * (room_bytes) and their addresses into `words` (`limit` of them, and a NULL). Returns the number of words, or -1
 * if they do not fit or the line is not well formed.
 */
int words_split(const char *line, const char *end, char *room, uint32_t room_bytes, const char **words,
                int limit);

#endif
