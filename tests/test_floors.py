"""The four floors stand on each other, and the light parts stay light; `lint-imports` holds the rest."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("chemspace", "oracle", "screening", "campaigns")


def imported_packages(file: Path) -> set[str]:
    """Top-level names of every absolute import in `file`, wherever in the file it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_every_floor_imports_from_the_one_below() -> None:
    for below, floor in pairwise(FLOORS):
        assert any(below in imported_packages(file) for file in (ROOT / floor).rglob("*.py"))


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import chemspace", ("torch", "pandas", "pymatgen", "sklearn")),
        ("import oracle", ("torch", "pandas", "rdkit", "pymatgen", "sklearn")),
        ("import screening", ("torch", "shap", "botorch")),
        ("import campaigns", ("torch", "shap", "botorch", "plotly")),
        ("import campaigns.reader, campaigns.cli.show", ("torch", "pandas", "rdkit", "sqlalchemy")),
        ("import campaigns.campaign", ("torch", "pandas", "scipy.stats", "scipy.optimize", "sklearn")),
        ("import campaigns.cli.app", ("torch", "pandas", "sqlalchemy", "pydantic")),
    ],
)
def test_light_imports_stay_light(statement: str, heavy: tuple[str, ...]) -> None:
    code = f"{statement}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_that_takes_time_is_imported_before_the_command_hears_ctrl_c() -> None:
    code = "import os, re, sys; known = {*sys.modules}; import campaigns.cli; print(*sorted({*sys.modules} - known))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["__future__", "campaigns", "campaigns.cli", "signal"]


@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("campaigns.kinetics", ("KineticsError", "trace_at")),
        ("campaigns.web", ("Settings", "create_app")),
        ("chemspace", ("FormulaError", "NotInSpaceError", "NotNeutralError")),
        ("screening", ("DatasetError", "ScreeningError", "TrainingDataError")),
    ],
)
def test_what_scripts_imported_from_a_package_is_found_there(package: str, names: tuple[str, ...]) -> None:
    assert [getattr(import_module(package), name).__name__ for name in names] == list(names)
