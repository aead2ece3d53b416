"""What a campaign gives away: its tables as a data package, its compounds for NOMAD, its model's card.

A Frictionless data package is a zip of CSV files with types, units and descriptions (specification:
specs.frictionlessdata.io, Data Package and Table Schema). NOMAD takes perovskite compositions, one archive a compound
(schema: Perovskite_composition, github.com/Jesperkemist/Perovskite_composition; NOMAD's class
perovskite_solar_cell_database.composition.PerovskiteComposition reads them). The card says in Markdown and JSON what
the model is, what it learnt from, how well it predicts, and what not to trust.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaigns.errors import CampaignError
from campaigns.events import Stage
from campaigns.files import file_name, title_of, write_whole
from campaigns.intake import outcome_rows
from campaigns.outputs import table
from chemspace import parse_formula
from chemspace.tables.frame import write_csv
from chemspace.tables.grid import package_table

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from chemspace import Compound


#: What a package holds, by the name of its file (empty tables are left out), and what its columns mean.
_RESOURCES, _COLUMNS = (
    {row["name"]: row["description"] for row in package_table("data_package.csv", "campaigns") if row["kind"] == kind}
    for kind in ("table", "column")
)
_UNITS = {"_per_ps": "1/ps", "_ps": "ps", "_ev": "eV", "_k": "K"}


def write_data_package(campaign: Campaign, path: Path) -> int:
    """Write the campaign's tables as a zip with a datapackage.json. Returns the number of tables."""
    frames = {name: frame for name in _RESOURCES if len(frame := _frame(campaign, name))}
    package = {
        "profile": "tabular-data-package",
        "name": "".join(c if c.isalnum() or c in "-_." else "-" for c in title_of(campaign.folder).lower())
        or "campaign",
        "title": f"Screening campaign {title_of(campaign.folder)}",
        "created": campaign.state.created_at.isoformat(timespec="seconds"),
        "resources": [
            {
                "name": name,
                "path": f"{name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "description": _RESOURCES[name],
                "schema": {"fields": [_field(str(column), frame[column]) for column in frame], "missingValues": [""]},
            }
            for name, frame in frames.items()
        ],
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


#: What no score shows; docs/limits.md says more.
_LIMITS = (
    "A single predicted lifetime is not to be trusted; its 90% interval is.",
    "Contributions say what the model used, not how spins relax.",
    "Few dozen rows, lead iodides at room temperature: other metals, halides and temperatures are extrapolation.",
    "Every score is of rows that were left out; a difference that is smaller than its standard error says nothing.",
)


def model_card(campaign: Campaign) -> dict[str, Any]:
    """The card of the model on the present data, plain values."""
    fit = campaign.fit()
    if fit is None:
        raise CampaignError("nothing is learnt from the present data yet; learn first: spinscreen suggest CAMPAIGN")
    data, config = campaign.dataset(), campaign.config
    return {
        "campaign": title_of(campaign.folder),
        "predicts": "log10 of the spin relaxation rate (1/ps) of layered halide perovskites, before synthesis",
        "model": {
            "surrogate": config.surrogate,
            "edition": config.edition,
            "seed": config.seed,
            "descriptors": [*config.descriptor_set.names],
            "oracle": config.protocol.key,
            "versions": fit.versions,
        },
        "data": {
            "rows_known": fit.n_measured,
            "rows_trained_on": fit.n_train,
            "rows_of_this_campaign": len(campaign.state.measurements),
            "left_out": [*fit.left_out],
            "sources": sorted({str(source) for source in data.table["doi"].dropna()} - {""}),
            "key": fit.data_key,
        },
        "verdict": fit.grade,
        "strategy": fit.strategy,
        "scores_by_split": fit.scores,
        "related_tasks": fit.related,
        "further_properties": fit.properties,
        "limits": [*_LIMITS],
    }


def write_model_card(campaign: Campaign, path: Path) -> int:
    """Write the card as JSON or, by any other ending, as Markdown. Returns the number of splits that are scored."""
    card = model_card(campaign)
    text = json.dumps(card, indent=2, ensure_ascii=False) if path.suffix == ".json" else as_markdown(card)
    write_whole(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))
    return len(card["scores_by_split"])


