"""Outcomes as a table, out of one campaign into another: what became of compounds, and which cations are declined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from campaigns.errors import IngestError
from campaigns.events import TOLD_STAGES, EventKind, Stage, stage_named
from campaigns.ingest.table import grid_of, lines_of
from campaigns.state import CampaignState
from chemspace import CationLibrary, ChemspaceError, parse_formula
from chemspace.errors import CellError, TableError
from chemspace.tables.fields import Field, cells_of, match_fields

#: Columns: a compound with its stage, or a cation with the place ("spacer" or "cage") where it is declined.
_FIELDS = (
    Field("formula"),
    Field("stage", ("stage", "outcome"), required=True),
    Field("made"),
    Field("reason"),
    Field("cation"),
    Field("place"),
)


def outcome_rows(state: CampaignState) -> list[dict[str, str]]:
    """Every step and every declined cation of a campaign, oldest first, as rows of a table."""
    steps = [(one.at, one.actor, (one.formula, one.stage.value, one.made, one.reason, "", "")) for one in state.steps]
    no = Stage.DECLINED.value
    declined = [(one.at, one.actor, ("", no, "", one.reason, one.name, one.place)) for one in state.ruled_out]
    names = [field.name for field in _FIELDS]
    return [
        {**dict(zip(names, cells, strict=True)), "at": at.isoformat(timespec="seconds"), "actor": actor}
        for at, actor, cells in sorted([*steps, *declined], key=lambda row: row[0])
    ]


@dataclass(frozen=True, slots=True)
class OutcomeResult:
    """What a table of outcomes brought.

    Attributes:
        name: of the file.
        added: rows recorded (or that would be, in a dry run).
        skipped: rows that were known.
    """

    name: str
    added: int
    skipped: int


def new_outcomes(
    name: str, content: bytes, state: CampaignState, names: CationLibrary
) -> tuple[list[tuple[EventKind, dict[str, Any]]], int]:
    """Events for the rows a campaign does not know, and how many it knows. IngestError listing rows it cannot read."""
    grid = grid_of(name, content, None)
    try:
        columns = match_fields(name, grid.columns, _FIELDS, can_map=False).columns
    except TableError as error:
        raise IngestError(error.name, error.problems) from None
    known = {_identity(EventKind.STEPPED, step.payload) for step in state.steps}
    known |= {_identity(EventKind.RULED_OUT, asdict(one)) for one in state.ruled_out}
    events, problems, skipped = list[tuple[EventKind, dict[str, Any]]](), list[str](), 0
    for row in grid.rows:
        try:
            kind, payload = _event(lines_of(cells_of(row, columns, ()), columns), names)
        except (CellError, ChemspaceError) as error:
            problems.append(f"row {row.line}: {error}")
            continue
        if (identity := _identity(kind, payload)) in known:
            skipped += 1
            continue
        known.add(identity)
        events.append((kind, payload))
    if problems:
        raise IngestError(name, tuple(problems))
    return events, skipped


def _identity(kind: EventKind, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """What a row is known by."""
    stepped = kind is EventKind.STEPPED
    names = ("formula", "stage", "made", "reason") if stepped else ("place", "inchikey")
    return (kind.value, *(payload[name] for name in names))


def _event(cells: Mapping[str, str], names: CationLibrary) -> tuple[EventKind, dict[str, Any]]:
    """The event of a row."""
    stage = stage_named(cells.get("stage", ""))
    if stage is None:
        raise CellError(f"column stage: {cells.get('stage', '')!r} is none of {', '.join(TOLD_STAGES)}")
    reason = cells.get("reason", "")
    if cells.get("cation"):
        if stage is not Stage.DECLINED or cells.get("place") not in ("spacer", "cage"):
            raise CellError("a cation is declined as spacer or cage: write so in the columns stage and place")
        cation = names[cells["cation"]]
        fields = {"place": cells["place"], "inchikey": cation.inchikey, "name": cation.abbreviation}
        return EventKind.RULED_OUT, fields | {"reason": reason}
    if not cells.get("formula"):
        raise CellError("column formula is empty, and so is cation")
    made = parse_formula(cells["made"], names).formula if cells.get("made") else ""
    formula = parse_formula(cells["formula"], names).formula
    step = {"formula": formula, "stage": stage.value, "reason": reason, "made": made}
    return EventKind.STEPPED, step | {"is_carried": True}
