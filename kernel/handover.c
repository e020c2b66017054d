/* SPDX-License-Identifier: MIT */
/* Capabilities in messages: with a call from client to server, with its reply from server to client.
 *
 * Rule: nothing changes hands before the commit. What arrives with a call is a copy, at SLOT_ARRIVED of the server, that
 * goes with the transaction; the server says which of them are to stay, and the commit puts those among the
 * binding's own, where every incarnation finds them. All that comes this way is a leaf of the derivation tree, so each of
 * these steps takes constant time, and the owner's revoking reaches it wherever it is.
 */
#include "kernel/domain.h"
#include "kernel/service.h"
#include "kernel/thread.h"

#define TRANSIENT_SLOTS (CALL_CAPABILITIES + USED_PLACES)

_Static_assert(SLOT_USED == SLOT_ARRIVED + CALL_CAPABILITIES, "transient slots follow each other");
_Static_assert(MESSAGE_CAPABILITIES_OFFSET + CALL_CAPABILITIES * sizeof(struct capability_transfer) == MESSAGE_BYTES,
               "the list is the end of the message page");

static uint32_t sent(uint64_t descriptor)
{
    return descriptor >> TRANSFER_SEND_SHIFT & TRANSFER_SEND_MASK;
}

static uint32_t offered(uint64_t descriptor)
{
    return descriptor >> TRANSFER_RECEIVE_SHIFT & TRANSFER_RECEIVE_MASK;
}

static const struct capability_transfer *entry_at(const struct thread *sender, uint32_t index)
{
    const struct capability_transfer *list = (const void *)((const char *)sender->message + MESSAGE_CAPABILITIES_OFFSET);

    return &list[index];
}

bool handover_valid(uint64_t descriptor)
{
    uint64_t bytes = descriptor & TRANSFER_MESSAGE_BYTES_MASK;

    return sent(descriptor) <= CALL_CAPABILITIES && offered(descriptor) <= CALL_CAPABILITIES &&
           bytes <= (sent(descriptor) ? MESSAGE_CAPABILITIES_OFFSET : MESSAGE_BYTES);
}

/* What is in a transient slot is not the server's for long: to move it is to copy it. */
static bool moves(const struct capability_transfer *entry, const struct capability *source)
{
    return entry->flags & CAPABILITY_MOVE && !source->leaf;
}

/* What `entry` of `sender` names, if it can go to another domain. */
static int64_t find_source(const struct thread *sender, const struct capability_transfer *entry,
                           struct capability **source)
{
    struct capability *found = capability_at(&sender->domain->table, entry->slot);

    *source = found;
    if (entry->flags & ~CAPABILITY_MOVE)
        return PD_BAD_ARGUMENT;
    if (found->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    /* A portal is one client's: bind the other one. */
    if (!(found->rights & RIGHT_GRANT) || entry->rights & ~found->rights || found->type == OBJECT_PORTAL)
        return PD_NO_RIGHT;
    return capability_derivable(found) && !(moves(entry, found) && found->first_child) ? PD_OK : PD_BUSY;
}

/* ---- the server's transient slots ---- */

static struct capability *transient_slot(const struct service *service, uint32_t index)
{
    return capability_at(&service->domain->table, SLOT_ARRIVED + index);
}

/* A leaf in transient slot `index`, in place of what is there. */
static struct capability *put(struct service *service, uint32_t index, const struct capability_transfer *entry,
                              struct capability *source)
{
    struct capability *slot = transient_slot(service, index);

    capability_clear(slot);
    capability_fill(slot, source->object, entry->rights, entry->badge, source);
    slot->leaf = 1;
    service->transient |= 1u << index;
    service->attention |= ATTENTION_OPENED;
    return slot;
}

void handover_end(struct service *service)
{
    for (uint32_t left = service->transient; left; left &= left - 1)
        capability_clear(transient_slot(service, (uint32_t)__builtin_ctz(left)));
    service->transient = 0;
    service->drop_count = 0;
    for (uint32_t i = 0; i < CALL_CAPABILITIES; i++)
        service->keep[i] = 0;
}

/* ---- call ---- */

/* The slot in which `caller` wants the i-th capability of the reply. What a worker gets in a transient one goes with the
 * transaction in which it calls, and can be kept like what came with its own call. */
static int64_t receiving_slot(struct thread *caller, uint32_t i, struct capability **slot)
{
    uint64_t wanted = (caller->r8 >> TRANSFER_RECEIVE_SLOT_SHIFT) + i, index = wanted - SLOT_ARRIVED;

    if (!caller->service || index >= TRANSIENT_SLOTS)
        return capability_reserve(&caller->domain->table, caller->domain, wanted, slot);
    *slot = transient_slot(caller->service, (uint32_t)index);
    return (*slot)->type == OBJECT_NONE ? PD_OK : PD_SLOT_TAKEN;
}

static int64_t check_receiving(struct thread *caller)
{
    struct capability *slot;
    int64_t status = PD_OK;

    for (uint32_t i = 0; i < offered(caller->r8) && status == PD_OK; i++)
        status = receiving_slot(caller, i, &slot);
    return status;
}

int64_t handover_begin(struct service *service, struct thread *caller)
{
    uint32_t count = sent(caller->r8);
    int64_t status = check_receiving(caller);

    if (status != PD_OK || !count)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        const struct capability_transfer *entry = entry_at(caller, i);
        struct capability *source;

        status = find_source(caller, entry, &source);
        if (status != PD_OK) {
            handover_end(service);
            return status;
        }
        put(service, i, entry, source)->moving = moves(entry, source);
    }
    return PD_OK;
}

