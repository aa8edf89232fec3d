"""Short texts that ask for very much: one message, soon."""

from __future__ import annotations

import time

import pytest

from toyvm.assembler import AssemblerOptions, assemble_text
from toyvm.base.errors import AssemblyError


def doubling(levels: int, leaf: str) -> str:
    """Macros that call the next one twice: 2**levels times `leaf`."""
    names = [f"m{number}" for number in range(levels)]
    bodies = [f" {name}\n {name}\n" for name in [*names[1:], leaf]]
    return "".join(f".macro {name}\n{body}.endm\n" for name, body in zip(names, bodies, strict=True)) + "m0\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (doubling(24, "no_such_instruction"), "the rest is not assembled"),
        (
            "".join(f".section .s{number}\n .dword x\n" for number in range(20_100)),
            "more than 20000 sections",
        ),
    ],
    ids=["same error", "sections"],
)
def test_bomb(text: str, said: str) -> None:
    start = time.process_time()
    with pytest.raises(AssemblyError) as told:
        assemble_text(text, "bomb.s", AssemblerOptions())
    assert said in str(told.value)
    assert time.process_time() - start < 60


@pytest.mark.parametrize(
    "text",
    [
        "".join(f'.section .s{number},"a"\n.zero 0x0fffffff\n' for number in range(3)),
        "".join(f".subsection {number}\n.fill 0x0fffffff, 1, 7\n" for number in range(3)),
        "".join(f'.section .s{number},"a"\n.org 0x0fffffff\n' for number in range(3)),
        ".rept 5000\n.balign 65536\nnop\n.endr\n",
        "".join(f'.section .s{number},"a"\n.skip end - start + 0x0ffffff0\n' for number in range(3))
        + "start: .byte 1\nend:\n",
    ],
    ids=["zeros", "fill in subsections", "org", "balign", "skip by labels"],
)
def test_many_large_sections(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is within its limit; all together are not."""
    with pytest.raises(AssemblyError, match=r"bytes( together)?; the limit is 268435456"):
        assemble_text(text, "bomb.s", AssemblerOptions())
