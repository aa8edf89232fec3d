"""The choice of a run's engine."""

from __future__ import annotations

from ..base.errors import UsageError
from ..base.light_types import TYPE_CHECKING
from ..machine.physical_memory import PhysicalMemory

if TYPE_CHECKING:
    from .engine import Engine
    from .python.reference_engine import OnTrace


def make_engine(
    name: str,
    memory: PhysicalMemory,
    on_trace: OnTrace | None = None,
    *,
    caching: bool = True,
    seed: int = 0,
) -> Engine:
    """The engine called `name`, one of `run_options.ENGINES`.

    `caching`: use the code that earlier runs left in the cache. `seed` decides the lengths of
    lockstep's pieces. With `on_trace` the engine is always the reference engine. Raises UsageError
    for another name, and without LLVM for llvm, native and lockstep. Without LLVM, auto prints a message
    when code becomes hot, and runs it in Python.
    """
    if name == "reference" or on_trace is not None:
        from .python.reference_engine import ReferenceEngine

        return ReferenceEngine(memory, on_trace, keeping=caching and on_trace is None)
    if name in ("llvm", "native", "lockstep"):
        from .llvm.translator import unavailable

        if reason := unavailable():
            raise UsageError(f"--engine {name}: {reason}")
    if name == "llvm":
        from .llvm.llvm_engine import LlvmEngine

        return LlvmEngine(memory, caching=caching)
    if name in ("auto", "native"):
        from .llvm.interp.interpreting_engine import InterpretingEngine

        return InterpretingEngine(memory, caching=caching)
    if name == "lockstep":
        from .checking.lockstep_engine import LockstepEngine

        return LockstepEngine(memory, seed)
    raise UsageError(f"no engine is called '{name}'")
