/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk over PCI, modern interface only (Virtual I/O Device Version 1.1, 4.1 and 5.2).
 *
 * Registers are reached through the window that the device has in its configuration space (4.1.4.7), so two
 * I/O ports are all that this driver needs besides its own memory. Data goes through DMA pages of its own:
 * the device never learns an address of a client's page. One request at a time, no interrupts: the driver
 * looks for LOOK_NS, which is enough for most; a slower request stays in flight, and its call
 * goes on looking when it is delivered again (SERVICE_AGAIN).
 *
 * Rule: the device is reset before a DMA page is touched, at every start and after every request that went
 * wrong, for a dead incarnation's request may still be writing.
 */
#include "copy.h"
#include "driver.h"
#include "pci.h"
#include "queue.h"
#include "servers/common/server.h"

#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/memory.h"

#define VENDOR_VIRTIO             0x1af4
#define DEVICE_BLOCK_MODERN       0x1042
#define DEVICE_BLOCK_TRANSITIONAL 0x1001

/* 4.1.4: the capability's fields and its kinds. */
#define CAPABILITY_VENDOR            0x09
#define CAPABILITY_KIND              3
#define CAPABILITY_BAR               4
#define CAPABILITY_OFFSET            8
#define CAPABILITY_LENGTH            12
#define CAPABILITY_NOTIFY_MULTIPLIER 16
#define CAPABILITY_WINDOW_DATA       16
#define KIND_COMMON                  1
#define KIND_NOTIFY                  2
#define KIND_DEVICE                  4
#define KIND_WINDOW                  5
#define KINDS                        6

/* 4.1.4.3: common configuration. */
#define COMMON_DEVICE_FEATURE_SELECT 0x00
#define COMMON_DEVICE_FEATURE        0x04
#define COMMON_DRIVER_FEATURE_SELECT 0x08
#define COMMON_DRIVER_FEATURE        0x0c
#define COMMON_STATUS                0x14
#define COMMON_QUEUE_SELECT          0x16
#define COMMON_QUEUE_SIZE            0x18
#define COMMON_QUEUE_ENABLE          0x1c
#define COMMON_QUEUE_NOTIFY_OFFSET   0x1e
#define COMMON_QUEUE_DESCRIPTORS     0x20
#define COMMON_QUEUE_AVAILABLE       0x28
#define COMMON_QUEUE_USED            0x30

/* 2.1: device status. */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

/* 5.2: the block device. Feature words: low 0-31, high 32-63. */
#define FEATURE_READ_ONLY      (1u << 5)
#define FEATURE_FLUSH          (1u << 9)
#define FEATURE_HIGH_VERSION_1 (1u << 0)
#define DEVICE_CAPACITY        0x00
#define REQUEST_READ           0
#define REQUEST_WRITE          1
#define REQUEST_FLUSH          4
#define REQUEST_STATUS_OK      0
#define REQUEST_STATUS_UNSET   0xff

/* DMA memory: a page for queue, header and status, then the data. */
#define DMA_SLOT       SLOT_FREE
#define DMA_ADDRESS    0x04800000ul
#define DMA_DATA_PAGES (BLK_SECTORS_MAXIMUM * BLK_SECTOR_BYTES / PAGE_BYTES)
#define DMA_PAGES      (1 + DMA_DATA_PAGES)

#define RESET_LOOKS      1000
#define LOOK_NS          5000000u     /* well below the service's hang limit */
#define REQUEST_LIMIT_NS 30000000000u /* no answer by then: the device is reset */

struct request_header {
    uint32_t kind;
    uint32_t reserved;
    uint64_t sector;
};

struct dma_page {
    struct queue_memory queue;
    struct request_header header;
    uint8_t status;
};

struct register_block {
    uint8_t bar;
    uint32_t offset;
};

enum request_state {
    REQUEST_NONE,
    REQUEST_IN_FLIGHT,
    REQUEST_ANSWERED,
};

static struct {
    struct pci_function function;
    uint32_t window; /* offset of the window's capability */
    struct register_block blocks[KINDS];
    uint32_t notify_multiplier;
    uint32_t notify_offset;
    uint32_t features;
    uint64_t dma_physical;
    struct queue queue;
} device;

