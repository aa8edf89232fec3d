"""Bare physical memory: where programs stand, that they can reach each other, and what such a kernel does not offer."""

from __future__ import annotations

import errno
import io

import pytest

from tests.support.harness import ASM
from toyvm.assembler import AssemblerOptions, assemble_text
from toyvm.base.errors import NotExecutableError
from toyvm.build import build_program
from toyvm.engines.engine_choice import make_engine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.mm.no_mmu import STACK_SIZE, Placement
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.machine.mmu import Access, BareMmu
from toyvm.machine.traps import Cause, Trap
from toyvm.run_options import Limits

SIZE = 4 << 20
ENGINES = ("reference", "llvm", "lockstep")
EXIT = "li a7, 93\necall\n"


class Machine:
    """A kernel without MMU."""

    def __init__(self, engine: str = "reference", size: int = SIZE):
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.kernel = Kernel(
            size,
            lambda memory: make_engine(engine, memory, None, caching=False, seed=0),
            Vfs.sandbox(None),
            limits=Limits(no_mmu=True, max_instructions=1_000_000),
            stdout=self.out,
            stderr=self.err,
        )

    def start(self, name: str, image: bytes, placement: Placement | None = None) -> None:
        self.kernel.vfs.add_file(f"/bin/{name}", image)
        self.kernel.spawn(f"/bin/{name}", [name], placement=placement)

    def run(self) -> int:
        """The status, with all memory given back."""
        status = self.kernel.run()
        self.kernel.power_off()
        assert self.kernel.frames.used == 0
        return status


def program(source: str, base: int = 0x10000) -> bytes:
    """A program linked for `base`."""
    text = f".option norvc\n.globl _start\n_start:\n{source}"
    assembled = assemble_text(text, "test.s", AssemblerOptions())
    return link([Input(object=assembled)], LinkOptions(static=True, image_base=base)).image


def entry(image: bytes) -> int:
    """e_entry."""
    return int.from_bytes(image[24:32], "little")


@pytest.mark.parametrize("engine", ENGINES)
def test_one_overwrites_the_other(engine: str) -> None:
    """The samples, on every engine: the same output after the same instructions."""
    machine = Machine(engine)
    for name in ("bare_owner", "bare_intruder"):
        machine.start(name, build_program([ASM / f"{name}.s"]).image)
    assert machine.run() == 0
    assert machine.out.getvalue().splitlines()[-1] == b"owner:    I find 99345"
    assert machine.kernel.stats.instructions == 57


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("va", [SIZE, SIZE - 4, 1 << 30, 1 << 38, (1 << 64) - 8])
def test_memory_ends(engine: str, va: int) -> None:
    """One byte further is an access fault, also for a misaligned access that begins inside."""
    machine = Machine(engine)
    machine.start("wild", program(f"li t0, {va}\nld a0, 0(t0)\n{EXIT}"))
    assert machine.run() == 139
    assert b"no memory is there" in machine.err.getvalue()


@pytest.mark.parametrize("engine", ENGINES)
def test_address_0_is_memory(engine: str) -> None:
    """A NULL pointer is not caught."""
    machine = Machine(engine)
    machine.start("null", program(f"li t0, 7\nsd t0, 0(zero)\nld a0, 0(zero)\n{EXIT}"))
    assert machine.run() == 7


@pytest.mark.parametrize("engine", ENGINES)
def test_code_of_another_can_be_changed(engine: str) -> None:
    """One program turns the jump of the other's endless loop, which is hot by then, into a nop."""
    machine = Machine(engine)
    loop = program(f"1: li a7, 124\necall\nj 1b\nli a0, 9\n{EXIT}", 0x40000)
    machine.start("loop", loop)
    patch = f"li t0, {entry(loop) + 8}\nli t1, 0x13\nsw t1, 0(t0)\nfence.i\nli a0, 0\n{EXIT}"
    machine.start(
        "patch", program(f"li s0, 2000\n1: li a7, 124\necall\naddi s0, s0, -1\nbnez s0, 1b\n{patch}")
    )
    assert machine.run() == 9


