/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages of the guest's memory, as the host's kernel sees them. */
#ifndef FAULTINJECT_PAGES_H
#define FAULTINJECT_PAGES_H

#include "digest.h"

#include <stdbool.h>
#include <stdint.h>

enum { PAGE_BYTES = 4096 };

uint64_t pages_count(void);

/*
 * For each page whether it may hold anything but zeros. The others were never touched and are better not even read: every
 * page that is mapped makes every fork and every end of a child longer. All, where the host does not tell.
 */
void pages_read_touched(uint8_t *touched);

/*
 * For each page whether it may have been written, by this process, since the last fork that both processes outlived.
 * False where the host does not tell. Memory must not be merged (KSM): QEMU is started so.
 */
bool pages_read_written(uint8_t *written);

/* Of its content. */
struct digest pages_digest(uint64_t page);

#endif
