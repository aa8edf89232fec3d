"""One target in this process, under atheris where it is there: `python -m tests.fuzz.guided.worker TARGET FOLDER ...`.

What is found is in the folder: `faults/NAME-HASH` is an input, `faults/NAME-HASH.txt` why it is a fault (one for each
place), `corpus/NAME` the inputs that reached new code, `NAME.json` the counts.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from random import Random
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .targets import Target

HANG = 10.0  # seconds of CPU time for one input
MEMORY = 4 << 30  # bytes that the process may map beyond what it has at the start; a machine has 2 GiB
GROWTH = 512 << 10  # KiB by which one input may raise the peak of the resident set
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.system",
    "os.spawn",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Hang(BaseException):
    """The input has taken too long. No reader catches this."""


class Watch:
    """What the interpreter is asked to do while an input is read that no reader may do."""

    def __init__(self, *folders: str):
        self._folders = tuple(os.path.realpath(folder) + "/" for folder in folders)
        self.looking = False
        self.seen: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.looking:
            return
        if event.startswith(_FORBIDDEN):
            self.seen.append(event)
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
            path = arguments[0]
            if isinstance(path, (str, bytes)) and os.path.isabs(path) and not self._is_ours(path):
                self.seen.append(f"{event} {path!r}")

    def _is_ours(self, path: str | bytes) -> bool:
        return f"{os.path.realpath(os.fsdecode(path))}/".startswith((*self._folders, f"{os.devnull}/"))


class Runner:
    """Runs inputs, and keeps those that are faults: one for each kind of exception and place."""

    def __init__(self, target: Target, folder: Path, watch: Watch):
        self.target, self.watch = target, watch
        self._folder = folder / "faults"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.places: set[str] = set()
        self.runs = self.faults = 0
        self.slowest = 0.0

    def __call__(self, data: bytes) -> None:
        """Run one input. Nothing comes out but Hang, if the exception is late."""
        self.runs += 1
        before = resource.getrusage(resource.RUSAGE_SELF)
        self.watch.looking = True
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG)
        try:
            try:
                self.target.run(data)
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                self.watch.looking = False
        except KeyboardInterrupt:
            raise
        except BaseException as failure:
            frames = traceback.extract_tb(failure.__traceback__)
            ours = [frame for frame in frames if "/toyvm/" in frame.filename] or list(frames)
            place = f"{type(failure).__name__} {ours[-1].filename}:{ours[-1].lineno}"
            self._fault(data, place, "".join(traceback.format_exception(failure)))
        after = resource.getrusage(resource.RUSAGE_SELF)
        self.slowest = max(self.slowest, after.ru_utime - before.ru_utime)
        if after.ru_maxrss - before.ru_maxrss > GROWTH:
            grown = after.ru_maxrss - before.ru_maxrss
            self._fault(data, f"memory {grown.bit_length()}", f"the input takes {grown} KiB")
        if self.watch.seen:
            self._fault(data, self.watch.seen[0].split()[0], "\n".join(self.watch.seen))
            self.watch.seen.clear()

    def _fault(self, data: bytes, place: str, why: str) -> None:
        self.faults += 1
        if place in self.places:
            return
        self.places.add(place)
        path = self._folder / f"{self.target.name}-{hashlib.sha1(place.encode()).hexdigest()[:8]}"
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(f"{place}\n{why}", errors="replace")
        print(f"fault in {self.target.name}: {place}", flush=True)


def _hang(_number: int, _frame: FrameType | None) -> None:
    raise Hang


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m tests.fuzz.guided.worker")
    p.add_argument("target")
    p.add_argument("folder", type=Path)
    p.add_argument("--seconds", type=int, default=0)
    p.add_argument("--runs", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--plain", action="store_true", help="without atheris")
    return p


def _limit_memory() -> None:
    """A reader that asks for more memory gets MemoryError, which is a fault."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, resource.RLIM_INFINITY))


def main() -> None:
    options = _parser().parse_args()
    sys.dont_write_bytecode = (
        True  # a module that is first imported for an input must not look like a reader that writes
    )
    instrument: Any = None
    if not options.plain:
        try:
            import atheris

            instrument = atheris
        except ImportError:
            print("atheris is not installed: inputs are chosen without looking at what they reach")
    with instrument.instrument_imports(include=["toyvm", "elftools"]) if instrument else nullcontext():
        from .targets import TARGETS

        target = TARGETS[options.target]
        # What is imported late is instrumented too, and what is cached is there before memory is measured.
        with contextlib.chdir(tempfile.mkdtemp()):
            for data in target.seeds():
                target.run(data)
    folder: Path = options.folder.resolve()
    corpus = folder / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in (*target.seeds(), *target.corpus()):
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    scratch = tempfile.mkdtemp()
    os.chdir(scratch)
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    runner = Runner(target, folder, Watch(tempfile.gettempdir(), scratch, cache))
    signal.signal(signal.SIGVTALRM, _hang)
    began = time.monotonic()

    def report() -> None:
        counts = {
            "target": target.name,
            "inputs": runner.runs,
            "seconds": round(time.monotonic() - began, 1),
            "faults": runner.faults,
            "places": sorted(runner.places),
            "slowest": round(runner.slowest, 2),
        }
        (folder / f"{target.name}.json").write_text(json.dumps(counts))

    def one(data: bytes) -> None:
        runner(data)
        if runner.runs % 16 == 0:
            gc.collect()  # machines that are gone have memory
        if runner.runs % 64 == 0:
            report()

    _limit_memory()
    if instrument is None:
        _blindly(target, one, options)
        report()
        return
    dice = Random(options.seed)

    def change(data: bytes, longest: int, seed: int) -> bytes:
        dice.seed(seed)
        if dice.random() < 0.2:
            return bytes(instrument.Mutate(data, longest))
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            data = target.mutate(data, dice)
        return data[:longest]

    limits = [f"-max_total_time={options.seconds}"] if options.seconds else []
    limits += [f"-runs={options.runs}"] if options.runs else []
    words = [
        "-timeout=600",
        "-rss_limit_mb=0",
        "-print_final_stats=1",
        f"-max_len={target.longest}",
        "-reload=0",
    ]
    words += ["-detect_leaks=0", "-use_value_profile=0", f"-seed={options.seed}", *limits, str(corpus)]
    instrument.Setup([sys.argv[0], *words], one, custom_mutator=change, internal_libfuzzer=True)
    import atexit

    atexit.register(report)
    instrument.Fuzz()


def _blindly(target: Target, one: Callable[[bytes], None], options: argparse.Namespace) -> None:
    """Change seeds at random."""
    dice = Random(options.seed)
    inputs = [*target.seeds(), *target.corpus()]
    end = time.monotonic() + (options.seconds or 1e9)
    runs = 0
    while time.monotonic() < end and runs < (options.runs or 1 << 60):
        data = dice.choice(inputs)
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            data = target.mutate(data, dice)
        one(data[: target.longest])
        runs += 1


if __name__ == "__main__":
    main()
