"""What .symtab and .dynsym say of a symbol - name, binding, visibility, order - as in GNU ld's output."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gnu import objects_of
from tests.support.oracles import GNU_AS, GNU_LD, require_oracle
from toyvm.cli.ld import main as ld
from toyvm.elf.constants import SHT_DYNSYM, SHT_SYMTAB
from toyvm.elf.elf_file import ElfFile

pytestmark = pytest.mark.oracle

SOURCES = {
    "local": ".globl _start\n_start: ret\nown: ret\n.type data, @object\n.data\ndata: .word 1\n",
    "again": "own: ret\nown.1: ret\n",
    "hidden": ".globl _start, seen\n.hidden seen\n_start: call seen\nseen: ret\n",
    "version": ".globl foo_1\n.symver foo_1, foo@@V1\nfoo_1: ret\n",
    "unique": ".globl _start, one\n_start: ret\n.data\n.type one, %gnu_unique_object\none: .word 1\n.size one, 4\n",
    "common": ".globl _start\n_start: ret\n.comm c1, 1, 1\n.comm c32, 32, 32\n.comm c2, 2, 2\n.comm c16, 16, 16\n.comm c8, 8, 8\n",
    "bounds": '.section list, "aw"\n.zero 24\n.data\n.globl _start\n_start: .dc.a __start_list, __stop_list\n',
    "sizes": '.section list, "aw"\n.zero 24\n.globl _start\n.text\n_start: ret\n.data\n.dc.a .sizeof.(list), .startof. (list)\n',
}
SCRIPT = "SECTIONS { PROVIDE(__start_list = .); .foo : { *(list) } PROVIDE(__stop_list = .); }\n"
# The command, and the symbols that are compared.
COMMANDS = {
    "local.o again.o -z unique-symbol": r"own|data",
    "-r local.o again.o -z unique-symbol": r"own|data",
    "hidden.o": "seen",
    "-shared hidden.o": "seen",
    "-shared version.o --version-script=names": "foo",
    "unique.o": "one",
    "-shared unique.o": "one",
    "-r bounds.o": "__st",
    "-shared bounds.o": "__st",
    "-shared bounds.o -T script": "__st",
    "-shared -T script bounds.o": "__st",
    "bounds.o": "__st",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_oracle(GNU_AS)
    require_oracle(GNU_LD)
    made = tmp_path_factory.mktemp("tables")
    objects_of(SOURCES, made)
    (made / "names").write_text("V1 { foo*; };\n")
    (made / "script").write_text(SCRIPT)
    return made


def link(ours: bool, words: str, folder: Path) -> None:
    program = [sys.executable, "-m", "toyvm", "ld"] if ours else [GNU_LD]
    subprocess.run([*program, *words.split(), "-o", "out"], cwd=folder, check=True, capture_output=True)


def readelf(words: str, folder: Path) -> str:
    command = ["riscv64-linux-gnu-readelf", *words.split(), "out"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def symbols(folder: Path, names: str) -> list[str]:
    """Type, binding, visibility and name of each symbol in each table, in the order of the names."""
    rows = [line.split() for line in readelf("-sW", folder).splitlines() if re.match(r" +\d+:", line)]
    found = [" ".join((*row[3:6], *row[7:])) for row in rows if len(row) > 7 and re.match(names, row[7])]
    return [re.search(r"OS/ABI: +(.*)", readelf("-h", folder))[1], *sorted(found)]  # type: ignore[index]  # readelf always says it


@pytest.mark.parametrize("words", COMMANDS)
def test_same_symbols(words: str, folder: Path) -> None:
    link(False, words, folder)
    expected = symbols(folder, COMMANDS[words])
    link(True, words, folder)
    assert symbols(folder, COMMANDS[words]) == expected


@pytest.mark.parametrize("order", ["=ascending", "=descending", ""])
def test_order_of_common_symbols(order: str, folder: Path) -> None:
    """By alignment; GNU ld takes those of 16 bytes and more as one kind, in the order of its hash table."""
    found = []
    for ours in (False, True):
        link(ours, f"common.o --sort-common{order}", folder)
        listing = subprocess.run(["riscv64-linux-gnu-nm", "-n", "out"], cwd=folder, capture_output=True, text=True, check=True)  # fmt: skip
        sizes = [int(text) for text in re.findall(r" B c(\d+)$", listing.stdout, re.M)]
        found.append([min(size, 16) for size in sizes])
    assert found[0] == found[1]


def test_address_and_size_of_an_output_section(folder: Path) -> None:
    data = []
    for ours in (False, True):
        link(ours, "sizes.o", folder)
        address = int(re.search(r" list +PROGBITS +(\w+)", readelf("-SW", folder))[1], 16)  # type: ignore[index]  # it has the section
        dump = re.search(r"0x\w+ (\w{8}) (\w{8}) (\w{8}) (\w{8})", readelf("-x .data", folder))
        assert dump
        size, start = (int.from_bytes(bytes.fromhex(dump[i] + dump[i + 1]), "little") for i in (1, 3))
        data.append((size, start - address))
    assert data == [(24, 0), (24, 0)]


@pytest.mark.parametrize("count", [40, 3500])
def test_order_of_globals(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GNU ld writes them as they lie in its hash table, which grows with 3038 symbols."""
    require_oracle(GNU_AS, GNU_LD)
    monkeypatch.chdir(tmp_path)
    names = [f"f{number * 7919 % 100003:x}" for number in range(count)]
    lines = [f".globl {name}\n{name}: nop\n.hidden h{name}\n.globl h{name}\nh{name}:\n" for name in names]
    Path("a.s").write_text("".join(lines))
    subprocess.run([GNU_AS, "a.s", "-o", "a.o"], check=True)
    for options in ([], ["-shared", "--hash-style=sysv"])[: 2 if count < 3000 else 1]:
        subprocess.run([GNU_LD, "-e", "0", *options, "a.o", "-o", "gnu"], check=True)
        assert ld(["-e", "0", *options, "a.o", "-o", "our"]) == 0
        found = []
        for path in "gnu", "our":
            elf = ElfFile.parse(Path(path).read_bytes(), path)
            kinds = (SHT_SYMTAB, SHT_DYNSYM) if options else (SHT_SYMTAB,)
            tables = [elf.symbols_of(section) for kind in kinds for section in elf.sections_of_type(kind)]
            found.append([[name for name in table.names if name.startswith(("f", "hf"))] for table in tables])
        assert found[0] == found[1]
        assert len(found[0][0]) == 2 * count
