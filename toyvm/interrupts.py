"""What Ctrl-C does to a run."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` imports enum, which is slow

from .base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from .kernel.kernel import Kernel


class Interrupts:
    """Ctrl-C while a kernel runs.

    While the engine executes, the run ends when it returns, with exact registers. Otherwise, and at
    the second Ctrl-C, KeyboardInterrupt is raised at once. A handler of the application, or a thread
    other than the first, keeps its own way.
    """

    def __init__(self, kernel: Kernel):
        self._kernel = kernel
        self._set = False

    def __enter__(self) -> None:
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            try:
                _signal.signal(_signal.SIGINT, self._interrupted)
                self._set = True
            except ValueError:
                return  # not the first thread

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._set:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        if kind is KeyboardInterrupt and self._set and not self._kernel.stopping:
            self._kernel.report_threads()

    def _interrupted(self, number: int, frame: object) -> None:
        if not self._kernel.executing or self._kernel.stopping:
            raise KeyboardInterrupt
        self._kernel.interrupt()
