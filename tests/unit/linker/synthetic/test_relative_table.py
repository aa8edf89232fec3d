"""DT_RELR: what the loader reads from the table is what the linker meant."""

from __future__ import annotations

import random

import pytest

from tests.support.small_links import elf_of, link_all, obj
from toyvm.elf import constants as c
from toyvm.linker.link_result import LinkResult


def places(result: LinkResult) -> list[int]:
    """The addresses in .relr.dyn, decoded as the gABI says."""
    elf = elf_of(result)
    section = elf.section(".relr.dyn")
    assert section
    data = bytes(elf.contents(section))
    found: list[int] = []
    base = 0
    for (entry,) in zip(
        *[iter(int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8))], strict=True
    ):
        if entry & 1:
            found += [base + 8 * bit for bit in range(63) if entry >> (bit + 1) & 1]
            base += 63 * 8
        else:
            found.append(entry)
            base = entry + 8
    return found


@pytest.mark.parametrize("seed", range(6))
def test_every_place_once_and_its_word_holds_the_address(seed: int) -> None:
    rng = random.Random(seed)
    text = ".globl _start\n_start: ret\n.data\n.p2align 3\n"
    gaps = (0, 0, 0, 8, 16, 500, 504, 512, 4000, 2, 1)
    words = [f".zero {rng.choice(gaps)}\n.dword _start\n" for _ in range(rng.randrange(1, 300))]
    result = link_all(obj(text + "".join(words)), kind="pie", pack_relative=True)
    plain = link_all(obj(text + "".join(words)), kind="pie")
    found = places(result)
    assert found == sorted(set(found))
    assert all(place % 2 == 0 for place in found)
    assert (
        len(found) + result.load_relocations["R_RISCV_RELATIVE"] == plain.load_relocations["R_RISCV_RELATIVE"]
    )
    elf = elf_of(result)
    for place in found:
        assert int.from_bytes(elf.at_address(place, 8), "little") == result.symbols["_start"]
    tags = dict(elf.dynamic)
    assert tags[c.DT_RELRSZ] == result.sizes[".relr.dyn"]
    assert tags[c.DT_RELRENT] == 8


def test_without_relocations_there_is_no_table() -> None:
    result = link_all(obj(".globl _start\n_start: ret\n"), kind="pie", pack_relative=True)
    assert c.DT_RELR not in dict(elf_of(result).dynamic)
