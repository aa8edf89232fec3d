"""What a file is that cannot be run, and what to do with it.

Only the message of a failed start needs this, so the file is looked at again, by its first bytes and
its name.
"""

from __future__ import annotations

import os
import stat as st
from typing import NamedTuple

from ..elf.constants import EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, EM_RISCV, ET_CORE, ET_REL

_HEAD = 4096
_GCC = "riscv64-linux-gnu-gcc"


class FileKind(NamedTuple):
    """What a file is ("a C source"), and a sentence that says what to do with it, or ""."""

    what: str
    advice: str


# Suffix -> (language, how it becomes a program; {file} is the file, {program} the result).
_SOURCES = {
    ".c": ("a C source", f"{_GCC} -static {{file}} -o {{program}}"),
    ".cc": ("a C++ source", "riscv64-linux-gnu-g++ -static {file} -o {program}"),
    ".go": ("a Go source", "GOARCH=riscv64 GOOS=linux go build -o {program} {file}"),
    ".rs": (
        "a Rust source",
        f"rustc --target riscv64gc-unknown-linux-gnu -C linker={_GCC} {{file}} -o {{program}}",
    ),
    ".zig": ("a Zig source", "zig build-exe -target riscv64-linux-musl {file}"),
    ".f90": ("a Fortran source", "riscv64-linux-gnu-gfortran -static {file} -o {program}"),
    ".i": ("a preprocessed C source", f"{_GCC} -static {{file}} -o {{program}}"),
}
_SOURCES |= dict.fromkeys((".cpp", ".cxx", ".C", ".c++"), _SOURCES[".cc"])

# Suffix -> (language, the program that interprets it)
_SCRIPTS = {
    ".py": ("a Python program", "/usr/bin/python3"),
    ".sh": ("a shell script", "/bin/sh"),
    ".pl": ("a Perl program", "/usr/bin/perl"),
    ".rb": ("a Ruby program", "/usr/bin/ruby"),
    ".lua": ("a Lua program", "/usr/bin/lua"),
    ".js": ("a JavaScript program", "/usr/bin/node"),
}

_MACHINES = {
    2: "SPARC",
    3: "32-bit x86",
    8: "MIPS",
    20: "32-bit PowerPC",
    21: "64-bit PowerPC",
    22: "S/390",
    40: "32-bit ARM",
    62: "x86-64",
    183: "AArch64",
    247: "BPF",
    252: "C-SKY",
    258: "LoongArch",
}  # e_machine
_PE_MACHINES = {0x14C: "32-bit x86", 0x8664: "x86-64", 0xAA64: "AArch64", 0x5064: "64-bit RISC-V"}
_MACH_O = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_MAX_FAT = 32  # a class file of Java has the same first bytes, and then its version, which is larger

_SIGNATURES = (
    (b"\0asm", "a WebAssembly module"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"%PDF", "a PDF document"),
)
_REBUILD = "toyvm runs 64-bit RISC-V programs of Linux; build it for riscv64"


def refusal(name: str, reason: str) -> str:
    """The message about host file `name`, which the kernel has refused to start with `reason`.

    `reason` is kept if nothing better is known, as for a damaged RISC-V program.
    """
    found = kind_of(name)
    if found is None:
        return reason
    return f"{name}: {found.what}" + (f": {found.advice}" if found.advice else "")


