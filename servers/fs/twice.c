/* SPDX-License-Identifier: MIT */
/* Doing it twice (twice.h has the rule). */
#include "twice.h"

#include "checksum.h"
#include "transaction.h"

/* Errors leave nothing but their number. */
static bool is_error(int64_t result)
{
    return result < 0 && result != SERVICE_AGAIN;
}

static int64_t attempt(int64_t (*operation)(struct request *request), struct request *request, bool revocable)
{
    int64_t result;

    transaction_begin(revocable);
    result = operation(request);
    if (is_error(result)) {
        if (result != FS_TWICE && fs.transaction.failure == (uint32_t)-FS_DRAIN_FIRST) {
            result = FS_DRAIN_FIRST;
        }
        transaction_abort();
        request->reply_bytes = 0;
    }
    return result;
}

/* What the client would be told, besides the result. */
static uint32_t reply_digest(const struct request *request, uint32_t digest)
{
    return checksum_words(digest + request->reply_bytes, request->reply + 1, 3);
}

int64_t do_twice(int64_t (*operation)(struct request *request), struct request *request, bool structural)
{
    int64_t result = attempt(operation, request, structural);
    uint32_t digest = 0;
    uint32_t reply;

    if (result == FS_TWICE) {
        structural = true;
        result = attempt(operation, request, true);
    }
    if (result == FS_DRAIN_FIRST || result == -PE_FAULT) {
        return result;
    }
    if (structural || is_error(result)) {
        digest = transaction_digest();
        reply = reply_digest(request, (uint32_t)result);
        transaction_abort();
        if (attempt(operation, request, structural) != result || reply_digest(request, (uint32_t)result) != reply) {
            fs_panic(FS_PANIC_TWICE);
        }
    }
    transaction_commit(structural ? &digest : NULL);
    return result;
}
