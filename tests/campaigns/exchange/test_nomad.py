"""Compounds as NOMAD describes them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli.app import app
from campaigns.exchange.publication import CLASS, composition, write_nomad
from chemspace import CationLibrary, Compound, parse_formula

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
