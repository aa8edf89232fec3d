"""A file that cannot be run is named for what it is, with what to do."""

import os
import struct
from pathlib import Path

import pytest

from toyvm import cli
from toyvm.api import run
from toyvm.base.errors import NotExecutableError
from toyvm.observe.file_kind import kind_of


def elf(*, machine: int = 243, bits: int = 2, order: int = 1, kind: int = 2) -> bytes:
    """The first 64 bytes of an ELF file."""
    ident = b"\x7fELF" + bytes([bits, order, 1]) + bytes(9)
    return ident + struct.pack("<HH" if order == 1 else ">HH", kind, machine) + bytes(44)


FILES = [
    ("x.c", b"int main(){}", "a C source: compile it first: riscv64-linux-gnu-gcc -static x.c -o x"),
    ("x.cpp", b"int main(){}", "a C++ source: compile it first: riscv64-linux-gnu-g++"),
    ("x.rs", b"fn main(){}", "a Rust source: compile it first: rustc --target riscv64gc"),
    ("x.go", b"package main", "a Go source: compile it first: GOARCH=riscv64"),
    ("x.py", b"print()", "a Python program: run its interpreter: toyvm run --sysroot DIR DIR/usr/bin/python3 x.py"),
    ("x.h", b"", "an empty file"),
    ("x.h", b"int f();", "a C header, not a program"),
    ("x.asm", b"nop", "not a program: the names of assembly sources end in .s or .S"),
    ("x", b"", "an empty file"),
    ("x", b"echo hello\n", "a text file, not a program: a script begins with a line such as #!/bin/sh"),
    ("x", b"\1\2\0\3", "not a program: neither an ELF file nor a script"),
    ("x", b"#!\n", "a script whose #! line names no interpreter"),
    ("x", b"#!/no/such sh\n", "its interpreter /no/such cannot be run"),
    ("x", b"#!/no/\xff\n", "its interpreter /no/\\xff cannot be run"),
    ("x", elf(machine=62), "an ELF file for x86-64: toyvm runs 64-bit RISC-V programs of Linux"),
    ("x", elf(machine=8, order=2), "an ELF file for MIPS"),
    ("x", elf(machine=4711), "an ELF file for unknown machine 4711"),
    ("x", elf(bits=1), "a 32-bit RISC-V ELF file"),
    ("x", elf(order=2), "a big-endian RISC-V ELF file"),
    ("x.obj", elf(kind=1), "a relocatable object, not a program: under a name that ends in .o, toyvm links"),
    ("x", elf(kind=4), "a core dump, not a program"),
    ("x", b"!<arch>\n", "an archive of objects, not a program"),
    ("x", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0\x64\x86", "a Windows program for x86-64"),
    ("x", b"MZ", "a Windows program: toyvm runs"),
    ("x", b"\xcf\xfa\xed\xfe" + bytes(20), "a Mach-O file of macOS"),
    ("x", b"\xca\xfe\xba\xbe\0\0\0\2", "a Mach-O file of macOS"),
    ("X.class", b"\xca\xfe\xba\xbe\0\0\0\x3d", "a Java class file"),
    ("x.wasm", b"\0asm\1\0\0\0", "a WebAssembly module"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "words"), FILES)
def test_a_refused_file_is_named(
    name: str,
    data: bytes,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    Path(name).chmod(0o755)
    status = cli.main(["run", name])
    err = capsys.readouterr().err
    assert err.startswith(f"toyvm run: {name}: {words}") and err.count("\n") == 1
    assert status == (127 if "interpreter /no" in words else 126)


def test_a_program_without_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "program"
    for data in (elf(), b"#!/bin/sh\n"):
        path.write_bytes(data)
        assert cli.main(["run", str(path)]) == 126
        assert (
            f"Permission denied: the {'file' if data == elf() else 'script'} is not executable: chmod +x"
            in (capsys.readouterr().err)
        )


def test_a_shared_library_without_an_entry_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, path = tmp_path / "x.s", tmp_path / "libx.so"
    source.write_text(".globl f\nf: ret\n")
    assert cli.main(["as", str(source), "-o", f"{path}.o"]) == 0
    assert cli.main(["ld", "-shared", f"{path}.o", "-o", str(path)]) == 0
    path.chmod(0o755)
    assert cli.main(["run", str(path)]) == 126
    assert "libx.so: a shared library, not a program: it has no entry point" in capsys.readouterr().err


def test_a_folder_a_pipe_and_a_device_are_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in ((tmp_path, "Is a directory"), (tmp_path / "pipe", "not a regular file")):
        assert cli.main(["run", str(path)]) == 126
        assert capsys.readouterr().err == f"toyvm run: {path}: {words}\n"
    assert cli.main(["run", "/dev/null"]) == 126
    assert capsys.readouterr().err == "toyvm run: /dev/null: not a regular file\n"


def test_a_damaged_program_keeps_the_message_of_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "program"
    for size in (10, 64):
        path.write_bytes(elf()[:size])
        path.chmod(0o755)
        assert kind_of(str(path)) is None
        with pytest.raises(NotExecutableError, match="cannot execute"):
            run(path)
