"""A data package that the kept library takes, a model card, and compounds as NOMAD describes them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from frictionless import Package
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli.app import app
from campaigns.errors import CampaignError
from campaigns.exchange import CLASS, composition, write_data_package, write_model_card, write_nomad
from chemspace import CationLibrary, Compound, parse_formula


def test_the_package_is_valid_and_every_column_is_described(lab: Campaign, tmp_path: Path) -> None:
    lab.observe([{"formula": "(PEA)2PbI4", "lifetime_ps": 0.8, "sample": "K2", "temperature_k": 300}])
    assert write_data_package(lab, tmp_path / "lab.zip") == 2
    with zipfile.ZipFile(tmp_path / "lab.zip") as archive:
        archive.extractall(tmp_path / "package")
    report = Package(str(tmp_path / "package" / "datapackage.json")).validate()
    assert report.valid, report.flatten(["type", "message"])
    told = json.loads((tmp_path / "package" / "datapackage.json").read_text(encoding="utf-8"))
    fields = {field["name"]: field for resource in told["resources"] for field in resource["schema"]["fields"]}
    assert fields["lifetime_ps"] == {
        "name": "lifetime_ps",
        "type": "number",
        "unit": "ps",
        "description": "Spin lifetime: measured, or predicted (median) in the suggestions; the 1/e time of SC - CC",
    }
    assert fields["temperature_k"]["unit"] == "K"
    assert fields["is_upper_bound"]["type"] == "boolean"
    assert all(field["description"] != name.replace("_", " ") for name, field in fields.items())
    rows = Package(str(tmp_path / "package" / "datapackage.json")).get_resource("measurements").read_rows()
    assert float(rows[0]["lifetime_ps"]) == 0.7


def test_the_card_tells_data_splits_scores_and_limits(year: Campaign, tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="learn first: spinscreen suggest"):
        write_model_card(year, tmp_path / "card.md")
    fit = year.retrain()
    assert write_model_card(year, tmp_path / "card.json") == len(fit.scores)
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert card["scores_by_split"] == json.loads(json.dumps(fit.scores))
    assert (card["data"]["rows_known"], card["data"]["rows_trained_on"]) == (fit.n_measured, fit.n_train)
    assert card["data"]["left_out"] == list(fit.left_out)
    assert (card["verdict"], card["model"]["surrogate"]) == (fit.grade, "mean")
    assert card["data"]["sources"] == ["10.1039/d5sc07406a"]
    write_model_card(year, tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert all(split in text for split in fit.scores)
    assert fit.grade in text
    assert "## Limits" in text


LIBRARY = CationLibrary.builtin()


def told(formula: str) -> dict[str, object]:
    return composition(parse_formula(formula, LIBRARY))


def test_a_compound_is_told_as_in_the_example_of_the_schema() -> None:
    # composition_(PEA)2PbI4.archive.json of github.com/Jesperkemist/Perovskite_composition, the fields that we know.
    found = told("(PEA)2PbI4")
    assert (found["long_form"], found["short_form"], found["dimensionality"]) == ("(PEA)2PbI4", "(PEA)PbI", "2D")
    ions = found["ions_a_site"], found["ions_b_site"], found["ions_x_site"]
    keys = ("abbreviation", "coefficient", "molecular_formula")
    assert [[tuple(ion[key] for key in keys) for ion in site] for site in ions] == [  # type: ignore[attr-defined]
        [("PEA", "2", "C8H12N+")],
        [("Pb", "1", "Pb+2")],
        [("I", "4", "I-")],
    ]


@pytest.mark.parametrize(
    ("formula", "long_form", "short_form"),
    [
        ("(PEA)2(MA)2Pb3I10", "MA2(PEA)2Pb3I10", "MA(PEA)PbI"),
        ("(BDA)PbI4", "(BDA)PbI4", "(BDA)PbI"),
        ("MAPbI3", "MAPbI3", "MAPbI"),
        ("Cs0.1FA0.9PbI3", "Cs0.1FA0.9PbI3", "CsFAPbI"),
    ],
)
def test_ions_stand_in_the_order_of_the_alphabet(formula: str, long_form: str, short_form: str) -> None:
    found = told(formula)
    assert (found["long_form"], found["short_form"]) == (long_form, short_form)


def test_mixed_halides_are_ions_of_their_own() -> None:
    compound = Compound.of(LIBRARY["PEA"], None, n_layers=1, halide={"I": 0.5, "Br": 0.5})
    found = composition(compound)
    assert (found["long_form"], found["short_form"]) == ("(PEA)2PbBr2I2", "(PEA)PbBrI")


def test_a_campaign_is_an_upload_of_archives(lab: Campaign, tmp_path: Path) -> None:
    assert write_nomad(lab, tmp_path / "lab.zip") == 4
    with zipfile.ZipFile(tmp_path / "lab.zip") as archive:
        told = {name: json.loads(archive.read(name))["data"] for name in archive.namelist()}
    assert all(name.endswith(".archive.json") and data["m_def"] == CLASS for name, data in told.items())
    estimates = {data["long_form"]: data["composition_estimate"] for data in told.values()}
    assert estimates["(PEA)2PbI4"] == "Estimated from precursor solutions"
    assert estimates["(EOA)2PbI4"] == "Hypothetical compound"


def test_the_command_names_the_file_by_the_campaign(
    lab: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for form, file, entries in (("nomad", "lab_nomad.zip", 4), ("data-package", "lab_data.zip", 2)):
        told = CliRunner().invoke(app, ["export", str(lab.folder), "--format", form, "--json"])
        assert json.loads(told.stdout) == {"file": file, "entries": entries}
        assert zipfile.is_zipfile(file)
    refused = CliRunner().invoke(app, ["export", str(lab.folder), "card.txt", "--format", "model-card"])
    assert (refused.exit_code, "must end in .md or .json" in refused.stderr) == (2, True)
