"""What the assemblers of GNU 2.40 and 2.44 and of LLVM 19 and 22 write and take, beside ours: docs/reference/makers.md.

    python -m tests.suites.makers [--folder DIR] [--write-docs]

GNU 2.40 is the host's; 2.44 is Debian's next release, LLVM is in ziglang of PyPI. Each line of the table is a text; its
column says what the tool makes of it: relocations, bytes, or that it refuses the text.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import textwrap
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.harness import ROOT
from toyvm.base.errors import AssemblyError, ElfError, UsageError
from toyvm.base.resources import cache_dir
from toyvm.elf import constants as c
from toyvm.elf.architecture.attributes import decode
from toyvm.elf.elf_file import ElfFile
from toyvm.relocations import RELOCATIONS, relocation_name

PAGE = ROOT / "docs/reference/makers.md"
REFUSES = "refuses"

Assemble = Callable[[Path, Path], bool]  # a text and an object to write -> whether it was taken


class Row(NamedTuple):
    """A line of the table: what is asked, the text, and what to look at in the object.

    `look`: "relocations", "bytes" (of .text), "data", "sizes" (whether it is taken and how long .text is),
    "symbols", "arch" (the attribute), "sections".
    """

    what: str
    text: str
    look: str


DESCRIPTOR = (
    "0: auipc a0,%tlsdesc_hi(t)\nld a1,%tlsdesc_load_lo(0b)(a0)\naddi a0,a0,%tlsdesc_add_lo(0b)\n{}\n"
)
# Texts begin with the architecture that is not in dispute, but where the default is what is asked.
ARCH = '.attribute arch, "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0"\n.option arch, rv64gc\n'
ROWS = [
    Row("the architecture that is meant without `-march`", "nop\n", "arch"),
    Row("a call", ARCH + "call f\n", "relocations"),
    Row("a jump and a branch to a symbol elsewhere", ARCH + "j f\nbeqz a0, f\n", "relocations"),
    Row("`lla` of a symbol elsewhere", ARCH + "lla a0, x\n", "relocations"),
    Row("`la` with `.option pic`", ARCH + ".option pic\nla a0, x\n", "relocations"),
    Row("initial exec", ARCH + "la.tls.ie a0, t\n", "relocations"),
    Row("a descriptor, `jalr t0, 0(a1), %tlsdesc_call`", ARCH + DESCRIPTOR.format("jalr t0,0(a1),%tlsdesc_call(0b)"), "relocations"),
    Row("a descriptor, `jalr t0, a1, %tlsdesc_call`", ARCH + DESCRIPTOR.format("jalr t0,a1,%tlsdesc_call(0b)"), "relocations"),
    Row("a difference of code that may relax", ARCH + "a: call f\nb: .dword b-a\n", "relocations"),
    Row("the same in `.uleb128`", ARCH + "a: call f\nb: .data\n.uleb128 b-a\n", "relocations"),
    Row("`.uleb128` of labels further down", ".data\n.uleb128 b-a\na: .byte 3,1\nb:\n", "data"),
    Row("`.p2align 3` in code that may relax", ARCH + "call f\n.p2align 3\nnop\n", "relocations"),
    Row("a branch beyond 4 KiB", ARCH + "beqz a0, 1f\n.zero 5000\n1: nop\n", "sizes"),
    Row("`jal` to a label beyond 1 MiB", ARCH + "jal 1f\n.zero 2000000\n1: nop\n", "sizes"),
    Row("mapping symbols for code and data", ARCH + "nop\n.word 1\nnop\n", "mapping"),
    Row("the name of a section as a symbol", ARCH + "lla a0, .data\n", "relocations"),
    Row("`.option arch, +zba`", ARCH + ".option arch, +zba\nsh1add a0, a1, a2\n", "bytes"),
    Row("`.option arch, +zca`", ARCH + ".option arch, +zca\nnop\n", "sizes"),
    Row("`.option arch, +zaamo`", ARCH + ".option arch, +zaamo\nnop\n", "sizes"),
    Row("`.option arch, +zabha` and `amoadd.b`", ARCH + ".option arch, +zabha\namoadd.b a0, a1, (a2)\n", "bytes"),
    Row("`.option arch, +zacas` and `amocas.d`", ARCH + ".option arch, +zacas\namocas.d a0, a1, (a2)\n", "bytes"),
    Row("`.option arch, +zfa` and `fli.d`", ARCH + ".option arch, +zfa\nfli.d fa0, 1.0\n", "bytes"),
    Row("`.option arch, +zcb` and `c.zext.b`", ARCH + ".option arch, +zcb\nc.zext.b a0\n", "bytes"),
    Row("`.option arch, +zcmop` and `c.mop.1`", ARCH + ".option arch, +zcmop\nc.mop.1\n", "bytes"),
    Row("`.option arch, +zimop` and `mop.r.0`", ARCH + ".option arch, +zimop\nmop.r.0 a0, a1\n", "bytes"),
    Row("`c.nop 1`", ARCH + "c.nop 1\n", "bytes"),
    Row("`.insn` of a number", ARCH + ".insn 0x00000013\n.insn 2, 0x0001\n", "bytes"),
    Row("`.insn` of 6 bytes", ARCH + ".insn 6, 0x00000000001f\n", "bytes"),
    Row("`%hi` where an offset stands", ARCH + "ld a1, %hi(x)(a0)\n", "sizes"),
    Row("`.float16`", ".data\n.float16 1.5\n", "data"),
    Row("`.bfloat16`", ".data\n.bfloat16 1.5\n", "data"),
    Row("`.sleb128` of labels", ".data\n.sleb128 b-a\na: .byte 3,1\nb:\n", "data"),
    Row("`.attribute 5` by number", '.attribute 5, "rv64i2p1"\nnop\n', "arch"),
    Row("`li` of a low part", ARCH + "li a0, %lo(x)\n", "relocations"),
    Row("`.variant_cc`", ARCH + ".variant_cc f\ncall f\n", "sizes"),
    Row("`.addrsig`", ARCH + ".addrsig\n.addrsig_sym f\n", "sections"),
    Row("`.weakref`", ARCH + ".weakref w, f\ncall w\n", "relocations"),
    Row("`.reloc` by name", ARCH + "0: nop\n.reloc 0b, R_RISCV_NONE, f\n", "relocations"),
    Row("`.dc.w`, `.ds.b`, `.dcb.b`", ".data\n.dc.w 1\n.dcb.b 2, 7\n.ds.b 1\n", "data"),
    Row("`.nops 4`", ARCH + ".nops 4\n", "bytes"),
    Row("`\\+` in a macro", ARCH + ".macro m\n.byte \\+\n.endm\n.data\nm\nm\n", "data"),
    Row("line numbers, `.loc` over code that may relax", ARCH + '.file 1 "a.c"\n.loc 1 1\ncall f\n.loc 1 2\nnop\n', "lines"),
    Row("unwind information over such code", ARCH + ".cfi_startproc\ncall f\n.cfi_def_cfa_offset 16\nnop\n.cfi_endproc\n", "frames"),
]  # fmt: skip


def seen(row: Row, data: bytes) -> str:
    """What the table shows of an object."""
    elf = ElfFile.parse(data, "object")
    wanted = {"lines": ".rela.debug_line", "frames": ".rela.eh_frame"}.get(row.look)
    if row.look == "relocations" or wanted:
        return _relocations(elf, wanted)
    if row.look in ("bytes", "data"):
        section = elf.section(".data" if row.look == "data" else ".text")
        return bytes(elf.contents(section)).hex(" ") if section else ""
    if row.look == "sizes":
        section = elf.section(".text")
        return f"{section.header.size} bytes" if section else ""
    if row.look == "arch":
        section = next(elf.sections_of_type(c.SHT_RISCV_ATTRIBUTES), None)
        return str(decode(bytes(elf.contents(section)), "object").get(5, "")) if section else "no attribute"
    if row.look == "sections":
        return ", ".join(s.name for s in elf.sections if "addrsig" in s.name) or "no section"
    table = elf.symbols()
    assert table
    found = sorted(
        (int(value), name) for name, value in zip(table.names, table.array["st_value"].tolist(), strict=True)
    )
    return " ".join(f"{name}@{value}" for value, name in found if name.startswith("$"))


def _relocations(elf: ElfFile, only: str | None) -> str:
    parts: list[str] = []
    for section, rows in elf.relocations():
        if section.name != only and (only or section.name not in (".rela.text", ".rela.data")):
            continue
        for row in rows:
            kind = int(row["r_type"])
            name = relocation_name(kind).removeprefix("R_RISCV_") if kind in RELOCATIONS else f"type {kind}"
            place = f"{int(row['r_offset'])}:"
            parts.append(f"{place}{name}" if name != "RELAX" else "RELAX")
    return _joined(parts) or "none"


def _joined(parts: Sequence[str]) -> str:
    """Relocations in their order; RELAX stands with what it marks."""
    out: list[str] = []
    for part in parts:
        if part == "RELAX" and out:
            out[-1] += "+RELAX"
        else:
            out.append(part)
    return " ".join(out)


def ours(source: Path, target: Path) -> bool:
    """Our assembler."""
    from toyvm.cli.as_ import main

    try:
        return main(["-o", str(target), str(source)]) == 0
    except (AssemblyError, ElfError, UsageError):
        return False


def _command(*words: str) -> Assemble:
    def assemble(source: Path, target: Path) -> bool:
        run = subprocess.run([*words, str(source), "-o", str(target)], capture_output=True, check=False)
        return run.returncode == 0

    return assemble


def others(folder: Path) -> dict[str, Assemble]:
    """The assemblers by name; those that are not here are fetched into `folder`."""
    host = folder / "gnu"
    if not (host / "usr/bin/riscv64-linux-gnu-as").exists():
        subprocess.run([ROOT / ".ci/riscv64-root", "--host", host, "binutils-riscv64-linux-gnu"], check=True)
    found: dict[str, Assemble] = {
        "GNU 2.40": _command("riscv64-linux-gnu-as"),
        "GNU 2.44": _command(
            f"{host}/usr/lib64/ld-linux-x86-64.so.2",
            "--library-path",
            f"{host}/usr/lib/x86_64-linux-gnu",
            f"{host}/usr/bin/riscv64-linux-gnu-as",
        ),
    }
    for name, version in (("LLVM 19", "0.14.1"), ("LLVM 22", "0.17.1")):
        place = folder / name.replace(" ", "")
        python = place / "bin/python"
        if not python.exists():
            venv.create(place, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", f"ziglang=={version}"], check=True)
        options = ["-target", "riscv64-linux-musl", "-c", "-x", "assembler", "-g0"]
        found[name] = _command(str(python), "-m", "ziglang", "cc", *options)
    return found


def column(assemble: Assemble) -> list[str]:
    """What one assembler makes of each row."""
    cells = []
    with tempfile.TemporaryDirectory(prefix="toyvm-makers-") as work:
        for row in ROWS:
            source, target = Path(work, "a.s"), Path(work, "a.o")
            source.write_text(".option relax\n" + row.text if row.look != "arch" else row.text)
            target.unlink(missing_ok=True)
            cells.append(seen(row, target.read_bytes()) if assemble(source, target) else REFUSES)
    return cells


def page(columns: dict[str, list[str]]) -> str:
    """The table as Markdown: for each text, the answers, equal ones together."""
    lines = [
        "# Assemblers compared",
        "",
        "What the assemblers of four versions make of a text, and what `toyvm as` does. Objects of all of",
        "them go into `toyvm ld`. `python -m tests.suites.makers --write-docs` writes this page. Numbers",
        "before a colon are offsets, `+RELAX` is an R_RISCV_RELAX at the same place.",
        "",
    ]
    for number, row in enumerate(ROWS):
        lines += [f"**{row.what}**", ""]
        answers: dict[str, list[str]] = {}
        for name, cells in columns.items():
            answers.setdefault(cells[number], []).append(name)
        for answer, names in answers.items():
            shown = answer if answer in (REFUSES, "none", "no section", "no attribute") else f"`{answer}`"
            lines += _item(f"{', '.join(names)}: {shown}")
        lines.append("")
    return "\n".join(lines)


def _item(text: str) -> list[str]:
    """An item of a list in lines of 100 columns."""
    return textwrap.wrap(
        text, 100, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )


def main() -> int:
    """Run all, print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites.makers", description=__doc__)
    parser.add_argument("--folder", type=Path, default=cache_dir() / "makers")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    columns = {name: column(assemble) for name, assemble in others(options.folder).items()}
    columns["toyvm"] = column(ours)
    text = page(columns)
    if options.write_docs:
        PAGE.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
