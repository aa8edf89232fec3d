"""toyvm: from assembly text to running pages.

The Python interface is the verbs `assemble`, `link`, `run`, `compare`, `grade`, `sweep` and `quiz`,
and the values that they return (`toyvm.api`). Names are imported on first use, so that `import
toyvm` is cheap.
"""

from __future__ import annotations

from .base.light_types import TYPE_CHECKING, Any
from .base.version import VERSION as __version__  # noqa: F401  (for users)

if TYPE_CHECKING:
    from .api import (
        Comparison,
        Grades,
        LinkResult,
        ObjectFile,
        Program,
        Question,
        RunOptions,
        RunResult,
        Sweep,
        assemble,
        assemble_text,
        compare,
        grade,
        link,
        quiz,
        run,
        sweep,
    )

__all__ = [
    "Comparison",
    "Grades",
    "LinkResult",
    "ObjectFile",
    "Program",
    "Question",
    "RunOptions",
    "RunResult",
    "Sweep",
    "assemble",
    "assemble_text",
    "compare",
    "grade",
    "link",
    "quiz",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'toyvm' has no attribute '{name}'")
