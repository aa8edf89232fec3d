"""The processes of the machine: one that lives, and the checkpoints, which are forks of it that wait.

A fork is a copy of the whole machine: physical memory, the kernel's state and native code are
private memory of the process, so the host copies only the pages that change afterwards. A
checkpoint waits for the front's order to continue; it then forks the copy that does.

Every process has one channel to the front, and ends when that is closed. The first process is a
subreaper and stays until the end, so ended ones leave no zombies.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from toyvm.base.errors import ToyvmError
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.mm.reclaim.swap_area import SwapFile
from toyvm.machine.physical_memory import PAGE_SIZE, PhysicalMemory
from toyvm.run_options import RunOptions
from toyvm.system import Session, Start

from .channel import Channel, ChannelClosedError
from .gated_engine import GatedEngine, debug_engine
from .inspection import Inspection
from .machine import Machine
from .orders import Report, RunOrder
from .recording import Recording

_PR_SET_CHILD_SUBREAPER = 36
_OUTPUT, _ERROR = 1, 2
QUESTIONS = (
    "apply", "check_write", "processes", "threads", "registers", "read_memory", "read_file", "auxv", "libraries", "ask",
)  # fmt: skip


class PrivateSwap(SwapFile):
    """The slots of the swap area in this process's memory, where a fork copies them ."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: dict[int, bytes] = {}

    def write(self, slot: int, page: bytes | memoryview) -> None:
        """Store the page of a slot."""
        self._pages[slot] = bytes(page)

    def read(self, slot: int, count: int) -> bytes:
        """The bytes of `count` slots; fewer at the end."""
        last = max(self._pages, default=-1)
        blank = bytes(PAGE_SIZE)
        found = (self._pages.get(at, blank) for at in range(slot, min(slot + count, last + 1)))
        return b"".join(found)