@pytest.mark.parametrize("engine", ENGINES)
def test_vfork_works_and_fork_does_not(engine: str) -> None:
    """The child of vfork stands in its parent's memory; fork, mprotect and a shared segment are ENOSYS."""
    machine = Machine(engine)
    calls = "".join(
        f"{arguments}\nli a7, {number}\necall\nli t0, -{errno.ENOSYS}\nbne a0, t0, bad\n"
        for number, arguments in [
            (220, "li a0, 17\nli a1, 0\nli a2, 0\nli a3, 0\nli a4, 0"),
            (226, "li a0, 0x10000\nli a1, 4096\nli a2, 1"),
            (194, "li a0, 0\nli a1, 4096\nli a2, 0600"),
        ]
    )
    machine.start(
        "vfork",
        program(
            f"{calls}la s0, word\nli a0, 0x4111\nli a1, 0\nli a2, 0\nli a3, 0\nli a4, 0\nli a7, 220\necall\n"
            f"bnez a0, parent\nli t0, 42\nsd t0, 0(s0)\nli a0, 0\n{EXIT}"
            f"parent: ld a0, 0(s0)\n{EXIT}bad: li a0, 1\n{EXIT}.data\n.balign 8\nword: .dword 0\n"
        ),
    )
    assert machine.run() == 42


def test_heap_and_mappings_are_what_is_free() -> None:
    """brk grows until the neighbour begins; mmap gives the highest free stretch, zeroed; munmap gives it back whole."""
    machine = Machine()
    machine.start("low", program(EXIT, 0x10000))
    machine.start("high", program(EXIT, 0x40000))
    low, high = (process.mm for process in machine.kernel.processes.values())
    assert low.brk(0x40001) == low.map.brk_start
    assert low.brk(0x40000) == 0x40000
    assert low.brk(low.map.brk_start + 1) == low.map.brk_start + 1
    assert high.mmap(0, 5, 3) == SIZE - 2 * STACK_SIZE - 4096
    low.write(SIZE - 2 * STACK_SIZE - 4096, b"anybody may")
    high.munmap(SIZE - 2 * STACK_SIZE - 4096, 5)
    assert high.mmap(0, 5, 3) == SIZE - 2 * STACK_SIZE - 4096
    assert low.read(SIZE - 2 * STACK_SIZE - 4096, 11) == bytes(11)
    for call, number in [
        (lambda: low.mmap(0x100000, 4096, 3, fixed=True), errno.EINVAL),
        (lambda: low.mmap(0, SIZE, 3), errno.ENOMEM),
        (lambda: low.munmap(0x20000, 8192), errno.EINVAL),
        (low.fork, errno.ENOSYS),
    ]:
        with pytest.raises(OSError) as failure:
            call()
        assert failure.value.errno == number


@pytest.mark.parametrize(
    ("base", "placement", "words"),
    [
        (0x10000, None, "/bin/first of process 100 is at 0x10000"),
        (0x40000, Placement(load_at=0x10000), "/bin/first of process 100"),
        (0x40000, Placement(stack_at=0x11000), "/bin/first of process 100"),
        (SIZE, None, "physical memory ends at 0x400000"),
        (0x40000, Placement(load_at=0), "the first page is not given away"),
        (0x40000, Placement(stack_at=SIZE + STACK_SIZE), "physical memory ends"),
    ],
)
def test_what_is_in_the_way_is_named(base: int, placement: Placement | None, words: str) -> None:
    machine = Machine()
    machine.start("first", program(EXIT))
    used = machine.kernel.frames.used
    with pytest.raises(NotExecutableError, match=words):
        machine.start("second", program(EXIT, base), placement)
    assert machine.kernel.frames.used == used
    assert machine.run() == 0


def test_the_bare_mmu_translates_nothing() -> None:
    kernel = Machine().kernel
    mmu = kernel.flat_memory.mmu if kernel.flat_memory is not None else None
    assert isinstance(mmu, BareMmu)
    for va in (0, 1, SIZE - 1):
        assert mmu.translate(va, Access.WRITE) == va
    for access, cause in [
        (Access.READ, Cause.LOAD_ACCESS),
        (Access.WRITE, Cause.STORE_ACCESS),
        (Access.EXECUTE, Cause.INSTRUCTION_ACCESS),
    ]:
        with pytest.raises(Trap) as trap:
            mmu.translate(SIZE, access)
        assert (trap.value.cause, trap.value.tval) == (cause, SIZE)
