# SPDX-License-Identifier: MIT
# BusyBox: the everyday utilities for files and text, in one program; busybox/config says which.
package=busybox
libraries=-lm

compile() {
    local here=$root/user/foreign/busybox option
    make allnoconfig
    for option in $(grep -v '^#' "$here/config"); do
        case $option in
        *=*) sed -i "s/^CONFIG_${option%=*}=.*/CONFIG_$option/" .config ;;
        *) sed -i "s/^# CONFIG_$option is not set/CONFIG_$option=y/" .config ;;
        esac
    done
    make oldconfig < <(yes '')
    # A few files of libbb are about networks and do not compile (-k). None of the programs chosen needs them: if one did, its
    # link would fail.
    make -k -j2 CC="$CC -I$here/include" HOSTCC=gcc SKIP_STRIP=y || true
    ar rc libbb/all.a libbb/*.o
    # shellcheck disable=SC2046
    program busybox applets/built-in.o $(find . -name '*.a')
    make busybox.links
    cp busybox.links "$OUT/links"
}
