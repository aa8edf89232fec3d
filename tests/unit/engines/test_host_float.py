"""What the host computes is what the exact implementation computes, and it declines where flags could arise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.isa.test_ieee754 import patterns
from toyvm.engines.host_float import HOST
from toyvm.isa.ieee754 import NX, OPERATIONS, RNE, D


@pytest.mark.parametrize("name", HOST)
@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_results_and_flags_are_exact(name: str, data: st.DataObject) -> None:
    near = st.integers(0, (1 << 54) - 1)  # around the least normal numbers
    a, b = (data.draw(st.one_of(patterns(D), near)) for _ in range(2))
    operation = OPERATIONS[name]
    operands = (a,) if name == "f64_sqrt" else (a, b)
    quick = HOST[name](name, (*operands, RNE) if operation.rounds else operands)
    result, flags = operation.function(*operands, *([RNE] if operation.rounds else []))
    if quick is not None:
        assert quick == result and not flags & ~NX
        assert operation.rounds or not flags


def test_the_host_is_asked_in_the_usual_case_and_declines_at_the_limits() -> None:
    one, least = 0x3FF << 52, 1 << 52
    assert HOST["f64_add"]("f64_add", (one, one, RNE)) == 0x400 << 52
    assert HOST["f64_mul"]("f64_mul", (least, one, RNE)) is None
    assert HOST["f64_div"]("f64_div", (one, 0, RNE)) is None
    assert HOST["f64_sqrt"]("f64_sqrt", (one | D.sign, RNE)) is None
    assert HOST["f64_lt"]("f64_lt", (D.nan, one)) is None
