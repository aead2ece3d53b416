"""What a campaign hands out beside its summaries: tables, candidates, figures, pages of its traces."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaigns.errors import CampaignError, StoreError
from campaigns.files import TRACES, file_name, read_ranking, write_whole
from campaigns.intake import hashes_of
from campaigns.report.view import calibration_of, parity_of, plain
from campaigns.state import CampaignState
from campaigns.summary import IngestResult
from campaigns.targets import Recorded, task_of
from chemspace.progress import Progress
from screening.features import bar

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from campaigns.kinetics import Measured, TraceFit
    from campaigns.reader import CampaignReader
    from campaigns.round import Round


def _compounds(campaign: CampaignReader) -> pd.DataFrame:
    last = {step.formula: (step.made, step.reason) for step in campaign.state.steps}
    rows = [(formula, stage.value, *last.get(formula, ("", ""))) for formula, stage in campaign.state.stages.items()]
    return pd.DataFrame(rows, columns=["formula", "stage", "made", "reason"])


def _ranking(campaign: CampaignReader) -> pd.DataFrame | None:
    return read_ranking(campaign.folder)


def _spacers(campaign: CampaignReader) -> pd.DataFrame:
    """Which spacers are computed, and in which round; the others are predicted only, and not suggested."""
    rounds = {key: one.number for one in campaign.state.spacer_rounds for key in one.spacers}
    everything = campaign.state.chosen_spacers is None
    failed = campaign.failed_cations()
    rows = [
        {
            "spacer": spacer.abbreviation,
            "inchikey": spacer.inchikey,
            "smiles": spacer.smiles,
            "descriptors": "failed"
            if spacer.inchikey in failed
            else ("computed" if everything or spacer.inchikey in rounds else "predicted"),
            "round": rounds.get(spacer.inchikey),
        }
        for spacer in campaign.space.spacers
    ]
    return pd.DataFrame(rows).astype({"round": "Int64"})


#: Tables, or their rows, by name; None where the campaign has nothing to put in.
TABLES: dict[str, Callable[[CampaignReader], pd.DataFrame | list[dict[str, Any]] | None]] = {
    "suggestions": lambda campaign: [
        {"round": batch.number, "place": place, **suggestion.to_dict()}
        for batch in campaign.state.batches
        for place, suggestion in enumerate(batch.suggestions, start=1)
    ],
    "measurements": lambda campaign: [row.to_dict() for row in campaign.state.record],
    "properties": lambda campaign: [
        {"property": name, **row.to_dict()}
        for name in campaign.config.properties
        for row in campaign.state.records[name]
    ],
    "related": lambda campaign: [
        {"task": task, **row.to_dict()}
        for name, record in campaign.state.records.items()
        if (task := task_of(name))
        for row in record
    ],
    "compounds": _compounds,
    "scores": lambda campaign: [
        {"split": split, **scores} for fit in filter(None, [campaign.fit()]) for split, scores in fit.scores.items()
    ],
    "ranking": _ranking,
    "spacers": _spacers,
    "history": lambda campaign: [*campaign.history()],
}


def table(campaign: CampaignReader, name: str) -> pd.DataFrame:
    """One of `TABLES`. Raises CampaignError if there is no such table."""
    if name not in TABLES:
        raise CampaignError(f"a campaign has no table {name!r}; it has {', '.join(TABLES)}")
    return pd.DataFrame(TABLES[name](campaign))


def write_candidates(fitted: Round, path: Path, progress: Progress | None = None) -> int:
    """Write what a round knows of every compound to a Parquet file, see `screening.ranking.write_candidates`. Returns
    number of compounds. Raises StoreError if the file cannot be written."""
    from screening.ranking import write_candidates

    try:
        return write_candidates(path, fitted.candidates, progress=progress)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def figures(fitted: Round) -> dict[str, Figure]:
    """Plotly figures: parity and calibration out of fold, and what the model sees (mean absolute Shapley values)."""
    return {
        "parity": parity_of(fitted),
        "calibration": calibration_of(fitted),
        "importances": bar(fitted.explain(fitted.training.x)),
    }


def recorded_trace(state: CampaignState, formula: str, files: Sequence[Path]) -> Recorded:
    """The measurement of a compound, by its canonical formula, that stands and was read from these raw files."""
    hashes = hashes_of(files)
    return next(
        row
        for row in reversed(state.record)
        if row.files[: len(hashes)] == hashes and row.observation.formula == formula and not row.retracted
    )


#: Points of a map that a report draws at most.
MAX_POINTS = 60_000


def _drawn(fit: TraceFit, measured: Measured | None) -> dict[str, Any]:
    """The figures of a fit for a report: Plotly's JSON by name."""
    from campaigns.kinetics.figures import kinetics_figure, map_figure

    figures = {"fit": plain(kinetics_figure(fit))}
    if measured is not None and measured.maps is not None and measured.maps[0].signal.size <= MAX_POINTS:
        figures["map"] = plain(map_figure(*measured.maps, measured.probe, measured.chirp))
    for drawn in figures.values():
        drawn["layout"].pop("template", None)
        drawn["layout"].pop("title", None)
    return figures


def with_page(
    result: IngestResult,
    row: Recorded,
    folder: Path,
    fit: TraceFit,
    measured: Measured | None = None,
    spectrum_at_ps: float | None = None,
) -> IngestResult:
    """The result with the page of its measurement, drawn if it is not there; a warning where it cannot be."""
    from campaigns.errors import KineticsError
    from campaigns.kinetics.figures import write_page

    formula = row.observation.formula
    page = folder / TRACES / f"{row.number:04d}-{file_name(formula, '.html')}"
    if page.exists() and not result.added:
        return replace(result, page=str(page))
    about = {"measurement": row.number, "formula": formula, "sample": row.observation.sample, **fit.to_dict()}
    about["figures"] = _drawn(fit, measured)
    text = json.dumps(about, indent=2)
    try:
        page.parent.mkdir(exist_ok=True)
        write_whole(page.with_suffix(".json"), lambda path: path.write_text(text, encoding="utf-8"))
        title = f"Measurement {row.number}: {formula}"
        write_page(page, fit, measured, spectrum_at_ps=spectrum_at_ps, title=title, shared_script=True)
    except (OSError, StoreError, KineticsError) as error:
        return replace(result, warnings=(*result.warnings, f"the measurement is kept, its page is not: {error}"))
    return replace(result, page=str(page))
