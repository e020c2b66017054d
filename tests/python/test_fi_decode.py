# SPDX-License-Identifier: MIT
"""The plugin's decoder: lengths as objdump has them, uses as the manual has them."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache

import pytest
from fi_guest import BUILD, ROOT

PROGRAM = r"""
#include "decode.h"
#include <stdio.h>
int main(void)
{
    char line[256];
    while (fgets(line, sizeof(line), stdin)) {
        unsigned char bytes[16];
        unsigned value;
        int count = 0, used;
        for (char *at = line; count < 15 && sscanf(at, "%x%n", &value, &used) == 1; at += used)
            bytes[count++] = (unsigned char)value;
        struct instruction i;
        instruction_decode(bytes, (size_t)count, &i);
        printf("%d %u %d %u %u %u %ld %x %x", i.known, i.length_bytes, i.memory, i.base, i.index, i.scale,
               (long)i.displacement, i.flags_read, i.flags_written);
        for (int r = 0; r < 16; r++)
            printf(" %lx %lx", i.read[r], i.written[r]);
        for (int r = 0; r < 16; r++)
            printf(" %d", instruction_sse(bytes, (size_t)count, r));
        printf("\n");
    }
}
"""
NAMES = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))
ALL, LOW32, LOW16, LOW8 = 2**64 - 1, 2**32 - 1, 0xFFFF, 0xFF
CF, ZF, DF = 1, 0x40, 0x400
ARITHMETIC = 0x8D5


@lru_cache
def program() -> str:
    BUILD.mkdir(parents=True, exist_ok=True)
    source = BUILD / "decode_test.c"
    source.write_text(PROGRAM)
    plugin = ROOT / "faultinject" / "plugin"
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-Wall", "-fsanitize=address,undefined", f"-I{plugin}", "-o",
                    BUILD / "decode_test", source, *sorted(plugin.glob("decode*.c"))], check=True, timeout=120)
    return str(BUILD / "decode_test")


def decode(lines: list[str]) -> list[list[str]]:
    done = subprocess.run([program()], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
                          timeout=120)
    return [line.split() for line in done.stdout.splitlines()]


def assemble(text: str) -> str:
    BUILD.mkdir(parents=True, exist_ok=True)
    source = BUILD / "one.s"
    source.write_text(text + "\n")
    subprocess.run(["as", "-o", BUILD / "one.o", source], check=True, timeout=20)
    dump = subprocess.run(["objdump", "-dw", BUILD / "one.o"], capture_output=True, text=True, check=True,
                          timeout=20).stdout
    return re.search(r"^\s+0:\t((?:[0-9a-f]{2} )+)", dump, re.MULTILINE)[1]


#: instruction: (what it reads, what it replaces, flags read, flags replaced)
CASES = {
    "mov %rbx, %rax": ({"rbx": ALL}, {"rax": ALL}, 0, 0),
    "mov %ebx, %eax": ({"rbx": LOW32}, {"rax": ALL}, 0, 0),
    "mov %bx, %ax": ({"rbx": LOW16}, {"rax": LOW16}, 0, 0),
    "mov %ah, %bl": ({"rax": 0xFF00}, {"rbx": LOW8}, 0, 0),
    "mov %r9b, %sil": ({"r9": LOW8}, {"rsi": LOW8}, 0, 0),
    "mov $5, %r12d": ({}, {"r12": ALL}, 0, 0),
    "mov 8(%rax,%rcx,4), %rdx": ({"rax": ALL, "rcx": ALL}, {"rdx": ALL}, 0, 0),
    "mov %dl, 8(%r13)": ({"r13": ALL, "rdx": LOW8}, {}, 0, 0),
    "lea (%rdi,%rsi), %r8": ({"rdi": ALL, "rsi": ALL}, {"r8": ALL}, 0, 0),
    "xor %eax, %eax": ({}, {"rax": ALL}, 0, ARITHMETIC),
    "xor %ebx, %eax": ({"rax": LOW32, "rbx": LOW32}, {"rax": ALL}, 0, ARITHMETIC),
    "sbb %eax, %eax": ({"rax": LOW32}, {"rax": ALL}, CF, ARITHMETIC),
    "adc $1, %rdx": ({"rdx": ALL}, {"rdx": ALL}, CF, ARITHMETIC),
    "cmp $7, %cl": ({"rcx": LOW8}, {}, 0, ARITHMETIC),
    "inc %r15": ({"r15": ALL}, {"r15": ALL}, 0, ARITHMETIC & ~CF),
    "shl $3, %rbp": ({"rbp": ALL}, {"rbp": ALL}, 0, ARITHMETIC),
    "push %rbx": ({"rbx": ALL, "rsp": ALL}, {"rsp": ALL}, 0, 0),
    "pop %rbx": ({"rsp": ALL}, {"rsp": ALL, "rbx": ALL}, 0, 0),
    "leave": ({"rbp": ALL}, {"rsp": ALL, "rbp": ALL}, 0, 0),
    "mul %rcx": ({"rax": ALL, "rcx": ALL}, {"rax": ALL, "rdx": ALL}, 0, ARITHMETIC),
    "div %rcx": ({"rax": ALL, "rcx": ALL, "rdx": ALL}, {"rax": ALL, "rdx": ALL}, 0, ARITHMETIC),
    "movzbl %al, %eax": ({"rax": LOW8}, {"rax": ALL}, 0, 0),
    "movslq %edi, %rdi": ({"rdi": LOW32}, {"rdi": ALL}, 0, 0),
    "cmove %rcx, %rax": ({"rcx": ALL, "rax": ALL}, {}, ZF, 0),
    "sete %al": ({}, {"rax": LOW8}, ZF, 0),
    "je .+5": ({}, {}, ZF, 0),
    "bswap %edx": ({"rdx": LOW32}, {"rdx": ALL}, 0, 0),
    "syscall": ({}, {"rcx": ALL, "r11": ALL}, 0, 0),
    "crc32q %rax, %rdx": ({"rax": ALL, "rdx": LOW32}, {"rdx": ALL}, 0, 0),
    "rep movsq": ({"rcx": ALL, "rsi": ALL, "rdi": ALL}, {}, DF, 0),
    "cld": ({}, {}, 0, DF),
    "jmp *%rax": ({"rax": ALL}, {}, 0, 0),
    "call *8(%rbx)": ({"rbx": ALL, "rsp": ALL}, {"rsp": ALL}, 0, 0),
    "imul $3, %rsi, %rdi": ({"rsi": ALL}, {"rdi": ALL}, 0, ARITHMETIC),
    "bt $3, %r10": ({"r10": ALL}, {}, 0, CF),
}


@pytest.mark.parametrize("text", CASES)
def test_uses_are_those_of_the_manual(text: str) -> None:
    fields = decode([assemble(text)])[0]
    reads, writes, flags_read, flags_written = CASES[text]
    masks = [int(word, 16) for word in fields[9:]]
    assert fields[0] == "1"
    assert {NAMES[r]: masks[2 * r] for r in range(16) if masks[2 * r]} == reads
    assert {NAMES[r]: masks[2 * r + 1] for r in range(16) if masks[2 * r + 1]} == writes
    assert (int(fields[7], 16), int(fields[8], 16)) == (flags_read, flags_written)


@pytest.mark.parametrize(("text", "operand"), [
    ("mov -8(%rbp), %eax", (1, 5, 255, -8)), ("mov 0x1234(%rip), %eax", (1, 16, 255, 0x1234)),
    ("mov 16(%r12,%r13,8), %eax", (1, 12, 13, 16)), ("mov 0x1000(,%rcx,2), %eax", (1, 255, 1, 0x1000)),
    ("mov (%rsp), %rax", (1, 4, 255, 0)), ("push %rax", (1, 4, 255, -8)), ("ret", (1, 4, 255, 0)),
    ("lea 8(%rax), %rax", (0, 0, 255, 8)), ("call .+5", (1, 4, 255, -8))])
def test_memory_operands_are_found(text: str, operand: tuple[int, int, int, int]) -> None:
    fields = decode([assemble(text)])[0]
    assert (int(fields[2]), int(fields[3]), int(fields[4]), int(fields[6])) == operand


def test_lengths_agree_with_objdump() -> None:
    dump = subprocess.run(["objdump", "-dw", "/usr/sbin/debugfs"], capture_output=True, text=True, check=True,
                          timeout=120).stdout
    found = re.findall(r"^\s+[0-9a-f]+:\t((?:[0-9a-f]{2} )+)\s*\t(\S+)", dump, re.MULTILINE)
    assert len(found) > 10000
    results = decode([code for code, _ in found])
    unknown = [name for (_, name), fields in zip(found, results, strict=True) if fields[0] == "0"]
    wrong = [(name, code) for (code, name), fields in zip(found, results, strict=True)
             if fields[0] == "1" and int(fields[1]) != len(code.split())]
    assert not wrong
    assert len(unknown) < len(found) / 50


def test_what_is_cut_off_is_not_known() -> None:
    assert [fields[0] for fields in decode(["48", "48 8b", "48 8b 84 24 00 00", "e8 00", "0f"])] == ["0"] * 5


NONE, READ, REPLACED = "0", "1", "2"


@pytest.mark.parametrize(("text", "effects"), [
    ("movaps %xmm3, %xmm12", {3: READ, 12: REPLACED}),
    ("movups (%rdi), %xmm9", {9: REPLACED}),
    ("movups %xmm9, (%rdi)", {9: READ}),
    ("movdqa %xmm1, %xmm2", {1: READ, 2: REPLACED}),
    ("movdqu %xmm1, 8(%rsp)", {1: READ}),
    ("movsd (%rdi), %xmm5", {5: REPLACED}),
    ("movsd %xmm4, %xmm5", {4: READ, 5: READ}),
    ("movq %rax, %xmm8", {8: REPLACED}),
    ("movq %xmm8, %rax", {8: READ}),
    ("movq %xmm8, %xmm7", {8: READ, 7: REPLACED}),
    ("movhps (%rdi), %xmm6", {6: READ}),
    ("pxor %xmm11, %xmm11", {11: REPLACED}),
    ("pxor %xmm10, %xmm11", {10: READ, 11: READ}),
    ("xorps %xmm0, %xmm0", {0: REPLACED}),
    ("pshufd $0, %xmm2, %xmm1", {2: READ, 1: REPLACED}),
    ("pshufd $0, %xmm2, %xmm2", {2: READ}),
    ("addsd %xmm14, %xmm15", {14: READ, 15: READ}),
    ("cvtsi2sd %rcx, %xmm3", {3: READ}),
    ("cvttsd2si %xmm3, %rcx", {3: READ}),
    ("punpcklqdq %xmm13, %xmm13", {13: READ}),
    ("crc32q %rax, %rdx", {}),
    ("mov %rax, %rcx", {}),
    ("syscall", {}),
])
def test_what_is_done_with_sse_registers(text: str, effects: dict[int, str]) -> None:
    fields, = decode([assemble(text)])
    assert {n: effect for n, effect in enumerate(fields[-16:]) if effect != NONE} == effects
