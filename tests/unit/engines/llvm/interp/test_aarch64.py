"""The interpreter's handlers as code for aarch64: what LLVM can already compile for another host, and what that code does."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, DATA, Machine, code
from tests.support.oracles import require_oracle
from toyvm.elf.constants import SHF_ALLOC, SHN_UNDEF, SHT_RELA, SHT_SYMTAB, SYM_SIZE
from toyvm.elf.headers import read_shdrs, string_at
from toyvm.elf.symbol import relocation_fields, symbol_at
from toyvm.engines.llvm import state_layout as layout
from toyvm.engines.llvm.emit.function_text import ARGUMENTS, CONVENTION, IR_NAMES
from toyvm.engines.llvm.interp.handler_table import HandlerModule
from toyvm.engines.llvm.translator import unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.table import INSNS
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.traps import Cause

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

QEMU = "qemu-aarch64"
EM_AARCH64 = 183
ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, JUMP26, CALL26 = 275, 277, 282, 283
# Where things are in the process that qemu runs.
IMAGE, STATE, SHADOW, PAGES, JUMP, ARRIVALS, OPS, BYTES, DATA_BYTES = (
    0x400000,
    0x1000000,
    0x2000000,
    0x1100000,
    0x1200000,
    0x1300000,
    0x1400000,
    0x1500000,
    0x1600000,
)
FINISH = 0x1700000
BUDGET = 1000
# Calls `start` as `enter` does; then `finish` writes registers, pc, budget and status, and ends. It is in
# machine code, because llvmlite has no assembler of other hosts.
HARNESS = f"""
declare {CONVENTION} void @start({ARGUMENTS})
define void @_start() noreturn nounwind {{
  %s = inttoptr i64 {STATE} to ptr
  %pleft = getelementptr i64, ptr %s, i64 {layout.LEFT}
  %left0 = load i64, ptr %pleft
{IR_NAMES["LOAD_PASSED"]}
  call {CONVENTION} void @start({ARGUMENTS})
  %finish = inttoptr i64 {FINISH} to ptr
  call void %finish(ptr %s)
  unreachable
}}
"""
_FINISHED = struct.pack(
    "<8I",
    0xAA0003E1,  # mov x1, x0
    0xD2800020,  # mov x0, #1
    0xD2800002 | 8 * layout.SHADOW << 5,  # mov x2, #...
    0xD2800808,  # mov x8, #64: write
    0xD4000001,  # svc #0
    0xD2800000,  # mov x0, #0
    0xD2800BA8,  # mov x8, #93: exit
    0xD4000001,  # svc #0
)


def compiled(text: str) -> bytes:
    """The object file of a module for aarch64."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple("aarch64-linux-gnu")
    except RuntimeError:
        pytest.skip("this LLVM does not make code for aarch64")
    machine = target.create_target_machine(cpu="generic", opt=2, reloc="pic", codemodel="small")
    made: bytes = machine.emit_object(binding.parse_assembly(f'target triple = "aarch64-linux-gnu"\n{text}'))
    return made


