/* SPDX-License-Identifier: MIT */
/* Reading the command line and bundles. Rule: a bundle is input, so every field is checked before use. */
#include "perdure/boot.h"

static size_t length_of(const char *text, size_t limit)
{
    size_t length = 0;

    while (length < limit && text[length]) {
        length++;
    }
    return length;
}

const char *pd_boot_word(const char *name, size_t *length)
{
    const char *line = pd_boot_info()->command_line;
    size_t end = length_of(line, sizeof pd_boot_info()->command_line);
    size_t name_length = length_of(name, end);
    size_t place = 0;

    while (place < end) {
        size_t start = place;
        size_t matched = 0;

        while (place < end && line[place] != ' ') {
            place++;
        }
        while (matched < name_length && start + matched < place && line[start + matched] == name[matched]) {
            matched++;
        }
        if (matched == name_length && (start + matched == place || line[start + matched] == '=')) {
            start += matched + (start + matched < place);
            *length = place - start;
            return line + start;
        }
        place++;
    }
    *length = 0;
    return NULL;
}

const struct bundle_entry *pd_bundle_entry(const void *bundle, uint64_t bundle_bytes, uint32_t index)
{
    const struct bundle_header *header = bundle;
    const struct bundle_entry *entries = (const void *)(header + 1);

    if (bundle_bytes < PAGE_BYTES || header->magic != BUNDLE_MAGIC || header->version != BUNDLE_VERSION ||
        header->count > BUNDLE_ENTRIES_MAXIMUM || index >= header->count) {
        return NULL;
    }
    if (entries[index].offset_bytes % PAGE_BYTES || entries[index].offset_bytes > bundle_bytes ||
        entries[index].size_bytes > bundle_bytes - entries[index].offset_bytes) {
        return NULL;
    }
    return &entries[index];
}

const struct bundle_entry *pd_bundle_find(const void *bundle, uint64_t bundle_bytes, const char *name)
{
    const struct bundle_entry *entry;
    size_t length = length_of(name, BUNDLE_NAME_BYTES);

    for (uint32_t index = 0; (entry = pd_bundle_entry(bundle, bundle_bytes, index)) != NULL; index++) {
        size_t matched = 0;

        while (matched < length && entry->name[matched] == name[matched]) {
            matched++;
        }
        if (matched == length && (length == BUNDLE_NAME_BYTES || entry->name[length] == 0)) {
            return entry;
        }
    }
    return NULL;
}
