# SPDX-License-Identifier: MIT
"""BusyBox's utilities, unchanged: the same commands on the host's BusyBox say what is due, byte for byte."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EVERY_SERVICE, ROOT, check_disk, dump_tree, make_disk, run_batch

#: Run one after the other in the disk's root. What they print and what they leave is compared.
COMMANDS = """
ls -1 text
cat text/one text/two
head -n 7 text/one
tail -n 5 text/two
tail -c 100 text/two
wc text/one text/two
sort -r text/one
sort -n -k 2 -t : -u numbers
uniq -c numbers
cut -d : -f 2 numbers
tr -d aeiou
tac text/two
nl text/two
rev text/two
fold -w 40 text/two
expand text/one
paste text/two numbers
grep -n -i the text/one
grep -c -v e text/two text/one
grep -E ^[[:upper:]].*[.]$ text/one
sed -n -e s/the/THE/gp text/one
sed -e 3d -e 1,2s/^/>/ text/two
awk '{ for (i = 1; i <= NF; i++) seen[$i]++ } END { for (w in seen) if (seen[w] > 3) n++; print n, NR }' text/one
awk -F : '$1 % 2 { sum += $2 } END { printf "%.3f\\n", sum }' numbers
diff -u text/one text/two
cmp text/one text/two
find text -type f -name o*
find . -size +1k -name [a-z]* -path *text*
md5sum text/one
sha256sum text/one binary
sha512sum binary
base64 binary
hexdump -C binary
xxd binary
strings binary
seq 3 4 40
expr 6 * 7
printf %05d:%s\\n 42 word
basename /a/b/c.txt .txt
dirname /a/b/c.txt
factor 360 1009
dc -e 2k2vp
mkdir -p made/deep/er
cp -r text made/copy
cp binary made/binary
mv made/copy/two made/renamed
rm made/copy/one
rmdir made/copy
ln -s renamed made/link
readlink made/link
touch made/empty
chmod 640 made/empty
tar -cf made/all.tar text numbers
tar -tf made/all.tar
mkdir unpacked
tar -xf made/all.tar -C unpacked
gzip -k text/one
gunzip -c text/one.gz
gzip -t text/one.gz
bzip2 -k text/two
bunzip2 -c text/two.bz2
patch -i change unpacked/text/two
dd if=binary of=made/dd bs=100 skip=3 count=7
truncate -s 5000 made/dd
sed -i s/a/A/ unpacked/text/one
shuf -n 0 numbers
test -d made
test -f made
false
sort no-such-file
"""


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "text").mkdir(parents=True)
    (tree / "text" / "one").write_bytes((ROOT / "README.md").read_bytes())
    (tree / "text" / "two").write_bytes((ROOT / "LICENSE").read_bytes())
    (tree / "numbers").write_text("".join(f"{number}:{number * 7919 % 97}\n" for number in range(60)))
    (tree / "binary").write_bytes(bytes(number * number % 251 for number in range(1500)))
    changed = (ROOT / "LICENSE").read_text().replace("The above", "This above")
    (tmp_path / "changed").write_text(changed)
    (tree / "change").write_bytes(subprocess.run(["diff", "-u", str(tree / "text" / "two"), str(tmp_path / "changed")],
                                                 capture_output=True, check=False, timeout=30).stdout)
    return tree


def host_answers(tree: Path, commands: list[list[str]]) -> list[tuple[int, bytes]]:
    """Status and output of each on the host's BusyBox."""
    answers = []
    for words in commands:
        done = subprocess.run(["busybox", *words], cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=60, env={**os.environ, "LC_ALL": "C"})
        answers.append((done.returncode, done.stdout))
    return answers


@pytest.mark.parametrize("crash", [None, EVERY_SERVICE], ids=["plain", "crashes"])
def test_utilities_answer_as_the_host_s_do(foreign: Callable[[str], Path], compiled: Path, tree: Path, tmp_path: Path,
                                           crash: str | None) -> None:
    commands = [shlex.split(line) for line in COMMANDS.strip().splitlines()]
    on_disk = tmp_path / "disk"
    shutil.copytree(tree, on_disk)
    due = host_answers(tree, commands)
    lines = {str(number): ["/bin/busybox", *words] for number, words in enumerate(commands)}
    disk, answers = run_batch(compiled, on_disk, {"busybox": foreign("busybox") / "busybox"}, lines, tmp_path, crash=crash)
    differing = [shlex.join(words) + f"\n--- due {due[number]}\n--- got {answers[str(number)]}"
                 for number, words in enumerate(commands) if answers[str(number)] != due[number]]
    assert not differing, "\n".join(differing)
    check_disk(disk)
    left = dump_tree(disk, tmp_path / "left")
    for directory, _, names in os.walk(tree):
        for name in names:
            host = Path(directory) / name
            ours = left / host.relative_to(tree)
            assert (os.readlink(ours) == os.readlink(host)) if host.is_symlink() else \
                (ours.suffix == ".gz" or ours.suffix == ".tar" or ours.read_bytes() == host.read_bytes()), ours
