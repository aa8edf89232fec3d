"""Which definition a name means, and which archive members that brings in."""

from __future__ import annotations

import pytest

from tests.support.small_links import START, at, elf_of, errors_of, lib, link_all, obj, shared
from toyvm.elf.archive import Member, write
from toyvm.elf.object_writer import write_object
from toyvm.linker.link_options import Input

ASKS = START + ".globl answer\n.data\nvalue: .dword answer\n"


def definition(value: int, binding: str = "globl") -> str:
    return f".{binding} answer\n.set answer, {value}\n"


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        (definition(1, "weak"), definition(2), 2),
        (definition(1), definition(2, "weak"), 1),
        (definition(1, "weak"), definition(2, "weak"), 1),
        (definition(1), ".comm answer, 8, 8\n", 1),
        (".comm answer, 8, 8\n", definition(2), 2),
    ],
)
def test_stronger_definition_wins(first: str, second: str, value: int) -> None:
    assert link_all(ASKS, first, second).symbols["answer"] == value


def test_common_beats_weak_and_the_larger_common_counts() -> None:
    result = link_all(ASKS, ".comm answer, 8, 8\n", definition(3, "weak"), ".comm answer, 64, 32\n")
    symbol = result.resolution.table["answer"]
    assert symbol.size == 64
    assert result.symbols["answer"] % 32 == 0
    assert result.sizes[".bss"] >= 64


def test_two_strong_definitions() -> None:
    text = ".globl twice\n.text\nnop\ntwice: nop\n"
    message = errors_of(START, text, text)
    assert message == "c.o:(.text+0x2): multiple definition of `twice'; b.o:(.text+0x2): first defined here"
    assert link_all(START, text, text, allow_multiple_definition=True).symbols["twice"]


def test_undefined_weak_is_zero() -> None:
    result = link_all(START + ".weak nowhere\n.data\n.globl value\nvalue: .dword nowhere\n")
    assert at(result, "value") == 0
    assert "nowhere" not in result.symbols


def test_members_are_taken_only_when_needed_and_the_reason_is_kept() -> None:
    archive = lib("lib.a", used="answer: .globl answer\n.globl more\ncall more\n", more=".globl more\nmore: ret\n",
                  unused=".globl other\nother: ret\n")  # fmt: skip
    result = link_all(ASKS, archive)
    assert result.inputs == ("a.o", "lib.a(used.o)", "lib.a(more.o)")
    assert [(d.name, d.reason) for d in result.decisions] == [
        ("lib.a(used.o)", "a.o (answer)"),
        ("lib.a(more.o)", "lib.a(used.o) (more)"),
    ]


def test_weak_reference_takes_no_member() -> None:
    archive = lib("lib.a", used=definition(5))
    assert link_all(START + ".weak answer\n.data\n.dword answer\n", archive).inputs == ("a.o",)


def test_a_common_symbol_takes_the_member_that_has_its_data() -> None:
    """As GNU ld: not for a function, a weak definition, or another common symbol."""
    asks = START + ".comm answer, 8, 8\n"
    data = lib("lib.a", used=".globl answer\n.data\nanswer: .dword 7\n")
    result = link_all(asks, data)
    assert (
        result.inputs == ("a.o", "lib.a(used.o)")
        and result.definition("answer") == "lib.a(used.o):(.data+0x0)"
    )
    for text in (
        ".globl answer\n.type answer, @function\nanswer: ret\n",
        ".weak answer\n.data\nanswer: .dword 7\n",
        ".comm answer, 16, 8\n",
    ):
        assert link_all(asks, lib("lib.a", used=text)).inputs == ("a.o",)


def test_archive_before_its_user_gives_nothing() -> None:
    assert "undefined reference to `answer'" in errors_of(
        START, lib("lib.a", used=definition(5)), ".data\n.dword answer\n"
    )


def test_group_is_searched_in_rounds() -> None:
    one = lib("1.a", a="answer: .globl answer\ncall second\n", c=".globl third\nthird: ret\n")
    two = lib("2.a", b=".globl second\nsecond: call third\n")
    assert "undefined reference to `third'" in errors_of(ASKS, one, two)
    grouped = [Input(path=i.path, data=i.data, group=0) for i in (one, two)]
    assert link_all(ASKS, *grouped).inputs == ("a.o", "1.a(a.o)", "2.a(b.o)", "1.a(c.o)")


def test_whole_archive() -> None:
    archive = lib("lib.a", one=".globl one\none: ret\n", two=".globl two\ntwo: ret\n")
    assert "one" not in link_all(START, archive).symbols
    whole = Input(path="lib.a", data=archive.data, whole_archive=True)
    assert {"one", "two"} <= set(link_all(START, whole).symbols)


