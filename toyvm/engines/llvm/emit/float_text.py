"""Floating-point instructions as LLVM IR for SSE2; results and flags equal those of `isa.ieee754`.

Arithmetic uses LLVM's constrained intrinsics (`round.dynamic`, `fpexcept.strict`). Each becomes one
instruction of the host, and MXCSR collects the flags (`fcsr_text`). Differences between RISC-V and
the host are handled around them:

- a NaN result is replaced by the canonical NaN, in a block marked unlikely;
- infinity times zero plus a quiet NaN is invalid on RISC-V, not on x86: that block raises the flag;
- a conversion out of an integer's range saturates and raises only the invalid flag: the range is
  compared first;
- if a register to be read as a single holds no NaN-boxed number, the row executes the instruction.

Slots of floating-point registers (`%r32` to `%r63`) are doubles; a single is the low half of one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from toyvm.engines.effects import FCSR, FFLAGS, FRM
from toyvm.isa.ieee754 import DYN, INTEGERS, NV, RDN, RMM, RNE, RTZ, RUP, D, S
from toyvm.isa.ops import Node, Op

from .. import state_layout as layout
from ..analysis.nan_boxes import boxed, unboxed
from ..analysis.regions import RegionStep
from ..host_features import features
from .fcsr_text import NATIVE_MODES, CsrText
from .function_text import LIKELY, UNLIKELY

F0 = 32  # the word of f0 in the state, and the number of its slot
_TYPES = {32: "float", 64: "double"}
_FORMATS = {"float": S, "double": D}
_STRICT = 'metadata !"fpexcept.strict"'
_DYNAMIC = 'metadata !"round.dynamic"'
_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv", "sqrt": "sqrt", "fma": "fma"}
_COMPARISONS = {"eq": ("fcmp", "oeq"), "lt": ("fcmps", "olt"), "le": ("fcmps", "ole")}
# Rounding to an integral value without the inexact flag, by mode.
_INTEGRAL = {RNE: "roundeven", RTZ: "trunc", RDN: "floor", RUP: "ceil", DYN: "nearbyint"}
_CSRS = frozenset({FFLAGS, FRM, FCSR})


# --- what can be printed ---


def float_supported(node: Node) -> bool:
    """Whether this host has the rounding mode and the instructions that a FLOAT needs."""
    operation = node.name.partition("_")[2]
    if node.name[:3] not in ("f32", "f64") or operation not in _NATIVE:
        return False
    if operation == "fma" and "fma" not in features():
        return False
    if not _rounds(operation) or node.args[-1].op is not Op.CONST:
        return True
    mode = node.args[-1].value
    if operation.startswith("to_") and operation[3:] in INTEGERS:
        return mode == RTZ or (mode in (*_INTEGRAL, RMM) and "sse4_1" in features())
    return mode < NATIVE_MODES or mode == DYN or (mode == RMM and _exact(node))


_NATIVE = frozenset({
    *_ARITHMETIC, "min", "max", "eq", "lt", "le", "class", "to_f32", "to_f64",
    *(f"to_{name}" for name in INTEGERS), *(f"from_{name}" for name in INTEGERS),
})  # fmt: skip


def _rounds(operation: str) -> bool:
    return operation in _ARITHMETIC or "to_" in operation or "from_" in operation


def _exact(node: Node) -> bool:
    """Whether a conversion to a floating-point number is exact for all values."""
    return node.name in ("f64_from_i32", "f64_from_u32", "f32_to_f64")


def supported(node: Node) -> bool:
    """Whether this host has native code for an operation of `SUPPORTED` with these constants."""
    if node.op is Op.FLOAT:
        return float_supported(node)
    if node.op in (Op.CSR_READ, Op.CSR_WRITE):
        return node.args[0].op is not Op.CONST or node.args[0].value in _CSRS
    return True


# --- printing ---


def slot_type(number: int) -> str:
    """LLVM's type of a register's slot."""
    return "i64" if number < F0 else "double"


class FloatText(CsrText):
    """Prints floating-point effects, reads and writes of a region's blocks."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers_of: dict[Node, str] = {}  # values as LLVM's float or double
        self._boxed: set[int] = set()
        self._attributes = ""  # attributes of the region's function

    def _begin(self, step: RegionStep) -> None:
        super()._begin(step)
        self._numbers_of = {}

    def _compute(self, node: Node) -> str:
        if node.op in (Op.READ_F, Op.FLOAT) or unboxed(node) is not None:
            return self._bits(self._number(node), node.width)
        if node.op is Op.TRUNC and node.width == 32 and node.args[0].op is Op.READ_F:
            return self._bits(self._low(node.args[0]), 32)
        return super()._compute(node)

    def _bits(self, number: str, width: int) -> str:
        return self._set(f"bitcast {_TYPES[width]} {number} to i{width}")

    def _number(self, node: Node) -> str:
        """A value of 32 or 64 bits as a floating-point number."""
        found = self._numbers_of.get(node)
        if found is None:
            found = self._numbers_of[node] = self._as_number(node)
        return found

    def _as_number(self, node: Node) -> str:
        if node.op is Op.READ_F:
            return self._set(f"load double, ptr %r{F0 + node.args[0].value}")
        register = unboxed(node)
        if register is not None:
            return self._single(register, node.args[1].args[0])
        return self._set(f"bitcast i{node.width} {self._value(node)} to {_TYPES[node.width]}")

    def _low(self, register: Node) -> str:
        """The low half of a register as a float."""
        pair = self._set(f"bitcast double {self._number(register)} to <2 x float>")
        return self._set(f"extractelement <2 x float> {pair}, i64 0")

    def _single(self, number: int, register: Node) -> str:
        """A register as a single; leaves if it is not boxed."""
        if number not in self._boxed:
            upper = self._set(f"lshr i64 {self._value(register)}, 32")
            odd, fine = self._name(), self._name()
            self._line(
                f"br i1 {self._set(f'icmp eq i64 {upper}, {(1 << 32) - 1}')}, label %{fine}, label %{odd}{LIKELY}"
            )
            self._start(odd)
            self._leave(layout.MISS, str(self._step.pc))
            self._start(fine)
            self._boxed.add(number)
        return self._low(register)

    def _to_write(self, write: Node) -> str:
        """The value of a WRITE_F as a double. After this, the instruction must not leave."""
        register, value = write.args
        inside = boxed(value)
        if inside is None:
            number = self._number(value)
            self._boxed.discard(register.value)
            return number
        ones = "0xFFFFFFFFE0000000"  # LLVM's notation for a float whose bits are all ones
        pair = self._set(
            f"insertelement <2 x float> <float poison, float {ones}>, float {self._number(inside)}, i64 0"
        )
        self._boxed.add(register.value)
        return self._set(f"bitcast <2 x float> {pair} to double")

    # --- operations ---

    def _float(self, node: Node) -> None:
        self._attributes = " strictfp"
        source, _, operation = node.name.partition("_")
        type_ = _TYPES[int(source[1:])]
        if operation in _ARITHMETIC:
            self._rounded(node, lambda: self._arithmetic(node, _ARITHMETIC[operation], type_))
        elif operation in _COMPARISONS:
            kind, condition = _COMPARISONS[operation]
            a, b = (self._number(argument) for argument in node.args)
            found = self._compare(kind, condition, type_, a, b)
            self._values[node] = self._set(f"zext i1 {found} to i64")
        elif operation in ("min", "max"):
            self._numbers_of[node] = self._extreme(node, operation == "min", type_)
        elif operation == "class":
            self._values[node] = self._class(node, type_)
        elif operation.startswith("from_"):
            self._rounded(node, lambda: self._from_integer(node, operation[5:], type_))
        elif operation[3:] in INTEGERS:
            self._values[node] = self._to_integer(node, operation[3:], type_)
        else:
            self._rounded(node, lambda: self._resized(node, type_))

    def _rounded(self, node: Node, compute: Callable[[], str]) -> None:
        """Print `compute` in the instruction's rounding mode."""
        mode, type_ = node.args[-1].value, _TYPES[node.width]
        if mode == DYN or _exact(node):
            self._numbers_of[node] = compute()
            return
        integer = "from_" in node.name
        for argument in node.args[:-1]:  # may leave, so evaluate before the mode changes
            if integer:
                self._value(argument)
            else:
                self._number(argument)
        other, small, join = self._name(), self._name(), self._name()
        ways = []
        if integer:  # most values are small enough to be exact in any mode
            self._line(f"br i1 {self._is_small(node, type_)}, label %{small}, label %{other}{LIKELY}")
            self._start(small)
            ways.append(f"[ {compute()}, %{small} ]")
            self._line(f"br label %{join}")
        else:
            self._line(f"br label %{other}")
        self._start(other)
        before = self._begin_mode(mode)
        result = compute()
        self._end_mode(before)
        last = self._name()
        self._line(f"br label %{last}")
        self._start(last)
        self._line(f"br label %{join}")
        self._start(join)
        self._numbers_of[node] = self._set(f"phi {type_} {', '.join([*ways, f'[ {result}, %{last} ]'])}")

    def _is_small(self, node: Node, type_: str) -> str:
        """Whether the integer to convert certainly fits in a significand."""
        value, limit = self._value(node.args[0]), 1 << _FORMATS[type_].fraction
        if "from_u" in node.name:
            return self._set(f"icmp ult i64 {value}, {limit}")
        return self._set(f"icmp ult i64 {self._set(f'add i64 {value}, {limit}')}, {2 * limit}")

    def _strict(self, function: str, result: str, *operands: tuple[str, str], rounds: bool) -> str:
        """A constrained intrinsic; `operands` are (type, value)."""
        short = {"float": "f32", "double": "f64"}
        types = [result] if function not in ("fcmp", "fcmps") else []
        if function in ("fptrunc", "fpext", "sitofp", "fptosi", "fptoui"):
            types.append(operands[0][0])
        name = ".".join([f"llvm.experimental.constrained.{function}", *(short.get(t, t) for t in types)])
        extra = ["metadata"] * (2 if rounds else 1)
        self._declared.add(f"declare {result} @{name}({', '.join([*(t for t, _ in operands), *extra])})")
        given = [*(f"{t} {value}" for t, value in operands), *([_DYNAMIC] if rounds else []), _STRICT]
        return self._set(f"call {result} @{name}({', '.join(given)}) strictfp")

    def _arithmetic(self, node: Node, function: str, type_: str) -> str:
        operands = [self._number(argument) for argument in node.args[:-1]]
        result = self._strict(function, type_, *((type_, value) for value in operands), rounds=True)
        return self._canonical(result, type_, operands if function == "fma" else [])

    def _canonical(self, result: str, type_: str, fused: list[str]) -> str:
        """`result`, with a NaN replaced by the canonical one. `fused`: the operands of an fma."""
        here, odd, join = self._name(), self._name(), self._name()
        self._line(f"br label %{here}")
        self._start(here)
        unordered = self._set(f"fcmp uno {type_} {result}, {result}")
        self._line(f"br i1 {unordered}, label %{odd}, label %{join}{UNLIKELY}")
        self._start(odd)
        if fused:
            invalid = self._infinity_times_zero(type_, *fused[:2])
            self._raise(self._set(f"select i1 {invalid}, i64 {NV}, i64 0"))
        canonical = self._constant(type_, _FORMATS[type_].nan)
        self._line(f"br label %{join}")
        self._start(join)
        return self._set(f"phi {type_} [ {result}, %{here} ], [ {canonical}, %{odd} ]")

    def _constant(self, type_: str, bits: int) -> str:
        return self._set(f"bitcast i{_FORMATS[type_].width} {bits} to {type_}")

    def _pattern(self, type_: str, number: str) -> str:
        """The bits of a number."""
        return self._bits(number, _FORMATS[type_].width)

    def _infinity_times_zero(self, type_: str, a: str, b: str) -> str:
        f, i = _FORMATS[type_], f"i{_FORMATS[type_].width}"
        sizes = [self._set(f"and {i} {self._pattern(type_, value)}, {f.sign - 1}") for value in (a, b)]
        found = []
        for x, y in (sizes, sizes[::-1]):
            infinite, zero = self._set(f"icmp eq {i} {x}, {f.infinity}"), self._set(f"icmp eq {i} {y}, 0")
            found.append(self._set(f"and i1 {infinite}, {zero}"))
        return self._set(f"or i1 {found[0]}, {found[1]}")

    def _compare(self, kind: str, condition: str, type_: str, a: str, b: str) -> str:
        """A comparison. `fcmp` raises invalid for a signalling NaN, `fcmps` for any NaN."""
        short = {"float": "f32", "double": "f64"}[type_]
        name = f"llvm.experimental.constrained.{kind}.{short}"
        self._declared.add(f"declare i1 @{name}({type_}, {type_}, metadata, metadata)")
        return self._set(
            f'call i1 @{name}({type_} {a}, {type_} {b}, metadata !"{condition}", {_STRICT}) strictfp'
        )

    def _extreme(self, node: Node, least: bool, type_: str) -> str:
        """minimumNumber or maximumNumber: -0 is below +0, and a number wins over a NaN."""
        a, b = (self._number(argument) for argument in node.args)
        width = _FORMATS[type_].width
        odd, usual, join = self._name(), self._name(), self._name()
        unordered = self._compare("fcmp", "uno", type_, a, b)
        self._line(f"br i1 {unordered}, label %{odd}, label %{usual}{UNLIKELY}")
        self._start(usual)
        first = self._set(f"fcmp {'olt' if least else 'ogt'} {type_} {a}, {b}")
        second = self._set(f"fcmp {'ogt' if least else 'olt'} {type_} {a}, {b}")
        # Equal numbers have the same bits, or are zeros.
        both = self._set(
            f"{'or' if least else 'and'} i{width} {self._pattern(type_, a)}, {self._pattern(type_, b)}"
        )
        either = self._set(f"bitcast i{width} {both} to {type_}")
        other = self._set(f"select i1 {second}, {type_} {b}, {type_} {either}")
        found = self._set(f"select i1 {first}, {type_} {a}, {type_} {other}")
        self._line(f"br label %{join}")
        self._start(odd)
        a_nan, b_nan = (self._set(f"fcmp uno {type_} {value}, {value}") for value in (a, b))
        canonical = self._constant(type_, _FORMATS[type_].nan)
        rest = self._set(f"select i1 {b_nan}, {type_} {canonical}, {type_} {b}")
        number = self._set(f"select i1 {a_nan}, {type_} {rest}, {type_} {a}")
        self._line(f"br label %{join}")
        self._start(join)
        return self._set(f"phi {type_} [ {found}, %{usual} ], [ {number}, %{odd} ]")

    def _class(self, node: Node, type_: str) -> str:
        """The result of fclass."""
        f, i = _FORMATS[type_], f"i{_FORMATS[type_].width}"
        bits = self._pattern(type_, self._number(node.args[0]))
        size = self._set(f"and {i} {bits}, {f.sign - 1}")
        negative = self._set(f"icmp uge {i} {bits}, {f.sign}")
        found = "i64 512"  # a quiet NaN
        for limit, positive, mirrored in (
            (f.infinity | f.quiet, 256, 256),
            (f.infinity + 1, 128, 1),
            (f.infinity, 64, 2),
            (1 << f.fraction, 32, 4),
            (1, 16, 8),
        ):
            mask = self._set(f"select i1 {negative}, i64 {mirrored}, i64 {positive}")
            below = self._set(f"icmp ult {i} {size}, {limit}")
            found = f"i64 {self._set(f'select i1 {below}, i64 {mask}, {found}')}"
        return found.removeprefix("i64 ")

    # --- conversions ---

    def _resized(self, node: Node, type_: str) -> str:
        """A conversion between single and double."""
        value = self._number(node.args[0])
        if type_ == "double":
            return self._canonical(self._strict("fptrunc", "float", (type_, value), rounds=True), "float", [])
        return self._canonical(self._strict("fpext", "double", (type_, value), rounds=False), "double", [])

    def _from_integer(self, node: Node, integer: str, type_: str) -> str:
        value = self._value(node.args[0])
        if integer[1:] == "32":
            low = self._set(f"trunc i64 {value} to i32")
            value = self._set(f"{'sext' if integer[0] == 'i' else 'zext'} i32 {low} to i64")
        if integer != "u64":
            return self._strict("sitofp", type_, ("i64", value), rounds=True)
        # From 2**63 on, convert half of the value with a sticky last bit, which rounds the same way.
        # Doubling is exact.
        large = self._set(f"icmp slt i64 {value}, 0")
        half = self._set(f"or i64 {self._set(f'lshr i64 {value}, 1')}, {self._set(f'and i64 {value}, 1')}")
        taken = self._set(f"select i1 {large}, i64 {half}, i64 {value}")
        rounded = self._strict("sitofp", type_, ("i64", taken), rounds=True)
        doubled = self._strict("fadd", type_, (type_, rounded), (type_, rounded), rounds=True)
        return self._set(f"select i1 {large}, {type_} {doubled}, {type_} {rounded}")

    def _to_integer(self, node: Node, integer: str, type_: str) -> str:
        """A conversion to an integer. A single becomes a double first, which is exact."""
        x, mode = self._number(node.args[0]), node.args[-1].value
        if type_ == "float":
            x = self._strict("fpext", "double", (type_, x), rounds=False)
        whole = x if mode == RTZ else self._integral(x, mode)
        low, high = INTEGERS[integer]
        fits, odd, join = self._name(), self._name(), self._name()
        self._line(
            f"br i1 {self._in_range(whole, low, high, mode == RTZ)}, label %{fits}, label %{odd}{LIKELY}"
        )
        self._start(fits)
        convert = "fptoui" if integer == "u64" else "fptosi"
        value = self._strict(convert, "i64", ("double", whole), rounds=False)
        if mode != RTZ:  # convert the unrounded value too, for its inexact flag
            self._strict(convert, "i64", ("double", x), rounds=False)
        value = self._extended(value, integer)
        last = self._name()
        self._line(f"br label %{last}")
        self._start(last)
        self._line(f"br label %{join}")
        self._start(odd)
        self._raise(str(NV))
        negative = self._set(f"fcmp olt double {x}, 0.0")
        lowest, highest = (_sign_extended(limit, integer) for limit in (low, high))
        saturated = self._set(f"select i1 {negative}, i64 {lowest}, i64 {highest}")
        self._line(f"br label %{join}")
        self._start(join)
        return self._set(f"phi i64 [ {value}, %{last} ], [ {saturated}, %{odd} ]")

    def _extended(self, value: str, integer: str) -> str:
        if integer[1:] == "64":
            return value
        return self._set(f"sext i32 {self._set(f'trunc i64 {value} to i32')} to i64")

    def _in_range(self, x: str, low: int, high: int, truncates: bool) -> str:
        """Whether a double (truncated, if `truncates`) is from `low` to `high`; false for NaN."""
        least = ("ogt", low - 1) if truncates and low > -(1 << 63) else ("oge", low)
        bounds = []
        for condition, limit in (least, ("olt", high + 1)):
            bounds.append(self._compare("fcmp", condition, "double", x, _literal(limit)))
        return self._set(f"and i1 {bounds[0]}, {bounds[1]}")

    def _integral(self, x: str, mode: int) -> str:
        """A double rounded to an integral value, without the inexact flag."""
        if mode != RMM:
            return self._strict(_INTEGRAL[mode], "double", ("double", x), rounds=mode == DYN)
        self._declared |= {
            "declare double @llvm.copysign.f64(double, double)",
            "declare double @llvm.fabs.f64(double)",
        }
        whole = self._strict("trunc", "double", ("double", x), rounds=False)
        rest = self._strict("fsub", "double", ("double", x), ("double", whole), rounds=True)  # exact
        size = self._set(f"call double @llvm.fabs.f64(double {rest})")
        away = self._compare("fcmp", "oge", "double", size, "0.5")
        one = self._set(f"call double @llvm.copysign.f64(double 1.0, double {x})")
        more = self._set(f"select i1 {away}, double {one}, double 0.0")
        return self._strict("fadd", "double", ("double", whole), ("double", more), rounds=True)  # exact


def _literal(number: int) -> str:
    """LLVM's notation for a number that a double holds exactly."""
    return f"0x{int.from_bytes(struct.pack('<d', number), 'little'):016X}"


def _sign_extended(limit: int, integer: str) -> int:
    """A limit of an integer type, sign-extended as in a register, as a signed number."""
    bits = int(integer[1:])
    return (limit & (1 << bits) - 1 ^ 1 << bits - 1) - (1 << bits - 1)
