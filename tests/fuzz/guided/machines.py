"""What a guest may do: be any executable, execute any instructions on each engine, make any system calls."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.fuzz.test_programs import CALLS, DATA, ECALL, end_in_order, image
from tests.support import elf_samples
from tests.support.call_sequences import Sequence
from toyvm.base.errors import ToyvmError
from toyvm.base.record import replace
from toyvm.engines.checking.lockstep_engine import LockstepEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.table import INSNS
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.loader.dynamic_loader import DynamicLoader
from toyvm.loader.ldd import loaded_objects
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.run_options import Limits, RunOptions
from toyvm.system import run

_LIMITS = Limits(max_instructions=1000, quantum=100, virtual_seconds=1e6, processes=8, open_files=32)


def _run(
    files: dict[str, bytes], path: str, engine: Callable[[PhysicalMemory], Engine] = ReferenceEngine
) -> None:
    """Run a program of these files with toyvm's loader; it ends with a status, and every frame comes back."""
    vfs = Vfs.sandbox(None, memfs_bytes=1 << 20)
    for name, data in files.items():
        vfs.add_file(name, data)
    err = io.BytesIO()
    kernel = Kernel(
        1 << 20, engine, vfs, interpreter=DynamicLoader(), limits=_LIMITS, stdout=io.BytesIO(), stderr=err
    )
    try:
        kernel.spawn(path, [path])
    except ToyvmError as refused:
        assert str(refused)
    else:
        assert 0 <= kernel.run() <= 255
    assert b"Traceback" not in err.getvalue()
    kernel.power_off()
    assert kernel.frames.used == 0


_OPTIONS = RunOptions(
    max_instructions=500,
    memory=1 << 20,
    root="",
    processes=4,
    engine="reference",
    caching=False,
    views=frozenset({"maps", "smaps", "pagetable"}),
    trace=frozenset({"faults", "loader", "process"}),
    breakpoint="_start",
)


def executable(data: bytes) -> None:
    """The file as a program in a machine; or as `toyvm run` does it, with a breakpoint, views and reports."""
    if zlib.crc32(data) & 3 == 0:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "fuzz")
            path.write_bytes(data)
            path.chmod(0o755)
            try:
                result = run(path, ["fuzz"], _OPTIONS, stdin=b"", capture=True)
            except ToyvmError as refused:
                assert str(refused)
            else:
                assert 0 <= result.status <= 255
                assert b"Traceback" not in result.stderr
        return
    _run({"/bin/fuzz": data, **_libraries()}, "/bin/fuzz")


@cache
def _libraries() -> dict[str, bytes]:
    from . import file_readers

    return {"/lib/libfuzz.so": file_readers.shared_objects()[0]}


@cache
def executables() -> list[bytes]:
    from . import file_readers

    exits = [INSNS["addi"].encode(rd=17, rs1=0, imm=94), ECALL]
    return [
        image(exits),
        image([*exits[:1], *exits], writable=False),
        file_readers.user_program(),
        elf_samples.program(),
        *file_readers.elf_files()[-3:-1],
    ]


def load_library(data: bytes) -> None:
    """The file as a library: `ldd` of it, and a program that needs it."""
    from . import file_readers

    files = {"/lib/libfuzz.so": data, "/bin/fuzz": file_readers.user_program()}
    vfs = Vfs.sandbox(None, memfs_bytes=1 << 20)
    vfs.add_file("/lib/libfuzz.so", data)
    try:
        loaded_objects(vfs, "/lib/libfuzz.so")
    except (ToyvmError, OSError) as refused:
        assert str(refused)
    _run(files, "/bin/fuzz")


# Instructions

_ROWS = sorted(INSNS)
_COMPUTING = [
    name for name in _ROWS if INSNS[name].format.name in ("R", "I", "I-shift", "S", "R-float")
]  # few others come back


@cache
def _translator() -> Translator | None:
    return None if unavailable() else Translator(folder=None)


