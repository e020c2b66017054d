# SPDX-License-Identifier: MIT
# Lua: the interpreter. Debian's build makes a header that names the machine; so does this.
package=lua5.4
libraries=-lm

compile() {
    cd src
    echo '#define DEB_HOST_MULTIARCH "x86_64-perdure"' > lua5.4-deb-multiarch.h
    rm luac.c
    objects -std=gnu99 -O2 -DLUA_COMPAT_5_3 -I. -- l*.c
    program lua ./*.o
}
