"""The loader as the kernel calls it: on a real process, with whatever a guest may put into its registers."""

from __future__ import annotations

import errno
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.elf_maker import TEXT, Maker, Sym
from toyvm.base.errors import LoadError
from toyvm.elf import constants as c
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.process import Process
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.loader import stub
from toyvm.loader.dynamic_loader import DynamicLoader, counts, libraries, state_of
from toyvm.machine.mmu import Access

FILES = {
    "/bin/prog": Maker(needed=["a"], symbols=[Sym("s")], plt=["s"], interpreter="/lib/ld.so").build(),
    "/bin/static": Maker().build(),
    "/lib/a": Maker(symbols=[Sym("s", TEXT)], extra=[(c.DT_INIT, TEXT), (c.DT_FINI, TEXT)]).build(),
    "/lib/q": Maker(extra=[(c.DT_INIT, TEXT), (c.DT_FINI, TEXT)]).build(),
    "/lib/r": Maker(needed=["q"], extra=[(c.DT_INIT, TEXT), (c.DT_FINI, TEXT)]).build(),
    "/lib/p": Maker(symbols=[Sym("q", TEXT)], extra=[(c.DT_INIT, TEXT), (c.DT_FINI, TEXT)]).build(),
}


class Running:
    """A process of a real kernel, as it is before its first instruction."""

    def __init__(self, path: str = "/bin/prog", *env: str) -> None:
        vfs = Vfs.sandbox(None)
        for name, data in FILES.items():
            vfs.add_file(name, data)
        self.loader = DynamicLoader()
        self.err = io.BytesIO()
        self.kernel = Kernel(4 << 20, vfs=vfs, interpreter=self.loader, stderr=self.err)
        self.process: Process = self.kernel.spawn(path, [path], list(env))
        self.x = self.process.hart.x

    def call(self, number: int, a0: int = 0, a1: int = 0, a2: int = 0) -> int:
        self.x[10:13] = a0, a1, a2
        self.loader.call(self.kernel, self.process, number, self.x)
        return self.x[10]

    def text(self, text: bytes) -> int:
        """The guest address of `text`."""
        va = self.process.mm.mmap(0, 4096, 3)
        self.process.mm.write(va, text + b"\0")
        return va


def test_the_stub_is_one_frame_for_all() -> None:
    running = Running()
    second = running.kernel.spawn("/bin/prog", ["prog"], [])
    frames = []
    for process in (running.process, second):
        va = state_of(process).stub
        process.mm.read(va, 4)
        frames.append(process.mm.mmu.translate(va, Access.READ) >> 12)
    assert frames[0] == frames[1]


def test_the_stub_is_assembled_as_its_text_says() -> None:
    code, labels = stub.assembled()
    assert (code, labels) == (stub.build().code, stub.build().labels)
    assert len(code) <= 4096
    assert labels["_dl_runtime_resolve"] == 0
    words = [int.from_bytes(code[i : i + 4], "little") for i in range(0, len(code), 4)]
    assert words[-1] == 0x73, "_dl_exit ends with an ecall, whose number is exit_group's"
    assert words[-2] == 94 << 20 | 17 << 7 | 0x13
    assert words[labels["_dl_debug_state"] // 4] == 0x8067, "a debugger's breakpoint is a ret"


def test_lazy_binding_by_registers() -> None:
    running = Running()
    main = state_of(running.process).namespace.main
    running.x[5], running.x[6] = main.handle, 0
    before = list(running.x)
    running.call(stub.DL_RESOLVE, *before[10:13])
    library = state_of(running.process).namespace.objects[1]
    assert running.x[28] == library.bias + TEXT
    running.x[28] = before[28]
    assert running.x == before, "all other registers are kept"
    found = counts(running.process)
    assert found is not None
    assert found.lazy == {"R_RISCV_JUMP_SLOT": 1}
    assert libraries(running.process) == ("a",)


def test_dl_calls_and_their_errors() -> None:
    running = Running()
    handle = running.call(stub.DL_OPEN, running.text(b"p"), 2)
    assert running.call(stub.DL_NEXT_INIT)
    address = running.call(stub.DL_SYM, handle, running.text(b"q"))
    assert address == state_of(running.process).namespace.by_handle[handle].bias + TEXT
    assert running.call(stub.DL_SYM, handle, running.text(b"zork")) == 0
    buffer = running.text(b"")
    message = b"/lib/p: undefined symbol: zork\0"
    assert running.call(stub.DL_ERROR, buffer, 100) == len(message)
    assert running.process.mm.read(buffer, len(message)) == message
    assert running.call(stub.DL_ERROR, buffer, 100) == 0
    assert running.call(stub.DL_CLOSE, handle) == 0
    assert running.call(stub.DL_CLOSE, handle) == (1 << 64) - 1
    assert running.call(stub.DL_ERROR, buffer, 5) == 5
    assert running.process.mm.read(buffer, 5) == b"shar\0"


@pytest.mark.parametrize(("path", "number"), [("/bin/static", stub.DL_OPEN), ("/bin/prog", 7050)])
def test_calls_without_an_answer(path: str, number: int) -> None:
    with pytest.raises(OSError) as caught:
        Running(path).call(number)
    assert caught.value.errno == errno.ENOSYS


def test_a_missing_library_ends_the_process_with_127() -> None:
    running = Running("/bin/static")
    running.kernel.vfs.add_file("/bin/prog", Maker(needed=["b"], interpreter="/lib/ld.so").build())
    process = running.kernel.spawn("/bin/prog", ["./prog"], [])
    assert process.status >> 8 == 127
    assert (
        b"./prog: error while loading shared libraries: b: cannot open shared object file"
        in running.err.getvalue()
    )


def test_debug_output_in_the_guests_files() -> None:
    running = Running("/bin/prog", "LD_DEBUG=libs", "LD_DEBUG_OUTPUT=/tmp/log")
    pid = running.process.pid
    file = running.kernel.vfs.open(f"/tmp/log.{pid}", 0, 0, running.kernel.system.cache)
    lines = file.read(1000).splitlines()
    assert lines[0] == b"%10d:\tfind library=a [0]; searching" % pid
    assert b"%10d:\t  trying file=/lib/a" % pid in lines
    assert running.err.getvalue() == b""


def test_debug_output_that_cannot_be_written_goes_to_stderr() -> None:
    running = Running("/bin/prog", "LD_DEBUG=libs", "LD_DEBUG_OUTPUT=/nowhere/log")
    assert b"trying file=/lib/a" in running.err.getvalue()


NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 0x102, (1 << 64) - 1, 1 << 63, 0x10000, 4096]), st.integers(0, (1 << 64) - 1)
)