def as_markdown(card: dict[str, Any]) -> str:
    """A card for people."""
    model, data = card["model"], card["data"]
    lines = [
        f"# Model card: {card['campaign']}",
        "",
        f"Predicts {card['predicts']}.",
        "",
        f"**{card['verdict']}** {card['strategy']}",
        "",
        "## Model",
        "",
        *(f"- {name}: {_words(value)}" for name, value in model.items()),
        "",
        "## Data",
        "",
        *(f"- {name.replace('_', ' ')}: {_words(value)}" for name, value in data.items() if name != "left_out"),
        *(["- left out:"] + [f"    - {line}" for line in data["left_out"]] if data["left_out"] else []),
        "",
        "## Scores of rows that were left out",
        "",
        *_table(card["scores_by_split"]),
    ]
    if card["related_tasks"]:
        lines += ["", "## Related tasks", "", *(f"- {told['sentence']}" for told in card["related_tasks"].values())]
    for name, told in card["further_properties"].items():
        lines += ["", f"## {name}", "", f"{told['n_rows']} values: {told['grade']}", "", *_table(told["scores"])]
    lines += ["", "## Limits", "", *(f"- {line}" for line in card["limits"])]
    return "\n".join(lines)


def _table(scores: dict[str, dict[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(name for card in scores.values() for name in card))
    rows = [
        f"| {split} | " + " | ".join(_words(card.get(name)) for name in names) + " |" for split, card in scores.items()
    ]
    return [f"| left out | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|", *rows]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


#: NOMAD's class of the archives.
CLASS = "perovskite_solar_cell_database.composition.PerovskiteComposition"
#: The measured property that NOMAD calls band_gap, eV.
GAP = "band_gap_ev"
_MADE = frozenset({Stage.FORMED, Stage.MEASURED, Stage.NOT_MEASURABLE})
_CHARGES = {"Pb": "+2", "Sn": "+2", "Ge": "+2", "I": "-", "Br": "-", "Cl": "-"}


def composition(compound: Compound) -> dict[str, Any]:
    """A compound as NOMAD describes it: short and long form, dimensionality, and the ions of each site.

    The forms list the ions of each site in the order of the alphabet, names of three letters or more in parentheses.

    Example:
        >>> from chemspace import CationLibrary, parse_formula
        >>> told = composition(parse_formula("(PEA)2(MA)2Pb3I10", CationLibrary.builtin()))
        >>> told["long_form"], told["short_form"], told["dimensionality"]
        ('MA2(PEA)2Pb3I10', 'MA(PEA)PbI', '2D')
    """
    a_site = [
        {
            "abbreviation": cation.abbreviation,
            "coefficient": _number(count),
            "molecular_formula": cation.formula,
            "smiles": cation.smiles,
        }
        for cation, count in sorted(compound.cation_counts, key=lambda pair: pair[0].abbreviation)
    ]
    b_site = [_element(compound.b_site, Fraction(compound.n_b_sites))]
    x_site = [_element(symbol, share * compound.n_halides) for symbol, share in sorted(compound.halide)]
    ions = [*a_site, *b_site, *x_site]
    return {
        "long_form": "".join(_named(ion) + ("" if ion["coefficient"] == "1" else ion["coefficient"]) for ion in ions),
        "short_form": "".join(map(_named, ions)),
        "dimensionality": "3D" if compound.spacer is None else "2D",
        "ions_a_site": a_site,
        "ions_b_site": b_site,
        "ions_x_site": x_site,
    }


def write_nomad(campaign: Campaign, path: Path) -> int:
    """Write what was suggested, tried or measured into a zip that NOMAD takes; returns the number of compounds."""
    stages = campaign.state.stages
    gaps: dict[str, list[float]] = {}
    for row in campaign.state.records.get(GAP, ()):
        if row.retracted is None:
            compound = parse_formula(row.observation.formula, campaign.names)
            gaps.setdefault(compound.formula, []).append(row.observation.value)

    def write(target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for formula, stage in stages.items():
                made = "Estimated from precursor solutions" if stage in _MADE else "Hypothetical compound"
                data = {"m_def": CLASS, **composition(parse_formula(formula, campaign.names))}
                data["composition_estimate"] = made
                if formula in gaps:
                    data["band_gap"] = fmean(gaps[formula])
                text = json.dumps({"data": data}, indent=2, ensure_ascii=False)
                archive.writestr(file_name(formula, ".archive.json"), text)

    write_whole(path, write)
    return len(stages)


def _element(symbol: str, count: Fraction) -> dict[str, str]:
    charge = _CHARGES[symbol]
    return {
        "abbreviation": symbol,
        "coefficient": _number(count),
        "molecular_formula": f"{symbol}{charge}",
        "smiles": f"[{symbol}{charge}]",
    }


def _named(ion: dict[str, str]) -> str:
    name = ion["abbreviation"]
    return f"({name})" if len(name) > 2 else name


def _number(count: Fraction) -> str:
    return f"{float(count):.6g}"
