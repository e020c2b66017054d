# SPDX-License-Identifier: MIT
# SQLite: its shell, and speedtest1 of its own test folder. One thread, no shared memory and no loading of libraries, as
# Perdure has none; for the rest the library as its makers ship it. Its scripts make the amalgamation on the host.
package=sqlite3
libraries=-lm

compile() {
    ./configure --disable-tcl --disable-readline --disable-threadsafe --disable-load-extension CC=gcc CFLAGS=-O0
    make sqlite3.c shell.c
    local options=(-O1 -std=gnu99 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_MAX_MMAP_SIZE=0
        -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_DBSTAT_VTAB
        -DHAVE_FDATASYNC=1 -DHAVE_LOCALTIME_R=1 -DHAVE_USLEEP=1 -DHAVE_UTIME=1 -DHAVE_READLINK=1 -DHAVE_LSTAT=1
        -DHAVE_FCHMOD=1 -DHAVE_FCHOWN=1 -DHAVE_PREAD=1 -DHAVE_PWRITE=1 -I.)
    objects "${options[@]}" -- sqlite3.c shell.c test/speedtest1.c
    program sqlite3 shell.o sqlite3.o
    program speedtest1 test/speedtest1.o sqlite3.o
}
