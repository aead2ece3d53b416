"""The four floors: each imports only from the floors below, and the light parts stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
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


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def loaded_with(body: list[ast.stmt]) -> Iterator[str]:
    """Every name that is imported as a module is loaded, with its module: outside functions and `if TYPE_CHECKING`."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from loaded_with([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from loaded_with(
                [*node.body, *node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)]
            )
        elif isinstance(node, ast.ClassDef | ast.With):
            yield from loaded_with(node.body)


def imported_modules(file: Path, known: Collection[str]) -> Iterator[str]:
    """The modules among `known` that are loaded with a file: what a name stands in, or is."""
    for name in loaded_with(ast.parse(file.read_text(encoding="utf-8")).body):
        yield from [one for one in (name, name.rpartition(".")[0]) if one in known][:1]


def test_no_modules_import_each_other_in_a_circle() -> None:
    files = {module_name(file): file for floor in FLOORS for file in (ROOT / floor).rglob("*.py")}
    graph = {name: set(imported_modules(file, files)) - {name} for name, file in files.items()}
    assert sum(map(len, graph.values())) > 500
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_from_the_floors_below(floor: str) -> None:
    above = set(FLOORS[FLOORS.index(floor) + 1 :]) | {"tests", "benchmarks"}
    for file in sorted((ROOT / floor).rglob("*.py")):
        assert not imported_packages(file) & above, f"{file.relative_to(ROOT)} imports from above"


def test_every_floor_imports_from_the_one_below() -> None:
    for below, floor in pairwise(FLOORS):
        assert any(below in imported_packages(file) for file in (ROOT / floor).rglob("*.py"))


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import chemspace", ("torch", "pandas", "pymatgen", "sklearn")),
        ("import oracle", ("torch", "pandas", "pymatgen", "sklearn")),
        ("import screening", ("torch", "shap", "botorch")),
        ("import campaigns", ("torch", "shap", "botorch", "plotly")),
        ("import campaigns.campaign", ("torch", "pandas", "scipy.stats", "scipy.optimize", "sklearn")),
        ("import campaigns.cli.app", ("torch", "pandas", "sqlalchemy", "pydantic")),
    ],
)
def test_light_imports_stay_light(statement: str, heavy: tuple[str, ...]) -> None:
    code = f"{statement}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
