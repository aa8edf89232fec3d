"""A translation is there when `translate` returns, is made once, and is found in the cache afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.engines.llvm.analysis.regions import Region, explore
from toyvm.engines.llvm.emit.effects_text import native
from toyvm.engines.llvm.translator import Translator, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

HEAD = 0x1000
LOOP = {HEAD: 0x00B50533, HEAD + 4: 0xFFDFF06F}  # add a0, a0, a1; j .-4


def region() -> Region | None:
    return explore(HEAD, LOOP.get, lambda key: True, native)


def test_translate(tmp_path: Path) -> None:
    translator = Translator(str(tmp_path))
    assert translator.cached(HEAD, b"text") is None
    made = translator.translate(HEAD, b"text", region)
    assert made is not None
    assert made[2][:4] == b"\x7fELF"
    assert translator.translate(HEAD, b"text", region) is None
    assert Translator(str(tmp_path)).cached(HEAD, b"text") == made
    translator.forget()
    assert translator.translate(HEAD, b"text", region) == made


def test_nothing_to_translate() -> None:
    assert Translator(folder=None).translate(HEAD, b"", lambda: None) is None