/* The request that the device has or had last. */
static struct {
    enum request_state state;
    uint32_t kind;
    uint64_t sector;
    uint32_t data_bytes;
    uint64_t began_ns;
    int64_t result; /* when REQUEST_ANSWERED */
} request;

static struct dma_page *dma_page(void)
{
    return (void *)DMA_ADDRESS;
}

static uint8_t *dma_data(void)
{
    return (uint8_t *)DMA_ADDRESS + PAGE_BYTES;
}

static uint64_t physical_of(const void *address)
{
    return device.dma_physical + ((uintptr_t)address - DMA_ADDRESS);
}

/* ---- Registers, through the window ---- */

static void window_aim(uint32_t kind, uint32_t offset, uint32_t width_bytes)
{
    const struct register_block *block = &device.blocks[kind];

    pci_write(device.function, device.window + CAPABILITY_BAR, 1, block->bar);
    pci_write(device.function, device.window + CAPABILITY_OFFSET, 4, block->offset + offset);
    pci_write(device.function, device.window + CAPABILITY_LENGTH, 4, width_bytes);
}

static uint32_t register_read(uint32_t kind, uint32_t offset, uint32_t width_bytes)
{
    window_aim(kind, offset, width_bytes);
    return pci_read(device.function, device.window + CAPABILITY_WINDOW_DATA, width_bytes);
}

static void register_write(uint32_t kind, uint32_t offset, uint32_t width_bytes, uint32_t value)
{
    window_aim(kind, offset, width_bytes);
    pci_write(device.function, device.window + CAPABILITY_WINDOW_DATA, width_bytes, value);
}

static void register_write_address(uint32_t offset, const void *address)
{
    register_write(KIND_COMMON, offset, 4, (uint32_t)physical_of(address));
    register_write(KIND_COMMON, offset + 4, 4, (uint32_t)(physical_of(address) >> 32));
}

/* ---- Start ---- */

/* Note where the register blocks are. False: the modern interface is not complete. */
static bool find_registers(void)
{
    uint32_t found = 0;

    for (uint32_t at = pci_capability(device.function, CAPABILITY_VENDOR, 0); at != 0;
         at = pci_capability(device.function, CAPABILITY_VENDOR, at)) {
        uint32_t kind = pci_read(device.function, at + CAPABILITY_KIND, 1);

        if (kind >= KINDS || found & 1u << kind) {
            continue;
        }
        found |= 1u << kind;
        device.blocks[kind].bar = (uint8_t)pci_read(device.function, at + CAPABILITY_BAR, 1);
        device.blocks[kind].offset = pci_read(device.function, at + CAPABILITY_OFFSET, 4);
        if (kind == KIND_NOTIFY) {
            device.notify_multiplier = pci_read(device.function, at + CAPABILITY_NOTIFY_MULTIPLIER, 4);
        }
        if (kind == KIND_WINDOW) {
            device.window = at;
        }
    }
    return (found & (1u << KIND_COMMON | 1u << KIND_NOTIFY | 1u << KIND_DEVICE | 1u << KIND_WINDOW)) ==
           (1u << KIND_COMMON | 1u << KIND_NOTIFY | 1u << KIND_DEVICE | 1u << KIND_WINDOW);
}

