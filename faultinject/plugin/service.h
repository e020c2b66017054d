/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The services of the machine under test: the address range of each one's code (each is linked at its own base, so an
 * address names its service), and what the kernel shows of it in its table of observed services.
 */
#ifndef FAULTINJECT_SERVICE_H
#define FAULTINJECT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

enum { SERVICES_MAX = 15, SERVICE_NONE = -1 };

/* One entry of the kernel's table `observed_services`, as the kernel lays it out. */
struct service_view {
    uint32_t stage;
    uint32_t incarnation;
    uint32_t serving_binding;
    uint32_t restarts;
    uint64_t cr3;
    char name[16];
};

/* As the kernel numbers them. */
enum service_stage { STAGE_FRESH = 1, STAGE_RUNNING = 2, STAGE_GIVEN_UP = 6 };

_Static_assert(sizeof(struct service_view) == 40, "the kernel's struct observed_service");

/*
 * Adds a service from an option "NAME:LOW:HIGH:REPLY" (addresses, HIGH exclusive; REPLY is that of the instruction that
 * ends its calls, 0 if that is not known); false when it is malformed.
 */
bool service_add(const char *option);
/* Address of `observed_services` in the kernel and how many entries it has. */
void service_observed_table(uint64_t address, unsigned entries);

/* How many were added; their numbers are 0 to count - 1, in the order of the options. */
int service_count(void);
int service_by_name(const char *name);
/* The service whose range holds `address`, or SERVICE_NONE. */
int service_of_address(uint64_t address);
const char *service_name(int service);

/* Where its replies are counted, if `address` is that of an instruction that ends calls, else NULL. */
uint64_t *service_reply_counter(uint64_t address);
/* Replies that it has made; 0 for SERVICE_NONE. */
uint64_t service_replies(int service);

/* Reads what the kernel shows of the service; false when it shows nothing (yet). */
bool service_look(int service, struct service_view *view);

/* The same entry in the host's memory, to be read at any time; NULL while the kernel shows nothing of the service. */
const volatile struct service_view *service_locate(int service);

#endif
