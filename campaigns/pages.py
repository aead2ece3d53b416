"""Pictures of the campaign's own traces: a page and a JSON file for each measurement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.errors import StoreError
from campaigns.files import file_name, write_whole
from campaigns.intake import hashes_of
from campaigns.state import CampaignState
from campaigns.summary import IngestResult

if TYPE_CHECKING:
    from campaigns.kinetics import Measured, TraceFit

__all__ = ["PAGES", "with_page"]

#: Folder of the pages in a campaign's folder; it can be deleted, the data are in the store.
PAGES = "traces"


def with_page(
    result: IngestResult,
    state: CampaignState,
    folder: Path,
    formula: str,
    fit: TraceFit,
    files: Sequence[Path],
    measured: Measured | None = None,
    spectrum_at_ps: float | None = None,
) -> IngestResult:
    """The result with the page of its measurement, drawn if it is not there.

    A measurement that is recorded stays so: where the page cannot be written, a warning says why.

    Args:
        result: of the intake.
        state: after it.
        folder: the campaign's.
        formula: the compound, canonical.
        fit: what was recorded.
        files: its raw files.
        measured: what was read from them; None draws the kinetics alone.
        spectrum_at_ps: delay of the spectra, ps.
    """
    from campaigns.kinetics.errors import KineticsError
    from campaigns.kinetics.page import write_page

    hashes = hashes_of(files)
    row = next(
        r for r in reversed(state.record) if r.files == hashes and r.measurement.formula == formula and not r.retracted
    )
    page = folder / PAGES / f"{row.number:04d}-{file_name(formula, '.html')}"
    if page.exists() and not result.added:
        return replace(result, page=str(page))
    told = {"measurement": row.number, "formula": formula, "sample": row.measurement.sample, **fit.to_dict()}
    try:
        page.parent.mkdir(exist_ok=True)
        write_whole(
            page.with_suffix(".json"), lambda path: path.write_text(json.dumps(told, indent=2), encoding="utf-8")
        )
        title = f"Measurement {row.number}: {formula}"
        write_page(page, fit, measured, spectrum_at_ps=spectrum_at_ps, title=title, shared_script=True)
    except (OSError, StoreError, KineticsError) as error:
        return replace(result, warnings=(*result.warnings, f"the measurement is kept, its page is not: {error}"))
    return replace(result, page=str(page))
