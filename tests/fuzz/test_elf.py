"""Damaged ELF files and archives make messages: never a traceback, never an absurd allocation, never a hang."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.elf_samples import archive, objects, program
from toyvm.base.errors import ElfError
from toyvm.elf.archive import Archive
from toyvm.elf.dwarf import LineTable
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object
from toyvm.elf.rewriting.rewrite import strip
from toyvm.elf.symbol_versions import symbol_versions

SEEDS = [*objects().values(), program()]
ARCHIVE = archive()

# Where an ELF file keeps what others trust: file header, first part, and the section headers at its end.
_VALUES = st.sampled_from([0, 1, 2, 3, 4, 7, 8, 0x0F, 0x7F, 0x80, 0xFE, 0xFF])


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of `seeds`, cut off, with bytes changed, or with an 8-byte field made huge."""
    data = bytearray(draw(st.sampled_from(seeds)))
    if draw(st.integers(0, 3)) == 0:
        del data[draw(st.integers(0, len(data))) :]
    head, tail = min(len(data), 400), max(0, len(data) - 1500)
    for _ in range(draw(st.integers(0, 6))):
        if not data:
            break
        low, high = draw(st.sampled_from([(0, head), (tail, len(data)), (0, len(data))]))
        at = draw(st.integers(low, max(low, high - 1)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == 1:
            data[at] = draw(_VALUES)
        elif kind == 2:
            data[at : at + 8] = (1 << draw(st.integers(16, 63))).to_bytes(8, "little")
        else:
            data[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"]))
    return bytes(data)


def poke(data: bytes) -> None:
    """Ask everything of a file; each question may be answered by ElfError."""
    with contextlib.suppress(ElfError):
        write_object(read_object(data, "x.o"))
    with contextlib.suppress(ElfError):
        LineTable.from_elf(data, "x.o")
    with contextlib.suppress(ElfError):
        strip(data, "x.o")
    try:
        elf = ElfFile.parse(data, "x")
    except ElfError:
        return
    for question in (
        lambda: elf.segments,
        lambda: [elf.contents(section) for section in elf.sections],
        lambda: elf.symbols(".symtab"),
        lambda: elf.symbols(".dynsym"),
        lambda: elf.relocations(),
        lambda: (elf.dynamic, elf.needed, elf.soname, elf.runpath),
        lambda: elf.interpreter,
        lambda: elf.notes(),
        lambda: symbol_versions(elf),
    ):
        with contextlib.suppress(ElfError):
            question()


# (command, arguments), at most once each: what a user would type at a file that somebody sent
TOOLS = (
    ("readelf", ["-a", "-x", ".text", "-p", ".dynstr"]),
    ("nm", ["-aS", "--special-syms"]),
    ("nm", ["-D"]),
    ("objdump", ["-dlhtTrs"]),
    ("size", ["-A"]),
    ("size", []),
)


def run_tools(path: Path) -> None:
    """Every tool on the file: exit code 0 or 1, and a message with every 1."""
    for name, options in TOOLS:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = import_module(f"toyvm.cli.binutils.{name}").main([*options, str(path)])
        assert status in (0, 1)
        assert (status == 1) <= bool(err.getvalue())


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)


@settings(_SETTINGS, max_examples=1500)
@given(data=damaged(SEEDS))
def test_damaged_files_make_elf_errors(data: bytes) -> None:
    poke(data)


@settings(_SETTINGS, max_examples=300)
@given(data=damaged([*SEEDS, ARCHIVE]))
def test_tools_survive_damaged_files(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data)
    run_tools(path)


@settings(_SETTINGS, max_examples=700)
@given(data=damaged([ARCHIVE]))
def test_damaged_archives_make_elf_errors(data: bytes) -> None:
    with contextlib.suppress(ElfError):
        for member in Archive.parse(data, "x.a").members:
            poke(member.data)


@settings(_SETTINGS, max_examples=200)
@given(data=st.binary(max_size=300), prefix=st.sampled_from([b"", b"\x7fELF\2\1\1", b"!<arch>\n"]))
def test_any_bytes(data: bytes, prefix: bytes) -> None:
    poke(prefix + data)
    with contextlib.suppress(ElfError):
        Archive.parse(prefix + data, "x.a")


def test_huge_numbers_cost_no_memory() -> None:
    tracemalloc.start()
    try:
        for seed in (*SEEDS, ARCHIVE):
            for at in (*range(0, 400, 8), *range(len(seed) - 1200, len(seed) - 8, 8)):
                poke(seed[:at] + b"\0\0\0\0\1\0\0\0" + seed[at + 8 :])
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
