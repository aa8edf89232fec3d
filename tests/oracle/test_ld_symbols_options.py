"""Options about symbols, undefined references and inputs of raw bytes: the same symbols, status and messages as GNU ld."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gnu import objects_of
from tests.support.oracles import GNU_AS, GNU_LD, require_oracle

pytestmark = pytest.mark.oracle

SOURCES = {
    "a": ".comm c, 8, 8\n.globl f\nf: call _ZN3foo3barEi\ncall gone\nlocal: ret\n",
    "b": '.globl _ZN3foo3barEi, gone, extra\n_ZN3foo3barEi: ret\ngone: ret\n.section .text.x,"ax"\nextra: ret\n',
}
COMMANDS = [
    "a.o -e f",
    "a.o -e f --warn-unresolved-symbols",
    "a.o -e f --ignore-unresolved-symbol=gone --ignore-unresolved-symbol=_ZN3foo3barEi",
    "a.o -e f --ignore-unresolved-symbol=gone --no-demangle",
    "a.o -e f --unresolved-symbols=ignore-all",
    "a.o -e f --unresolved-symbols=ignore-in-object-files",
    "a.o -e f --unresolved-symbols=ignore-in-shared-libs",
    "a.o b.o -e f --retain-symbols-file=names",
    "a.o b.o -e f --gc-sections",
    "a.o b.o -e f --gc-sections --gc-keep-exported",
    "-r a.o",
    "-r -d a.o",
    "-r -b binary raw.bin",
    "a.o b.o -e f -b binary raw.bin -b default",
    "--print-output-format",
    "a.o b.o -e f --dependency-file=deps",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_oracle(GNU_AS)
    require_oracle(GNU_LD)
    made = tmp_path_factory.mktemp("symbols")
    objects_of(SOURCES, made)
    (made / "names").write_text("f\nextra\n")
    (made / "raw.bin").write_bytes(b"any bytes\0\xff")
    return made


def result(command: list[str], folder: Path) -> tuple[int, str, list[str], list[str], str]:
    """Status, standard output, symbols, undefined references reported, and the rule for make."""
    (folder / "out").unlink(missing_ok=True)
    run = subprocess.run([*command, "-o", "out"], cwd=folder, capture_output=True, text=True, check=False)
    listing = subprocess.run(
        ["riscv64-linux-gnu-nm", "-g", "out"], cwd=folder, capture_output=True, text=True, check=False
    )
    # The linker's own symbols (__bss_start ...) are those that somebody names, here; GNU ld defines all.
    names = re.findall(r"(\w) (?!_edata|_end|__)(\S+)$", listing.stdout, re.M)
    if "-r" not in command:  # GNU ld leaves undefined symbols out of a program that it makes all the same
        names = [pair for pair in names if pair[0] != "U"]
    rule = (folder / "deps").read_text() if any("deps" in word for word in command) else ""
    reported = re.findall(r"undefined reference to `([^']*)'", run.stderr)
    return run.returncode, run.stdout, sorted(" ".join(pair) for pair in names), reported, rule


@pytest.mark.parametrize("words", COMMANDS)
def test_as_gnu_ld(words: str, folder: Path) -> None:
    ours = [sys.executable, "-m", "toyvm", "ld"]
    assert result([*ours, *words.split()], folder) == result([GNU_LD, *words.split()], folder)
