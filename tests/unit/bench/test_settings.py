"""The benchmarks' caches: what a cold run finds there, and what a first run."""

from __future__ import annotations

from pathlib import Path

from tests.bench.settings import Cache
from toyvm.engines.llvm.translator import IMAGE, RUNTIME


def test_a_cold_run_has_the_image_and_no_translation_of_the_program(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.native.mkdir(parents=True)
    for head in (RUNTIME, IMAGE, 0x10074):
        (cache.native / f"0123abcd-{head:x}-01234567").touch()
    cold = cache.run_without_translations("program")
    assert cold.prepare is not None
    cold.prepare()
    assert {path.name.split("-")[1] for path in cache.native.iterdir()} == {"0", "1"}


def test_a_first_run_has_no_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.native.mkdir(parents=True)
    first = cache.run_without_anything("program")
    assert first.prepare is not None
    first.prepare()
    assert not cache.folder.exists()
