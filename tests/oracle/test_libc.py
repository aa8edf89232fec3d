"""The guest library against glibc: the same C programs, built against both, run in qemu, print the same.

Everything here is built by GNU as, ld and gcc, so that a failure is the library's, not our tools'.
"""

from __future__ import annotations

import math
import re
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.support.oracles import GCC, GNU_AR, GNU_AS, GNU_LD, QEMU, require_oracle

pytestmark = pytest.mark.oracle

ROOT = Path(__file__).parents[2]
LIBS = ROOT / "libs"
PROGRAMS = ROOT / "tests" / "c_libc"
SYSROOT = "/usr/riscv64-linux-gnu"
LIBRARIES = ("libc", "imath")
FLOATING = ("setjmp.s", "strtod.s", "scanf.s")
STDIN = "ab\nsecond line is long\nthird, a line for getline, longer than before\n123456789the rest"


def run(*command: str | Path, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command, with its output as text; an exit code that is not 0 fails the test if `check`."""
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        encoding="latin-1",
        timeout=120,
    )
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


@dataclass(frozen=True)
class Libraries:
    """crt1.o, libX.a and libX.so, made by GNU tools in one folder, and how to build and run programs with them."""

    path: Path

    def compile(self, source: Path) -> Path:
        """A C program against libs/include, without the host's headers."""
        own = run(GCC, "-print-file-name=include").stdout.strip()
        out = self.path / f"{source.stem}.o"
        flags = ["-march=rv64imafd", "-mabi=lp64d", "-O1", "-ffreestanding", "-fno-builtin", "-fno-pic", "-w"]
        run(GCC, *flags, "-nostdinc", "-isystem", LIBS / "include", "-isystem", own, "-c", source, "-o", out)
        return out

    def link(self, obj: Path, *libraries: str, flags: Sequence[str] = ()) -> Path:
        """An executable of crt1.o, the object and the named files of the folder."""
        out = obj.with_suffix("")
        run(GNU_LD, *flags, "-o", out, self.path / "crt1.o", obj, *(self.path / name for name in libraries))
        return out

    def glibc(self, source: Path) -> Path:
        """The same program against glibc, static."""
        out = self.path / f"{source.stem}.glibc"
        run(GCC, "-w", "-O1", "-fno-builtin", "-D_GNU_SOURCE", "-static", source, "-o", out)
        return out

    def output(self, program: Path) -> str:
        """Everything a static program prints, and how it ends, in qemu."""
        done = run(QEMU, program, self.path / "scratch", stdin=STDIN, check=False)
        return f"{done.stdout}\n--- stderr\n{done.stderr}\n--- status {done.returncode}\n"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    require_oracle(GNU_AS, GNU_LD, GNU_AR, GCC, QEMU)
    path = tmp_path_factory.mktemp("libs")
    for name in LIBRARIES:
        folder, short = LIBS / name, name.removeprefix("lib")
        objects = []
        for source in sorted(folder.glob("*.s")):
            out = path / ("crt1.o" if source.stem == "crt1" else f"{short}-{source.stem}.o")
            run(GNU_AS, "-march=rv64imafd", "-mabi=lp64d", "-I", folder, "-o", out, source)
            objects += [out] if source.stem != "crt1" else []
        run(GNU_AR, "rcsD", path / f"lib{short}.a", *objects)
        needed = [path / "libc.so"] if short != "c" else []
        flags = ["-shared", "-soname", f"lib{short}.so", "-z", "text", "-z", "defs"]
        run(GNU_LD, *flags, "-o", path / f"lib{short}.so", *objects, *needed)
    return Libraries(path)


@pytest.mark.parametrize(
    "topic",
    [
        "formats",
        "floats",
        "strtod",
        "scan",
        "numbers",
        "strings",
        "sorting",
        "heap",
        "streams",
        "processes",
        "threads",
    ],
)
def test_the_same_program_prints_the_same_with_glibc(topic: str, libraries: Libraries) -> None:
    source = PROGRAMS / f"{topic}.c"
    ours = libraries.output(libraries.link(libraries.compile(source), "libc.a"))
    theirs = libraries.output(libraries.glibc(source))
    assert ours.splitlines() == theirs.splitlines()


def test_only_rv64ima_and_csr_instructions() -> None:
    """But for setjmp, which keeps registers of floating point, and strtod, whose result is in one."""
    require_oracle(GNU_AS)
    for name in LIBRARIES:
        for source in (LIBS / name).glob("*.s"):
            arch = "rv64imafd_zicsr" if source.name in FLOATING else "rv64ima_zicsr"
            run(GNU_AS, f"-march={arch}", "-mabi=lp64", "-I", LIBS / name, "-o", "/dev/null", source)


# --- the shared objects --------------------------------------------------------------------------------------


def exported(path: Path) -> set[str]:
    """Names that a shared object defines for others."""
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        return {
            symbol.name
            for symbol in table.iter_symbols()
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol.name
        }


@pytest.mark.parametrize(("name", "needed"), [("libc.so", []), ("libimath.so", ["libc.so"])])
def test_shared_objects_are_position_independent(name: str, needed: list[str], libraries: Libraries) -> None:
    with (libraries.path / name).open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        tags = list(dynamic.iter_tags())
    assert not [tag for tag in tags if tag.entry.d_tag == "DT_TEXTREL"]
    assert [getattr(tag, "soname", "") for tag in tags if tag.entry.d_tag == "DT_SONAME"] == [name]
    assert [getattr(tag, "needed", "") for tag in tags if tag.entry.d_tag == "DT_NEEDED"] == needed


def declared(tmp_path: Path) -> set[str]:
    """Names that the headers declare: functions as gcc understands them, and the `extern` objects."""
    include = LIBS / "include"
    headers = sorted(include.rglob("*.h"))
    everything = tmp_path / "everything.c"
    everything.write_text("".join(f"#include <{header.relative_to(include)}>\n" for header in headers))
    own, listing = run(GCC, "-print-file-name=include").stdout.strip(), tmp_path / "prototypes"
    flags = ["-ffreestanding", "-nostdinc", "-isystem", str(include), "-isystem", own, "-Werror", "-Wall"]
    run(GCC, *flags, "-aux-info", listing, "-S", "-o", "/dev/null", everything)
    lines = [line for line in listing.read_text().splitlines() if str(include) in line]
    functions = {match[1] for line in lines if (match := re.search(r"\*/.*?(\w+) \((?!\*)", line))}
    text = "".join(header.read_text() for header in headers)
    objects = {
        name.strip("* []")
        for line in re.findall(r"^extern (.*);", text, re.M)
        for name in re.sub(r"^.*? (?=\**\w+(\[\])?(,|$))", "", line).split(",")
    }
    return functions | objects


def test_headers_declare_exactly_what_the_libraries_export(libraries: Libraries, tmp_path: Path) -> None:
    both = exported(libraries.path / "libc.so") | exported(libraries.path / "libimath.so")
    assert declared(tmp_path) == both


def test_readme_lists_everything(libraries: Libraries) -> None:
    listed = set(re.findall(r"`(\w+)`", (LIBS / "README.md").read_text()))
    assert (exported(libraries.path / "libc.so") | exported(libraries.path / "libimath.so")) - listed == set()


SHARED_OUTPUT = """\
54 primes, 11 2 29
imath 1.0: 54 small primes
word 1 1000
0 1
value imath 1.0
-1 9
once; child; parent of 9"""


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_program_with_both_libraries(linkage: str, libraries: Libraries) -> None:
    obj = libraries.compile(PROGRAMS / "shared.c")
    if linkage == "static":
        done = run(QEMU, libraries.link(obj, "libimath.a", "libc.a"), "word", check=False)
    else:
        interpreter = f"--dynamic-linker={SYSROOT}/lib/ld-linux-riscv64-lp64d.so.1"
        program = libraries.link(obj, "libimath.so", "libc.so", flags=[interpreter])
        environment = f"LD_LIBRARY_PATH={libraries.path}"
        done = run(QEMU, "-L", SYSROOT, "-E", environment, program, "word", check=False)
    assert (done.stdout, done.stderr, done.returncode) == (SHARED_OUTPUT, "", 3)


# --- libimath ------------------------------------------------------------------------------------------------


def is_prime(n: int) -> int:
    return int(n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1)))


