# SPDX-License-Identifier: MIT
# bzip2, bzip2recover, and the sample files of its own test.
package=bzip2

compile() {
    local library=(blocksort huffman crctable randtable compress decompress bzlib)
    objects -O2 -D_FILE_OFFSET_BITS=64 -- "${library[@]/%/.c}" bzip2.c bzip2recover.c
    program bzip2 bzip2.o "${library[@]/%/.o}"
    program bzip2recover bzip2recover.o
    cp sample?.ref sample?.bz2 words? "$OUT"
}
