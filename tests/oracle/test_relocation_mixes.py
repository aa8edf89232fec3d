"""Random mixes of all relocation types that GNU ld 2.40 knows, linked by both to the same addresses: the same bytes.

Only GOT entries may lie elsewhere: what a relocation finds there is compared in place of the distance. GNU ld 2.40 has two faults of
its own that are left out: it adds the addend of a subtraction, which the psABI subtracts, and mixes up the GOT entries of a symbol that is
asked for in several ways.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.support.elf_samples import relocs, symbol_table
from tests.support.oracles import GNU_LD, require_oracle
from toyvm.base.bits import sext
from toyvm.cli.ld import main as ld
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section
from toyvm.elf.object_writer import write_object
from toyvm.relocation_fields import gather
from toyvm.relocations import I_TYPE, RELOCATIONS, Need, R, Reloc, Tool

pytestmark = pytest.mark.oracle

SLOT, SLOTS = 16, 200  # bytes of a slot, and slots in a section of an object
SIZE = 2 * SLOT * SLOTS  # of a section of both
TEXT, DATA, TDATA = 1, 2, 3
DESCRIPTOR = (R.TLSDESC_HI20, R.TLSDESC_LOAD_LO12, R.TLSDESC_ADD_LO12, R.TLSDESC_CALL)
NEW = (
    R.GOT32_PCREL,
    R.PLT32,
    R.SET_ULEB128,
    R.SUB_ULEB128,
    *DESCRIPTOR,
)  # newer than GNU ld 2.40, which crashes on some
LINKERS = [r for r in RELOCATIONS.values() if Tool.LINKER in r.by and r.type not in (*NEW, R.ALIGN)]
GOT_WORDS = {Need.GOT: 1, Need.TLS_IE: 1, Need.TLS_GD: 2}
WHERE = [
    "-Ttext=0x10000",
    "-Tdata=0x40000",
    "--section-start=.tdata=0x50000",
    "--section-start=.got=0x60000",
    "--section-start=.rela.dyn=0x70000",
]


def random_object(rng: random.Random, name: str) -> tuple[ObjectFile, dict[int, Reloc]]:
    """An object with a relocation in most slots of .text and .data; which of .text's slots ask for which GOT entry."""
    rows = [(f"l{i}", c.STB_LOCAL, c.STT_NOTYPE, TEXT, i * SLOT, 0) for i in range(SLOTS)]
    rows += [("t", c.STB_LOCAL, c.STT_TLS, TDATA, 8 * rng.randrange(16), 8)]
    local = len(rows) + 1  # symbols below are local
    rows += [(f"g{i}_{name}", c.STB_GLOBAL, c.STT_NOTYPE, DATA, i * SLOT, 0) for i in range(16)]
    rows += [
        (f"g{i}_{other}", c.STB_GLOBAL, c.STT_NOTYPE, 0, 0, 0)
        for i in range(16)
        for other in "ab"
        if other != name
    ]
    rows += [(f"t_{name}", c.STB_GLOBAL, c.STT_TLS, TDATA, 8 * rng.randrange(16), 8)]
    rows += [("_start", c.STB_GLOBAL, c.STT_NOTYPE, TEXT, 0, 0)] if name == "a" else []
    thread_local = [i for i, row in enumerate(rows, 1) if row[2] == c.STT_TLS]
    ordinary = [i for i, row in enumerate(rows, 1) if row[2] != c.STT_TLS]
    made: dict[int, list[tuple[int, R, int, int]]] = {TEXT: [], DATA: []}
    entries: dict[int, Reloc] = {}
    high: list[int] = []
    for section in (TEXT, DATA):
        for slot in range(SLOTS):
            row = rng.choice(LINKERS)
            short = row.field.low <= row.field.high and row.field.high < 1 << 20
            got = GOT_WORDS.keys() & row.needs
            if (short or got or (row.partners and row.is_low_part)) and section == DATA:
                continue
            symbol = rng.choice(thread_local if Need.THREAD_LOCAL in row.needs else ordinary)
            addend = rng.randrange(-4096, 4096) * row.field.alignment if row.operation != "sub" else 0
            if short:
                symbol = 1 + min(max(slot + rng.randrange(-7, 8), 0), SLOTS - 1)
                addend = rng.randrange(8) * 2
            elif row.partners and row.is_low_part:
                if not high:
                    continue
                symbol, addend = 1 + rng.choice(high), 0
            elif got:
                if Need.THREAD_LOCAL in row.needs:
                    symbol = thread_local[Need.TLS_GD in got]
                addend = 0
                entries[slot] = row
                made[section].append((slot * SLOT + 4, R.PCREL_LO12_I, 1 + slot, 0))
            if row.type is R.PCREL_HI20 and section == TEXT:
                high.append(slot)
            made[section].append((slot * SLOT, row.type, symbol, addend))
    sections = [
        NULL_SECTION,
        Section(".text", c.SHT_PROGBITS, c.SHF_ALLOC | c.SHF_EXECINSTR, 16, data=rng.randbytes(SLOT * SLOTS), relocs=relocs(*made[TEXT])),
        Section(".data", c.SHT_PROGBITS, c.SHF_ALLOC | c.SHF_WRITE, 16, data=rng.randbytes(SLOT * SLOTS), relocs=relocs(*made[DATA])),
        Section(".tdata", c.SHT_PROGBITS, c.SHF_ALLOC | c.SHF_WRITE | c.SHF_TLS, 8, data=rng.randbytes(8 * 16)),
    ]  # fmt: skip
    assert local == SLOTS + 2
    return ObjectFile(
        f"{name}.o", sections, symbol_table(rows), c.EF_RISCV_FLOAT_ABI_DOUBLE | c.EF_RISCV_RVC
    ), entries