class Image:
    """Objects at IMAGE, relocated: what `CodeArena` is for x86-64."""

    def __init__(self, *objects: bytes) -> None:
        self.content = bytearray()
        self.symbols: dict[str, int] = {}
        for each in objects:
            self._load(each)

    def _load(self, data: bytes) -> None:
        sections, places = read_shdrs(data, "object"), {}
        for number, section in enumerate(sections):
            if section.flags & SHF_ALLOC:
                self.content += bytes(-len(self.content) % 16)
                places[number] = IMAGE + len(self.content)
                self.content += data[section.offset : section.offset + section.size]
        table = next(section for section in sections if section.type == SHT_SYMTAB)
        names = data[sections[table.link].offset :][: sections[table.link].size]
        values = []
        for number in range(table.size // SYM_SIZE):
            symbol = symbol_at(data[table.offset : table.offset + table.size], number)
            name = string_at(names, symbol.name, "object")
            here = places.get(symbol.shndx, 0) + symbol.value
            values.append(self.symbols[name] if name and symbol.shndx == SHN_UNDEF else here)
            self.symbols.setdefault(name, values[-1])
        for section in sections:
            if section.type == SHT_RELA and section.info in places and sections[section.info].flags & 4:
                for at, info, addend in relocation_fields(data[section.offset :][: section.size]):
                    self._relocate(places[section.info] + at, info & 0xFFFFFFFF, values[info >> 32] + addend)

    def _relocate(self, where: int, kind: int, value: int) -> None:
        (word,) = struct.unpack_from("<I", self.content, where - IMAGE)
        if kind in (JUMP26, CALL26):
            word |= value - where >> 2 & 0x3FFFFFF
        elif kind == ADR_PREL_PG_HI21:
            pages = (value >> 12) - (where >> 12)
            word |= (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5
        else:
            assert kind == ADD_ABS_LO12_NC, f"relocation of type {kind}"
            word |= (value & 0xFFF) << 10
        struct.pack_into("<I", self.content, where - IMAGE, word)


def executable(entry: int, pieces: dict[int, bytes]) -> bytes:
    """A static ELF image with these bytes at these addresses."""
    at, headers, body = 64 + 56 * len(pieces), b"", b""
    for address, content in pieces.items():
        gap = (address - at - len(body)) % PAGE_SIZE
        body += bytes(gap)
        headers += struct.pack(
            "<IIQQQQQQ", 1, 7, at + len(body), address, address, *[len(content)] * 2, PAGE_SIZE
        )
        body += content
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head = struct.pack("<HHIQQQIHHHHHH", 2, EM_AARCH64, 1, entry, 64, 0, 0, 64, 56, len(pieces), 64, 0, 0)
    return ident + head + headers + body


def emulated(text: bytes, x: tuple[int, ...], folder: Path) -> list[int]:
    """The state's first words after the handlers have executed `text` at CODE on an emulated aarch64."""
    module = HandlerModule()
    often = module.often()
    image = Image(compiled(often), compiled(HARNESS))
    base = len(image.content) + -len(image.content) % 16
    # The table names the rare handlers, too, which the program does not reach.
    table = module.table(lambda name: image.symbols.get(name, image.symbols["missed"]) - IMAGE)
    words = [0] * layout.WORDS
    words[: len(x)] = x
    values = {layout.PC: CODE, layout.LEFT: BUDGET, layout.SHADOW: SHADOW, layout.JUMP: JUMP}
    values |= {
        layout.IMAGE: IMAGE,
        layout.BUCKETS: IMAGE + base,
        layout.CODE: PAGES,
        layout.ARRIVALS: ARRIVALS,
    }
    for word, value in values.items():
        words[word] = value
    fresh = image.symbols["decode"].to_bytes(8, "little").ljust(layout.OP_BYTES, b"\0")
    entry = struct.pack("<QQ", DATA_BYTES - DATA, 0)
    number = layout.ENTRY_BYTES * (DATA >> PAGE_SHIFT)
    pieces = {
        IMAGE: bytes(image.content).ljust(base, b"\0") + table,
        STATE: struct.pack(f"<{layout.WORDS}Q", *words),
        PAGES: (bytes(layout.ENTRY_BYTES * (CODE >> PAGE_SHIFT)) + struct.pack("<QQ", OPS, BYTES)),
        JUMP: bytes(layout.JUMP_BYTES),
        ARRIVALS: b"\xff" * layout.ARRIVAL_BYTES,
        OPS: fresh * layout.OPS_OF_PAGE,
        BYTES: text.ljust(PAGE_SIZE, b"\0"),
        DATA_BYTES: bytes(PAGE_SIZE),
        FINISH: _FINISHED,
        SHADOW: bytes(number) + entry,
        SHADOW + layout.WRITES: bytes(number) + entry,
    }
    path = folder / "program"
    path.write_bytes(executable(image.symbols["_start"], pieces))
    path.chmod(0o755)
    done = subprocess.run([QEMU, str(path)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(struct.unpack(f"<{layout.SHADOW}Q", done.stdout))


PROGRAM = code(
    ("lui", {"rd": 5, "imm": DATA}),
    ("addi", {"rd": 6, "rs1": 0, "imm": 20}),
    ("mul", {"rd": 7, "rs1": 6, "rs2": 11}),
    ("add", {"rd": 10, "rs1": 10, "rs2": 7}),
    ("sd", {"rs1": 5, "rs2": 10, "imm": 8}),
    ("lw", {"rd": 8, "rs1": 5, "imm": 8}),
    ("lbu", {"rd": 9, "rs1": 5, "imm": 10}),
    ("divu", {"rd": 12, "rs1": 8, "rs2": 6}),
    ("addi", {"rd": 6, "rs1": 6, "imm": -1}),
    ("bne", {"rs1": 6, "rs2": 0, "imm": -28}),
    ("jal", {"rd": 1, "imm": 8}),
    "ecall",
    ("sltu", {"rd": 13, "rs1": 12, "rs2": 10}),
    ("jalr", {"rd": 0, "rs1": 1, "imm": 0}),
)


def all_of_three_registers() -> bytes:
    """Each frequent instruction of three registers, with extreme operands; gp and tp gather the results."""
    rows = [
        insn.name
        for insn in INSNS.values()
        if insn.ext in ("I", "M", "Zba", "Zbb", "Zicond")
        and {field.name for field in insn.free} == {"rd", "rs1", "rs2"}
    ]
    assert len(rows) > 35
    steps: list[tuple[str, dict[str, int]] | str | int] = []
    for number, name in enumerate(rows):
        for shift in range(3):
            sources = {"rs1": 20 + (number + shift) % 5, "rs2": 25 + (2 * number + shift) % 5}
            steps.append((name, {"rd": 5 + number % 15, **sources}))
            steps.append(("mul", {"rd": 4, "rs1": 4, "rs2": 3}))
            steps.append(("add", {"rd": 4, "rs1": 4, "rs2": 5 + number % 15}))
    return code(*steps, "ecall")


EXTREMES = (0, 1, (1 << 64) - 1, 1 << 63, 0x123456789ABCDEF0)


@pytest.mark.oracle
@pytest.mark.parametrize("text", [PROGRAM, all_of_three_registers()], ids=["a loop", "three registers"])
def test_the_handlers_do_on_aarch64_what_they_do_here(text: bytes, tmp_path: Path) -> None:
    require_oracle(QEMU)
    x = (
        0,
        0,
        0,
        0x9E3779B97F4A7C15,
        *[0] * 6,
        12345,
        0xFEDCBA9876543210,
        *[0] * 8,
        *EXTREMES,
        *EXTREMES[::-1],
    )
    machine = Machine(text, x)
    trap = ReferenceEngine(machine.memory).run(machine.hart, BUDGET)
    assert trap is not None and trap.cause == Cause.ECALL_U
    words = emulated(text, x, tmp_path)
    assert words[layout.STATUS] == layout.ECALL
    assert words[:32] == machine.hart.x
    assert words[layout.PC] == machine.hart.pc
    assert BUDGET - words[layout.LEFT] == machine.hart.instret


def relocations(data: bytes) -> set[int]:
    """The types of the relocations of an object's code."""
    sections, found = read_shdrs(data, "object"), set()
    for section in sections:
        if section.type == SHT_RELA and sections[section.info].flags & 4:  # of executable sections
            fields = relocation_fields(data[section.offset : section.offset + section.size])
            found |= {info & 0xFFFFFFFF for _, info, _ in fields}
    return found


def test_frequent_handlers_and_the_loop_are_independent_of_the_host() -> None:
    made = compiled(HandlerModule().often())
    assert int.from_bytes(made[18:20], "little") == EM_AARCH64
    assert relocations(made) <= {ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, JUMP26}


def test_only_rounding_and_flags_need_the_host() -> None:
    """What engines.md says of aarch64: the handlers that name MXCSR are those that LLVM cannot compile."""
    text = HandlerModule().rarely()
    body, metadata = text[: text.index("\n!0 =")], text[text.index("\n!0 =") :]
    head, *functions = re.split(r"\n(?=define )", body)
    portable = [function for function in functions if "llvm.x86" not in function]
    assert len(functions) - len(portable) < 70 < len(portable)
    declarations = [line for line in head.splitlines() if "llvm.x86" not in line]
    assert relocations(compiled("\n".join([*declarations, *portable, metadata]))) == {JUMP26}
