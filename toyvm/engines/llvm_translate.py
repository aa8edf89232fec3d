"""Translations: from the cache on disk, or made by LLVM in a thread of its own while the guest goes on.

Regions are chosen and printed by the guest's thread (they read guest memory); LLVM works on text alone and lets Python
run meanwhile. Results are taken over between two pieces of a run, so what native code there is depends on the host's timing,
and what the guest does never.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections import deque
from contextlib import suppress
from importlib.machinery import PathFinder

from .llvm_cache import Translation, TranslationCache, default_folder

TYPE_CHECKING = False  # importing typing would cost every start of a program several milliseconds
if TYPE_CHECKING:
    import queue
    import threading
    from collections.abc import Callable

    from .llvm_compile import Compiler

    Job = tuple[int, bytes, str, list[tuple[int, bytes]], int]

MAX_WAITING = 32
RUNTIME = 0  # the address under which the shared functions are kept


def unavailable() -> str:
    """Why native code cannot be made here, or nothing."""
    if PathFinder.find_spec("llvmlite") is None:
        return "llvmlite is not installed"
    if os.uname().machine != "x86_64" or sys.platform != "linux":
        return "native code is made for Linux on x86-64 only"
    return ""


def version() -> bytes:
    """What translations depend on besides the guest's code: our sources, LLVM's version, the host's CPU."""
    from .prepared import code_version

    spec = PathFinder.find_spec("llvmlite")
    parts = [code_version()]
    if spec is not None and spec.origin is not None:
        status = os.stat(os.path.join(os.path.dirname(spec.origin), "_version.py"))
        parts.append(f"{status.st_size} {status.st_mtime_ns}".encode())
    with open("/proc/cpuinfo", "rb") as stream:
        parts += [
            line for line in stream.read(4096).split(b"\n") if line.startswith((b"flags", b"model name"))
        ][:2]
    return b"\n".join(parts)


_working: dict[threading.Thread, Translator] = {}  # the threads that have not ended


def _stop_all() -> None:
    """Python ends: no thread may still be inside LLVM when its library is taken down, which would be a crash."""
    for thread, translator in list(_working.items()):
        translator.close()
        thread.join()


atexit.register(_stop_all)


class Translator:
    """Makes translations one after the other. `folder` None: no cache. `background` False: `request` waits."""

    def __init__(self, folder: str | None = "", background: bool = True):
        self._cache: TranslationCache | None = None
        if folder is not None:
            self._cache = TranslationCache(folder or default_folder(), version())
        self._background = background
        self._asked: set[tuple[int, bytes]] = set()
        self._jobs: queue.SimpleQueue[Job | None]
        self._waiting = 0
        self._coming: dict[int, frozenset[int]] = {}  # the places inside each region that is being translated
        self._done: deque[tuple[int, Translation]] = deque()  # filled by one thread, emptied by the other
        self._compiler: Compiler | None = None
        self._thread: threading.Thread | None = None

    def cached(self, head: int, text: bytes) -> Translation | None:
        """A translation from the cache on disk."""
        return self._cache.get(head, text) if self._cache is not None else None

    def forget(self) -> None:
        """Let everything be requested again (by another engine)."""
        self._asked.clear()

    def runtime(self) -> bytes:
        """The object file of the functions that all regions share."""
        found = self.cached(RUNTIME, b"")
        if found is not None:
            return found[2]
        from .llvm_runtime import runtime

        code = self._make(runtime())
        if self._cache is not None:
            self._cache.put(RUNTIME, b"", ([], 0, code))
        return code

    def request(
        self,
        head: int,
        text: bytes,
        fetch: Callable[[int], int | None],
        executed: Callable[[int], bool],
    ) -> None:
        """Have the region at `head` translated. `fetch` and `executed` as in `llvm_region.explore`."""
        if (head, text) in self._asked or self._waiting >= MAX_WAITING or self._is_coming(head):
            return
        self._asked.add((head, text))
        from .llvm_print import RegionPrinter, native
        from .llvm_region import explore

        region = explore(head, fetch, executed, native)
        if region is None:
            return
        job = head, text, RegionPrinter(region).text(), region.runs, region.longest[region.entry]
        if not self._background:
            self._work(job)
            return
        self._coming[head] = frozenset(pc for pc, awaited in region.blocks if not awaited)
        self._waiting += 1
        if self._thread is None:
            import queue  # as LLVM itself: only for a program that gets here
            import threading

            self._jobs = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=self._serve, args=(self._jobs,), name="translator", daemon=True
            )
            _working[self._thread] = self
            self._thread.start()
        self._jobs.put(job)

    def _is_coming(self, pc: int) -> bool:
        """Whether a region that is being translated has `pc` in it: it may do, and if not, `pc` will be asked for again."""
        return any(pc in inside for inside in list(self._coming.values()))

    def finished(self) -> list[tuple[int, Translation]]:
        """What has been made since the last call."""
        done = []
        while self._done:
            done.append(self._done.popleft())
            self._coming.pop(done[-1][0], None)
        return done

    def _serve(self, jobs: queue.SimpleQueue[Job | None]) -> None:
        import threading

        while (job := jobs.get()) is not None:
            self._work(job)
            self._waiting -= 1
        del _working[threading.current_thread()]

    def close(self) -> None:
        """Let the background thread end after what it is at: nobody wants more translations."""
        if self._thread is None:
            return
        from queue import Empty

        with suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None:
                head, text, *_ = job
                self._waiting -= 1
                self._coming.pop(head, None)
                self._asked.discard((head, text))
        self._jobs.put(None)
        self._thread = None

    def _work(self, job: Job) -> None:
        head, text, module, runs, need = job
        translation = (runs, need, self._make(module))
        if self._cache is not None:
            self._cache.put(head, text, translation)
        self._done.append((head, translation))

    def _make(self, module: str) -> bytes:
        if self._compiler is None:
            from .llvm_compile import Compiler  # imports llvmlite: a tenth of a second

            self._compiler = Compiler()
        return self._compiler.compile(module)
