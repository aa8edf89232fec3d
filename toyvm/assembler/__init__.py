"""The assembler: from text to a relocatable object. All mnemonics come from the instruction table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assemble import assemble_text, assemble_texts
    from .assembler_options import AssemblerOptions

__all__ = ["AssemblerOptions", "assemble_text", "assemble_texts"]


def __getattr__(name: str) -> Any:
    # Lazily, because importing Lark and numpy takes long.
    if name == "AssemblerOptions":
        from .assembler_options import AssemblerOptions

        return AssemblerOptions
    if name in ("assemble_text", "assemble_texts"):
        from . import assemble

        return getattr(assemble, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
