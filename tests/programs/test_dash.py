# SPDX-License-Identifier: MIT
"""dash with BusyBox's utilities, both unchanged: a script answers as it does on the host."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, EVERY_SERVICE, ROOT, check_disk, make_disk, read_from, run

SCRIPT = r"""
set -u
tr A-Z a-z < text | tr -cs a-z '\n' | sort | uniq -c | awk '$1 > 9' > frequent
wc -l < frequent
cat text | grep -i the | sed -e 's/the/THE/' | awk '{ print NR ": " $1 }' | tail -n 3
for name in one two three; do echo "$name" > "made.$name"; done
cat made.*
cat < made.one >> made.two
cat made.two
while read -r first rest; do case $first in \#*) echo "heading: $rest" ;; esac; done < text | head -n 4
here=$(cat <<END
one $((6 * 7)) ${undefined:-default} ${PATH:+set}
END
)
echo "$here"
count() { local total=0 each; for each in "$@"; do total=$((total + each)); done; echo "$total"; }
echo "function: $(count 1 2 3 4)"
(cd / && exit 3) || echo "subshell ended with $?"
false; echo "status $?"
ls no-such-file 2>/dev/null || echo "no file"
{ echo to output; echo to error >&2; } 2> errors
cat errors
for number in 1 2 3; do (sleep $((4 - number)); echo "job $number" > "job.$number") & done
wait
cat job.1 job.2 job.3
sh -c 'echo "$0 $1 $#"' zero first second
trap 'echo trapped' EXIT
seq 1 3000 | cat | cat | cat | cat | cat | cat | cat | cat | tail -n 2
seq 1 2000 | while read -r line; do echo "$line"; done | awk '{ s += $1 } END { print s }'
yes | head -n 3
echo a b c | xargs -n 1 echo item
test -d / && [ 3 -lt 4 ] && echo tests
printf '%s-%04d\n' x 7
exit 5
"""


@pytest.mark.parametrize("crash", [None, EVERY_SERVICE], ids=["plain", "crashes"])
def test_a_script_answers_as_on_the_host(foreign: Callable[[str], Path], tmp_path: Path, crash: str | None) -> None:
    programs = foreign("busybox")
    foreign("dash")
    links = [line.rpartition("/")[2] for line in (BUILD / "foreign" / "busybox" / "links").read_text().split()]
    tree, host = tmp_path / "tree", tmp_path / "host"
    (tree / "bin").mkdir(parents=True)
    (tree / "text").write_bytes((ROOT / "README.md").read_bytes())
    (tree / "script").write_text(SCRIPT)
    shutil.copytree(tree, host)
    for program, name in (("dash", "sh"), ("busybox", "busybox")):
        subprocess.run(["strip", "-o", str(tree / "bin" / name), str(programs / program)], check=True, timeout=60)
    (host / "bin" / "sh").symlink_to("/bin/dash")
    for name in set(links) - {"sh"}:
        (tree / "bin" / name).symlink_to("busybox")
        (host / "bin" / name).symlink_to(shutil.which("busybox") or "busybox")
    due = subprocess.run(["/bin/dash", "script"], cwd=host, env={"PATH": str(host / "bin"), "LC_ALL": "C"}, check=False,
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    disk = make_disk(tmp_path / "disk.img", 32, tree)
    outcome = run(programs / "dash", "/script", disk=disk, crash=crash,
                  environment={"PATH": "/bin", "LC_ALL": "C"})
    assert outcome.output == due.stdout.decode(), outcome.errors
    assert outcome.status == due.returncode == 5
    assert read_from(disk, "/errors", tmp_path) == b"to error\n"
    check_disk(disk)