def next_prime(n: int) -> int:
    while True:
        n += 1
        if is_prime(n):
            return n


def nth_prime(n: int) -> int:
    prime = 0 if n == 0 else 2
    for _ in range(n - 1):
        prime = next_prime(prime)
    return prime


def collatz_length(n: int) -> int:
    steps = 0
    while n > 1:
        n, steps = (3 * n + 1 if n % 2 else n // 2), steps + 1
    return steps


def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def fnv1a(n: int) -> int:
    value = 0xCBF29CE484222325
    for byte in n.to_bytes(8, "little"):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


IMATH: dict[str, Callable[..., int]] = {
    "gcd": math.gcd,
    "lcm": math.lcm,
    "isqrt": math.isqrt,
    "ipow": lambda a, b: pow(a, b, 2**64),
    "mulmod": lambda a, b, m: a * b % m,
    "powmod": pow,
    "popcount": int.bit_count,
    "clz": lambda n: 64 - n.bit_length(),
    "ctz": lambda n: (n & -n).bit_length() - 1 if n else 64,
    "reverse_bytes": lambda n: int.from_bytes(n.to_bytes(8, "little"), "big"),
    "fibonacci": fibonacci,
    "factorial": math.factorial,
    "binomial": math.comb,
    "collatz_length": collatz_length,
    "is_prime": is_prime,
    "nth_prime": nth_prime,
    "next_prime": next_prime,
    "crc32": lambda n: zlib.crc32(n.to_bytes(8, "little")),
    "fnv1a": fnv1a,
}


def test_imath_agrees_with_python(libraries: Libraries) -> None:
    program = libraries.link(libraries.compile(PROGRAMS / "imath.c"), "libimath.a", "libc.a")
    *lines, version, hello = run(QEMU, program).stdout.splitlines()
    assert (version, hello) == ("version imath 1.0", "imath 1.0: 54 small primes")
    seen = set()
    for line in lines:
        call, result = line.split(" = ")
        name, *arguments = call.split()
        seen.add(name)
        assert int(result) == IMATH[name](*map(int, arguments)) % 2**64, line
    assert seen == set(IMATH)
