/* SPDX-License-Identifier: MIT */
/* Copying with checks (data.h has the rule). */
#include "data.h"

#include "cache.h"

#define COPY_ATTEMPTS 3

/* The part of `bytes` from `place` on that lies in its chunk. */
static uint32_t piece_bytes(uint32_t place, uint32_t bytes)
{
    uint32_t left = CHUNK_BYTES - (place & (CHUNK_BYTES - 1));

    return left < bytes ? left : bytes;
}

/* The same for a whole unit none of whose chunks is stale: the path of large reads. */
static bool unit_arrived(const struct frame *head, const uint8_t *to)
{
    uint32_t seed = cache_seed(head->key, 0);

    for (uint32_t chunk = 0; chunk < UNIT_CHUNKS; chunk++) {
        if (checksum_chunk(seed + chunk, to + chunk * CHUNK_BYTES) != head->checksum[chunk]) {
            return false;
        }
    }
    return true;
}

/* Whether `to` holds what the frame should hold. Whole chunks by their checksums, parts by comparison. */
static bool arrived(uint32_t frame, uint32_t place, const uint8_t *to, uint32_t bytes)
{
    const struct frame *head = &fs_scratch.frame[frame];

    if (bytes == UNIT_BYTES && head->stale_chunks == 0) {
        return unit_arrived(head, to);
    }
    while (bytes > 0) {
        uint32_t piece = piece_bytes(place, bytes);
        uint32_t chunk = place >> CHUNK_SHIFT;

        if (piece == CHUNK_BYTES && !(head->stale_chunks >> chunk & 1)) {
            if (checksum_chunk(cache_seed(head->key, chunk), to) != head->checksum[chunk]) {
                return false;
            }
        } else {
            cache_verify(frame, place, piece);
            if (memcmp(cache_bytes(frame) + place, to, piece) != 0) {
                return false;
            }
        }
        place += piece;
        to += piece;
        bytes -= piece;
    }
    return true;
}

int64_t data_copy_out(uint32_t frame, uint32_t place, uint8_t *to, uint32_t bytes)
{
    for (uint32_t attempt = 0; attempt < COPY_ATTEMPTS; attempt++) {
        memcpy(to, cache_bytes(frame) + place, bytes);
        if (arrived(frame, place, to, bytes)) {
            return 0;
        }
        cache_compare(frame, cache_chunks(place, bytes) & ~(uint32_t)fs_scratch.frame[frame].stale_chunks);
        fs.statistics.copies_repeated++;
    }
    return -PE_FAULT;
}

/* Checksums of a whole unit that comes from `source`: the path of large writes. */
static void unit_expect(struct frame *head, const uint8_t *source)
{
    uint32_t seed = cache_seed(head->key, 0);

    for (uint32_t chunk = 0; chunk < UNIT_CHUNKS; chunk++) {
        head->checksum[chunk] = checksum_chunk(seed + chunk, source + chunk * CHUNK_BYTES);
    }
    head->stale_chunks = 0;
}

void data_copy_in(uint32_t frame, uint32_t place, const uint8_t *from, uint32_t bytes)
{
    struct frame *head = &fs_scratch.frame[frame];
    uint32_t at = place;
    uint32_t left = bytes;
    const uint8_t *source = from;

    head->overwritten = 1;
    if (bytes == UNIT_BYTES) {
        unit_expect(head, from);
        left = 0;
    }
    while (left > 0) {
        uint32_t piece = piece_bytes(at, left);
        uint32_t chunk = at >> CHUNK_SHIFT;

        if (piece == CHUNK_BYTES) {
            head->checksum[chunk] = checksum_chunk(cache_seed(head->key, chunk), source);
            head->stale_chunks &= (uint16_t)~(1u << chunk);
        } else {
            cache_verify(frame, at, piece);
            head->stale_chunks |= (uint16_t)(1u << chunk);
        }
        at += piece;
        source += piece;
        left -= piece;
    }
    memcpy(cache_bytes(frame) + place, from, bytes);
    if (bytes == fs.volume.block_bytes) {
        return; /* log_append compares the record with the checksums */
    }
    if (memcmp(cache_bytes(frame) + place, from, bytes) != 0) {
        fs_panic(FS_PANIC_CACHE);
    }
}