def normal(path: str, entries: list[tuple[int, Reloc]]) -> list[bytes]:
    """.text and .data of a linked file, and what the GOT entries hold, of which .text is to hold only the distances."""
    elf = ElfFile.parse(Path(path).read_bytes(), path)
    text, data = (bytearray(elf.at_address(start, SIZE)) for start in (0x10000, 0x40000))
    found = []
    for at, row in entries:
        high, low = (int.from_bytes(text[at + i : at + i + 4], "little") for i in (0, 4))
        distance = gather(row.field, high) + sext(gather(I_TYPE, low), 12)
        (kind,) = GOT_WORDS.keys() & row.needs
        found.append(elf.at_address(0x10000 + at + distance, 8 * GOT_WORDS[kind]))
        for i, field in ((0, row.field), (4, I_TYPE)):
            rest = int.from_bytes(text[at + i : at + i + 4], "little") & ~field.mask
            text[at + i : at + i + 4] = rest.to_bytes(4, "little")
    return [bytes(text), bytes(data), *found]


@pytest.mark.parametrize("seed", range(12))
def test_a_random_mix(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_LD)
    monkeypatch.chdir(tmp_path)
    rng = random.Random(seed)
    entries: list[tuple[int, Reloc]] = []
    for number, name in enumerate("ab"):
        obj, asked = random_object(rng, name)
        (tmp_path / obj.name).write_bytes(write_object(obj))
        entries += [(number * SLOT * SLOTS + slot * SLOT, row) for slot, row in asked.items()]
    assert ld([*WHERE, "-o", "ours", "a.o", "b.o"]) == 0
    subprocess.run([GNU_LD, "--no-relax", *WHERE, "-o", "gnu", "a.o", "b.o"], check=True)
    ours, gnu = normal("ours", entries), normal("gnu", entries)
    for section in range(2):
        differing = [
            i // SLOT
            for i in range(0, SIZE, SLOT)
            if ours[section][i : i + SLOT] != gnu[section][i : i + SLOT]
        ]
        assert not differing
    assert ours == gnu
