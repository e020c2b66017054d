# SPDX-License-Identifier: MIT
"""Reading the logical tree of an ext2 image: what a program would see, and nothing of how it is laid out.

Two images with equal trees hold the same names, types, permissions, owners, contents and links, whatever blocks and
inode numbers they use and whenever they were written. Independent of Perdure's own file system, of the host's kernel
and of e2fsprogs. (Format: D. Poirier, The Second Extended File System; ext2 revision 1.)
"""

from __future__ import annotations

import hashlib
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from faultinject.errors import InjectorError

SUPERBLOCK_OFFSET, SUPERBLOCK_MAGIC = 1024, 0xEF53
ROOT_INODE = 2
DIRECT_BLOCKS, BLOCK_POINTERS = 12, 15
INCOMPATIBLE_FILETYPE = 2
FILES_KEPT_BYTES_MAX = 1 << 40


class Ext2Error(InjectorError):
    """The image cannot be read as ext2; says where it is wrong."""


@dataclass(frozen=True)
class Entry:
    """One name of the tree. `content` is the SHA-256 of a file's bytes, or a symbolic link's target; `same_as` names
    the first path of the same file when it has several."""

    mode: int
    owner: tuple[int, int]
    links: int
    size: int
    content: str
    same_as: str = ""


class Image:
    """An ext2 file system in memory."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        block = self._bytes(SUPERBLOCK_OFFSET, 264, "superblock")
        self.inodes, self.blocks = struct.unpack_from("<II", block, 0)
        self.first_block, log_block = struct.unpack_from("<II", block, 20)
        magic = struct.unpack_from("<H", block, 56)[0]
        if magic != SUPERBLOCK_MAGIC or log_block > 6:
            raise Ext2Error("there is no ext2 superblock")
        self.block_bytes = 1024 << log_block
        self.inodes_per_group = struct.unpack_from("<I", block, 40)[0]
        self.inode_bytes = struct.unpack_from("<H", block, 88)[0] or 128
        incompatible = struct.unpack_from("<I", block, 96)[0]
        if incompatible & ~INCOMPATIBLE_FILETYPE:
            raise Ext2Error(f"incompatible features {incompatible:#x}")
        if not self.inodes_per_group or self.inode_bytes < 128:
            raise Ext2Error("the superblock makes no sense")

    def _bytes(self, offset: int, length: int, what: str) -> memoryview:
        if offset < 0 or offset + length > len(self.data):
            raise Ext2Error(f"{what} lies outside the image")
        return self.data[offset:offset + length]

    def block(self, number: int) -> memoryview:
        """The bytes of a block."""
        return self._bytes(number * self.block_bytes, self.block_bytes, f"block {number}")

    def inode(self, number: int) -> memoryview:
        """The first 128 bytes of an inode."""
        if not 1 <= number <= self.inodes:
            raise Ext2Error(f"there is no inode {number}")
        group, index = divmod(number - 1, self.inodes_per_group)
        descriptors = (self.first_block + 1) * self.block_bytes
        table = struct.unpack_from("<I", self._bytes(descriptors + 32 * group, 32, "group descriptor"), 8)[0]
        return self._bytes(table * self.block_bytes + index * self.inode_bytes, 128, f"inode {number}")

    def _mapped(self, pointers: tuple[int, ...], depth: int, wanted: int) -> Iterator[int]:
        """Block numbers below one level of indirection; 0 is a hole."""
        for pointer in pointers:
            if wanted <= 0:
                return
            span = (self.block_bytes // 4) ** depth
            if depth == 0:
                yield pointer
            elif pointer == 0:
                yield from (0 for _ in range(min(span, wanted)))
            else:
                inner = struct.unpack(f"<{self.block_bytes // 4}I", self.block(pointer))
                yield from self._mapped(inner, depth - 1, min(span, wanted))
            wanted -= span

    def content(self, inode: memoryview, size: int) -> Iterator[bytes | memoryview]:
        """A file's bytes, block by block."""
        if size > FILES_KEPT_BYTES_MAX:
            raise Ext2Error(f"a file of {size} bytes")
        pointers = struct.unpack_from(f"<{BLOCK_POINTERS}I", inode, 40)
        wanted = -(-size // self.block_bytes)
        hole = bytes(self.block_bytes)
        span = self.block_bytes // 4
        parts = [(pointers[:DIRECT_BLOCKS], 0, DIRECT_BLOCKS), (pointers[12:13], 1, span),
                 (pointers[13:14], 2, span ** 2), (pointers[14:15], 3, span ** 3)]
        for part, depth, most in parts:
            for number in self._mapped(part, depth, min(wanted, most)):
                data = self.block(number) if number else hole
                yield data[:size] if size < self.block_bytes else data
                size -= self.block_bytes
            wanted -= most
            if wanted <= 0:
                return

    def names(self, inode: memoryview, size: int, path: str) -> Iterator[tuple[str, int]]:
        """A directory's entries but . and .."""
        for block in self.content(inode, size):
            offset = 0
            while offset + 8 <= len(block):
                number, length, name_bytes = struct.unpack_from("<IHB", block, offset)
                if length < 8 + name_bytes or length % 4 or offset + length > len(block):
                    raise Ext2Error(f"directory {path or '/'}: an entry is malformed")
                name = bytes(block[offset + 8:offset + 8 + name_bytes])
                if number and name not in (b".", b".."):
                    yield name.decode(errors="surrogateescape"), number
                offset += length

    def tree(self) -> dict[str, Entry]:
        """Every path below the root, the root itself as an empty path."""
        tree: dict[str, Entry] = {}
        first_paths: dict[int, str] = {}
        self._walk("", ROOT_INODE, tree, first_paths, 0)
        return tree

    def _walk(self, path: str, number: int, tree: dict[str, Entry], first_paths: dict[int, str], depth: int) -> None:
        if path in tree or depth > 200:
            raise Ext2Error(f"{path}: a name occurs twice, or directories contain each other")
        inode = self.inode(number)
        mode, user, size, group, links = struct.unpack_from("<HHI16xHH", inode, 0)
        user |= struct.unpack_from("<H", inode, 120)[0] << 16
        group |= struct.unpack_from("<H", inode, 122)[0] << 16
        first = first_paths.setdefault(number, path)
        content = ""
        children: list[tuple[str, int]] = []
        if stat.S_ISDIR(mode):
            children = sorted(self.names(inode, size, path))
            size = links = 0  # both follow from the entries, each of which is compared; e2fsck checks the count
        elif stat.S_ISREG(mode):
            size |= struct.unpack_from("<I", inode, 108)[0] << 32
            digest = hashlib.sha256()
            for data in self.content(inode, size):
                digest.update(data)
            content = digest.hexdigest()
        elif stat.S_ISLNK(mode):
            content = self._target(inode, size)
        tree[path] = Entry(mode, (user, group), links, size, content, first if first != path else "")
        for name, child in children:
            self._walk(f"{path}/{name}", child, tree, first_paths, depth + 1)

    def _target(self, inode: memoryview, size: int) -> str:
        blocks512 = struct.unpack_from("<I", inode, 28)[0]
        if size < 60 and blocks512 == 0:
            data = bytes(inode[40:40 + size])
        else:
            data = b"".join(bytes(part) for part in self.content(inode, size))
        return data.decode(errors="surrogateescape")


def differences(expected: dict[str, Entry], actual: dict[str, Entry]) -> list[str]:
    """Paths that are missing, added or not alike, in order."""
    return sorted(path for path in expected.keys() | actual.keys() if expected.get(path) != actual.get(path))
