"""Which engine a run has."""

from __future__ import annotations

from ..errors import UsageError
from ..hints import TYPE_CHECKING
from ..machine.memory import PhysicalMemory

if TYPE_CHECKING:
    from .base import Engine
    from .reference import OnTrace


def make_engine(
    name: str,
    memory: PhysicalMemory,
    on_trace: OnTrace | None = None,
    *,
    caching: bool = True,
    seed: int = 0,
) -> Engine:
    """The engine called `name`: auto, llvm, reference or lockstep. `caching`: use translations of earlier runs. `seed` of
    lockstep's pieces.

    Raises UsageError for another name, and for llvm and lockstep where there is no LLVM; auto then says so and goes on without.
    """
    if name == "reference" or on_trace is not None:
        from .reference import ReferenceEngine

        return ReferenceEngine(memory, on_trace, keeping=caching and on_trace is None)
    if name == "auto":
        from .llvm import LlvmEngine

        return LlvmEngine(memory, caching=caching)
    if name in ("llvm", "lockstep"):
        from .llvm_translate import unavailable

        if reason := unavailable():
            raise UsageError(f"--engine {name}: {reason}")
    if name == "llvm":
        from .llvm import LlvmEngine

        return LlvmEngine(memory, caching=caching)
    if name == "lockstep":
        from .lockstep import LockstepEngine

        return LockstepEngine(memory, seed)
    raise UsageError(f"no engine is called '{name}'")
