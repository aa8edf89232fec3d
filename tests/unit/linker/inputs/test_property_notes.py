"""Properties that are malformed or unknown."""

from __future__ import annotations

import pytest

from tests.support.small_links import START, elf_of, link_all


def note(body: str) -> str:
    return f'.section .note.gnu.property,"a"\n.p2align 3\n.long 4, 2f-1f, 5\n.asciz "GNU"\n1: {body}\n.p2align 3\n2:\n'


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (".long 0xb0008000, 8, 1, 1", "a.o: corrupt GNU_PROPERTY_TYPE (5) type (0xb0008000) datasz: 0x8"),
        (".long 1, 400, 1, 1", "a.o: corrupt GNU_PROPERTY_TYPE (5) type (0x1) datasz: 0x190"),
        (".long 0xc0000000, 4, 1", "a.o: unsupported GNU_PROPERTY_TYPE (5) type: 0xc0000000"),
    ],
)
def test_what_cannot_be_merged_is_left_out(body: str, warning: str) -> None:
    result = link_all(START + note(body))
    assert result.warnings == (warning,)
    assert elf_of(result).section(".note.gnu.property") is None
