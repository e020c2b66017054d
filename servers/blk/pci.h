/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space through ports 0xcf8 and 0xcfc (configuration mechanism 1, PCI Local Bus
 * Specification 3.0, 3.2.2.3.2), which this server holds a capability to.
 *
 * Rule: offsets and widths are the caller's to get right (a width is 1, 2 or 4 and divides the offset); an
 * absent function reads as all ones.
 */
#ifndef SERVERS_BLK_PCI_H
#define SERVERS_BLK_PCI_H

#include <stdbool.h>
#include <stdint.h>

/* A function's address, as in bits 8-23 of port 0xcf8. */
struct pci_function {
    uint32_t address;
};

#define PCI_COMMAND              0x04
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_BUS_MASTER   0x0004
#define PCI_COMMAND_NO_INTERRUPT 0x0400

/* Can configuration space be reached at all? */
bool pci_is_present(void);

/* The first function on bus 0 with these ids. */
bool pci_find(uint16_t vendor, uint16_t device, struct pci_function *function);

uint32_t pci_read(struct pci_function function, uint32_t offset, uint32_t width_bytes);
void pci_write(struct pci_function function, uint32_t offset, uint32_t width_bytes, uint32_t value);

/*
 * The next capability with `id` after the one at `after` (0 for the first). Returns its offset, 0 when
 * there is none. Always ends, whatever the list looks like.
 */
uint32_t pci_capability(struct pci_function function, uint8_t id, uint32_t after);

#endif