def test_comdat_group_is_kept_once() -> None:
    text = '.section .text.f,"axG",@progbits,f,comdat\n.weak f\nf: ret\n.data\n.dword f\n'
    result = link_all(START, text, text)
    assert result.sizes[".text"] == 2 + 2
    assert (
        len(
            {
                at(result, address)
                for address in range(result.layout.start(".data"), result.layout.start(".data") + 16, 8)
            }
        )
        == 1
    )


def test_hidden_symbol_is_not_looked_for_in_a_library() -> None:
    library = shared("lib.so", ".globl answer\n.type answer,@function\nanswer: ret\n")
    message = errors_of(START + ".hidden answer\ncall answer\n", library)
    assert "undefined reference to hidden symbol `answer'" in message


def test_object_wins_over_library() -> None:
    library = shared("lib.so", ".globl answer\n.type answer,@function\nanswer: ret\n")
    result = link_all(library, START + ".globl answer\nanswer: call answer\n")
    assert result.symbols["answer"]
    names = elf_of(result).symbols(".dynsym")
    assert names is not None and "answer" in names.names  # it interposes: the library must find it


def test_as_needed_drops_an_unused_library() -> None:
    library = shared("lib.so", ".globl answer\n.type answer,@function\nanswer: ret\n")
    lazy = Input(path="lib.so", data=library.data, as_needed=True)
    assert link_all(START, lazy).needed == ()
    assert link_all(START, library).needed == ("lib.so",)
    assert link_all(START + "call answer\n", lazy).needed == ("lib.so",)


def test_wrap() -> None:
    text = START + "call f\n.globl __wrap_f\n__wrap_f: tail __real_f\n"
    result = link_all(text, ".globl f\nf: ret\n", wrap=("f",))
    assert result.resolution.table["f"].object_reference
    assert "__real_f" not in result.resolution.table


def test_defsym() -> None:
    result = link_all(ASKS + ".globl value\n", defsyms=(("answer", "_start+0x10"),))
    assert at(result, "value") == result.symbols["_start"] + 0x10
    assert "undefined symbol referenced in expression" in errors_of(ASKS, defsyms=(("answer", "nothing"),))


def test_defsyms_may_come_in_any_order_but_not_in_a_circle() -> None:
    result = link_all(ASKS + ".globl value\n", defsyms=(("answer", "second+1"), ("second", "0x10")))
    assert at(result, "value") == 0x11
    circle = (("answer", "second"), ("second", "answer"))
    assert "--defsym answer=second: undefined symbol" in errors_of(ASKS, defsyms=circle)


def test_defsym_takes_the_member_that_it_names_and_not_one_for_its_own_name() -> None:
    archive = lib("lib.a", other=".globl answer\nanswer: ret\n", used=".globl target\ntarget: ret\n")
    result = link_all(ASKS + ".globl value\n", archive, defsyms=(("answer", "target"),))
    assert result.inputs == ("a.o", "lib.a(used.o)")
    assert at(result, "value") == result.symbols["target"]


def test_undefined_option_takes_a_member() -> None:
    archive = lib("lib.a", used=".globl answer\nanswer: ret\n")
    assert link_all(START, archive, undefined=("answer",)).inputs == ("a.o", "lib.a(used.o)")


def test_float_abis_do_not_mix() -> None:
    from tests.support.small_links import obj

    soft = obj(".text\nnop\n", "soft.o", mabi="lp64", march="rv64imac")
    assert "soft.o: can't link soft-float modules with double-float modules" in errors_of(START, soft)


def test_the_default_version_of_an_object_is_plain_and_versioned() -> None:
    """`foo@@V2` defines `foo` and `foo@V2`; `foo@V1` is another symbol."""
    asks = (
        START + ".symver two, foo@V2\n.symver one, foo@V1\n.data\n.globl value\nvalue: .dword foo, two, one\n"
    )
    gives = ".globl new, old\n.symver new, foo@@V2, remove\n.symver old, foo@V1\n.set new, 2\n.set old, 1\n"
    for inputs in ((asks, gives), (gives, asks)):
        result = link_all(*inputs)
        values = [at(result, result.symbols["value"] + 8 * i) for i in range(3)]
        assert values == [2, 2, 1]
    assert "a.o: version node not found for symbol foo@@V2" in errors_of(gives, kind="shared")


def test_a_broken_member_of_an_archive_without_index_is_reported() -> None:
    member = bytearray(write_object(obj(definition(1), "broken.o")))
    member[0x28:0x30] = (1 << 40).to_bytes(8, "little")  # e_shoff
    told = errors_of(ASKS, Input(path="x.a", data=write([Member("broken.o", 0, bytes(member))], index=False)))
    assert told.startswith("x.a(broken.o): truncated")
