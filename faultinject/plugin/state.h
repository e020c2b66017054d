/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of processor, devices and timers, as QEMU writes it for migration. Between two instructions only. */
#ifndef FAULTINJECT_STATE_H
#define FAULTINJECT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes all of it to `bytes`; returns how many bytes it has, 0 when it cannot be had or there are more than `capacity`. */
size_t state_read(uint8_t *bytes, size_t capacity);

/* Notes it, to be put back as often as wanted. False when this QEMU cannot. */
bool state_save(void);
/* Ends the process when QEMU refuses its own state. */
void state_load(void);
void state_forget(void);

#endif
