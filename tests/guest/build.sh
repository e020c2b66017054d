#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the test guest: build.sh DIRECTORY [PATCH] writes DIRECTORY/guest.elf. PATCH is the name of one in guest.h.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
mkdir -p "$out"
patch=${2:-PATCH_NONE}
flags="-DPATCH=$patch -std=gnu17 -O2 -g -ffreestanding -mgeneral-regs-only -mno-red-zone -fno-pic -fno-pie -fno-stack-protector
    -fcf-protection=none -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-jump-tables
    -Wall -Wextra -Werror"
# shellcheck disable=SC2086
for source in kernel services; do
    gcc $flags -c "$here/$source.c" -o "$out/$source.o"
done
gcc -c "$here/boot.S" -o "$out/boot.o"
ld -T "$here/guest.ld" -z noexecstack --no-warn-rwx-segments --build-id=none -z max-page-size=4096 -o "$out/guest.elf" \
    "$out/boot.o" "$out/kernel.o" "$out/services.o"
