/* SPDX-License-Identifier: MIT */
/* See sys/statvfs.h, which POSIX has. */
