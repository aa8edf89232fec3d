"""Accesses that become simpler: which, which not, and what the new code computes."""

from __future__ import annotations

import pytest

from tests.support.small_links import elf_of, link_all, obj, shared
from toyvm.linker.link_result import LinkResult
from toyvm.observe.binutils.disassembly import disassemble

LOAD = ".globl _start\n_start: auipc a0, %got_pcrel_hi(x)\n.globl low\nlow: ld a1, %pcrel_lo(_start)(a0)\n"
DATUM = ".data\n.globl x\nx: .dword 5\n"
THREAD = (
    ".globl _start\n_start: auipc a0, %tls_ie_pcrel_hi(x)\n.globl low\nlow: ld a1, %pcrel_lo(_start)(a0)\n"
)
VARIABLE = '.section .tdata, "awT", @progbits\n.zero {gap}\n.globl x\nx: .dword 5\n'


def code(result: LinkResult) -> list[str]:
    """The instructions at `_start`."""
    address = result.symbols["_start"]
    data = elf_of(result).at_address(address, 8)
    return [f"{i.mnemonic} {i.operands}".strip() for i in disassemble(data, address)]


@pytest.mark.parametrize("kind", ["exec", "pie"])
def test_a_got_load_of_an_own_symbol_becomes_its_address(kind: str) -> None:
    result = link_all(obj(LOAD + DATUM), kind=kind, relax=True)
    high, low = code(result)
    assert (high.split()[0], low.split()[0]) == ("auipc", "addi")
    distance = (int(high.split(",")[1], 0) << 12) + int(low.split(",")[2].split()[0], 0)
    assert result.symbols["_start"] + distance == result.symbols["x"]
    assert result.relaxations["GOT load to address"] == (1, 0)
    assert (result.addresses.tables.got_entry < 0).all()


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (LOAD + DATUM, {}),
        (LOAD + DATUM, {"relax": True, "kind": "shared"}),
        (LOAD + DATUM, {"relax": True, "section_starts": {".data": 0x100000}}),
        (LOAD + ".weak x\n", {"relax": True}),
        (LOAD + ".globl x\nx = 5\n", {"relax": True}),
        (
            LOAD + ".text\n.globl x\n.type x, @gnu_indirect_function\nx: ret\n",
            {"relax": True, "static": True},
        ),
        (LOAD.replace("ld a1", "lw a1") + DATUM, {"relax": True}),
        (LOAD + "sd a1, %pcrel_lo(_start)(a0)\n" + DATUM, {"relax": True}),
    ],
    ids=[
        "not-asked",
        "preemptible",
        "chosen-address",
        "absent-weak",
        "number",
        "ifunc",
        "other-load",
        "store",
    ],
)
def test_other_got_loads_stay(text: str, options: dict[str, object]) -> None:
    result = link_all(obj(text), **options)
    assert code(result)[1].split()[0] in ("ld", "lw")
    assert "GOT load to address" not in result.relaxations


def test_a_got_load_of_a_librarys_symbol_stays() -> None:
    result = link_all(obj(LOAD), shared("libx.so", DATUM), relax=True)
    assert code(result)[1].startswith("ld")


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (16, ["nop", "addi a1,zero,16"]),
        (4096, ["lui a0,0x1", "mv a1,a0"]),
        (2040, ["lui a0,0x0", "addi a1,a0,2040"]),
    ],
)
def test_initial_exec_becomes_local_exec(gap: int, expected: list[str]) -> None:
    result = link_all(obj(THREAD + VARIABLE.format(gap=gap)), relax=True)
    assert code(result) == expected
    assert (result.addresses.tables.ie_entry < 0).all()


@pytest.mark.parametrize("options", [{}, {"relax": True, "kind": "shared"}])
def test_initial_exec_stays_where_it_must(options: dict[str, object]) -> None:
    assert code(link_all(obj(THREAD + VARIABLE.format(gap=16)), **options))[1].startswith("ld")


def test_a_descriptor_loses_what_it_does_not_need() -> None:
    """Where its high part is marked; symbols and other code move up."""
    text = (
        ".globl _start\n_start:\n0: auipc a5, %tlsdesc_hi(x+8)\nld a4, %tlsdesc_load_lo(0b)(a5)\n"
        "addi a0, a5, %tlsdesc_add_lo(0b)\njalr t0, 0(a4), %tlsdesc_call(0b)\n.globl after\nafter: ret\n"
    )
    for gap, size in (16, 4), (4096, 8):
        result = link_all(obj(text + VARIABLE.format(gap=gap) + ".zero 8\n"), relax=True)
        assert result.symbols["after"] - result.symbols["_start"] == size
        assert result.relaxations["descriptor to local exec"] == (1, 16 - size)
        unmarked = link_all(
            obj(".option norelax\n" + text + VARIABLE.format(gap=gap) + ".zero 8\n"), relax=True
        )
        assert unmarked.symbols["after"] - unmarked.symbols["_start"] == 16
    assert code(result) == ["lui a5,0x1", "addi a0,a5,8"]
