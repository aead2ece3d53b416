"""A campaign's tables as a data package that the kept library takes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from frictionless import Package

from campaigns import Campaign
from campaigns.exchange.publication import write_data_package


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
