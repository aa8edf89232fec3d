"""The text of an LLVM function as it grows: lines, names of values, words of the state; and what all texts share."""

from __future__ import annotations

from .llvm_layout import PASSED

CONVENTION = "preserve_nonecc"
ARGUMENTS = ", ".join(["ptr %s", "i64 %left0", *(f"i64 %x{number}" for number in PASSED)])
STATE, GUEST, TABLE = (
    ", !alias.scope !4, !noalias !7",
    ", !alias.scope !5, !noalias !8",
    ", !alias.scope !6, !noalias !9",
)
LIKELY, UNLIKELY = ", !prof !10", ", !prof !11"
METADATA = """
!0 = !{!0}
!1 = !{!1, !0}
!2 = !{!2, !0}
!3 = !{!3, !0}
!4 = !{!1}
!5 = !{!2}
!6 = !{!3}
!7 = !{!2, !3}
!8 = !{!1, !3}
!9 = !{!1, !2}
!10 = !{!"branch_weights", i32 100000, i32 1}
!11 = !{!"branch_weights", i32 1, i32 100000}
!12 = !{!1, !3}
"""


class FunctionText:
    """Lines of one function and the declarations that they need."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names = 0
        self._declared: set[str] = set()

    def _state_word(self, word: int, type_: str = "i64") -> str:
        pointer = self._set(f"getelementptr i64, ptr %s, i64 {word}")
        return self._set(f"load {type_}, ptr {pointer}{STATE}")

    def _put_state(self, word: int, value: str, type_: str = "i64") -> None:
        pointer = self._set(f"getelementptr i64, ptr %s, i64 {word}")
        self._line(f"store {type_} {value}, ptr {pointer}{STATE}")

    def _line(self, text: str) -> None:
        self._lines.append("  " + text)

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _set(self, text: str) -> str:
        name = "%" + self._name()
        self._line(f"{name} = {text}")
        return name

    def _start(self, label: str) -> None:
        self._lines.append(f"{label}:")
