"""--icf: which functions become one, and that everything that named the others follows."""

from __future__ import annotations

import pytest

from tests.support.small_links import elf_of, link_all, obj
from toyvm.elf.unwind_tables import UnwindTable
from toyvm.linker.link_result import LinkResult

BODY = "addi a0, a0, 1\nret"


def function(name: str, body: str = BODY, align: int = 1) -> str:
    """A function with unwind information in a section of its own."""
    return (
        f'.section .text.{name}, "ax"\n.p2align {align}\n.globl {name}\n{name}:\n'
        f".cfi_startproc\n{body}\n.cfi_endproc\n"
    )


def linked(*functions: str, icf: str = "all", calls: str = "", **options: object) -> LinkResult:
    text = ".globl _start\n_start:\n" + calls + "ret\n" + "".join(functions)
    return link_all(obj(text, relax=False), icf=icf, **options)


def folded(result: LinkResult, *names: str) -> bool:
    """Whether all names have one address."""
    return len({result.symbols[name] for name in names}) == 1


@pytest.mark.parametrize("icf", ["none", "safe", "all"])
def test_equal_functions_become_one(icf: str) -> None:
    result = linked(function("a"), function("b"), function("c", "ret"), icf=icf, calls="call a\ncall b\n")
    assert folded(result, "a", "b") == (icf != "none")
    assert not folded(result, "a", "c")


def test_their_unwind_records_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one = linked(function("a"), eh_frame_hdr=True)
    two = linked(function("a"), function("b"), eh_frame_hdr=True)
    assert two.sizes[".eh_frame"] == one.sizes[".eh_frame"]
    assert two.sizes[".eh_frame_hdr"] == one.sizes[".eh_frame_hdr"]
    assert UnwindTable.from_elf(elf_of(two))


def test_what_they_name_must_be_equal_too() -> None:
    """Also around a circle: a and b call each other as c and d do; e and f do not."""
    pairs = ["ab", "cd", "ef"]
    texts = [function(p[0], f"call {p[1]}\nnop") + function(p[1], f"call {p[0]}\nret") for p in pairs[:2]]
    texts.append(
        function("e", "call f\nnop") + function("f", "call other\nret") + function("other", "ebreak")
    )
    result = linked(*texts)
    assert folded(result, "a", "c")
    assert folded(result, "b", "d")
    assert not folded(result, "a", "e")
    assert not folded(result, "b", "f")


@pytest.mark.parametrize(
    "other",
    [
        function("b", align=3),
        function("b", "addi a0, a0, 2\nret"),
        function("b").replace('"ax"', '"axR"'),
        function("b").replace(".text.b", "code"),
        function("b").replace('"ax"', '"awx"'),
    ],
    ids=["alignment", "bytes", "retained", "bounded-by-names", "writable"],
)
def test_other_sections_stay(other: str) -> None:
    assert not folded(linked(function("a"), other), "a", "b")


def test_exception_tables_keep_functions_apart() -> None:
    table = '.section .gcc_except_table.{0}, "a"\n.L{0}: .byte 1\n'
    with_table = (
        function("{0}").replace(".cfi_startproc\n", ".cfi_startproc\n.cfi_lsda 0x1b, .L{0}\n") + table
    )
    assert not folded(linked(with_table.format("a"), with_table.format("b")), "a", "b")


def test_safe_leaves_addresses_that_may_be_compared() -> None:
    both = function("a") + function("b")
    for use in ("la a0, a\n", "la a0, b\n"):
        assert not folded(linked(both, icf="safe", calls=use), "a", "b")
        assert folded(linked(both, icf="all", calls=use), "a", "b")
    data = "\n.data\n.dword b\n"
    assert not folded(linked(both + data, icf="safe"), "a", "b")
    assert not folded(linked(both, icf="safe", kind="shared"), "a", "b")


def test_a_preemptible_callee_is_told_by_its_name() -> None:
    callers = function("one", "call a\nret") + function("two", "call b\nret")
    pic = linked(callers, function("a"), function("b"), kind="shared")
    assert folded(pic, "a", "b")
    assert not folded(pic, "one", "two")
    assert folded(linked(callers, function("a"), function("b")), "one", "two")


def test_the_folded_sections_are_named() -> None:
    result = linked(function("a"), function("b"), print_icf=True)
    assert list(result.warnings) == [
        "ICF folding section '.text.b' in file 'a.o' into '.text.a' in file 'a.o'"
    ]
