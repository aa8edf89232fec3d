"""Driving the oracles: GNU as, GNU ld, gcc against glibc, and qemu-riscv64, on the same cases that toyvm is given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.support.harness import GUEST, shell
from tests.support.oracles import GCC, GNU_AS, GNU_LD, QEMU
from toyvm.base.sample_directives import Directives
from toyvm.elf.object_file import ObjectFile
from toyvm.elf.object_reader import read_object

MARCH = ("-march=rv64imafd", "-mabi=lp64d")
GLIBC = Path("/usr/riscv64-linux-gnu")
# glibc buffers what goes into a pipe, toyvm's library does not: a constructor that says setvbuf(stdout, 0, _IONBF, 0).
UNBUFFERED = GUEST / "parts" / "unbuffered.s"


def assemble(path: Path, out: Path, *, pic: bool = False) -> Path:
    """Assemble with GNU as into `out`."""
    shell([GNU_AS, *MARCH, *(["-fpic"] if pic else []), "-I", path.parent, "-o", out, path])
    return out


def objects_of(sources: Mapping[str, str], folder: Path) -> None:
    """Name -> text: write `NAME.s` and what GNU as makes of it, `NAME.o`, into `folder`."""
    for name, text in sources.items():
        (folder / f"{name}.s").write_text(text)
        subprocess.run([GNU_AS, f"{name}.s", "-o", f"{name}.o"], cwd=folder, check=True)


def assemble_file(path: Path, *, pic: bool = False, debug_lines: bool = True) -> ObjectFile:
    """In the place of `toyvm.build.assemble_file`: GNU as does the work."""
    out = assemble(path, Path(os.environ["TOYVM_TEST_SCRATCH"]) / f"{path.stem}.o", pic=pic)
    return read_object(out.read_bytes(), str(path))


def link_static(objects: Iterable[Path], libraries: Path, libs: Sequence[str], out: Path) -> Path:
    """Link with GNU ld against the archives in `libraries`."""
    archives = [f"-l{lib}" for lib in (*libs, "c")]
    shell(
        [GNU_LD, "-static", "-o", out, *objects, "-L", libraries, "--start-group", *archives, "--end-group"]
    )
    return out


def link_shared(objects: Iterable[Path], name: str, libraries: Path, libs: Sequence[str], out: Path) -> Path:
    """Link a shared library with GNU ld against the shared libraries in `libraries`."""
    needed = [f"-l{lib}" for lib in libs]
    shell([GNU_LD, "-shared", "-soname", name, "-o", out, *objects, "-L", libraries, "--as-needed", *needed])
    return out


def link_dynamic(objects: Iterable[Path], libraries: Path, libs: Sequence[str], out: Path) -> Path:
    """Link a dynamic executable with GNU ld."""
    needed = [f"-l{lib}" for lib in (*libs, "c")]
    loader = ["-dynamic-linker", "/lib/ld-linux-riscv64-lp64d.so.1"]
    shell([GNU_LD, *loader, "-o", out, *objects, "-L", libraries, "--as-needed", *needed])
    return out


def glibc_program(source: Path, others: Iterable[Path], out: Path, *, static: bool) -> Path:
    """Build a case with gcc against glibc: what the program does on Linux itself."""
    how = ["-static"] if static else ["-no-pie", "-Wl,-z,lazy"]
    include = f"-I{source.parent}"
    shell([GCC, *how, "-w", include, f"-Wa,{include}", "-o", out, source, *others, UNBUFFERED])
    return out


def glibc_shared(source: Path, out: Path) -> Path:
    """Build a shared library of a case with gcc against glibc."""
    shell([GCC, "-shared", "-fPIC", "-Wa,-fpic", "-o", out, source])
    return out


def sysroot(folder: Path, directives: Directives, *, glibc: bool = False) -> Path:
    """A folder for `qemu -L` with the files that the directives ask for, and glibc's libraries if wanted."""
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    for name, text in directives.files:
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if glibc:
        for library in (GLIBC / "lib").glob("*.so*"):
            link = folder / "lib" / library.name
            if not link.exists():
                link.symlink_to(library)
    return folder


def qemu(
    image: Path, directives: Directives, root: Path, *, env: Sequence[str] = (), timeout: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """Run an image in qemu-riscv64 with a case's arguments and environment, and nothing of ours."""
    settings = [word for setting in (*directives.env, *env) for word in ("-E", setting)]
    name = image.name
    image.chmod(0o755)
    command = [QEMU, "-L", str(root), "-0", name, *settings, str(image), *directives.args]
    done = subprocess.run(
        command,
        input=directives.stdin.encode(),
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
        cwd=root,
        timeout=timeout,
    )
    if done.returncode < 0:  # qemu dies of the guest's signal
        done.returncode = 128 - done.returncode
    return done
