"""The command line of a described campaign: files, templates, dry runs, recipes, structures, score cards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core.structure import Structure
from typer.testing import CliRunner, Result

from campaigns import Campaign
from campaigns.cli.app import app
from campaigns.description import template_names
from campaigns.errors import CampaignExistsError, ConfigError
from chemspace.crystal import structure_descriptors
from tests.campaigns.cli.fingerprint import fingerprint
from tests.campaigns.conftest import Launched


def run(made: Launched, *arguments: object) -> Result:
    environment = {"SPINSCREEN_ORACLE_STORE": str(made.oracle_store), "COLUMNS": "200"}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


DESCRIBED = """\
library: cations.csv
space:
  n_layers: [1, 2]
  halides: [I]
  halide_mixtures:
    - {I: 0.5, Br: 0.5}
  cage_mixtures:
    - {MA: 0.5, FA: 0.5}
  constraints:
    - heavy_atoms: {most: 9}
surrogate: gp
acquisition: lcb
objective: {goal_lifetime_ps: 40}
budget: {batch_size: 3, max_per_spacer: 1, max_cost: 1}
prices:
  {PEA: {per_mol: 50}, BA: {per_mol: 30}, PA: {per_mol: 30}, EOA: {per_mol: 20}, MA: {per_mol: 40}, FA: {per_mol: 6}}
"""


@pytest.fixture(scope="module")
def mine(launched: Launched, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The described campaign, launched, and what that printed."""
    root = tmp_path_factory.mktemp("described")
    (root / "mine.yaml").write_text(DESCRIBED, encoding="utf-8")
    shutil.copy(launched.library, root)
    done = run(launched, "launch", root / "mine", "--config", root / "mine.yaml", "--json", "--seed", "3")
    assert done.exit_code == 0, done.output
    return root / "mine", json.loads(done.stdout)


