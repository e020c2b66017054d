/* SPDX-License-Identifier: MIT */
/* The life of the machine above the kernel: services, session, unmount, end. Rule: init.h. */
#include "init.h"

#include "abi/fs.h"
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

/* Bind init itself to what it calls at the end. */
static void bind_file_system(void)
{
    uint64_t binding;

    init_check(pd_service_bind(SLOT_SERVICES + SERVICE_NUMBER_FS, SLOT_SELF_DOMAIN, SLOT_FS, 0, &binding), "binding",
               "fs to init");
}

/* Have the file system derive its collective state again: the log says how often it differed from what it kept. */
static void audit(void)
{
    struct pd_call call = {0};

    if (pd_invoke(SLOT_FS, FS_AUDIT, &call) == PD_OK && (int64_t)call.word[0] >= 0) {
        server_log("init: audit of fs differences=%lu", call.word[0]);
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
    bind_file_system();
    status = session_run();
    audit();
    unmount();
    machine_end(MACHINE_FINISHED, (uint64_t)status);
}
