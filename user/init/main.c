/* SPDX-License-Identifier: MIT */
/* The life of the machine above the kernel: services, session, unmount, end. Rule: init.h. */
#include "init.h"

#include "abi/fs.h"
#include "abi/proc.h"
#include "abi/posix_errno.h"
#include "perdure/domain.h"
#include "perdure/portal.h"
#include "perdure/service.h"
#include "servers/common/server.h"

#define UNMOUNT_ATTEMPTS 16

_Noreturn void init_main(void);

static _Noreturn void machine_end(uint64_t code, uint64_t detail)
{
    for (;;) {
        pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_SHUTDOWN, code, detail, 0, 0);
    }
}

_Noreturn void init_fail(const char *what, const char *name, int64_t status)
{
    server_log("init: %s of %s: %s (%ld)", what, name, pd_status_text(status), status);
    machine_end(MACHINE_SERVICE_LOST, (uint64_t)-status);
}

void init_check(int64_t status, const char *what, const char *name)
{
    if (status != PD_OK) {
        init_fail(what, name, status);
    }
}

/* Bind init itself to a service that it calls at the end. */
static void bind(uint32_t number)
{
    uint64_t binding;

    init_check(pd_service_bind(SLOT_SERVICES + number, SLOT_SELF_DOMAIN, manifest_services[number].portal_slot, 0, &binding),
               "binding init to", manifest_services[number].name);
}

/* Have a service derive its collective state again: the log says how often it differed from what it kept. */
static void audit(uint32_t number, uint32_t operation)
{
    struct pd_call call = {0};

    if (pd_invoke(manifest_services[number].portal_slot, operation, &call) == PD_OK && (int64_t)call.word[0] >= 0) {
        server_log("init: audit of %s differences=%lu", manifest_services[number].name, call.word[0]);
    }
}

/*
 * Write everything back and mark the disk clean. Unmounting may be repeated, so a request that was dropped because the
 * file system died over it again and again is made again. A machine without a disk has nothing to unmount; a lost file
 * system is a lost service.
 */
static void unmount(void)
{
    struct pd_call call;
    int64_t status;

    for (int attempt = 0; attempt < UNMOUNT_ATTEMPTS; attempt++) {
        call = (struct pd_call){0};
        status = pd_invoke(SLOT_FS, FS_UNMOUNT, &call);
        if (status != PD_POISON) {
            break;
        }
    }
    if (status != PD_OK) {
        init_fail("unmounting", "fs", status);
    }
    if ((int64_t)call.word[0] < 0 && (int64_t)call.word[0] != -PE_NODEV) {
        server_log("init: unmounting answered error %ld: the disk may need e2fsck", -(int64_t)call.word[0]);
    }
}

_Noreturn void init_main(void)
{
    int status;

    services_start();
    if (!service_present(SERVICE_NUMBER_FS)) {
        machine_end(MACHINE_FINISHED, (uint64_t)session_run());
    }
    bind(SERVICE_NUMBER_FS);
    if (service_present(SERVICE_NUMBER_PROC)) {
        bind(SERVICE_NUMBER_PROC);
    }
    status = session_run();
    audit(SERVICE_NUMBER_FS, FS_AUDIT);
    if (service_present(SERVICE_NUMBER_PROC)) {
        audit(SERVICE_NUMBER_PROC, PROC_AUDIT);
    }
    unmount();
    machine_end(MACHINE_FINISHED, (uint64_t)status);
}
