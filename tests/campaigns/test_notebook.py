"""The notebook in docs runs, and is the one that its script writes."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from tests.campaigns.conftest import Launched

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_notebook", DOCS / "make_notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client's own machinery
def test_every_cell_runs_and_stands_in_docs(
    script: ModuleType, launched: Launched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spinscreen").mkdir()
    shutil.copy(launched.oracle_store, tmp_path / "spinscreen" / "oracle.db")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(DOCS.parent), os.environ.get("PYTHONPATH", "")]))
    made = script.execute(script.build())
    kept = nbformat.read(DOCS / "campaign.ipynb", as_version=4)
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [(c.cell_type, c.source) for c in made.cells]
    for cell in (*made.cells, *kept.cells):
        assert all(output.output_type != "error" for output in cell.get("outputs", ()))
    assert all(cell.outputs for cell in kept.cells if cell.cell_type == "code")


def test_the_kept_notebook_is_small_and_names_no_machine() -> None:
    text = (DOCS / "campaign.ipynb").read_text(encoding="utf-8")
    assert len(text) < 200_000
    assert not re.search(r"/(home|root|tmp|work|usr|Users)/", text)
