/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that the guest's kernel writes again. A recovery restores a page of code as a whole if one byte of it is wrong, and
 * QEMU drops each block of it at the first store, whatever is stored: finding and translating them again took a third of an
 * experiment with a hang. Here such stores are only noted, with the page as it was; when the kernel is left, which is before
 * that code can run, blocks of those bytes are dropped that have changed.
 *
 * Only QEMU 7.2 has the functions that this is done with; with others it is not done. In forked children alone, which have
 * one thread.
 */
#ifndef FAULTINJECT_REWRITTEN_H
#define FAULTINJECT_REWRITTEN_H

#include <stdbool.h>

/* In the fork server; false where it cannot be done. After switches_learn(). */
bool rewritten_prepare(void);

/* From here on, in a child. */
void rewritten_begin(void);

/* Whether there is anything noted, and what is done about it before the kernel is left. */
bool rewritten_noted(void);
void rewritten_settle(void);

#endif
