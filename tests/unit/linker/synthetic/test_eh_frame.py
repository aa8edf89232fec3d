"""`.eh_frame_hdr`: the search table."""

from __future__ import annotations

import pytest

from tests.support.small_links import at, errors_of, link_all

FRAMES = ".globl _start\n_start: .cfi_startproc\n nop\n .cfi_endproc\n"


def test_one_function() -> None:
    result = link_all(FRAMES, eh_frame_hdr=True)
    header = next(s for s in result.layout.outputs if s.name == ".eh_frame_hdr").addr
    assert at(result, header + 8, 4) == 1
    assert (header + at(result, header + 12, 4)) & 0xFFFFFFFF == result.symbols["_start"]


@pytest.mark.parametrize("address", [1 << 40, 1 << 62])
def test_a_function_too_far_away_is_an_error(address: int) -> None:
    """Its FDE says the address as 8 bytes, so that the relocation itself has room."""
    absolute = FRAMES.replace(".cfi_startproc", "")
    frame = f"""
 .section .eh_frame,"a",@progbits
 .word 2f - 1f
1: .word 0
 .byte 1
 .string "zR"
 .uleb128 1
 .sleb128 -8
 .byte 1, 1, 0
2: .word 4f - 3f
3: .word 3b - 1b + 4
 .dword {address}
 .dword 16
 .byte 0
4:
"""
    assert "more than 2 GiB away" in errors_of(
        absolute.replace(".cfi_endproc", "") + frame, eh_frame_hdr=True
    )
