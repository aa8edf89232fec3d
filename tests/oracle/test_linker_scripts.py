"""Linker scripts against GNU ld: the same objects, the same script, the same sections, segments, symbols and bytes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support import random_scripts, scripts_to_compare
from tests.support.harness import shell, toyvm
from tests.support.oracles import GCC, GNU_AS, GNU_LD, QEMU, require_oracle
from tests.support.script_links import differences, facts
from toyvm.cli.ld import main as ld

pytestmark = pytest.mark.oracle


def _assemble(sources: dict[str, str]) -> list[str]:
    for name, text in sources.items():
        Path(f"{name}.s").write_text(text)
        subprocess.run(
            [GNU_AS, "-mno-relax", "-march=rv64gc", f"{name}.s", "-o", f"{name}.o"],
            check=True,
            capture_output=True,
        )
    return [f"{name}.o" for name in sources]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the objects of the named scripts."""
    require_oracle(GNU_AS, GNU_LD)
    folder = tmp_path_factory.mktemp("objects")
    before = Path.cwd()
    os.chdir(folder)
    try:
        _assemble(scripts_to_compare.OBJECTS)
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize("name", scripts_to_compare.SCRIPTS)
def test_same_layout(name: str, objects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(objects)
    script, flags = scripts_to_compare.SCRIPTS[name]
    assert differences(script, ["a.o", "b.o"], *flags) == []


def default_script(*flags: str) -> str:
    """GNU ld's own script for a kind of output."""
    text = subprocess.run([GNU_LD, *flags, "--verbose"], capture_output=True, text=True, check=True).stdout
    return text.split("=" * 50)[1]


MAIN = """
extern int elsewhere(int); extern int datum; int common[4] __attribute__((common));
static int s = 5; int d[3] = {1, 2, 3}; const char *message = "hello"; static const int table[] = {1, 2, 3};
__thread int t1 = 3; __thread int t2; int zeroes[100];
__attribute__((constructor)) void begin(void) { s++; }
__attribute__((section("mine"))) int in_mine = 4; extern int __start_mine[], __stop_mine[];
void _start(void) {
    t1 += elsewhere(s) + d[1] + table[s & 1] + datum + t2 + common[0] + zeroes[3] + (__stop_mine - __start_mine);
    for (;;) ;
}
"""
OTHER = """
int datum = 7; int elsewhere(int x) { static const char m[] = "hello"; return x + m[x]; }
const char *names[] = {"a", "hello", "llo"};
"""


def _compile(*flags: str) -> list[str]:
    for name, text in (("main", MAIN), ("other", OTHER)):
        Path(f"{name}.c").write_text(text)
        base = [
            GCC,
            "-O1",
            "-fno-asynchronous-unwind-tables",
            "-ffreestanding",
            "-mno-relax",
            "-Wa,-mno-relax",
        ]
        subprocess.run([*base, *flags, "-c", f"{name}.c", "-o", f"{name}.o"], check=True)
    return ["main.o", "other.o"]


def test_gnu_default_script_static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GCC, GNU_LD)
    monkeypatch.chdir(tmp_path)
    assert differences(default_script(), _compile("-fno-pic"), "-static") == []


BUILTIN = ("-N", "-n", "-z separate-code", "-z noseparate-code", "-z separate-code -z now")


@pytest.mark.parametrize("flags", BUILTIN)
def test_options_that_ask_for_a_script_of_gnu(
    flags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-N and its kin give GNU ld's layout, byte for byte, without -T."""
    require_oracle(GCC, GNU_LD)
    monkeypatch.chdir(tmp_path)
    assert differences("", _compile("-fno-pic"), *flags.split(), "-static") == []


@pytest.mark.parametrize("kind", ["-pie", "-shared"])
def test_gnu_default_script_dynamic(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dynamic tables of the two linkers differ in size, so addresses do; order, types, flags and segments do not."""
    require_oracle(GCC, GNU_LD)
    monkeypatch.chdir(tmp_path)
    objects = _compile("-fPIC" if kind == "-shared" else "-fPIE")
    Path("script.ld").write_text(default_script(kind))
    flags = [kind, "--hash-style=gnu", "--no-dynamic-linker", "--no-relax", "-T", "script.ld"]
    subprocess.run([GNU_LD, *flags, *objects, "-o", "theirs"], check=True)
    assert ld([*flags, *objects, "-o", "ours"]) == 0
    one, two = (facts(Path(name).read_bytes()) for name in ("theirs", "ours"))
    assert [row[:3] for row in one["sections"]] == [row[:3] for row in two["sections"]]
    assert [row[:2] for row in one["segments"]] == [row[:2] for row in two["segments"]]
    protected = next(row for row in two["segments"] if row[0] == 0x6474E552)
    assert (int(protected[3], 16) + int(protected[6], 16)) % 0x1000 == 0


HELLO = """
#include <stdio.h>
#include <stdlib.h>
__thread int counter = 3;
__attribute__((constructor)) static void before(void) { puts("before"); }
static int one(void) { return 1; }
static void *choose(void) { return one; }
int chosen(void) __attribute__((ifunc("choose")));
int main(void) {
    char *p = malloc(50); sprintf(p, "%d %.2f %d", counter, 2.5, chosen()); puts(p); free(p);
    return 0;
}
"""


@pytest.mark.parametrize("kind", ["-static", "-no-pie", "-pie"])
@pytest.mark.parametrize("whose", ["GNU ld's", "ours"])
def test_default_scripts_with_glibc(
    whose: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs run. GNU ld takes our built-in script, too."""
    require_oracle(GCC, GNU_LD, QEMU)
    monkeypatch.chdir(tmp_path)
    Path("hello.c").write_text(HELLO)
    option = ["-pie"] if kind == "-pie" else []
    texts = {
        "ours": lambda: toyvm("ld", *option, "--verbose").stdout.decode().split("=" * 50)[1],
        "GNU ld's": lambda: default_script(*option),
    }
    Path("script.ld").write_text(texts[whose]())
    tools = toyvm("bindir").stdout.decode().strip()
    pic = "-fPIE" if kind == "-pie" else "-fno-pie"
    for flags in (["-B", tools], [], ["-B", tools, "-Wl,--gc-sections"]):
        shell([GCC, kind, pic, *flags, "hello.c", "-Wl,-T,script.ld", "-o", "hello"])
        result = shell([QEMU, "-L", "/usr/riscv64-linux-gnu", "hello"])
        assert result.stdout == b"before\n3 2.50 1\n", flags


def test_random_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOYVM_RANDOM_SCRIPTS=n takes n other scripts at each run."""
    require_oracle(GNU_AS, GNU_LD)
    monkeypatch.chdir(tmp_path)
    objects = _assemble(random_scripts.OBJECTS)
    count = os.environ.get("TOYVM_RANDOM_SCRIPTS")

    @settings(
        max_examples=int(count or 100), derandomize=not count, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(random_scripts.scripts())
    def check(script: str) -> None:
        assert differences(script, objects) == [], script

    check()