class _Output:
    """Standard output or error of the guest: its bytes go to the front, if that does not know them."""

    def __init__(self, process: MachineProcess, number: int):
        self._process = process
        self._number = number

    def write(self, data: bytes) -> int:
        self._process.written(self._number, bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""


class _Input:
    """Standard input of the guest: the front has it."""

    def __init__(self, process: MachineProcess) -> None:
        self._process = process
        self._position = 0

    def read(self, count: int) -> bytes:
        data = self._process.input(self._position, count)
        self._position += len(data)
        return data


class MachineProcess:
    """A machine in a process of its own (`system.Watcher`)."""

    def __init__(self, channel: Channel, options: RunOptions):
        self._channel = channel
        self._options = options
        self._engine: GatedEngine
        self._machine: Machine
        self._inspection: Inspection
        self._output = 0
        self._known_output = 0

    # Starting

    def run(self, starts: Sequence[Start] | Recording) -> NoReturn:
        """Run the programs as the front orders. Does not return."""
        status = 1
        try:
            self._set_up()
            try:
                out, error = _Output(self, _OUTPUT), _Output(self, _ERROR)
                streams = (_Input(self), out, error)
                recorded = starts if isinstance(starts, Recording) else None
                vfs = recorded.vfs() if recorded is not None else None
                session = Session(self._options, (self,), streams=streams, vfs=vfs)
                if isinstance(starts, Recording):
                    starts.populate(session)
                else:
                    for start in starts:
                        session.start(start)
            except ToyvmError as failure:
                self._channel.send("failed", type(failure), str(failure))
                os._exit(0)
            session.kernel.run()
            self._machine.ended()
        except ChannelClosedError:
            status = 0
        except BaseException:
            try:
                self._channel.send("broken", traceback.format_exc())
            except ChannelClosedError:
                traceback.print_exc()
        finally:
            os._exit(status)

    @staticmethod
    def _set_up() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended copies leave no zombies
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def engine(self, memory: PhysicalMemory) -> GatedEngine:
        """See `system.Watcher`."""
        options = self._options
        self._engine = debug_engine(options.engine, memory, caching=options.caching)
        return self._engine

    def start(self, kernel: Kernel) -> None:
        """See `system.Watcher`."""
        if kernel.system.swap is not None:
            kernel.system.swap.file = PrivateSwap()
        self._machine = Machine(
            kernel, self._engine, self._stand, self._look, self._checkpoint, lambda: self._output
        )
        self._inspection = Inspection(kernel, self._in_copy)
        self._engine.gate = kernel.debug = self._machine

    # Streams

    def written(self, number: int, data: bytes) -> None:
        """The guest has written bytes."""
        new = data[max(0, self._known_output - self._output) :]
        self._output += len(data)
        if new:
            self._channel.send("output", number, self._output - len(new), new)

    def input(self, position: int, count: int) -> bytes:
        """Bytes of standard input from a position; empty at its end."""
        self._channel.send("input", position, count)
        while True:
            name, *values = self._channel.receive()
            if name == "input":
                return bytes(values[0])
            if name == "stand":
                self._machine.interrupted()
                self._channel.send("input", position, count)

    # Standing

    def _stand(self, report: Report) -> RunOrder:
        if not self._machine_began:
            self._machine_began = True
            self._channel.send("ready", report)
            self._wait_as_checkpoint()
        self._channel.send("stopped", report)
        return self._serve()

    _machine_began = False

    def _serve(self) -> RunOrder:
        """Answer questions until the front orders to run."""
        while True:
            name, *values = self._channel.receive()
            if name == "run":
                order: RunOrder = values[0]
                self._known_output = order.known_output
                return order
            if name in QUESTIONS:
                subject = self._machine if name == "apply" else self._inspection
                self._answer(getattr(subject, name), values)

    def _answer(self, question: Callable[..., Any], values: list[Any]) -> None:
        try:
            value = question(*values)
        except (ToyvmError, OSError) as failure:
            self._channel.send("error", type(failure), failure.args)
            return
        self._channel.send("answer", value)

    def _look(self) -> bool:
        """Whether the front wants the run to stop."""
        stop = False
        while self._channel.waiting():
            stop |= self._channel.receive()[0] == "interrupt"
        return stop

    # Copies

    def _checkpoint(self, report: Report) -> RunOrder | None:
        """Fork a checkpoint. In the copy that continues it one day: the order to do so."""
        front, own = Channel.pair()
        gc.freeze()  # the collector does not touch what both have
        if pid := os.fork():
            own.close()
            self._channel.send("checkpoint", report, pid, descriptor=front)
            front.close()
            return None
        front.close()
        self._channel.close()
        self._channel = own
        self._wait_as_checkpoint()
        self._channel.send("stopped", report)
        return self._serve()

    def _wait_as_checkpoint(self) -> None:
        """Wait as a checkpoint. Returns in each copy that the front wants, with the copy's channel."""
        while True:
            name, *_ = self._channel.receive()
            if name != "continue":
                continue
            channel = self._channel.take_descriptor()
            if not os.fork():
                self._channel.close()
                self._channel = channel
                self._channel.send("process", os.getpid())
                return
            channel.close()

    @staticmethod
    def _in_copy(function: Callable[[], Any]) -> Any:
        """The value of a function that is called in a copy of this process, so that this one does not change.

        Raises what it raises of ToyvmError and OSError.
        """
        reader, writer = os.pipe()
        if not os.fork():
            try:
                os.close(reader)
                try:
                    result = True, function()
                except (ToyvmError, OSError) as failure:
                    result = False, failure
                with open(writer, "wb") as stream:
                    pickle.dump(result, stream)
            finally:
                os._exit(0)
        os.close(writer)
        with open(reader, "rb") as stream:
            data = stream.read()
        if not data:
            raise ToyvmError("the answer could not be computed")
        good, value = pickle.loads(data)
        if not good:
            raise value
        return value


def start_machine(starts: Sequence[Start] | Recording, options: RunOptions) -> tuple[Channel, int]:
    """Fork the first process of a machine. Returns the channel to it and its number."""
    front, own = Channel.pair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        own.close()
        return front, pid
    front.close()
    MachineProcess(own, options).run(starts)
