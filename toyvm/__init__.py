"""toyvm: from assembly text to running pages.

The Python interface is the verbs `assemble`, `link`, `run`, `compare`, `grade`, `sweep` and `quiz`,
and the values that they return (`toyvm.api`). `help(toyvm.run)` lists the options of a run. Names
are imported on first use, so that `import toyvm` is cheap.
"""

from __future__ import annotations

from .base.light_types import TYPE_CHECKING, Any
from .base.version import VERSION as __version__  # noqa: F401  (for users)

if TYPE_CHECKING:
    from .api import (
        AssemblyError,
        Comparison,
        Grades,
        LinkError,
        LinkResult,
        ObjectFile,
        Program,
        Question,
        RunOptions,
        RunResult,
        Sweep,
        ToyvmError,
        UsageError,
        assemble,
        compare,
        grade,
        link,
        quiz,
        run,
        sweep,
    )
    from .api import (
        assemble_text as assemble_text,
    )

__all__ = [
    "AssemblyError",
    "Comparison",
    "Grades",
    "LinkError",
    "LinkResult",
    "ObjectFile",
    "Program",
    "Question",
    "RunOptions",
    "RunResult",
    "Sweep",
    "ToyvmError",
    "UsageError",
    "assemble",
    "compare",
    "grade",
    "link",
    "quiz",
    "run",
    "sweep",
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name in __all__ or name == "assemble_text":
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'toyvm' has no attribute '{name}'")
