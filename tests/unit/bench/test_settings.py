"""The benchmarks' caches: what a cold run finds there, and what a first run."""

from __future__ import annotations

from pathlib import Path

from tests.bench.measure import cpu_seconds
from tests.bench.settings import Cache
from toyvm.build import build_program
from toyvm.engines.llvm.translator import IMAGE, RUNTIME

LOOP = """
        .globl  _start
_start: li      s0, 4000000
again:  addi    s0, s0, -1
        bnez    s0, again
        li      a0, 0
        li      a7, 94
        ecall
"""


def test_a_cold_run_has_the_image_and_no_translation_of_the_program(tmp_path: Path) -> None:
    source, image = tmp_path / "loop.s", tmp_path / "loop"
    source.write_text(LOOP)
    image.write_bytes(build_program([source], linkage="static").image)
    image.chmod(0o755)
    cache = Cache(tmp_path / "cache")

    def heads() -> set[int]:
        return {int(path.name.split("-")[1], 16) for path in cache.native.glob("*")}

    cpu_seconds(cache.run(image))
    made = heads()
    assert made > {RUNTIME, IMAGE}
    cold = cache.run_without_translations(image)
    assert cold.prepare is not None
    cold.prepare()
    assert heads() == {RUNTIME, IMAGE}
    first = cache.run_without_anything(image)
    assert first.prepare is not None
    first.prepare()
    assert not cache.folder.exists()
