"""A campaign's tables as a Frictionless data package: CSV files with types, units and descriptions, in a zip.

Specification: specs.frictionlessdata.io (Data Package, Table Schema).
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaigns.files import title_of, write_whole
from campaigns.outcome_table import outcome_rows
from campaigns.outputs import table
from chemspace.tables.write import write_csv
from screening.strategies.strategy import NEAREST

if TYPE_CHECKING:
    from campaigns.campaign import Campaign

#: What a package holds, by the name of its file; empty tables are left out.
_RESOURCES = {
    "measurements": "Lifetimes measured in this campaign; retracted ones too, with the reason",
    "related": "Lifetimes of related tasks (other metals, halides, techniques, laboratories) that were taken in",
    "properties": "Values of further measured properties, those of the launch's table first",
    "suggestions": "What was suggested, round by round, with what was predicted of it then",
    "outcomes": "What became of compounds, and which cations are declined, oldest first",
    "scores": "How well the model predicts rows that it has not seen, by the way they were left out",
}
_COLUMNS = {
    "number": "Number of the row in the campaign's record, from 1",
    "formula": "Compound, canonical formula",
    "lifetime_ps": "Spin lifetime: measured, or predicted (median) in the suggestions; the 1/e time of SC - CC",
    "lifetime_stderr_ps": "Standard error of the lifetime",
    "is_upper_bound": "Whether it is only known that the lifetime is shorter",
    "sample": "The lab's name of the crystal; a text that a spreadsheet would run has a quote before it",
    "source": "Where the value comes from: a doi or a lab",
    "temperature_k": "Temperature of the measurement",
    "fluence_uj_cm2": "Fluence of the pump, microjoules a square centimetre",
    "technique": "How it was measured",
    "note": "Anything else",
    "file": "File that it came in",
    "at": "When it was recorded, UTC",
    "actor": "Who recorded it",
    "retracted": "Why it was taken back; empty while it stands",
    "warned": "What a person was asked about before it was taken in; empty where nothing was doubtful",
    "sha256": "SHA-256 of the raw files behind it, separated by spaces",
    "task": "Name of the related task that the lifetime is of",
    "property": "Name of the measured property, its unit at the end",
    "value": "Measured value, in the unit at the end of the property's name",
    "error": "Standard error of the value, in the same unit",
    "round": "Round of suggestions, from 1",
    "place": "Place in the round, from 1; of an outcome: where a declined cation is not used",
    "phase": "RP (Ruddlesden-Popper) or DJ (Dion-Jacobson)",
    "spacer": "Abbreviation of the spacer",
    "cage": "Abbreviation of the cage cation; empty for one layer",
    "n_layers": "Number of octahedral layers",
    "lifetime_low_ps": "Lower end of the calibrated 90% interval of the predicted lifetime",
    "lifetime_high_ps": "Upper end of the calibrated 90% interval of the predicted lifetime",
    "rate_per_ps": "Predicted relaxation rate (median)",
    "acquisition": "Acquisition value, on the scale of the campaign's acquisition",
    "feasibility": "Probability that a phase-pure layered compound forms, 0 to 1",
    "reason": "Why",
    NEAREST: "Measured compound that is nearest in descriptor space",
    "chance_best": "Probability that it is measured slower than the best so far, if it forms",
    "chance_goal": "Probability that it is measured slower than the goal, if it forms",
    "tag": "likely slow, or teaches most",
    "reported": "What is reported of its spacer, with sources",
    "stage": "Where the compound stood",
    "made": "What was made instead",
    "cation": "Cation that is declined",
    "split": "How rows were left out of the training",
    "n_rows": "Predictions scored",
    "r2_log": "Coefficient of determination on log10 rate",
    "r2_rate": "Coefficient of determination on the rate itself",
    "mae_log": "Mean absolute error, log10 rate",
    "rmse_log": "Root mean square error, log10 rate",
    "spearman": "Rank correlation of predicted and measured",
    "nlpd": "Mean negative log predictive density, nats, recalibrated",
    "crps": "Mean continuous ranked probability score, log10 rate, recalibrated",
    **{f"coverage_{level}": f"Share of rows inside the central {level}% interval" for level in (50, 80, 90, 95)},
    "miscalibration_area": "Mean absolute difference of nominal and actual coverage over all levels",
    "spread_error_spearman": "Rank correlation of predicted standard deviation and absolute error",
    "coverage_90_raw": "Share of rows inside the central 90% interval before recalibration",
    "nlpd_raw": "Mean negative log predictive density before recalibration, nats",
}
_UNITS = {"_per_ps": "1/ps", "_ps": "ps", "_ev": "eV", "_k": "K"}


def write_data_package(campaign: Campaign, path: Path) -> int:
    """Write the campaign's tables as a zip with a datapackage.json. Returns the number of tables."""
    frames = {name: frame for name in _RESOURCES if len(frame := _frame(campaign, name))}
    package = {
        "profile": "tabular-data-package",
        "name": _slug(title_of(campaign.folder)),
        "title": f"Screening campaign {title_of(campaign.folder)}",
        "created": campaign.state.created_at.isoformat(timespec="seconds"),
        "resources": [_resource(name, frame) for name, frame in frames.items()],
    }

    def write(target: Path) -> None:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, frame in frames.items():
                table = Path(folder) / f"{name}.csv"
                write_csv(frame, table)
                archive.write(table, table.name)
            archive.writestr("datapackage.json", json.dumps(package, indent=2, ensure_ascii=False))

    write_whole(path, write)
    return len(frames)


def _frame(campaign: Campaign, name: str) -> pd.DataFrame:
    if name == "outcomes":
        return pd.DataFrame(outcome_rows(campaign.state))
    frame = table(campaign, name)
    if name != "suggestions" or "properties" not in frame:
        return frame
    predicted = [
        {f"{of}_{what}": value for of, both in row.items() for what, value in both.items()}
        for row in frame.pop("properties")
    ]
    return frame.join(pd.DataFrame(predicted, index=frame.index))


def _resource(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "description": _RESOURCES[name],
        "schema": {"fields": [_field(str(column), frame[column]) for column in frame], "missingValues": [""]},
    }


def _field(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    kind = "string"
    if pd.api.types.is_bool_dtype(values):
        kind = "boolean"
    elif pd.api.types.is_integer_dtype(values):
        kind = "integer"
    elif pd.api.types.is_numeric_dtype(values) or values.isna().all():
        kind = "number" if name not in ("retracted", "warned") else "string"
    elif name == "at":
        kind = "datetime"
    field: dict[str, Any] = {"name": name, "type": kind, "description": _COLUMNS.get(name, name.replace("_", " "))}
    if kind == "boolean":
        return field | {"trueValues": ["True"], "falseValues": ["False"]}
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    if kind == "datetime":
        field["format"] = "any"
    return field | ({"unit": unit} if unit else {})


def _slug(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name.lower()) or "campaign"
