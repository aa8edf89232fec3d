"""The interface to the kernel: an `Interpreter` (`kernel.proc.kernel_state`).

    kernel = Kernel(..., interpreter=DynamicLoader())

`docs/design/loader.md` lists the numbers and registers of the calls. An error at start-up or in
lazy binding ends the process with 127. An error in dlopen, dlsym or dlclose is kept for dlerror.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from ..base.bits import M64
from ..base.errors import LoadError
from ..kernel.mm.image_mapping import LoadedImage
from ..kernel.proc.kernel_state import KernelState, Registers
from ..kernel.proc.process import Process
from ..kernel.vfs.memory_files import MemFile, MemFs
from . import dlfcn, guest_calls, stub, unloading
from .dlerror import SYMBOL_LOOKUP, DlError
from .kernel_guest import KernelGuest
from .loader_state import LoaderCounts, LoaderState
from .session import Session
from .startup import start

_RA, _TP, _T0, _T1, _A0, _A1, _A2, _T3 = 1, 4, 5, 6, 10, 11, 12, 28
_STUB_DEVICE = 0x1D
_NAME_MAX = 4096
_SYMBOL_MAX = 1 << 16


class DynamicLoader:
    """The built-in ld.so, for all processes of a kernel.

    `process.loader_state` is a process's session.
    """

    def __init__(self) -> None:
        code = stub.build().code
        fs = MemFs(_STUB_DEVICE, len(code))
        self._stub_file = MemFile(fs, 0o555, code, read_only=True)
        self._calls: dict[int, Callable[[Session, Registers], None]] = {
            stub.DL_RESOLVE: self._resolve,
            stub.DL_NEXT_INIT: self._next_init,
            stub.DL_NEXT_FINI: self._next_fini,
            stub.DL_OPEN: self._open,
            stub.DL_SYM: self._symbol,
            stub.DL_CLOSE: self._close,
            stub.DL_ERROR: self._error,
            stub.DL_FINI: self._begin_exit,
            stub.DL_NEW_THREAD: self._new_thread,
            stub.DL_END_THREAD: self._end_thread,
        }

    def start(
        self,
        kernel: KernelState,
        process: Process,
        image: LoadedImage,
        argv: Sequence[bytes],
        envp: Sequence[bytes],
    ) -> int:
        """Load the libraries that `image` needs.

        Return the pc in the stub to start at. Raises LoadError.
        """
        guest = KernelGuest(kernel, process, self._stub_file)
        arguments = [_text(argument) for argument in argv]
        try:
            process.loader_state, pc = start(guest, image, arguments, [_text(item) for item in envp])
        except DlError as error:
            raise LoadError(error.fatal(arguments[0] if arguments else image.path)) from error
        return pc

    def call(self, kernel: KernelState, process: Process, number: int, args: Registers) -> None:
        """Serve one private system call.

        Raises LoadError to end the process, OSError(ENOSYS) for an unknown number or a static
        program.
        """
        session = process.loader_state
        handler = self._calls.get(number)
        if handler is None or not isinstance(session, Session):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        handler(session, args)

    def forked(self, parent: Process, child: Process) -> None:
        """Give the child a session with the parent's libraries. Its counters start at zero."""
        session = parent.loader_state
        if isinstance(session, Session):
            assert isinstance(session.guest, KernelGuest)
            child.loader_state = session.fork(KernelGuest(session.guest.kernel, child, self._stub_file))

    def released(self, process: Process) -> None:
        """Drop the loaded objects of a process that has left its image, and keep the counters."""
        if isinstance(process.loader_state, Session):
            process.loader_state.state.forget()

    # The private system calls

    def _resolve(self, session: Session, x: Registers) -> None:
        """DL_RESOLVE: t0 = link map, t1 = PLT offset; t3 = target.

        An error ends the process, as in glibc.

        For an IFUNC symbol t3 is `_dl_resolve_ifunc`, t0 the resolver and t1 the slot.
        """
        try:
            bound = session.bind_lazily(x[_T0], x[_T1])
        except DlError as error:
            error.occasion = SYMBOL_LOOKUP
            raise LoadError(error.fatal(session.state.program)) from error
        x[_T3] = bound.target
        if bound.is_resolver:
            x[_T3], x[_T0], x[_T1] = session.stub_address("_dl_resolve_ifunc"), bound.target, bound.slot

    def _next_init(self, session: Session, x: Registers) -> None:
        x[_A0] = self._fatal(session, lambda: guest_calls.next_init(session, x[_A0]))

    def _next_fini(self, session: Session, x: Registers) -> None:
        x[_A0] = self._fatal(session, lambda: unloading.next_fini(session))

    def _begin_exit(self, session: Session, x: Registers) -> None:
        guest_calls.begin_exit(session)
        x[_A0] = 0

    def _open(self, session: Session, x: Registers) -> None:
        """DL_OPEN: a0 = path or 0, a1 = flags, ra = dlopen's return address; a0 = handle or 0."""
        path, flags, caller = x[_A0], x[_A1], x[_RA]
        guest_calls.entering_open(session.state)

        def opened() -> int:
            name = _text(session.memory.read_cstring(path, _NAME_MAX)) if path else None
            return dlfcn.dlopen(session, name, flags, caller)

        x[_A0] = self._or_dlerror(session, opened, 0)

    def _symbol(self, session: Session, x: Registers) -> None:
        """DL_SYM: a0 = handle, a1 = name, a2 = the caller's return address; a0 = address or 0."""
        handle, name, caller, tp = x[_A0], x[_A1], x[_A2], x[_TP]
        x[_A0] = self._or_dlerror(
            session,
            lambda: dlfcn.dlsym(session, handle, session.memory.read_cstring(name, _SYMBOL_MAX), caller, tp),
            0,
        )

    def _close(self, session: Session, x: Registers) -> None:
        """DL_CLOSE: a0 = handle; a0 = 0 or -1."""
        handle = x[_A0]
        guest_calls.entering_close(session.state)

        def closed() -> int:
            dlfcn.dlclose(session, handle)
            return 0

        x[_A0] = self._or_dlerror(session, closed, M64)

    def _error(self, session: Session, x: Registers) -> None:
        """DL_ERROR: a0 = buffer, a1 = size; a0 = length copied with its NUL, or 0.

        Raises OSError(EFAULT).
        """
        text, buffer, size = session.state.error, x[_A0], x[_A1]
        if text is None or size == 0:
            x[_A0] = 0
            return
        data = text.encode("utf-8", "surrogateescape")[: size - 1] + b"\0"
        session.memory.write(buffer, data)
        session.state.error = None
        x[_A0] = len(data)

    @staticmethod
    def _new_thread(session: Session, x: Registers) -> None:
        """DL_NEW_THREAD: a0 = the tp of a new thread. Raises OSError(ENOMEM)."""
        x[_A0] = session.new_thread()

    @staticmethod
    def _end_thread(session: Session, x: Registers) -> None:
        """DL_END_THREAD: a0 = the tp of a thread that has ended; a0 = 0. Raises OSError(EINVAL)."""
        session.end_thread(x[_A0])
        x[_A0] = 0

    @staticmethod
    def _or_dlerror(session: Session, action: Callable[[], int], failed: int) -> int:
        """The result of `action`. On an error, return `failed` and keep the message for dlerror."""
        session.state.error = None
        try:
            return action()
        except DlError as error:
            session.state.error = error.text()
        except OSError as error:
            session.state.error = os.strerror(error.errno or errno.EIO)
        return failed

    @staticmethod
    def _fatal(session: Session, action: Callable[[], int]) -> int:
        """The result of `action`. An error ends the process."""
        try:
            return action()
        except DlError as error:
            raise LoadError(error.fatal(session.state.program)) from error


def state_of(process: Process) -> LoaderState:
    """The loader state of a dynamic process."""
    session = process.loader_state
    assert isinstance(session, Session)
    return session.state


def counts(process: Process) -> LoaderCounts | None:
    """The loader's counters for `process` since exec; None for a static program."""
    session = process.loader_state
    return session.state.counts() if isinstance(session, Session) else None


def libraries(process: Process) -> tuple[str, ...]:
    """The file names of the shared objects that `process` has currently loaded, in load order."""
    session = process.loader_state
    if not isinstance(session, Session):
        return ()
    return tuple(obj.name.rsplit("/", 1)[-1] for obj in session.state.namespace.objects if obj.name)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
