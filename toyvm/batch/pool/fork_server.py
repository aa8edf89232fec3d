"""A worker: a process that is warm, and forks a child for each job.

It reads jobs from a connection and answers each with an outcome, one at a time. It ends when the
other side closes the connection. The child of a job is killed when its time is over, when the other
side is gone, and (on Linux) when the worker itself is killed.

    python -m toyvm.batch.pool.fork_server DESCRIPTOR FOLDER TASK...
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from .jobs import Job, Outcome, packed, task_module

MEMORY = 2 << 30  # bytes of address space that a child may have beyond the worker's
MOST_OUTCOME = 64 << 20  # bytes
_PR_SET_PDEATHSIG = 1
_THRESHOLD = 50_000  # allocations between two collections of garbage: a short job needs none
_LIBC = ctypes.CDLL(None)  # loaded before a fork: its pages are then not copied


def serve(connection: Connection, folder: Path, tasks: list[str]) -> None:
    """Prepare `tasks`, then do jobs until the other side closes.

    `folder` is removed at the end, and the folder that holds it if this was the last worker there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has the terminal
    try:
        for name in tasks:
            task_module(name).prepare()
        gc.set_threshold(_THRESHOLD)
        gc.collect()
        gc.freeze()  # a collection in a child would write to, and so copy, every page with objects
        connection.send_bytes(b"ready")
        number = 0
        while True:
            job: Job = pickle.loads(connection.recv_bytes())
            number += 1
            scratch = folder / str(number)
            scratch.mkdir(parents=True)
            outcome = _in_child(job, scratch, connection)
            if outcome is None:
                return
            connection.send_bytes(outcome)
            _remove(scratch)
    except (EOFError, ConnectionError):
        return  # the other side has gone
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _remove(scratch: Path) -> None:
    try:
        scratch.rmdir()  # most jobs leave it empty
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)


def _in_child(job: Job, scratch: Path, connection: Connection) -> bytes | None:
    """The packed outcome of a job, done in a child. None if the other side has gone."""
    reading, writing = os.pipe()
    worker = os.getpid()
    child = os.fork()
    if not child:
        os.close(reading)
        _be_child(job, scratch, writing, worker)
    os.close(writing)
    try:
        answer = _answer(reading, connection.fileno(), time.monotonic() + job.seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # after its answer a child has nothing left to do
        _, status = os.waitpid(child, 0)
    if answer is None:
        return None
    if isinstance(answer, str):
        return packed(
            Outcome(job.key, "timeout" if answer == "timeout" else "crashed", None, _LIMITS[answer])
        )
    if not answer.endswith(_END):
        return packed(Outcome(job.key, "crashed", None, _ending(status)))
    return answer[: -len(_END)]


_END = b"\n"  # ends an answer that is whole: JSON on one line has none
_LIMITS = {
    "timeout": "the job took more time than it may",
    "size": f"the job answered with more than {MOST_OUTCOME >> 20} MiB",
}


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the job's process was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"the job's process exited with status {os.waitstatus_to_exitcode(status)} and no answer"


def _answer(reading: int, other_side: int, deadline: float) -> bytes | str | None:
    """All that the child writes; or the name of the limit that it met, or None if the other side has gone."""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    poll.register(other_side, select.POLLHUP)
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return "timeout"
        for descriptor, events in poll.poll(min(left, 3600) * 1000):
            if descriptor == other_side:
                if events & (select.POLLHUP | select.POLLERR):
                    return None
                continue
            part = os.read(reading, 1 << 20)
            if not part:
                return b"".join(parts)
            size += len(part)
            if size > MOST_OUTCOME:
                return "size"
            parts.append(part)


def _be_child(job: Job, scratch: Path, writing: int, worker: int) -> None:
    """Do the job, write its outcome, and end this process."""
    status = 1
    try:
        _confine(job, worker)
        os.chdir(scratch)
        try:
            outcome = packed(Outcome(job.key, "done", task_module(job.task).perform(job.work)))
        except MemoryError:
            outcome = packed(Outcome(job.key, "crashed", None, "the job met the limit on the host's memory"))
        except Exception:
            outcome = packed(Outcome(job.key, "crashed", None, traceback.format_exc()))
        view = memoryview(outcome + _END)
        while view:
            view = view[os.write(writing, view) :]
        status = 0
    finally:
        os._exit(status)


def _confine(job: Job, worker: int) -> None:
    """Give the child limits of its own, and take the streams of the worker from it."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != worker:
            os._exit(1)  # the worker was killed before the call
    seconds = int(job.seconds) + 2  # of CPU: for hosts that have no signal at a parent's death
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds if most < 0 else min(seconds, most), most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(
            resource.RLIMIT_AS, (used + MEMORY if most < 0 else min(used + MEMORY, most), most)
        )
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), Path(sys.argv[2]), sys.argv[3:])