/* ---- while a transaction runs ---- */

int64_t handover_keep(struct service *service, uint64_t arrived, uint64_t index)
{
    struct portal *portal = service->portal;

    if (arrived >= CALL_CAPABILITIES || index >= BINDING_CAPABILITIES)
        return PD_BAD_ARGUMENT;
    if (!portal || service->closing)
        return PD_BAD_STAGE;
    if (transient_slot(service, (uint32_t)arrived)->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    if (!portal->kept)
        portal->kept = kernel_allocate(portal->client, BINDING_CAPABILITIES * sizeof(struct capability));
    if (!portal->kept)
        return PD_NO_QUOTA;
    service->attention |= ATTENTION_OPENED;
    service->keep[arrived] = (uint8_t)(index + 1);
    return PD_OK;
}

int64_t handover_use(struct service *service, struct portal *portal, uint64_t index, uint64_t place)
{
    struct capability *kept = portal && portal->kept ? &portal->kept[index % BINDING_CAPABILITIES] : NULL;

    if (!portal || index >= BINDING_CAPABILITIES || place >= USED_PLACES)
        return PD_BAD_ARGUMENT;
    if (!kept || kept->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    put(service, CALL_CAPABILITIES + (uint32_t)place,
        &(struct capability_transfer){.rights = kept->rights, .badge = kept->badge}, kept);
    return PD_OK;
}

int64_t handover_drop(struct service *service, struct portal *portal, uint64_t index)
{
    if (!portal || index >= BINDING_CAPABILITIES)
        return PD_BAD_ARGUMENT;
    if (service->drop_count == SERVICE_DROPS)
        return PD_BUSY;
    service->drops[service->drop_count++] = (struct drop){.portal = portal, .index = (uint32_t)index};
    service->attention |= ATTENTION_OPENED;
    return PD_OK;
}

uint64_t handover_kept(const struct portal *portal)
{
    uint64_t mask = 0;

    for (uint32_t i = 0; portal->kept && i < BINDING_CAPABILITIES; i++)
        mask |= (uint64_t)(portal->kept[i].type != OBJECT_NONE) << i;
    return mask;
}

/* ---- ending ---- */

static void keep(struct capability *kept, struct capability *arrived)
{
    if (arrived->type == OBJECT_NONE) /* revoked meanwhile */
        return;
    capability_clear(kept);
    if (arrived->moving)
        capability_replace(kept, arrived->parent, arrived->rights, arrived->badge);
    else
        capability_fill(kept, arrived->object, arrived->rights, arrived->badge, arrived);
    kept->leaf = 1;
}

void handover_commit(struct service *service)
{
    for (uint32_t i = 0; i < service->drop_count; i++) {
        const struct drop *drop = &service->drops[i];

        if (drop->portal->kept)
            capability_clear(&drop->portal->kept[drop->index]);
    }
    for (uint32_t i = 0; i < CALL_CAPABILITIES; i++)
        if (service->keep[i])
            keep(&service->portal->kept[service->keep[i] - 1], transient_slot(service, i));
}

/* `slot` was filled by a reply; if it is a worker's transient one, it goes like the others. */
static void received_by(struct thread *caller, struct capability *slot)
{
    struct service *service = caller->service;
    uint64_t index = service ? (uint64_t)(slot - transient_slot(service, 0)) : TRANSIENT_SLOTS;

    if (index >= TRANSIENT_SLOTS)
        return;
    slot->leaf = 1;
    service->transient |= 1u << index;
    service->attention |= ATTENTION_OPENED;
}

uint64_t handover_reply(struct thread *worker, struct thread *caller)
{
    uint32_t count = sent(worker->r8) < offered(caller->r8) ? sent(worker->r8) : offered(caller->r8);
    uint64_t received = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct capability_transfer *entry = entry_at(worker, i);
        struct capability *source, *slot;

        if (find_source(worker, entry, &source) != PD_OK || receiving_slot(caller, i, &slot) != PD_OK)
            continue;
        if (moves(entry, source))
            capability_replace(slot, source, entry->rights, entry->badge);
        else
            capability_fill(slot, source->object, entry->rights, entry->badge, source);
        received_by(caller, slot);
        received |= 1u << i;
    }
    return received << TRANSFER_RECEIVED_SHIFT;
}

void handover_forget(struct portal *portal)
{
    if (!portal->kept)
        return;
    for (uint32_t i = 0; i < BINDING_CAPABILITIES; i++)
        capability_clear(&portal->kept[i]);
    kernel_free(portal->client, portal->kept, BINDING_CAPABILITIES * sizeof(struct capability));
    portal->kept = NULL;
}