@settings(max_examples=150)
@given(st.data())
def test_whatever_is_in_the_registers(data: st.DataObject) -> None:
    running = Running()
    mm = running.process.mm
    main = state_of(running.process).namespace.main
    known = [
        main.handle,
        mm.mmap(0, 4096, 1),
        running.text(b"p"),
        running.text(b"q"),
        running.x[2],
        state_of(running.process).stub,
    ]
    value = st.one_of(st.sampled_from(known), NUMBERS)
    for _ in range(data.draw(st.integers(1, 6))):
        running.x[5], running.x[6] = data.draw(value), data.draw(value)
        if data.draw(st.integers(0, 5)) == 0:
            area = data.draw(st.sampled_from([area.start for area in mm.vmas]))
            mm.munmap(area, 4096)
        try:
            running.call(
                data.draw(st.integers(7000, 7008)), data.draw(value), data.draw(value), data.draw(value)
            )
        except (LoadError, OSError):
            continue  # what the kernel expects: the process ends with 127, or the call fails with errno


def test_dlopen_in_an_initialiser_runs_only_what_it_brought() -> None:
    """The initialisers of the outer dlopen go on after the one that called."""
    running = Running()
    objects = state_of(running.process).namespace.by_handle
    while running.call(stub.DL_NEXT_INIT):
        pass
    outer = running.call(stub.DL_OPEN, running.text(b"r"), 2)
    first = running.call(stub.DL_NEXT_INIT)
    inner = running.call(stub.DL_OPEN, running.text(b"p"), 2)
    assert running.call(stub.DL_NEXT_INIT) == objects[inner].bias + TEXT
    assert running.call(stub.DL_NEXT_INIT) == 0
    assert running.call(stub.DL_OPEN, running.text(b"gone"), 2) == 0, "a failed one brings nothing"
    assert running.call(stub.DL_NEXT_INIT) == 0
    assert first == objects[outer].needed[0].bias + TEXT
    assert running.call(stub.DL_NEXT_INIT) == objects[outer].bias + TEXT
    assert running.call(stub.DL_NEXT_INIT) == 0


def test_dlclose_in_a_finaliser_waits_for_those_under_way() -> None:
    running = Running()
    objects = state_of(running.process).namespace.by_handle
    handles = [running.call(stub.DL_OPEN, running.text(name), 2) for name in (b"r", b"p")]
    while running.call(stub.DL_NEXT_INIT):
        pass
    r, p = (objects[handle] for handle in handles)
    q = r.needed[0]
    assert running.call(stub.DL_CLOSE, r.handle) == 0
    assert running.call(stub.DL_NEXT_FINI) == r.bias + TEXT
    assert running.call(stub.DL_CLOSE, p.handle) == 0
    assert running.call(stub.DL_NEXT_FINI) == 0, "the inner dlclose has none to run"
    assert running.process.mm.read(r.bias, 4) == b"\x7fELF", "the finaliser that runs is still there"
    assert running.call(stub.DL_NEXT_FINI) == q.bias + TEXT
    assert running.call(stub.DL_NEXT_FINI) == p.bias + TEXT
    assert running.call(stub.DL_NEXT_FINI) == 0
    assert libraries(running.process) == ("a",)


def test_dlclose_in_a_finaliser_at_the_end_of_the_program() -> None:
    running = Running()
    handle = running.call(stub.DL_OPEN, running.text(b"p"), 2)
    while running.call(stub.DL_NEXT_INIT):
        pass
    running.call(stub.DL_FINI)
    assert running.call(stub.DL_NEXT_FINI)
    assert running.call(stub.DL_CLOSE, handle) == 0
    assert running.call(stub.DL_NEXT_FINI) == 0
    assert running.call(stub.DL_NEXT_FINI), "the library of the program itself"
    assert running.call(stub.DL_NEXT_FINI) == 0
    assert libraries(running.process) == ("a", "p")
