"""toyvm: from assembly text to running pages, for real.

The Python interface is four verbs, `assemble`, `link`, `run` and `compare`, and the values they return
(`toyvm.api`). Everything is imported on first use: `import toyvm` costs nothing.
"""

from __future__ import annotations

from .base.light_types import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api import (
        Comparison,
        LinkResult,
        ObjectFile,
        Program,
        RunOptions,
        RunResult,
        assemble,
        assemble_text,
        compare,
        link,
        run,
    )

__all__ = [
    "Comparison",
    "LinkResult",
    "ObjectFile",
    "Program",
    "RunOptions",
    "RunResult",
    "assemble",
    "assemble_text",
    "compare",
    "link",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'toyvm' has no attribute '{name}'")
