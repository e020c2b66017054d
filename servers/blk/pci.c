/* SPDX-License-Identifier: MIT */
/* PCI configuration space. Rule: pci.h. */
#include "pci.h"

#include "servers/common/server.h"

#define PORT_ADDRESS       0xcf8
#define PORT_DATA          0xcfc
#define ADDRESS_ENABLE     0x80000000u
#define SLOTS_PER_BUS      32
#define FUNCTIONS_PER_SLOT 8

#define PCI_IDENTITY            0x00 /* vendor, and device in the upper half */
#define PCI_ABSENT              0xffffffffu
#define PCI_HEADER              0x0e
#define PCI_HEADER_MANY         0x80
#define PCI_STATUS              0x06
#define PCI_STATUS_CAPABILITIES 0x0010
#define PCI_CAPABILITIES        0x34
#define CAPABILITIES_MAXIMUM    48 /* as many as fit between 0x40 and 0x100 */

static void port_out(uint32_t port, uint32_t width_bytes, uint32_t value)
{
    if (pd_invoke_4(SLOT_IOPORT, IOPORT_OUT, port, width_bytes, value, 0) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
}

bool pci_is_present(void)
{
    uint64_t type, rights, badge;

    return pd_identify(SLOT_IOPORT, &type, &rights, &badge) == PD_OK && type == OBJECT_IOPORT;
}

uint32_t pci_read(struct pci_function function, uint32_t offset, uint32_t width_bytes)
{
    struct pd_call call = {.word = {PORT_DATA + (offset & 3), width_bytes}};

    port_out(PORT_ADDRESS, 4, ADDRESS_ENABLE | function.address | (offset & 0xfc));
    if (pd_invoke(SLOT_IOPORT, IOPORT_IN, &call) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
    return (uint32_t)call.word[0];
}

void pci_write(struct pci_function function, uint32_t offset, uint32_t width_bytes, uint32_t value)
{
    port_out(PORT_ADDRESS, 4, ADDRESS_ENABLE | function.address | (offset & 0xfc));
    port_out(PORT_DATA + (offset & 3), width_bytes, value);
}

bool pci_find(uint16_t vendor, uint16_t device, struct pci_function *function)
{
    uint32_t wanted = vendor | (uint32_t)device << 16;

    for (uint32_t number = 0; number < SLOTS_PER_BUS * FUNCTIONS_PER_SLOT; number++) {
        struct pci_function candidate = {.address = number << 8};
        bool is_first = number % FUNCTIONS_PER_SLOT == 0;
        uint32_t identity = pci_read(candidate, PCI_IDENTITY, 4);

        if (identity == wanted) {
            *function = candidate;
            return true;
        }
        /* Where there is no first function there are no others, and most devices have but one. */
        if (is_first && (identity == PCI_ABSENT || !(pci_read(candidate, PCI_HEADER, 1) & PCI_HEADER_MANY))) {
            number += FUNCTIONS_PER_SLOT - 1;
        }
    }
    return false;
}

uint32_t pci_capability(struct pci_function function, uint8_t id, uint32_t after)
{
    uint32_t offset;

    if (!(pci_read(function, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES)) {
        return 0;
    }
    offset = pci_read(function, after ? after + 1 : PCI_CAPABILITIES, 1) & 0xfc;
    for (uint32_t steps = 0; offset != 0 && steps < CAPABILITIES_MAXIMUM; steps++) {
        if (pci_read(function, offset, 1) == id) {
            return offset;
        }
        offset = pci_read(function, offset + 1, 1) & 0xfc;
    }
    return 0;
}
