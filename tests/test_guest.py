"""The guest tests: small programs that look at the machine from inside, in each linkage, on every engine, with the same counts."""

from __future__ import annotations

import pytest

from tests.support.harness import GUEST, Case, cases, check_case, run_case
from tests.support.ways import check_every_way


@pytest.mark.parametrize("case", cases(GUEST), ids=str)
def test_guest(case: Case) -> None:
    check_every_way(lambda options: run_case(case, options), lambda result: check_case(case, result))