def kind_of(name: str) -> FileKind | None:
    """What the host file `name` is, or None for a RISC-V program and for a file that cannot be read."""
    try:
        mode = os.stat(name).st_mode
        if not st.S_ISREG(mode):
            return FileKind("not a regular file", "")
        with open(name, "rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return None
    if head.startswith(b"\x7fELF"):
        return _elf(name, head, mode)
    if head.startswith(b"#!"):
        return _script(name, head, mode)
    return _by_bytes(name, head) or _by_name(name) or _by_text(name, head)


def _elf(name: str, head: bytes, mode: int) -> FileKind | None:
    if len(head) < 20:
        return None  # truncated, as the kernel says
    little = head[EI_DATA] == ELFDATA2LSB
    kind, machine = (
        int.from_bytes(head[at : at + 2], "little" if little else "big") for at in (16, 18)
    )  # e_type, e_machine
    if machine != EM_RISCV:
        owner = _MACHINES.get(machine, f"unknown machine {machine}")
        return FileKind(f"an ELF file for {owner}", _REBUILD)
    if head[EI_CLASS] != ELFCLASS64:
        return FileKind("a 32-bit RISC-V ELF file", f"{_REBUILD} (-march=rv64gc -mabi=lp64d)")
    if not little:
        return FileKind("a big-endian RISC-V ELF file", _REBUILD)
    if kind == ET_REL:
        return FileKind(
            "a relocatable object, not a program",
            f"under a name that ends in .o, toyvm links and runs it: cp {name} {_stem(name)}.o",
        )
    if kind == ET_CORE:
        return FileKind("a core dump, not a program", f"gdb-multiarch PROGRAM {name} shows it")
    if not mode & 0o111:
        return FileKind("Permission denied", f"the file is not executable: chmod +x {name}")
    return None


def shared_library(name: str) -> str:
    """The message about a shared library that has no entry point."""
    return (
        f"{name}: a shared library, not a program: it has no entry point; "
        f"link a program with it: toyvm ld PROGRAM.o {name} -o PROGRAM"
    )


def _script(name: str, head: bytes, mode: int) -> FileKind | None:
    if not mode & 0o111:
        return FileKind("Permission denied", f"the script is not executable: chmod +x {name}")
    words = head[2:].split(b"\n")[0].split()
    if not words:
        return FileKind("a script whose #! line names no interpreter", "")
    interpreter = words[0].decode("utf-8", "backslashreplace")
    return FileKind(
        f"its interpreter {interpreter} cannot be run",
        "it is looked for in the guest's files (--sysroot DIR)",
    )


def _by_bytes(name: str, head: bytes) -> FileKind | None:
    if not head:
        return FileKind("an empty file", "")
    if head.startswith((b"!<arch>\n", b"!<thin>\n")):
        advice = f"link a program with it: toyvm ld PROGRAM.o {name} -o PROGRAM"
        return FileKind("an archive of objects, not a program", advice)
    if head.startswith(b"MZ"):
        at = int.from_bytes(head[60:64], "little")
        machine = ""
        if head[at : at + 4] == b"PE\0\0":
            machine = _PE_MACHINES.get(int.from_bytes(head[at + 4 : at + 6], "little"), "")
        return FileKind(f"a Windows program{f' for {machine}' if machine else ''}", _REBUILD)
    if head.startswith(_MACH_O):
        return FileKind("a Mach-O file of macOS", _REBUILD)
    if head.startswith(b"\xca\xfe\xba\xbe"):
        fat = int.from_bytes(head[4:8], "big") < _MAX_FAT
        return FileKind("a Mach-O file of macOS", _REBUILD) if fat else FileKind("a Java class file", "")
    for start, what in _SIGNATURES:
        if head.startswith(start):
            return FileKind(what, "")
    return None


def _by_name(name: str) -> FileKind | None:
    suffix = os.path.splitext(name)[1]
    if suffix in _SOURCES:
        what, command = _SOURCES[suffix]
        program = _stem(name)
        return FileKind(
            what, f"compile it first: {command.format(file=name, program=program)} && toyvm run {program}"
        )
    if suffix in _SCRIPTS:
        what, interpreter = _SCRIPTS[suffix]
        return FileKind(
            what,
            f"run its interpreter: toyvm run --sysroot DIR DIR{interpreter} {name} (DIR is a riscv64 system)",
        )
    if suffix in (".h", ".hpp"):
        return FileKind("a C header, not a program", "")
    if suffix in (".asm", ".sx", ".inc"):
        return FileKind("not a program", "the names of assembly sources end in .s or .S")
    return None


def _by_text(name: str, head: bytes) -> FileKind:
    if b"\0" in head:
        return FileKind("not a program: neither an ELF file nor a script", "")
    advice = "a script begins with a line such as #!/bin/sh; an assembly source's name ends in .s"
    return FileKind("a text file, not a program", advice)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]
