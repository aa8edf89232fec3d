"""A dynamic loader that is imported at the first call, to keep the start of static programs fast."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from ..kernel.mm.image_mapping import LoadedImage
    from ..kernel.proc.kernel_state import Interpreter, KernelState, Registers
    from ..kernel.proc.process import Process


class OnDemandLoader:
    """An `Interpreter` (`kernel.proc.kernel_state`) that creates a DynamicLoader at the first call."""

    def __init__(self) -> None:
        self._loader: Interpreter | None = None

    def _get(self) -> Interpreter:
        if self._loader is None:
            from .dynamic_loader import DynamicLoader

            self._loader = DynamicLoader()
        return self._loader

    def start(
        self,
        kernel: KernelState,
        process: Process,
        image: LoadedImage,
        argv: Sequence[bytes],
        envp: Sequence[bytes],
    ) -> int:
        return self._get().start(kernel, process, image, argv, envp)

    def call(self, kernel: KernelState, process: Process, number: int, args: Registers) -> None:
        self._get().call(kernel, process, number, args)

    def forked(self, parent: Process, child: Process) -> None:
        if self._loader is not None:
            self._loader.forked(parent, child)

    def released(self, process: Process) -> None:
        if self._loader is not None:
            self._loader.released(process)