def instructions(data: bytes) -> None:
    """Words that the input chooses, as a program, and as a loop in lockstep on both engines."""
    code = []
    for kind, high, bits in struct.iter_unpack("<BBH", data[: len(data) & ~3]):
        word = (bits << 16 | high << 8 | kind) * 0x9E3779B1 & 0xFFFFFFFF  # all bits depend on all
        if kind < 0xC0:
            row = INSNS[_COMPUTING[(kind | high << 8) % len(_COMPUTING)]]
            code.append(row.match | (word & ~0xF0080000 | 1 << 18) & ~row.mask & 0xFFFFFFFF)
        elif kind < 0xE0:
            row = INSNS[_ROWS[(kind | high << 8) % len(_ROWS)]]
            code.append(row.match | word & ~row.mask & 0xFFFFFFFF)
        elif kind < 0xF8:
            code += [INSNS["addi"].encode(rd=17, rs1=0, imm=CALLS[high % len(CALLS)]), ECALL]
        else:
            code.append(word)
    limits = Limits(max_instructions=2000, quantum=100)
    translator = _translator()
    if translator is None or (data and data[0] & 1):
        end_in_order(image(code), ReferenceEngine, limits)
        return
    pointers = [
        INSNS["lui"].encode(rd=register, imm=DATA + 0x1000 * (register & 3)) for register in range(8, 16)
    ]
    loop = [*pointers, *code]
    loop.append(INSNS["jal"].encode(imm=-4 * len(loop)))

    def lockstep(memory: PhysicalMemory) -> LockstepEngine:
        translator.forget()
        return LockstepEngine(memory, len(data), translator)

    limits = replace(limits, max_instructions=4000, quantum=500, schedule_seed=len(data))
    end_in_order(image(loop, writable=False), lockstep, limits)


def instruction_seeds() -> list[bytes]:
    dice = random.Random(1)
    return [dice.randbytes(4 * length) for length in (1, 2, 4, 8, 16, 30)]


# System calls


class _Chosen(random.Random):
    """Dice whose throws are the bytes of an input; what comes after its end is the same every time."""

    def __init__(self, data: bytes):
        super().__init__(0)
        self._data = data
        self._at = 0

    def getrandbits(self, k: int) -> int:
        size = (k + 7) // 8
        part = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(part, "little") & (1 << k) - 1 if part else super().getrandbits(k)

    def random(self) -> float:
        part = self._data[self._at : self._at + 1]
        self._at += 1
        return part[0] / 256 if part else super().random()

    @property
    def used_up(self) -> bool:
        return self._at >= len(self._data)


@cache
def _sandbox() -> tempfile.TemporaryDirectory[str]:
    """A folder for guests, with links that lead out of it, and a secret beside it."""
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name) / "root"
    (root / "sub").mkdir(parents=True)
    (root / "kept").write_bytes(b"kept" * 1000)
    (root / "sub" / "inner").write_bytes(b"inner")
    (root / "out").symlink_to(folder.name)
    (root / "up").symlink_to("../..")
    (root / "loop").symlink_to("loop")
    (Path(folder.name) / "secret").write_bytes(SECRET)
    return folder


SECRET = b"what is not in the sandbox"


def calls(data: bytes) -> None:
    """A sequence of system calls by a few processes, whose every choice is a byte of the input."""
    folder = Path(_sandbox().name)
    sequence = Sequence(_Chosen(data), str(folder / "root"))
    for _ in range(60):
        if not sequence.step() or sequence.dice.used_up:  # type: ignore[attr-defined]  # it is _Chosen
            break
    assert bytes(sequence.kernel.memory.u8).find(SECRET) < 0
    sequence.end()
    assert (folder / "secret").read_bytes() == SECRET


def call_seeds() -> list[bytes]:
    dice = random.Random(2)
    return [dice.randbytes(length) for length in (100, 300, 600, 1000)]
