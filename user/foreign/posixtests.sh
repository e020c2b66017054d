# SPDX-License-Identifier: MIT
# The POSIX conformance tests: one program for each interface, build/programs/posix/INTERFACE, which runs the test that its
# name or its first argument says. build/foreign/posixtests/absent says of every other test what it needs that is not here.
# (Folders `speculative`, of what POSIX leaves open, and `templates` are left out.)
package=posixtestsuite

compile() {
    find conformance/interfaces -mindepth 2 -maxdepth 2 -name '[0-9]*-*.c' -printf '%h\n' | sort -u | xargs -P 2 -n 1 \
        "$root/user/foreign/posixtests/compile" "$OUT"
    sort -o "$OUT/refused" "$OUT/refused"
    find conformance/interfaces -mindepth 2 -maxdepth 2 -name '[0-9]*-[0-9]*.sh' -exec cp --parents -t "$OUT" {} +
}

link() {
    user/foreign/posixtests/link.py "$READY" build/foreign/posixtests build/programs/posix
}
