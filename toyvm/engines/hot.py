"""Which paths are hot, and the functions compiled for them, shared by every address space with the same bytes."""

from __future__ import annotations

from ..machine.mmu import Mmu
from ..machine.traps import Trap
from .code import CodeMap
from .prepared import PreparedRows

TYPE_CHECKING = False  # importing typing would cost every start of a program several milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..isa.decode import Decoded
    from .code import TraceFunction
    from .prepared import Instruction
    from .trace import Path

MAX_TRACES = 1 << 12


class HotPaths:
    """The traces of one engine, by their path (distances and instruction bits)."""

    def __init__(self, rows: PreparedRows, prepare: Callable[[int], Instruction | None]):
        self._rows = rows
        self._prepare = prepare
        self._traces: dict[Path, tuple[TraceFunction, bool]] = {}
        self._by_first_word: dict[int, list[Path]] = {}

    def __len__(self) -> int:
        return len(self._traces)

    def promote(self, mmu: Mmu, code: CodeMap, head: int) -> None:
        """Compile the hot path from `head`, or take it from another address space, and file it."""
        from .trace import compile_trace, path_of, select  # with the table: a short program never gets here

        def heat(pc: int) -> int:
            there = code.blocks.get(pc)
            return there.heat if there is not None else 0

        def is_loop(pc: int) -> bool:
            return pc in code.hot and code.hot[pc][2]

        steps = select(lambda pc: self._decoded(mmu, pc), heat, is_loop, head)
        if not steps:
            return
        path = path_of(steps)
        if path not in self._traces:
            if len(self._traces) >= MAX_TRACES:
                self._traces.clear()
                self._by_first_word.clear()
            (function,) = self._rows.link(compile_trace(steps), "trace")
            self._traces[path] = (function, steps[-1].following == 0)
            self._by_first_word.setdefault(path[0][1], []).append(path)
        self._install(code, head, path)

    def reuse(self, mmu: Mmu, code: CodeMap, head: int) -> None:
        """A block met for the first time in this address space may be the head of a trace made for another."""
        for path in self._by_first_word.get(mmu.fetch(head), ()):
            if all(self._word(mmu, head + offset) == expected for offset, expected in path):
                self._install(code, head, path)
                return

    def _install(self, code: CodeMap, head: int, path: Path) -> None:
        function, loop = self._traces[path]
        code.add_trace(head, function, len(path), loop, [head + offset for offset, _ in path])

    def _word(self, mmu: Mmu, pc: int) -> int | None:
        """The instruction at `pc`; None when there is none or when a trace cannot hold it."""
        try:
            word = mmu.fetch(pc)
        except Trap:
            return None
        instruction = self._prepare(word)
        return None if instruction is None or instruction.system else word

    def _decoded(self, mmu: Mmu, pc: int) -> Decoded | None:
        from ..isa.decode import decode

        word = self._word(mmu, pc)
        return None if word is None else decode(word)
