/* SPDX-License-Identifier: MIT */
/* What a child gets of the descriptors of its parent. Rule: inherit.h. */
#include "newlib/inherit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "newlib/proc.h"

void glue_files_begin(struct child_files *files)
{
    memcpy(files->table, glue_descriptors, sizeof files->table);
    files->path_count = 0;
}

int glue_files_open(struct child_files *files, int fd, const char *path, int flags)
{
    struct open_file *file = &files->opened[files->path_count];

    if (fd < 0 || fd >= GLUE_DESCRIPTORS) {
        return EBADF;
    }
    if (files->path_count == CHILD_PATHS) {
        return ENOMEM;
    }
    *file = (struct open_file){.kind = OPEN_PATH, .handle = files->path_count, .flags = (uint32_t)flags};
    files->paths[files->path_count++] = path;
    files->table[fd] = (struct descriptor){file, 0};
    return 0;
}

int glue_files_dup2(struct child_files *files, int source, int fd)
{
    if (fd < 0 || fd >= GLUE_DESCRIPTORS || (unsigned)source >= GLUE_DESCRIPTORS || !files->table[source].file) {
        return EBADF;
    }
    files->table[fd] = (struct descriptor){files->table[source].file, 0};
    return 0;
}

int glue_files_close(struct child_files *files, int fd)
{
    if (fd < 0) {
        return EBADF;
    }
    if (fd < GLUE_DESCRIPTORS) {
        files->table[fd].file = NULL;
    }
    return 0;
}

/* Let others share the offset of a file from now on. Too many shared offsets: each goes on with its own. */
static void share(struct open_file *file, uint64_t offset)
{
    int64_t number = glue_proc(PROC_OFFSET_NEW, offset, 0, 0);

    if (number >= 0) {
        file->kind = OPEN_SHARED;
        file->shared_offset = (uint32_t)number;
    }
}

/* A file, as another session of the file system can open it. 0 or -1 and errno. */
static int describe_file(struct open_file *file, struct startup_stream *stream)
{
    struct pd_call call = {.word = {file->handle, 0, 0, 0}};
    int64_t inode = glue_result(pd_portal_call(SLOT_FS, FS_DESCRIBE, &call));
    int regular = (call.word[3] & FS_MODE_TYPE_MASK) == FS_MODE_REGULAR;

    if (inode < 0) {
        return -1;
    }
    if (file->kind == OPEN_FILE && regular && !((file->flags & O_APPEND) && (file->flags & O_ACCMODE) == O_WRONLY)) {
        share(file, call.word[2]);
    }
    stream->kind = STARTUP_FILE;
    stream->number = (uint32_t)inode;
    stream->generation = (uint32_t)call.word[1];
    stream->offset = call.word[2];
    return 0;
}

static int describe(struct open_file *file, const struct child_files *files, int held, struct startup_stream *stream)
{
    stream->flags = file->flags;
    stream->number = file->handle;
    switch (file->kind) {
    case OPEN_CONSOLE:
        stream->kind = STARTUP_CONSOLE;
        break;
    case OPEN_PATH:
        stream->kind = STARTUP_PATH;
        stream->path = files->paths[file->handle];
        break;
    case OPEN_PIPE:
        stream->kind = STARTUP_PIPE;
        break;
    case OPEN_FILE:
    case OPEN_SHARED:
        stream->kind = STARTUP_HELD;
        if (!held && describe_file(file, stream) != 0) {
            return -1;
        }
        stream->shared_offset = file->kind == OPEN_SHARED ? (uint8_t)(file->shared_offset + 1) : 0;
        break;
    default:
        stream->kind = STARTUP_DEVICE;
        stream->number = file->kind;
        break;
    }
    return 0;
}

/* What the child's process must hold for a stream. */
static void note_holdings(struct inheritance *inheritance, const struct startup_stream *stream)
{
    if (stream->kind == STARTUP_PIPE && (stream->flags & O_ACCMODE) == O_RDONLY) {
        inheritance->reads |= 1ull << stream->number;
    } else if (stream->kind == STARTUP_PIPE) {
        inheritance->writes |= 1ull << stream->number;
    } else if (stream->shared_offset) {
        inheritance->offsets |= 1ull << (stream->shared_offset - 1);
    }
}

