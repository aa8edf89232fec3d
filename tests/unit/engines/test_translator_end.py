"""The thread that translates and the end of Python: neither waits for what nobody wants, nor is LLVM torn down at work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from toyvm.engines import llvm_translate
from toyvm.engines.llvm_translate import Translator, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

SLOW = """
import time
from toyvm.engines.llvm_translate import Translator

made = []

class Slow(Translator):
    def _make(self, module):
        made.append(module)
        time.sleep(0.2)
        return b""

translator = Slow(folder=None)
ADD = 0x00B50533  # add a0, a0, a1
JUMP = 0xFFDFF06F  # back to it
code = {0x1000 * n + at: word for n in range(1, 9) for at, word in ((0, ADD), (4, JUMP))}
for n in range(1, 9):
    translator.request(0x1000 * n, b"%d" % n, code.get, lambda pc: True)
while not made:
    time.sleep(0.01)
"""


def test_python_ends_when_the_translation_at_work_is_done() -> None:
    report = (
        "import atexit; atexit.register(lambda: print(len(made)))\n"  # runs after what is registered later
    )
    done = subprocess.run(
        [sys.executable, "-c", report + SLOW], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.strip() == "1"
    assert done.stderr == ""


def test_jobs_that_wait_are_dropped_and_may_be_asked_for_again() -> None:
    names: dict[str, Translator] = {}
    exec(SLOW, names)
    translator = names["translator"]
    thread = next(t for t, owner in llvm_translate._working.items() if owner is translator)
    translator.close()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(translator._asked) <= 2
    assert len(names["made"]) <= 2  # type: ignore[arg-type]
    assert thread not in llvm_translate._working
