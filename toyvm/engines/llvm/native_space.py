"""What the LLVM engine knows of the code of one address space."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING

from ..code_map import CodeMap
from . import state_layout as layout

if TYPE_CHECKING:
    from ..code_map import TraceFunction
    from .native_tables import Tables


class NativeCode(CodeMap):
    """What is known of one address space's code, native entry points and tables included."""

    __slots__ = ("generation", "native", "runs", "tables")

    def __init__(self, owner: object):
        super().__init__(owner)
        self.native: dict[int, int] = {}
        self.generation = 0
        self.runs = 1  # generation of the runs in the shadow; another one whenever something is dropped
        self.tables: Tables | None = None  # only address spaces that run native code have them

    def _unlink(self) -> None:
        self.native.clear()
        if self.tables is not None:
            self.tables.unlink()

    def forget_native(self) -> None:
        """Drop every native entry point, and what stands for it in `hot`."""
        for pc in self.native:
            self.hot.pop(pc, None)
        self._unlink()

    def add_native(
        self, pc: int, address: int, function: TraceFunction, length: int, pages: set[int]
    ) -> None:
        """File native code at a host's `address`, and `function` that enters it."""
        self.add_trace(pc, function, length, True, pages)
        for code in self.sharers(pages):
            assert isinstance(code, NativeCode)
            code.native[pc] = address

    def copy(self, pages: frozenset[int]) -> NativeCode:
        """The same code with the same entry points, which native code links again as it comes to them."""
        twin = super().copy(pages)
        assert isinstance(twin, NativeCode)
        twin.native.update(self.native)
        twin.generation = self.generation
        return twin

    def drop_writes(self) -> None:
        """Forget where may be written."""
        if self.tables is not None:
            self.tables.wipe_writes()
            self.drop_runs()

    def drop_runs(self) -> None:
        """No run of pages in the shadow is true any more, and neither are the ranges made of them."""
        self.runs += 1
        if self.runs >= layout.LAST_GENERATION:
            if self.tables is not None:
                self.tables.wipe()
            self.runs = 1

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._unlink()
        if self.tables is not None:
            self.tables.wipe()
            self.drop_runs()

    def drop_page(self, vpn: int) -> None:
        """Forget translations of, and code in, one page."""
        if self.tables is not None and self.tables.drop(vpn):
            self.drop_runs()
        gone = self._by_page.get(vpn)
        super().drop_page(vpn)
        if gone is not None and not gone.isdisjoint(self.native):
            left = {pc: function for pc, function in self.native.items() if pc not in gone}
            self._unlink()
            self.native.update(left)
