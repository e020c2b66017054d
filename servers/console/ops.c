/* SPDX-License-Identifier: MIT */
/* The operations of the console (abi/console.toml). Rule: arguments first, then the region. */
#include "servers/common/server.h"

#include "abi/posix_errno.h"
#include "input.h"
#include "line.h"
#include "output.h"
#include "state.h"

static int64_t write_stream(const struct request *request)
{
    uint64_t stream = request->words[0];
    uint64_t bytes = request->words[1];

    if ((stream != CONSOLE_STREAM_OUTPUT && stream != CONSOLE_STREAM_ERROR) ||
        bytes > request->message_bytes) {
        return -PE_INVAL;
    }
    return output_write(request->binding, (uint32_t)stream, (uint32_t)bytes);
}

static int64_t read_input(struct request *request)
{
    uint64_t count = request->words[0];
    int32_t bytes;

    if (count < 1 || count > MESSAGE_BYTES) {
        return -PE_INVAL;
    }
    bytes = line_read(console_region(), console.terminal, server_message(), (uint32_t)count);
    if (bytes == LINE_NOTHING) {
        return SERVICE_DEFER;
    }
    input_resume();
    request->reply_bytes = (uint32_t)bytes;
    return bytes;
}

static int64_t set_mode(const struct request *request)
{
    int64_t old = console_region()->mode;

    if (request->words[0] != CONSOLE_MODE_COOKED && request->words[0] != CONSOLE_MODE_RAW) {
        return -PE_INVAL;
    }
    line_set_mode(console_region(), (uint32_t)request->words[0]);
    return old;
}

static int64_t info(struct request *request)
{
    request->reply[1] = console.terminal;
    request->reply[2] = console.columns;
    request->reply[3] = console.rows;
    return 0;
}

int64_t service_call(struct request *request)
{
    switch (request->operation) {
    case CONSOLE_WRITE:
        return write_stream(request);
    case CONSOLE_READ:
        return read_input(request);
    case CONSOLE_SET_MODE:
        return set_mode(request);
    case CONSOLE_INFO:
        return info(request);
    case CONSOLE_POLL:
        return line_available(console_region(), console.terminal);
    default:
        return -PE_NOSYS;
    }
}
