"""`toyvm ar`: what its command line may say."""

from __future__ import annotations

import pytest

from toyvm.base.errors import UsageError
from toyvm.cli.binutils.ar import main


@pytest.mark.parametrize("words", ["tN 2 x.a u.o", "rN 2 x.a u.o", "xN 0 x.a u.o", "xN x.a u.o", "xN"])
def test_instances_are_for_d_and_x_and_count_from_one(words: str) -> None:
    with pytest.raises(UsageError):
        main(words.split())
