/* SPDX-License-Identifier: MIT */
/* Pipes and shared offsets: the library's side of them. Rule: pipes.c. */
#ifndef NEWLIB_PIPES_H
#define NEWLIB_PIPES_H

#include "newlib/glue.h"

/* As read() and write() answer. */
ssize_t glue_pipe_read(struct open_file *file, void *buffer, size_t bytes);
ssize_t glue_pipe_write(struct open_file *file, const uint8_t *buffer, size_t bytes);

/* Give an end up: 0 or -PE_*. */
int64_t glue_pipe_close(const struct open_file *file);

void glue_pipe_stat(const struct open_file *file, struct stat *answer);

/* Of a file of kind OPEN_SHARED: as read(), write() and lseek() answer. */
ssize_t glue_shared_transfer(struct open_file *file, void *buffer, size_t bytes, int reading);
off_t glue_shared_seek(struct open_file *file, off_t offset, int whence);

#endif
