"""toyvm: from assembly text to running pages.

The Python interface is the verbs `assemble`, `link`, `run`, `timeline`, `explain`, `compare`,
`grade`, `sweep` and `quiz`, and the values that they return (`toyvm.api`). `help(toyvm.run)` lists the options of a run. Names
are imported on first use, so that `import toyvm` is cheap.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = (
    False  # type checkers treat this name as true. No import: every start compiles or reads what is here
)
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .api import (
        AssemblyError,
        Comparison,
        Explanation,
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
        explain,
        grade,
        link,
        quiz,
        run,
        sweep,
        timeline,
    )
    from .api import (
        assemble_text as assemble_text,
    )
else:
    ModuleType = type(sys)  # without importing `types`

__all__ = [
    "AssemblyError",
    "Comparison",
    "Explanation",
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
    "explain",
    "grade",
    "link",
    "quiz",
    "run",
    "sweep",
    "timeline",
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name in __all__ or name == "assemble_text":
        from . import api

        return getattr(api, name)
    if name == "__version__":
        from .base.version import VERSION

        return VERSION
    raise AttributeError(f"module 'toyvm' has no attribute '{name}'")


class _Package(ModuleType):
    """The package as a module whose `explain` stays the verb: importing the package of that name sets it otherwise."""

    @property
    def explain(self) -> Any:
        return __getattr__("explain")

    @explain.setter
    def explain(self, module: object) -> None:
        """The import system's assignment of the subpackage; `from toyvm.explain.X import Y` does not need it."""


sys.modules[__name__].__class__ = _Package
