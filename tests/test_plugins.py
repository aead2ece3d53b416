"""A package outside the tree adds a surrogate, an engine and a descriptor with one file, and a campaign names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.campaign_kills import LIBRARY

PLUGIN = '''
"""All that the group adds."""

import numpy as np

from oracle.descriptors import register_descriptor
from oracle.engines.base import SinglePoint
from oracle.engines.registry import EngineAbility, register_engine
from screening.surrogates.gaussian_process import KernelSpec
from screening.surrogates.mixture import MixtureRecipe
from screening.surrogates.registry import register_surrogate


@register_surrogate("rough_pair")
def rough_pair():
    """Two rough Gaussian processes. They are ours."""
    return MixtureRecipe("rough_pair", (KernelSpec("one", rough=True), KernelSpec("two", rough=True, ard=True)), None)


@register_engine("springs", EngineAbility(("springs/1",), version=lambda: "1.0"))
class Springs:
    """Every geometry is a minimum, and the numbers follow from the atoms."""

    def __init__(self, protocol):
        self.protocol = protocol

    def session(self, numbers, charge):
        return Session(numbers, charge)

    def single_point(self, numbers, positions, charge):
        return Session(numbers, charge).single_point(positions)


class Session:
    def __init__(self, numbers, charge):
        self.numbers, self.charge = numbers, charge

    def energy_gradient(self, positions, *, tight=False):
        return 0.0, np.zeros_like(positions)

    def single_point(self, positions):
        pairs = (int(self.numbers.sum()) - self.charge) // 2
        levels = np.array([*np.linspace(-1.0, -0.3 - 0.001 * pairs, pairs), -0.1, 0.1])
        dipole = (self.numbers[:, None] * positions).sum(0) / len(positions)
        return SinglePoint(
            0.0, np.zeros_like(positions), levels, np.array([2.0] * pairs + [0.0, 0.0]), dipole, np.empty(0)
        )

    def close(self):
        pass


@register_descriptor("carbon_atoms", unit="atoms", enters="log1p")
def carbon_atoms(record):
    """Number of carbon atoms of the cation."""
    return record.smiles.upper().count("C")
'''
CAMPAIGN = """\
library: cations.csv
space: {n_layers: [1, 2]}
surrogate: rough_pair
oracle: {engine: springs, n_conformers: 1, n_optimised: 1}
descriptors: [carbon_atoms]
budget: {batch_size: 2}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on the path in which the group's package is installed."""
    folder = tmp_path / "site"
    installed = folder / "our_group-1.5.dist-info"
    installed.mkdir(parents=True)
    (folder / "our_group.py").write_text(PLUGIN, encoding="utf-8")
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: our-group\nVersion: 1.5\n", encoding="utf-8")
    (installed / "entry_points.txt").write_text("[spinscreen.plugins]\nours = our_group\n", encoding="utf-8")
    return folder


#: The commands of one run share a process: one loading of the packages, and of what the group adds.
COMMANDS = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from campaigns.cli import main

answers = []
for arguments in json.loads(sys.argv[1]):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["spinscreen", *arguments]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    answers.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""


class Answer(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(site: Path, *commands: list[object]) -> list[Answer]:
    """What each command answers where the group's package is installed."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), *sys.path]),
        "SPINSCREEN_ORACLE_STORE": str(site / "oracle.db"),
        "COLUMNS": "200",
    }
    arguments = json.dumps([[str(part) for part in command] for command in commands])
    process = [sys.executable, "-c", COMMANDS, arguments]
    done = subprocess.run(process, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [Answer(*answer) for answer in json.loads(done.stdout)]


def test_what_another_package_adds_is_listed_with_its_source_and_a_sentence(site: Path) -> None:
    as_json, as_text = run(site, ["plugins", "--json"], ["plugins"])
    listed = json.loads(as_json.stdout)
    added = {kind: [row for row in rows if row.get("source") == "our-group 1.5"] for kind, rows in listed.items()}
    assert added["surrogates"] == [
        {"name": "rough_pair", "source": "our-group 1.5", "words": "Two rough Gaussian processes."}
    ]
    assert [row["name"] for row in added["engines"]] == ["springs"]
    assert [row["words"] for row in added["descriptors"]] == ["Number of carbon atoms of the cation."]
    assert listed["not_loaded"] == []
    shipped = [row["name"] for rows in listed.values() for row in rows if row["source"].startswith("spinscreen ")]
    assert {"spinscreen", "tblite", "homo_ev"} <= set(shipped)
    assert "our-group 1.5" in as_text.stdout


def test_a_campaign_learns_ranks_and_explains_with_what_another_package_adds(site: Path, tmp_path: Path) -> None:
    (tmp_path / "cations.csv").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(CAMPAIGN, encoding="utf-8")
    mine, formula = tmp_path / "mine", "(PEA)2PbI4"
    launched, explained, in_words, replayed = run(
        site,
        ["launch", mine, "--config", tmp_path / "mine.yaml", "--json"],
        ["explain", mine, formula, "--json"],
        ["explain", mine, formula],
        ["replay", mine],
    )
    assert launched.returncode == 0, launched.stderr
    suggestions = json.loads(launched.stdout)
    assert len(suggestions) == 2
    assert explained.returncode == 0, explained.stderr
    told: dict[str, Any] = json.loads(explained.stdout)
    assert told["features"]["log1p_carbon_atoms"] == pytest.approx(2.197, abs=1e-3)  # log(1 + 8)
    assert len(told["contributions"]) == 9
    assert "8 atoms" in in_words.stdout
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_a_package_that_cannot_be_loaded_ends_nothing_and_is_told_of(site: Path) -> None:
    (site / "our_group.py").write_text("import there_is_no_such_package\n", encoding="utf-8")
    listed, asked = run(site, ["plugins", "--json"], ["oracle", "describe", "C[NH3+]", "--engine", "springs"])
    assert listed.returncode == 0
    (failure,) = json.loads(listed.stdout)["not_loaded"]
    assert failure["name"] == "ours"
    assert "there_is_no_such_package" in failure["reason"]
    assert "no engine 'springs'" in asked.stderr
    assert "there_is_no_such_package" in asked.stderr


def test_a_name_that_is_taken_is_refused_naming_both(site: Path) -> None:
    (site / "our_group.py").write_text(PLUGIN.replace('"springs", Engine', '"tblite", Engine'), encoding="utf-8")
    (listed,) = run(site, ["plugins", "--json"])
    (failure,) = json.loads(listed.stdout)["not_loaded"]
    assert "two engines are called 'tblite'" in failure["reason"]
    assert "our_group.Springs" in failure["reason"]
