"""The readers of files that tools make: objects, shared objects, archives, debugging information, recordings."""

from __future__ import annotations

import contextlib
import io
import tempfile
import zlib
from array import array
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from tests.support import elf_samples
from tests.support.small_links import lib, link_all, obj, shared
from toyvm import cli
from toyvm.base.errors import ElfError, LinkError, ToyvmError
from toyvm.elf.archive import Archive, Member
from toyvm.elf.archive import write as write_archive
from toyvm.elf.dwarf import LineTable
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object
from toyvm.elf.rewriting.rewrite import strip
from toyvm.elf.symbol_versions import symbol_versions
from toyvm.elf.unwind_tables import UnwindTable
from toyvm.engines.watching.recording_engine import EXECUTE, SPACE
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.relocatable import link_relocatable
from toyvm.observe.expressions import ExpressionError, evaluate
from toyvm.observe.pages.locality_report import analyse, default_windows, text_report
from toyvm.observe.pages.miss_ratio import curves
from toyvm.observe.pages.page_trace import RecordedArea, Space, TraceWriter, read_trace
from toyvm.observe.pages.reference_string import reference_string

_RICH = """
.globl _start, twice, t
_start: la a0, message
 call twice
 la.tls.ie a1, t
 la.tls.gd a0, t
 beqz a0, 1f
 lla a2, message
1: .reloc ., R_RISCV_NONE, message
 ret
.section .text.twice,"axG",@progbits,twice,comdat
.type twice, @function
twice: .cfi_startproc
 addi sp, sp, -16
 .cfi_def_cfa_offset 16
 ret
 .cfi_endproc
.size twice, .-twice
.section .rodata.str1.1,"aMS",@progbits,1
message: .string "text"
.data
.balign 8
.dword twice, twice - .
.section .init_array,"aw",@init_array
.dword twice
.section .tdata,"awT"
t: .dword 1
.bss
.comm c, 8, 8
.weak w
.text
 la a3, w
 la a3, c
"""


# Objects


def relocatable(data: bytes) -> None:
    """A link of the object with another one, of a kind that its checksum chooses; the output is read again."""
    bits = zlib.crc32(data)
    inputs = [Input(path="fuzz.o", data=data), Input(object=_other())]
    options = LinkOptions(
        kind=("exec", "pie", "shared", "relocatable")[bits & 3],
        relax=bool(bits & 4),
        gc_sections=bool(bits & 8),
        eh_frame_hdr=bool(bits & 16),
        allow_undefined=bool(bits & 32),
        strip=("", "", "debug", "all")[bits >> 6 & 3],
        discard=("none", "locals", "all", "locals")[bits >> 8 & 3],
        text_relocations=bool(bits & 1024),
        hash_style="both",
    )
    try:
        image = (link_relocatable if options.kind == "relocatable" else link)(inputs, options).image
    except LinkError as error:
        assert error.messages
        return
    ElfFile.parse(image, "out").symbols(".symtab")


@cache
def _other() -> object:
    return obj(".globl main, printf\nmain: call twice\nprintf: ret\n.weak twice\n", "other.o")


@cache
def objects() -> list[bytes]:
    made = [write_object(obj(_RICH, "rich.o", debug_lines=lines, pic=pic)) for lines, pic in ((0, 0), (1, 1))]
    return [*made, *elf_samples.objects().values()]


# Shared objects


def shared_object(data: bytes) -> None:
    """A link against the library, `ldd` of it, and a program that loads it."""
    with contextlib.suppress(LinkError):
        link([Input(object=_user()), Input(path="libfuzz.so", data=data)], LinkOptions(hash_style="both"))
    from . import machines

    machines.load_library(data)


@cache
def _user() -> object:
    return obj(".globl _start\n_start: call f0\n la a0, v\n ld a0, 0(a0)\n li a7, 94\n ecall\n", "user.o")


_LIBRARY = """
.globl f0, f1, v, t
.type f0, @function
f0: la a0, f1
 la a1, v
 ld a1, 0(a1)
 la.tls.gd a0, t
 ret
f1: ret
.symver f1, g1@@V2
.data
.balign 8
v: .dword f0, v, 5
.section .tbss,"awT",@nobits
t: .skip 8
.section .init_array,"aw",@init_array
.dword f1
"""


@cache
def shared_objects() -> list[bytes]:
    script = "V1 { f0; v; t; }; V2 { f1; } V1;"
    made = [
        shared("libfuzz.so", _LIBRARY, hash_style=style, version_script=script) for style in ("gnu", "sysv")
    ]
    needed = shared("libfuzz.so", _LIBRARY.replace(".symver", "#"), rpath=("/lib",), eh_frame_hdr=True)
    return [item.data for item in (*made, needed) if item.data is not None]


@cache
def user_program() -> bytes:
    """A program that needs /lib/libfuzz.so."""
    return link(
        [Input(object=_user()), Input(path="libfuzz.so", data=shared_objects()[0])], LinkOptions()
    ).image


