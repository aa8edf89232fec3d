"""Common symbols of objects that libraries define, too: the program has what GNU ld gives it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gnu import objects_of
from tests.support.oracles import GNU_AS, GNU_LD, READELF, require_oracle

pytestmark = pytest.mark.oracle

KINDS = {
    "data": ".data\n.balign 16\n.type c, @object\n.globl c\nc: .dword 1, 2\n.size c, 16\n",
    "bss": ".bss\n.balign 64\n.type c, @object\n.globl c\nc: .zero 16\n.size c, 16\n",
    "weak": ".data\n.type c, @object\n.weak c\nc: .dword 1, 2\n.size c, 16\n",
    "small": ".bss\n.type c, @object\n.globl c\nc: .zero 2\n.size c, 2\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_oracle(GNU_AS, GNU_LD, READELF)
    made = tmp_path_factory.mktemp("commons")
    sources = KINDS | {"user": ".comm c, 4, 4\n.globl _start\n_start: lla a0, c\n"}
    objects_of(sources, made)
    for name in sources:
        if name != "user":
            command = [GNU_LD, "-shared", f"{name}.o", "-soname", f"{name}.so", "-o", f"{name}.so"]
            subprocess.run(command, cwd=made, check=True)
    return made


@pytest.mark.parametrize(
    "words", ["user.o data.so", "data.so user.o", "user.o bss.so", "user.o weak.so", "user.o small.so"]
)
def test_common_symbols_of_libraries(words: str, folder: Path) -> None:
    found = []
    for linker in [GNU_LD], [sys.executable, "-m", "toyvm", "ld"]:
        subprocess.run([*linker, *words.split(), "-o", "out"], cwd=folder, check=True, capture_output=True)
        run = subprocess.run(
            [READELF, "-W", "--dyn-syms", "-r", "out"], cwd=folder, check=True, capture_output=True
        )
        text = run.stdout.decode()
        rows = re.findall(r"(\d+) (\w+) +(\w+) +DEFAULT +\d+ c", text)
        found.append((rows, text.count("R_RISCV_COPY")))
    assert found[0] == found[1]
    assert found[0][0]


RELRO = ".data\n.type rw, @object\n.globl rw\nrw: .dword 0\n.size rw, 8\n"
RELRO += '.section .data.rel.ro, "aw"\n.type ro, @object\n.globl ro\nro: .dword rw\n.size ro, 8\n'


def test_copies_of_what_a_library_makes_read_only(folder: Path) -> None:
    reads = ".globl _start\n_start: lui a0, %hi(rw)\nlui a1, %hi(ro)\n"
    objects_of({"relro": RELRO, "reads": reads}, folder)
    subprocess.run([GNU_LD, "-shared", "-z", "relro", "relro.o", "-o", "relro.so"], cwd=folder, check=True)
    found = []
    for linker in [GNU_LD], [sys.executable, "-m", "toyvm", "ld"]:
        subprocess.run([*linker, "reads.o", "relro.so", "-o", "out"], cwd=folder, check=True)
        text = subprocess.run(
            [READELF, "-SW", "out"], cwd=folder, check=True, capture_output=True
        ).stdout.decode()
        found.append(re.findall(r"(\.data\.rel\.ro|\.bss) +(\w+) +\w+ \w+ (\w+)", text))
    assert found[0] == found[1]
    assert len(found[0]) == 2


@pytest.mark.parametrize("name", ["user", "empty"])
def test_import_library(name: str, folder: Path) -> None:
    (folder / "empty.s").write_text("nop\n")
    subprocess.run([GNU_AS, "empty.s", "-o", "empty.o"], cwd=folder, check=True)
    found = []
    for linker in [GNU_LD], [sys.executable, "-m", "toyvm", "ld", "--gnu-messages"]:
        (folder / "lib").unlink(missing_ok=True)
        command = [*linker, "-e", "0", "-Ttext=0x20000", "--out-implib=lib", f"{name}.o", "-o", "out"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        text = subprocess.run([READELF, "-hsW", "lib"], cwd=folder, capture_output=True, text=True).stdout
        symbols = re.findall(r"(?m)\d+: (?:0+20000)?\w* +(\d+ \w+ +\w+ +\w+ +ABS \w+)$", text)
        messages = [line.split("ld: ")[1] for line in run.stderr.splitlines()]
        found.append((run.returncode, sorted(symbols), messages, "REL (Relocatable file)" in text))
    assert found[0] == found[1]
