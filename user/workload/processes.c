/* SPDX-License-Identifier: MIT */
/*
 * processes: children that send back what they are sent, each byte one higher, through pipes.
 *
 * Rule: how many bytes one call moves may differ from run to run; which bytes there are, and the status that a child ends
 * with, may not. Those are in the digest.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/workload/client.h"

#define MESSAGE_LIMIT 6000 /* both ways together it fits into the pipes, so that nobody waits for ever */
#define MESSAGES 6         /* to each child */
#define STATUS_MASK 0x7f

static uint8_t sent[MESSAGE_LIMIT];
static uint8_t got[MESSAGE_LIMIT];

/* The child: until its input ends. Its status is made of all that it was sent. */
static _Noreturn void send_back(int from, int to)
{
    uint32_t crc = 0;
    ssize_t bytes;

    while ((bytes = read(from, got, sizeof got)) > 0) {
        crc = client_crc32(crc, got, (size_t)bytes);
        for (ssize_t index = 0; index < bytes; index++) {
            got[index]++;
        }
        if (write(to, got, (size_t)bytes) != bytes) {
            _exit(STATUS_MASK + 1);
        }
    }
    _exit(bytes == 0 ? (int)(crc & STATUS_MASK) : STATUS_MASK + 2);
}

/* As many bytes as are wanted, or fewer at the end of the file. */
static ssize_t read_all(int fd, size_t wanted)
{
    size_t done = 0;

    while (done < wanted) {
        ssize_t bytes = read(fd, got + done, wanted - done);

        if (bytes <= 0) {
            return bytes < 0 ? -1 : (ssize_t)done;
        }
        done += (size_t)bytes;
    }
    return (ssize_t)done;
}

/* One message there and back. */
static void exchange(struct client *client, int to, int from, uint32_t *crc)
{
    size_t bytes = 1 + client_random(client, MESSAGE_LIMIT - 1);
    size_t wrong = 0;

    client_fill(sent, bytes, client_random(client, UINT64_MAX));
    *crc = client_crc32(*crc, sent, bytes);
    if (!client_reply(client, OP_WRITE, write(to, sent, bytes), 0) ||
        !client_reply(client, OP_READ, read_all(from, bytes), 0)) {
        return;
    }
    for (size_t index = 0; index < bytes; index++) {
        wrong += got[index] != (uint8_t)(sent[index] + 1);
    }
    client_data(client, got, bytes);
    if (wrong) {
        client_wrong(client, "bytes that came back", "a pipe");
    }
}

/* A child, its messages, its end. */
static void round_of_messages(struct client *client)
{
    int there[2];
    int back[2];
    uint32_t crc = 0;
    int status = 0;
    pid_t child;

    if (pipe(there) != 0 || pipe(back) != 0 || (child = fork()) < 0) {
        client_reply(client, OP_PROCESS, -1, 0);
        return;
    }
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        send_back(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    for (unsigned message = 0; message < MESSAGES; message++) {
        exchange(client, there[1], back[0], &crc);
    }
    close(there[1]);
    client_reply(client, OP_READ, read(back[0], got, 1), 0);
    close(back[0]);
    client_reply(client, OP_PROCESS, waitpid(child, &status, 0) == child ? 0 : -1, 0);
    client_data(client, &status, sizeof status);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)(crc & STATUS_MASK)) {
        client_wrong(client, "status", "a child");
    }
}

int variant_processes(struct client *client)
{
    while (client->operations < client->operations_wanted) {
        round_of_messages(client);
    }
    return 0;
}