# Archives


def archive(data: bytes) -> None:
    """A link with the archive, its members, and `ar` in an empty folder."""
    with contextlib.suppress(LinkError):
        link(
            [Input(object=_other()), Input(path="libfuzz.a", data=data)],
            LinkOptions(entry="main", kind="exec"),
        )
    with contextlib.suppress(ElfError):
        for member in Archive.parse(data, "libfuzz.a").members:
            with contextlib.suppress(ElfError):
                read_object(member.data, member.name)
    operation = ("t", "tv", "p", "x", "xo", "s", "d", "r")[zlib.crc32(data) & 7]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("x.a").write_bytes(data)
        extra = ["a.o"] if operation == "d" else ["x.a"] if operation == "r" else []
        command("ar", [operation, "x.a", *extra])
        assert operation == "r" or all(
            path.stat().st_size <= len(data) + 4096 for path in Path().iterdir() if not path.is_symlink()
        )


@cache
def archives() -> list[bytes]:
    made = lib(
        "libfuzz.a",
        twice=".globl twice\ntwice: ret\n",
        a_name_that_is_rather_long=".globl x\nx: call twice\n",
    ).data
    assert made is not None
    thin = write_archive([Member("x.a", 0, b""), Member("../outside.o", 0, b"")], thin=True)
    return [elf_samples.archive(), made, thin]


# Any ELF file


def elf(data: bytes) -> None:
    """Every question about a file."""
    for read in (
        lambda: write_object(read_object(data, "x.o")),
        lambda: strip(data, "x"),
        lambda: strip(data, "x", True),
    ):
        with contextlib.suppress(ElfError):
            read()
    try:
        found = ElfFile.parse(data, "x")
    except ElfError:
        return
    questions: tuple[Callable[[], object], ...] = (
        lambda: found.segments,
        lambda: [found.contents(section) for section in found.sections],
        lambda: found.symbols(".symtab"),
        lambda: found.symbols(".dynsym"),
        lambda: found.relocations(),
        lambda: (found.dynamic, found.needed, found.soname, found.runpath),
        lambda: found.interpreter,
        lambda: found.notes(),
        lambda: symbol_versions(found),
        lambda: LineTable.from_elf(data, "x"),
        lambda: UnwindTable.from_elf(found),
    )
    for question in questions:
        with contextlib.suppress(ElfError):
            question()


@cache
def elf_files() -> list[bytes]:
    linked = [
        link_all(_RICH, kind=kind, eh_frame_hdr=True, allow_undefined=True).image for kind in ("exec", "pie")
    ]
    return [*objects(), *shared_objects(), *linked, elf_samples.program()]


_TOOLS = (
    ("readelf", ["-a", "-x", ".text", "-p", ".dynstr", "-W"]),
    ("nm", ["-aS", "--special-syms"]),
    ("nm", ["-D"]),
    ("objdump", ["-dlhtTrs"]),
    ("size", ["-A"]),
    ("strip", ["-o", "out"]),
    ("strip", ["-g", "-x", "-R", ".text", "-o", "out"]),
    ("objcopy", ["-S", "-O", "binary", "--gap-fill", "1"]),
    ("objcopy", ["-O", "srec", "-j", ".*", "--dump-section", ".text=dump"]),
    ("objcopy", ["-g", "--prefix-symbols", "p", "-R", ".data*", "--remove-relocations", "*"]),
    ("objcopy", ["--only-keep-debug", "--compress-debug-sections", "--change-addresses", "0x100000"]),
    ("objcopy", ["--set-section-flags", ".*=alloc,load,contents", "--rename-section", ".text=.t,alloc"]),
    ("objcopy", ["-I", "binary", "-O", "ihex"]),
    ("addr2line", ["0", "10332", "-fiaCe"]),
    ("readelf", ["-V", "-I", "-t"]),
    ("objdump", ["-p"]),
    ("size", ["--treemap", "out.svg"]),
    ("diff", ["whole"]),
    ("diff", ["--json", "whole"]),
    ("explain", ["address", "0x10100"]),
    ("explain", ["address", "twice", "--", "-o", "out"]),
    ("explain", ["section", ".text", "--json", "--", "-o", "out", "--gc-sections"]),
    ("explain", ["symbol", "twice", "--", "-o", "out", "whole"]),
    ("explain", ["reloc", "x", "--relax", "--", "-o", "out", "-e", "0"]),
)


def tools(data: bytes) -> None:
    """A tool that the input's checksum chooses, on the file."""
    name, arguments = _TOOLS[zlib.crc32(data) % len(_TOOLS)]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("x").write_bytes(data)
        Path("whole").write_bytes(objects()[0])
        command(name, [*arguments, "x", *(["out"] if name == "objcopy" else [])])


def tool_files() -> Iterable[bytes]:
    return [*elf_files(), *archives()]


