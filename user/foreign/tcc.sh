# SPDX-License-Identifier: MIT
# tcc, a C compiler that runs on Perdure and makes programs for it. build/foreign/tcc/tree is what it needs on the disk:
# its headers, Perdure's, and the libraries. Code that was written a moment ago cannot be executed here (a page is writable
# or executable), so -run is not there; nor are checks of bounds, which need that.
package=tcc
libraries=-lm

compile() {
    local library=(libtcc1 va_list dsohandle alloca86_64)
    cat > config.h <<'CONFIG'
#define TCC_VERSION "0.9.27"
#define CONFIG_TCC_STATIC 1
#define CONFIG_TCCDIR "/lib/tcc"
#define CONFIG_TCC_SYSINCLUDEPATHS "/lib/tcc/include:/include"
#define CONFIG_TCC_LIBPATHS "/lib"
#define CONFIG_TCC_CRTPREFIX "/lib"
CONFIG
    objects -O1 -w -DONE_SOURCE=1 -DTCC_TARGET_X86_64 -DCONFIG_TCCBOOT -I. -- tcc.c
    program tcc tcc.o
    objects -O1 -w -ffreestanding -- lib/libtcc1.c lib/va_list.c lib/dsohandle.c
    "$CC" -c lib/alloca86_64.S -o lib/alloca86_64.o
    mkdir -p "$OUT/tree/lib/tcc" "$OUT/tests"
    cp -r include "$OUT/tree/lib/tcc/"
    (cd lib && ar rcs "$OUT/tree/lib/tcc/libtcc1.a" "${library[@]/%/.o}")
    cp tests/tests2/*.c tests/tests2/*.h tests/tests2/*.expect "$OUT/tests/"
}

# libc.a and libperdure.a need each other and tcc reads a library once: they become one.
link() {
    local sysroot=$root/build/sysroot tree=$root/build/foreign/tcc/tree objects
    link_programs
    mkdir -p "$tree/include"
    cp -r "$sysroot/include/." "$tree/include/"
    cp "$sysroot/lib/crt0.o" "$tree/lib/crt1.o"
    as -o "$tree/lib/crti.o" /dev/null
    cp "$tree/lib/crti.o" "$tree/lib/crtn.o"
    objects=$(mktemp -d)
    (cd "$objects" && ar x "$sysroot/lib/libc.a" && ar x "$sysroot/lib/libperdure.a" && strip -g ./*.o &&
        rm -f "$tree/lib/libc.a" && ar rcs "$tree/lib/libc.a" ./*.o)
    rm -r "$objects"
    strip -g -o "$tree/lib/libm.a" "$sysroot/lib/libm.a"
}
