"""Relocatable output (-r): a program linked in steps behaves as one linked at once, whichever linker takes each step."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import OPTIONS, shell, toyvm
from tests.support.oracles import GCC, GNU_LD, QEMU, require_oracle
from tests.support.random_links import START, random_object
from toyvm.cli.as_ import main as assemble
from toyvm.cli.ld import main as ld
from toyvm.system import run

pytestmark = pytest.mark.oracle
PROGRAMS = int(os.environ.get("TOYVM_RELOCATABLE_PROGRAMS", "6"))


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_programs_in_steps(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_LD)
    monkeypatch.chdir(tmp_path)
    rng = random.Random(f"relocatable {seed}")
    for name, other in ("ab", "ba"):
        Path(f"{name}.s").write_text(random_object(rng, name, other, "") + ".weak absent\n")
    Path("s.s").write_text(".text\n" + START)
    for name in "abs":
        assert assemble([f"{name}.s", "-o", f"{name}.o"]) == 0
    objects = rng.sample(["s.o", "a.o", "b.o"], 3)
    split = rng.randrange(1, 4)
    assert ld(["-r", *objects[:split], "-o", "ours.o"]) == 0
    assert ld(["-r", "ours.o", *objects[split:], "-o", "again.o"]) == 0
    subprocess.run([GNU_LD, "-r", *objects[:split], "-o", "theirs.o"], check=True)
    assert ld([*objects, "-o", "direct", "--no-relax"]) == 0
    assert ld(["ours.o", *objects[split:], "-o", "one", "--no-relax"]) == 0
    assert ld(["ours.o", *objects[split:], "-o", "two"]) == 0
    assert ld(["again.o", "-o", "three"]) == 0
    assert ld(["theirs.o", *objects[split:], "-o", "four", "--no-relax"]) == 0
    subprocess.run([GNU_LD, "again.o", "-o", "five"], check=True)
    results = {}
    for name in ("direct", "one", "two", "three", "four", "five"):
        result = run(Path(name), [name], OPTIONS, stdin=b"", capture=True)
        results[name] = result.status, result.stdout
    assert len(results["direct"][1]) == 8
    assert results == dict.fromkeys(results, results["direct"])


PARTS = {
    "main": r"""
#include <stdio.h>
int f(int), g(int);
extern __thread int counter;
extern int shared_common[4];
__attribute__((weak)) int pick(void) { return 1; }
__attribute__((constructor)) static void before(void) { puts("before"); }
int main(void) { shared_common[1] = 5; printf("%d %d %d %d\n", f(3), g(4), counter, pick()); return 0; }
""",
    "f": r"""
__thread int counter;
int shared_common[4] __attribute__((common));
int pick(void) { return 2; }
static int same(int x) { static const char *names[] = {"zero", "one", "two"}; return names[x % 3][0]; }
int f(int x) { counter++; return same(x) + shared_common[1]; }
""",
    "g": r"""
extern __thread int counter;
int shared_common[2] __attribute__((common));
static int same(int x) { switch (x) { case 1: return 7; case 2: return 9; case 3: return 4; case 4: return 8; default: return 0; } }
int g(int x) { counter += 2; return same(x) * shared_common[1]; }
""",
}


def test_c_objects_in_every_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GCC, QEMU)
    monkeypatch.chdir(tmp_path)
    for name, text in PARTS.items():
        Path(f"{name}.c").write_text(text)
        shell([GCC, "-O2", "-g", "-c", f"{name}.c", "-o", f"{name}.o"])
    tools = toyvm("bindir").stdout.decode().strip()
    objects = ["main.o", "f.o", "g.o"]
    shell([GCC, "-static", *objects, "-o", "direct"])
    expected = shell([QEMU, "direct"]).stdout
    assert expected == b"before\n127 40 3 2\n"
    for split in (1, 2, 3):
        assert ld(["-r", *objects[:split], "-o", "joined.o"]) == 0
        for flags in (["-B", tools], [], ["-B", tools, "-Wl,--gc-sections"]):
            shell([GCC, "-static", *flags, "joined.o", *objects[split:], "-o", "stepwise"])
            assert shell([QEMU, "stepwise"]).stdout == expected, (split, flags)