/* The first descriptor below `fd` that goes to the child and leads to the same file; -1 if there is none. */
static int earlier(const struct child_files *files, int fd)
{
    for (int other = 0; other < fd; other++) {
        if (files->table[other].file == files->table[fd].file && !(files->table[other].flags & FD_CLOEXEC)) {
            return other;
        }
    }
    return -1;
}

int glue_inherit(const struct child_files *files, int held, struct inheritance *inheritance)
{
    inheritance->count = 0;
    inheritance->reads = inheritance->writes = inheritance->offsets = 0;
    for (int fd = 0; fd < GLUE_DESCRIPTORS; fd++) {
        struct startup_stream *stream = &inheritance->streams[inheritance->count];
        int same;

        if (!files->table[fd].file || (files->table[fd].flags & FD_CLOEXEC)) {
            continue;
        }
        *stream = (struct startup_stream){.descriptor = (uint16_t)fd};
        same = earlier(files, fd);
        if (same >= 0) {
            stream->kind = STARTUP_SAME;
            stream->number = (uint32_t)same;
        } else if (describe(files->table[fd].file, files, held, stream) != 0) {
            return -1;
        }
        note_holdings(inheritance, stream);
        inheritance->count++;
    }
    return 0;
}

/* The handle of this program's own for a file of its parent; -1 and errno. */
static int64_t adopt_file(const struct startup_stream *stream)
{
    struct pd_call call = {.word = {stream->number, stream->generation, stream->flags, stream->offset}};

    return glue_result(pd_portal_call(SLOT_FS, FS_ADOPT, &call));
}

/* The description that a stream stands for; NULL and errno. */
static struct open_file *adopt(const struct startup_stream *stream)
{
    struct open_file *file;
    int64_t handle = stream->number;
    enum open_file_kind kind = stream->shared_offset ? OPEN_SHARED : OPEN_FILE;

    switch (stream->kind) {
    case STARTUP_CONSOLE:
        return glue_file_new(OPEN_CONSOLE, stream->number, stream->descriptor == 0 ? O_RDWR : stream->flags | O_RDWR);
    case STARTUP_DEVICE:
        return glue_file_new((enum open_file_kind)stream->number, 0, stream->flags);
    case STARTUP_PIPE:
        return glue_file_new(OPEN_PIPE, stream->number, stream->flags);
    case STARTUP_FILE:
        handle = adopt_file(stream);
        break;
    default:
        break;
    }
    file = handle < 0 ? NULL : glue_file_new(kind, (uint32_t)handle, stream->flags);
    if (file) {
        file->shared_offset = stream->shared_offset - 1u;
    }
    return file;
}

static int adopt_one(const struct startup_stream *stream)
{
    struct descriptor *descriptor = &glue_descriptors[stream->descriptor];
    int fd;

    if (stream->kind == STARTUP_SAME) {
        descriptor->file = glue_descriptors[stream->number].file;
        descriptor->file->references++;
        return 0;
    }
    if (stream->kind != STARTUP_PATH) {
        descriptor->file = adopt(stream);
        return descriptor->file ? 0 : -1;
    }
    fd = open(stream->path, (int)stream->flags, 0666);
    if (fd >= 0 && fd != stream->descriptor) {
        dup2(fd, stream->descriptor);
        close(fd);
    }
    return fd < 0 ? -1 : 0;
}

int glue_adopt(const struct startup_stream *streams, uint64_t count)
{
    for (uint64_t index = 0; index < count; index++) {
        if (adopt_one(&streams[index]) != 0) {
            return -1;
        }
    }
    return 0;
}

int glue_adopt_copies(const struct startup_stream *streams, uint64_t count)
{
    for (uint64_t index = 0; index < count; index++) {
        if (streams[index].kind == STARTUP_FILE) {
            int64_t handle = adopt_file(&streams[index]);

            if (handle < 0) {
                return -1;
            }
            glue_descriptors[streams[index].descriptor].file->handle = (uint32_t)handle;
        }
    }
    return 0;
}
