"""What a release must agree on: one version, a citation, pinned packages, and data that get into the wheel."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
FLOORS = ("chemspace", "oracle", "screening", "campaigns")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = [
    line
    for line in (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_citation_and_changelog_have_the_version_of_the_project_file() -> None:
    version = PROJECT["project"]["version"]
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == version
    assert citation["license"] == PROJECT["project"]["license"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_no_module_states_a_version_of_its_own() -> None:
    stated = [
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if re.search(
            r"^__version__|[\"']" + re.escape(PROJECT["project"]["version"]) + r"[\"']",
            path.read_text(encoding="utf-8"),
            re.M,
        )
    ]
    assert not stated


def test_the_citation_names_the_paper_whose_measurements_we_start_from() -> None:
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert [paper["doi"] for paper in citation["references"]] == ["10.1039/d5sc07406a"]


def test_every_dependency_has_a_lower_bound_that_the_tested_version_meets() -> None:
    project, pins = PROJECT["project"], dict(line.split("==") for line in PINS)
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    for wanted in map(Requirement, asked):
        if wanted.name != project["name"]:
            assert any(part.operator == ">=" for part in wanted.specifier), f"{wanted.name} has no lower bound"
            if (pinned := pins.get(normalised(wanted.name))) is not None:
                assert wanted.specifier.contains(pinned), f"{wanted} leaves out the tested {pinned}"


def test_constraints_are_names_and_versions_and_nothing_else() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][A-Za-z0-9.!]*", line) for line in PINS)
    assert sorted(PINS, key=lambda line: line.split("==")[0]) == PINS


def test_constraints_pin_every_package_that_the_project_asks_for_within_its_range() -> None:
    pins = dict(line.split("==") for line in PINS)
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [Requirement(line) for line in (*PROJECT["project"]["dependencies"], *extras["test"], *extras["docs"])]
    for each in wanted:
        if each.name != "spinscreen" and (each.marker is None or each.marker.evaluate({"extra": ""})):
            assert normalised(each.name) in pins, f"{each.name}: run make constraints"
            assert each.specifier.contains(pins[normalised(each.name)], prereleases=True), each


def test_an_upper_bound_stands_below_a_comment_that_says_what_breaks() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    bounded = [
        at for at, line in enumerate(lines) if re.match(r' +"[^"]+[<][^"]*",$', line) and "python_version" not in line
    ]
    assert bounded
    assert all(lines[at - 1].lstrip().startswith("#") for at in bounded)


def test_every_data_file_of_the_floors_gets_into_the_wheel() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *FLOORS],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert not listed.returncode, f"the suite runs in a clone: {listed.stderr}"
    data = [name for name in listed.stdout.split() if not name.endswith(".py")]
    assert len(data) > 10
    left_out = [name for name in data if not any(fnmatch(PurePosixPath(name).name, pattern) for pattern in patterns)]
    assert not left_out


@pytest.mark.parametrize("floor", FLOORS)
def test_every_module_gets_into_the_wheel_in_a_package_or_as_data(floor: str) -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"].get(floor, ())
    as_data = {path for pattern in patterns for path in (ROOT / floor).glob(pattern)}
    alone = {path for path in (ROOT / floor).rglob("*.py") if not (path.parent / "__init__.py").exists()}
    assert alone <= as_data
