"""Bytes taken out, and everything that points into their section following."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.small_links import at, elf_of, link_all
from toyvm.linker.relax.deletions import Deletions

RANGES = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=6)


@given(st.dictionaries(st.integers(0, 4), RANGES, max_size=4), st.integers(0, 5))
def test_bytes_before_a_position(parts: dict[int, list[tuple[int, int]]], sid: int) -> None:
    rows = []
    for section, ranges in sorted(parts.items()):
        offset = 0
        for count, gap in ranges:
            offset += gap
            rows.append((section, offset, count))
            offset += count
    if not rows:
        return
    columns = Deletions(*np.array(rows, dtype=np.int64).T)
    positions = np.arange(120)
    gone = np.zeros(120, dtype=int)
    for section, offset, count in rows:
        if section == sid:
            gone[offset : offset + count] = 1
    expected = np.concatenate(([0], np.cumsum(gone)))[:-1]
    assert columns.before(np.full(120, sid), positions).tolist() == expected.tolist()


@pytest.mark.parametrize("before", range(1, 9))
@pytest.mark.parametrize("march", ["rv64imafd", "rv64gc"])
def test_alignment_is_met_and_labels_follow(before: int, march: str) -> None:
    from tests.support.small_links import obj

    text = (
        ".globl _start, here, after\n_start:\n" + "addi a0, a0, 1\n" * before
        + ".p2align 4\nhere: addi a0, a0, 2\n.p2align 3\nafter: j _start\n.data\n.globl size\nsize: .dword after - _start\n"
    )  # fmt: skip
    result = link_all(obj(text, march=march))
    start, here, after = (result.symbols[name] for name in ("_start", "here", "after"))
    assert (start % 16, here % 16, after % 8) == (0, 0, 0)
    assert 0 < here - start <= 4 * before + 12
    assert after == here + 8
    assert at(result, "size") == after - start


def test_only_nops_are_left_between() -> None:
    text = ".globl _start\n_start: addi a0, a0, 1\n.p2align 4\nhere: addi a0, a0, 2\n"
    result = link_all(text)
    code = elf_of(result).at_address(result.symbols["_start"], 20)
    assert code[4:16] == (0x13).to_bytes(4, "little") * 3