static bool reset_device(void)
{
    register_write(KIND_COMMON, COMMON_STATUS, 1, 0);
    for (uint32_t look = 0; look < RESET_LOOKS; look++) {
        if (register_read(KIND_COMMON, COMMON_STATUS, 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Make (or, after a restart, find) the DMA memory. Only when the device is in reset. */
static bool find_dma_memory(void)
{
    uint64_t pages, resident_pages;
    int64_t status = pd_create_memory(SLOT_SELF_DOMAIN, DMA_SLOT, DMA_PAGES, MEMORY_CONTIGUOUS);

    if (status != PD_OK && status != PD_SLOT_TAKEN) {
        return false;
    }
    if (pd_memory_info(DMA_SLOT, &pages, &resident_pages, &device.dma_physical) != PD_OK ||
        pages < DMA_PAGES || device.dma_physical == 0) {
        return false;
    }
    status = pd_map(SLOT_SELF_DOMAIN, DMA_SLOT, DMA_ADDRESS, 0, DMA_PAGES, RIGHT_USE | RIGHT_WRITE,
                    MAP_RESIDENT);
    return status == PD_OK || status == PD_BAD_ADDRESS;
}

static bool negotiate_features(void)
{
    register_write(KIND_COMMON, COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    if (!(register_read(KIND_COMMON, COMMON_DEVICE_FEATURE, 4) & FEATURE_HIGH_VERSION_1)) {
        return false;
    }
    register_write(KIND_COMMON, COMMON_DEVICE_FEATURE_SELECT, 4, 0);
    device.features = register_read(KIND_COMMON, COMMON_DEVICE_FEATURE, 4) &
                      (FEATURE_READ_ONLY | FEATURE_FLUSH);
    register_write(KIND_COMMON, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    register_write(KIND_COMMON, COMMON_DRIVER_FEATURE, 4, device.features);
    register_write(KIND_COMMON, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    register_write(KIND_COMMON, COMMON_DRIVER_FEATURE, 4, FEATURE_HIGH_VERSION_1);
    register_write(KIND_COMMON, COMMON_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return (register_read(KIND_COMMON, COMMON_STATUS, 1) & STATUS_FEATURES_OK) != 0;
}

static bool start_queue(void)
{
    struct queue_memory *memory = &dma_page()->queue;

    register_write(KIND_COMMON, COMMON_QUEUE_SELECT, 2, 0);
    if (register_read(KIND_COMMON, COMMON_QUEUE_SIZE, 2) < QUEUE_ENTRIES) {
        return false;
    }
    queue_start(&device.queue, memory);
    register_write(KIND_COMMON, COMMON_QUEUE_SIZE, 2, QUEUE_ENTRIES);
    register_write_address(COMMON_QUEUE_DESCRIPTORS, memory->descriptors);
    register_write_address(COMMON_QUEUE_AVAILABLE, &memory->available);
    register_write_address(COMMON_QUEUE_USED, &memory->used);
    device.notify_offset = register_read(KIND_COMMON, COMMON_QUEUE_NOTIFY_OFFSET, 2) *
                           device.notify_multiplier;
    register_write(KIND_COMMON, COMMON_QUEUE_ENABLE, 2, 1);
    return true;
}

/* 3.1.1, from reset to DRIVER_OK. */
static bool initialise_device(void)
{
    if (!reset_device() || !find_dma_memory()) {
        return false;
    }
    register_write(KIND_COMMON, COMMON_STATUS, 1, STATUS_ACKNOWLEDGE);
    register_write(KIND_COMMON, COMMON_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    if (!negotiate_features() || !start_queue()) {
        return false;
    }
    register_write(KIND_COMMON, COMMON_STATUS, 1,
                   STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
    return true;
}

static bool virtio_start(struct disk *disk)
{
    if (!pci_is_present() || (!pci_find(VENDOR_VIRTIO, DEVICE_BLOCK_MODERN, &device.function) &&
                              !pci_find(VENDOR_VIRTIO, DEVICE_BLOCK_TRANSITIONAL, &device.function))) {
        return false;
    }
    if (!find_registers()) {
        server_log("virtio: the device has no modern interface (start it with disable-legacy=on)");
        return false;
    }
    pci_write(device.function, PCI_COMMAND, 2,
              PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER | PCI_COMMAND_NO_INTERRUPT);
    if (!initialise_device()) {
        server_log("virtio: the device cannot be initialised");
        return false;
    }
    disk->sectors = register_read(KIND_DEVICE, DEVICE_CAPACITY, 4) |
                    (uint64_t)register_read(KIND_DEVICE, DEVICE_CAPACITY + 4, 4) << 32;
    disk->read_only = (device.features & FEATURE_READ_ONLY) != 0;
    return true;
}

/* ---- Requests ---- */

static void begin_request(uint32_t kind, uint64_t sector, uint32_t data_bytes)
{
    struct dma_page *page = dma_page();
    struct queue_segment segments[3];
    uint32_t count = 0;

    request.state = REQUEST_IN_FLIGHT;
    request.kind = kind;
    request.sector = sector;
    request.data_bytes = data_bytes;
    request.began_ns = pd_now_ns();
    page->header = (struct request_header){.kind = kind, .sector = sector};
    page->status = REQUEST_STATUS_UNSET;
    segments[count++] = (struct queue_segment){physical_of(&page->header), sizeof(page->header), false};
    if (data_bytes > 0) {
        segments[count++] = (struct queue_segment){physical_of(dma_data()), data_bytes, kind == REQUEST_READ};
    }
    segments[count++] = (struct queue_segment){physical_of(&page->status), 1, true};
    queue_submit(&device.queue, segments, count);
    register_write(KIND_NOTIFY, device.notify_offset, 2, 0);
}

/* The device answered nonsense or nothing: it loses what it was told. */
static void abort_request(void)
{
    server_log("virtio: request %u of sector %lu failed; the device is reset", request.kind, request.sector);
    if (!initialise_device()) {
        server_panic(SERVER_PANIC_DEVICE);
    }
    request.state = REQUEST_ANSWERED;
    request.result = -PE_IO;
}

/* Look for LOOK_NS at the request in flight, if there is one. */
static void look_at_request(void)
{
    uint64_t until_ns = pd_now_ns() + LOOK_NS;

    while (request.state == REQUEST_IN_FLIGHT) {
        enum queue_state state = queue_poll(&device.queue);
        uint64_t now_ns = pd_now_ns();

        if (state == QUEUE_DONE) {
            uint8_t status = __atomic_load_n(&dma_page()->status, __ATOMIC_ACQUIRE);

            request.state = REQUEST_ANSWERED;
            request.result = status == REQUEST_STATUS_OK ? 0 : -PE_IO;
        } else if (state == QUEUE_BROKEN || now_ns - request.began_ns > REQUEST_LIMIT_NS) {
            abort_request();
        } else if (now_ns > until_ns) {
            return;
        }
        __builtin_ia32_pause();
    }
}

static bool is_request(uint32_t kind, uint64_t sector, uint32_t data_bytes, const void *data)
{
    return request.kind == kind && request.sector == sector && request.data_bytes == data_bytes &&
           (!data || memcmp(dma_data(), data, data_bytes) == 0);
}

/*
 * Have one request done: `data_bytes` of the DMA data pages take part, filled from `data` if that is given.
 * 0, -PE_IO, or SERVICE_AGAIN when it is still in flight. An answer that nobody came back for is forgotten.
 */
static int64_t transfer(uint32_t kind, uint64_t sector, uint32_t data_bytes, const void *data)
{
    look_at_request();
    if (request.state == REQUEST_IN_FLIGHT) {
        return SERVICE_AGAIN;
    }
    if (request.state == REQUEST_NONE || !is_request(kind, sector, data_bytes, data)) {
        if (data) {
            copy_sectors(dma_data(), data, sector, data_bytes / BLK_SECTOR_BYTES);
        }
        begin_request(kind, sector, data_bytes);
        look_at_request();
    }
    if (request.state == REQUEST_IN_FLIGHT) {
        return SERVICE_AGAIN;
    }
    request.state = REQUEST_NONE;
    block_service.moved = (struct transfer){.first = request.sector, .count = request.data_bytes / BLK_SECTOR_BYTES};
    return request.result;
}

static int64_t virtio_read(uint64_t first_sector, uint32_t count, void *memory)
{
    int64_t result = transfer(REQUEST_READ, first_sector, count * BLK_SECTOR_BYTES, NULL);

    if (result == 0) {
        copy_sectors(memory, dma_data(), first_sector, count);
    }
    return result;
}

static int64_t virtio_write(uint64_t first_sector, uint32_t count, const void *memory)
{
    return transfer(REQUEST_WRITE, first_sector, count * BLK_SECTOR_BYTES, memory);
}

/* A device that does not offer FLUSH writes through (5.2.6.2). */
static int64_t virtio_flush(void)
{
    return device.features & FEATURE_FLUSH ? transfer(REQUEST_FLUSH, 0, 0, NULL) : 0;
}

const struct driver virtio_driver = {
    .name = "virtio",
    .start = virtio_start,
    .read = virtio_read,
    .write = virtio_write,
    .flush = virtio_flush,
};