def command(name: str, arguments: list[str]) -> None:
    """A command that runs nothing: exit code 0 or 1, or 2 of `diff` in trouble and of wrong words."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert cli.main([name, *arguments]) in (0, 1, 2 if name in ("diff", "explain") else 0)


# Debugging information


def dwarf(data: bytes) -> None:
    """Unwind tables and line programs, each of a section that is the input itself; and DWARF expressions."""
    kind, body = data[0] % 4 if data else 0, data[1:]
    if kind == 0:
        table = UnwindTable.from_elf(_with_section(".eh_frame", body))
    elif kind == 1:
        table = UnwindTable.from_elf(_with_section(".debug_frame", body))
    elif kind == 2:
        with contextlib.suppress(ElfError):
            lines = LineTable.from_elf(_lines(body), "x")
            lines.lookup(0x10000), lines.address_of("a.c", 1)
        return
    else:
        with contextlib.suppress(ExpressionError):
            evaluate(body, range(32), lambda address: address * 3 & 0xFFFF, first=1)
        return
    for entry in table._entries[:50]:
        for address in (entry.start, entry.end - 1):
            table.row(address)


def _with_section(name: str, body: bytes) -> ElfFile:
    """What `UnwindTable.from_elf` asks of a file that has only this section, without flags, at address 0x1000."""
    section = SimpleNamespace(header=SimpleNamespace(addr=0x1000, flags=0))
    return SimpleNamespace(
        section=lambda n: section if n == name else None, contents=lambda _: body, segments=()
    )  # type: ignore[return-value]  # it stands in for an ElfFile


_LINES = '.file 1 "a.c"\n_start: .loc 1 1\n nop\n .loc 1 3 2\n nop\n .loc 1 2 is_stmt 0\n nop\n'


@cache
def _line_parts() -> tuple[bytes, bytes, bytes]:
    """(what is before .debug_line, its contents, what is after) in a linked program with debugging information."""
    result = link_all(Input(object=obj(f".globl _start\n{_LINES}", debug_lines=True)))
    found = ElfFile.parse(result.image, "x")
    section = found.section(".debug_line")
    assert section is not None
    start, end = section.header.offset, section.header.offset + section.header.size
    return result.image[:start], result.image[start:end], result.image[end:]


def _lines(body: bytes) -> bytes:
    """The program with another line table, as much of it as fits."""
    before, old, after = _line_parts()
    return before + body[: len(old)].ljust(len(old), b"\0") + after


@cache
def debug_sections() -> list[bytes]:
    found = [b"\2" + _line_parts()[1]]
    for section, number in ((".eh_frame", b"\0"), (".debug_frame", b"\1")):
        directive = ".cfi_sections .debug_frame\n" if number == b"\1" else ""
        text = f"{directive}_start: .cfi_startproc\n nop\n .cfi_def_cfa_offset 16\n .cfi_offset 1, -8\n .cfi_remember_state\n"
        text += " nop\n .cfi_restore_state\n .cfi_escape 0x16, 3, 2, 0x70, 0\n nop\n .cfi_endproc\n"
        made = ElfFile.parse(link_all(f".globl _start\n{text}").image, "x")
        part = made.section(section)
        assert part is not None
        found.append(number + made.contents(part))
    return [
        *found,
        b"\3" + bytes.fromhex("70080822 1a 30 2e 28 0300 12 14 16 9f".replace(" ", "")),
        b"\3\x0e" + bytes(8) + b"\x06\x22",
    ]


# Recordings


def recording(data: bytes) -> None:
    """`toyvm locality` and `toyvm policies` of a recording."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            trace = read_trace(file.name)
        except ToyvmError as error:
            assert str(error)
            return
    string = reference_string(trace, ("all", "data", "code")[zlib.crc32(data) % 3], None)
    with contextlib.suppress(ToyvmError):
        found = analyse(trace, string, default_windows(trace.instructions))
        text_report(found, trace.spaces)
    with contextlib.suppress(ToyvmError):
        curves(string, [1, 2, 4, 64], ["fifo", "clock", "lru", "lfu", "random", "arc", "opt"], 1)


@cache
def recordings() -> list[bytes]:
    spaces = [
        Space(
            100,
            "a",
            (
                RecordedArea(0x10000, 0x12000, "r-xp", "/bin/a"),
                RecordedArea(0x12000, 0x14000, "rw-p", "[heap]"),
            ),
        ),
        Space(101, "b", ()),
    ]
    found = []
    for length in (1, 30):
        stream = io.BytesIO()
        writer = TraceWriter(stream)
        events = [(0, 0 << 2 | SPACE)]
        for step in range(length):
            events += [(2 * step, (0x10 + step % 3) << 2 | EXECUTE), (2 * step, (0x12 + step % 2) << 2)]
        writer.add(array("Q", [time for time, _ in events]), array("I", [value for _, value in events]))
        writer.finish("a", 2 * length, True, spaces)
        found.append(stream.getvalue())
    return found
