"""The notebook docs/notebook.ipynb runs, and shows what it says. TOYVM_UPDATE_NOTEBOOK=1 stores what it shows now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.harness import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def shown(cell: Any) -> list[dict[str, Any]]:
    """The outputs of a cell, without the counts of executions."""
    found = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            found.append({"stream": output.name, "text": output.text})
        else:
            found.append({kind: "".join(data).rstrip() for kind, data in output.data.items()})
    return found


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("jupyter")
    own = {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(ROOT),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "NO_COLOR": "1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(name, value)
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        client.execute(cwd=str(NOTEBOOK.parent))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    if os.environ.get("TOYVM_UPDATE_NOTEBOOK"):
        nbformat.write(notebook, NOTEBOOK)
    return notebook


def test_the_notebook_shows_what_is_stored(executed: Any) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert len(kept.cells) == len(executed.cells)
    for stored, made in zip(kept.cells, executed.cells, strict=True):
        assert shown(stored) == shown(made), stored.source


def test_the_notebook_uses_every_verb_that_makes_a_value(executed: Any) -> None:
    source = "\n".join(cell.source for cell in executed.cells)
    verbs = ("assemble", "link", "run", "explain", "compare", "sweep", "quiz")
    assert [verb for verb in verbs if f"toyvm.{verb}(" not in source] == []
    assert Path(NOTEBOOK).stat().st_size < 200_000
    values = [cell for cell in executed.cells if any("text/html" in output for output in shown(cell))]
    assert len(values) >= 8
