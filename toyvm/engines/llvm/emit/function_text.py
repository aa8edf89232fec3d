"""The growing text of an LLVM function: lines, value names, words of the state, and metadata."""

from __future__ import annotations

from ..state_layout import PASSED

CONVENTION = "preserve_nonecc"
ARGUMENTS = ", ".join(["ptr %s", "i64 %left0", *(f"i64 %x{number}" for number in PASSED)])
# Alias scopes: STATE for words of the state that no call of `refill` uses, GUEST for the guest's
# memory, TABLE for the table of entry points, RANGE for the words that `refill` reads and changes
# (ranges, reservation).
_SCOPES = 4
STATE, GUEST, TABLE, RANGE = (f", !alias.scope !{10 + n}, !noalias !{20 + n}" for n in range(_SCOPES))
REFILLS = ", !noalias !30"  # on calls of `refill`, which may change GUEST and RANGE
# Branch weights: how often the first target is taken.
LIKELY, UNLIKELY, MOSTLY, RARELY, SOMETIMES = (f", !prof !{31 + n}" for n in range(5))
# What the `.ll` files call these; the last two are lines for the guest's registers that are arguments.
IR_NAMES = {
    "CONVENTION": CONVENTION,
    "ARGUMENTS": ARGUMENTS,
    "LIKELY": LIKELY,
    "UNLIKELY": UNLIKELY,
    "LOAD_PASSED": "\n".join(
        f"  %p{n} = getelementptr i64, ptr %s, i64 {n}\n  %x{n} = load i64, ptr %p{n}" for n in PASSED
    ),
    "STORE_PASSED": "\n".join(
        f"  %p{n} = getelementptr i64, ptr %s, i64 {n}\n  store i64 %x{n}, ptr %p{n}" for n in PASSED
    ),
}
METADATA = "\n".join(
    [
        "!0 = !{!0}",
        *(f"!{1 + n} = !{{!{1 + n}, !0}}" for n in range(_SCOPES)),
        *(f"!{10 + n} = !{{!{1 + n}}}" for n in range(_SCOPES)),
        *(
            f"!{20 + n} = !{{{', '.join(f'!{1 + other}' for other in range(_SCOPES) if other != n)}}}"
            for n in range(_SCOPES)
        ),
        "!30 = !{!1, !3}",
        *(
            f'!{31 + n} = !{{!"branch_weights", i32 {one}, i32 {other}}}'
            for n, (one, other) in enumerate(((100000, 1), (1, 100000), (63, 1), (1, 63), (1, 3)))
        ),
    ]
)


class FunctionText:
    """The lines of one function and the declarations that they need."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names = 0
        self._declared: set[str] = set()
        self._here = "entry"  # the label of the current block

    def _state_word(self, word: int, type_: str = "i64", scope: str = STATE) -> str:
        pointer = self._set(f"getelementptr i64, ptr %s, i64 {word}")
        return self._set(f"load {type_}, ptr {pointer}{scope}")

    def _put_state(self, word: int, value: str, type_: str = "i64", scope: str = STATE) -> None:
        pointer = self._set(f"getelementptr i64, ptr %s, i64 {word}")
        self._line(f"store {type_} {value}, ptr {pointer}{scope}")

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
        self._here = label
        self._lines.append(f"{label}:")
