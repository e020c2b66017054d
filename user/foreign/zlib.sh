# SPDX-License-Identifier: MIT
# zlib: minigzip, a small gzip; zlib-example, the library's own test (test/example.c).
package=zlib

compile() {
    objects -std=gnu99 -O2 -DHAVE_UNISTD_H -I. -- ./*.c test/minigzip.c test/example.c
    program minigzip test/minigzip.o ./*.o
    program zlib-example test/example.o ./*.o
}