@pytest.fixture
def file(launched: Launched, tmp_path: Path) -> Path:
    shutil.copy(launched.library, tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(DESCRIBED, encoding="utf-8")
    return path


def test_a_described_campaign_launches_with_mixtures_limits_and_its_own_acquisition(
    launched: Launched, mine: tuple[Path, list[dict[str, Any]]], file: Path
) -> None:
    folder, rows = mine
    assert len({row["spacer"] for row in rows}) == 3
    assert {row["spacer"] for row in rows} <= {"PEA", "BA", "PA", "EOA"}
    campaign = Campaign.open(folder, oracle_store=launched.oracle_store)
    assert (campaign.config.seed, campaign.config.budget.batch_size) == (3, 3)
    fit = campaign.fit()
    assert fit is not None
    assert "lcb, as the campaign's description asks" in fit.strategy
    ranking = campaign.table("ranking")["formula"]
    assert ranking.str.contains("FA0.5MA0.5").any()
    assert ranking.str.contains("I0.5Br0.5").any()
    assert campaign.replay().same
    again = run(launched, "launch", folder, "--json")
    assert json.loads(again.stdout) == rows
    other = run(launched, "launch", folder, "--config", file)
    assert isinstance(other.exception, CampaignExistsError)
    assert "seed: 3 here, 0 asked for" in str(other.exception)


def test_a_dry_run_of_a_campaign_that_is_there_plans_that_campaign(launched: Launched) -> None:
    before = fingerprint(launched.folder)
    done = run(launched, "launch", launched.folder, "--dry-run", "--json")
    assert fingerprint(launched.folder) == before
    assert json.loads(done.stdout)["n_compounds"] == len(Campaign.open(launched.folder).space)
    text = run(launched, "launch", launched.folder, "--dry-run").stdout.replace("\n", " ")
    assert f"without --dry-run this goes on with {launched.folder}" in text


def test_a_dry_run_tells_sizes_and_problems_and_writes_nothing(launched: Launched, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "planned"
    done = run(launched, "launch", folder, "--config", file, "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert told["n_compounds"] == told["n_spacers"] * 2 * 4
    assert any("holds Br" in problem for problem in told["problems"])
    text = run(launched, "launch", folder, "--config", file, "--dry-run", "--n-layers", "1").stdout
    assert "nothing was written" in text
    assert not folder.exists()


@pytest.mark.parametrize("name", template_names())
def test_a_template_prints_as_a_file_that_describes_the_same(launched: Launched, tmp_path: Path, name: str) -> None:
    from campaigns.description import read_description, read_template

    printed = run(launched, "launch", "x", "--template", name, "--show-template")
    (tmp_path / "copy.yaml").write_text(printed.stdout)
    assert read_description(tmp_path / "copy.yaml").config == read_template(name).config


def test_a_wrong_description_names_file_line_and_field(launched: Launched, file: Path, tmp_path: Path) -> None:
    file.write_text(DESCRIBED.replace("{MA: 0.5, FA: 0.5}", "{MA: 0.5, XYZ: 0.5}"))
    done = run(launched, "launch", tmp_path / "mine", "--config", file)
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception).startswith("mine.yaml, line 8: cage_mixtures: no cation is called 'XYZ'")
    assert not (tmp_path / "mine").exists()
    assert run(launched, "launch", "x", "--config", file, "--template", "tin").exit_code == 2
    assert isinstance(run(launched, "launch", "x", "--template", "lead").exception, ConfigError)


def test_suggestions_come_with_recipe_structure_and_what_they_are_made_of(launched: Launched, tmp_path: Path) -> None:
    folder = launched.copy(tmp_path / "copy").folder
    text = run(launched, "suggest", folder).stdout
    assert text.count("recipe: for 1 g: PbO") == 5
    assert "best observed:" in text
    assert "best predicted:" in text
    cifs = tmp_path / "cif"
    done = run(launched, "suggest", folder, "--json", "--details", "--mass", "0.5", "--structures", cifs)
    rows = json.loads(done.stdout)
    for row in rows:
        recipe, lead = row["recipe"], row["recipe"]["precursors"][0]
        assert (recipe["target_mass_g"], lead["name"]) == (0.5, "PbO")
        assert lead["amount_mmol"] == pytest.approx(row["n_layers"] * recipe["amount_mmol"])
        assert row["explanation"]["lifetime_ps"] == pytest.approx(row["lifetime_ps"], rel=1e-9)
        assert row["explanation"]["nearest_measured"] == row["nearest_measured"]
        assert len(row["explanation"]["contributions"]) == 8
        assert row["explanation"]["feasibility_reasons"]
    written = [Path(row["structure"]) for row in rows if row["structure"] is not None]
    assert len(written) >= 3
    for path in written:
        assert Structure.from_file(path).composition["Pb"] >= 1
    again = run(launched, "suggest", folder, "--json", "--structures", cifs, "--tilted")
    tilted = [Path(row["structure"]) for row in json.loads(again.stdout) if row["structure"] is not None]
    assert tilted
    for path in tilted:
        assert structure_descriptors(path).mean_bridge_angle_deg < 170
    assert run(launched, "suggest", folder, "--tilted").exit_code == 2


def test_the_score_card_is_told_whole(
    launched: Launched, mine: tuple[Path, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from screening import validation

    monkeypatch.setattr(validation, "SHUFFLES", 1)
    monkeypatch.setattr(validation, "CURVE_DRAWS", 2)
    folder = tmp_path / "copy"
    shutil.copytree(mine[0], folder)
    (tmp_path / "own.csv").write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n(BA)2(FA)Pb2I7,1.4\n")
    Campaign.open(folder, oracle_store=launched.oracle_store).ingest(tmp_path / "own.csv")
    before = fingerprint(folder)
    told = json.loads(run(launched, "validate", folder, "--json").stdout)
    assert fingerprint(folder) == before
    assert {
        "leave_one_compound_out", "leave_one_spacer_out", "repeated_k_fold", "literature_to_synthesised",
        "random_seven", "own_measurements",
    } == set(told["score_cards"])  # fmt: skip
    assert told["score_cards"]["own_measurements"]["n_rows"] == 2
    assert told["scrambled_r2_log"][0] < 0.3
    assert set(told["baselines"]) >= {"mean", "two_group", "class_means", "linear", "random_forest"}
    assert told["verdict"].startswith(told["grade"])
