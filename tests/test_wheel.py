"""The wheel carries samples and guest libraries, and works far from the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel alone was installed; its dependencies are this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def _toyvm(site: Path, cwd: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(cwd / "cache")}
    command = [sys.executable, "-P", "-m", "toyvm", *args]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_wheel_runs_samples_and_compares(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import toyvm; print(toyvm.__file__)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    sample = str(installed / "toyvm" / "_data" / "asm" / "shm_talk.s")
    for linkage in ("--static", "--dynamic"):
        done = _toyvm(installed, tmp_path, "run", linkage, sample)
        assert (done.returncode, done.stdout) == (0, "child: 123123113\nparent: 321321331\n"), done.stderr
    compared = _toyvm(installed, tmp_path, "compare", "--instances", "1,2", sample)
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.count("yes  ") == 4


@pytest.mark.slow
def test_a_wheel_has_every_file_of_the_package(installed: Path) -> None:
    """The LLVM IR, the parts of the page and the marker of types, not only the modules."""
    kinds = (".py", ".ll", ".typed", ".html", ".css", ".js")
    ours = {path.relative_to(ROOT) for path in (ROOT / "toyvm").rglob("*") if path.suffix in kinds}
    assert {path.suffix for path in ours} == {*kinds}
    assert ours <= {path.relative_to(installed) for path in (installed / "toyvm").rglob("*")}
