"""What of a results file is new to a campaign, as the event that will record it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from campaigns.database import EventLog
from campaigns.errors import IngestError, LifecycleError, OvertakenError
from campaigns.events import MADE_OTHERWISE, NEEDS_REASON, EventKind, Stage, check_step
from campaigns.files import write_table
from campaigns.ingest import IngestTable, ValueTable
from campaigns.ingest.table import ReadRows
from campaigns.state import CampaignState, replay
from campaigns.summary import IngestResult, RowReport
from campaigns.targets import MIN_ROWS, Measurement, PropertyValue, RecordedValue, property_of
from chemspace import CationLibrary, Compound, CompoundSpace, parse_formula

if TYPE_CHECKING:
    from campaigns.kinetics import TraceFit


@dataclass(frozen=True, slots=True)
class Intake:
    """An event to be, and what to tell of it.

    Attributes:
        key: identity; the same file of the same compound is the same event.
        payload: what is recorded.
        files: (name, content) of the raw files.
        result: what to tell.
        kind: of the event.
    """

    key: str
    payload: dict[str, Any]
    files: tuple[tuple[str, bytes], ...]
    result: IngestResult
    kind: EventKind = EventKind.MEASURED


#: What is new to a state.
Make: TypeAlias = Callable[[CampaignState], Intake]


def take_in(
    log: EventLog, state: CampaignState, make: Make, *, dry_run: bool = False
) -> tuple[CampaignState, IngestResult]:
    """Record what `make` finds new, whole, however many processes do so at once.

    Args:
        log: where to.
        state: what the log said when it was last read.
        make: what is new to a state.
        dry_run: write nothing.

    Returns:
        The state after it, and what to tell.
    """
    while True:
        intake = make(state)
        result = intake.result
        if dry_run or not result.added:
            return state, result
        try:
            added = log.append(intake.kind, intake.payload, key=intake.key, files=intake.files, after=state.last_event)
        except OvertakenError:  # what another process took in meanwhile may hold the same rows
            state = replay(log.events())
            continue
        if not added:
            known = f"{result.name} is in the campaign already and was left out"
            skipped = result.added + result.skipped
            result = replace(result, added=0, skipped=skipped, warnings=(*result.warnings, known))
        return replay(log.events()), result


def take_in_table(
    log: EventLog,
    state: CampaignState,
    table: ReadRows,
    make: Make,
    *,
    rejects: Path | None = None,
    dry_run: bool = False,
) -> tuple[CampaignState, IngestResult]:
    """Record the rows of a table that are new, whole or, where a file for rejects is named, those that are right.

    Args:
        log: where to.
        state: what the log said when it was last read.
        table: the table.
        make: what of it is new to a state; it refuses a table with a bad row, unless a file for rejects is named.
        rejects: file for the rows that cannot be taken in; None takes in all or nothing. Written before anything else.
        dry_run: write nothing.

    Raises:
        IngestError: if a row cannot be taken in and `rejects` is None, or no row can.
        StoreError: if something cannot be written.
    """
    written = None
    if rejects is not None and table.refused and not dry_run:
        make(state)  # raises where nothing can be taken in, before the reject file is written
        _write_rejects(table, rejects)
        written = str(rejects)
    state, result = take_in(log, state, make, dry_run=dry_run)
    return state, replace(result, rejects=written)


def of_table(table: IngestTable, state: CampaignState, space: CompoundSpace, *, keep_going: bool = False) -> Intake:
    """The rows of a table that the campaign does not have.

    Raises:
        IngestError: if a row cannot be taken in, unless `keep_going` and another one can.
    """
    rows = _reports(table, state, space)
    return of_rows(table, table.measurements, rows, space, _lifetime, keep_going=keep_going)


def of_rows(
    table: ReadRows,
    read: Sequence[Measurement | PropertyValue],
    rows: tuple[RowReport, ...],
    space: CompoundSpace,
    what: Callable[[RowReport], str],
    *,
    of_property: str | None = None,
    keep_going: bool = False,
) -> Intake:
    """The rows of a table that are new, and what to tell of the others.

    Args:
        table: what was read.
        read: of each row that can be taken in, as `table.lines`.
        rows: what becomes of every row.
        space: the campaign's.
        what: what a row says, in words.
        of_property: name of the property whose values they are; None for lifetimes.
        keep_going: leave out the rows that cannot be taken in.

    Raises:
        IngestError: if a row cannot be taken in, unless `keep_going` and another one can.
    """
    if table.refused and (not keep_going or not read):
        raise IngestError(table.name, table.problems, rows)
    fate = {row.line: row.action for row in rows}
    fresh = [item.to_dict() for line, item in zip(table.lines, read, strict=True) if fate[line] == "add"]
    left_out = [
        f"row {row.line}: {what(row)} {row.note}; if it is another crystal, name it in a column 'sample'"
        for row in rows
        if row.action in ("known", "retracted")
    ]
    outside = tuple(dict.fromkeys(compound.formula for compound in table.compounds if compound not in space))
    refused = [{"line": row.line, "problem": row.problem, "cells": dict(row.cells)} for row in table.refused]
    payload = {"name": table.name, "rows": fresh} | ({"refused": refused} if refused else {})
    result = IngestResult(
        name=table.name,
        added=len(fresh),
        skipped=len(left_out),
        outside=outside,
        warnings=(*table.warnings, *left_out, *map(_outside, outside)),
        rows=rows,
        refused=len(refused),
        property=of_property,
    )
    files = ((table.name, table.content),)
    if of_property is None:
        return Intake(f"file:{table.sha256}:{_digest(fresh)}", payload, files, result)
    key = f"values:{table.sha256}:{_digest([of_property, fresh])}"
    return Intake(key, {"property": of_property} | payload, files, result, EventKind.PROPERTY_MEASURED)


def of_trace(
    compound: Compound, fit: TraceFit, paths: Sequence[Path], sample: str, state: CampaignState, space: CompoundSpace
) -> Intake:
    """The lifetime fitted to a trace, with its raw files."""
    name = " and ".join(path.name for path in paths)
    files = tuple((path.name, path.read_bytes()) for path in paths)
    hashes = hashes_of(paths)
    measured = Measurement.from_fit(compound.formula, fit, sample=sample)
    outside = () if compound in space else (compound.formula,)
    warnings = [*fit.warnings, *map(_outside, outside)]
    before = [row for row in state.record if row.files == hashes]
    here = [row for row in before if row.measurement.formula == compound.formula]
    standing = next((row for row in here if row.retracted is None), None)
    warnings += [
        f"the same files are measurement {row.number} of {row.measurement.formula}; if one of them is wrong, retract it"
        for row in before
        if row not in here and row.retracted is None
    ]
    if standing is not None:
        warnings.append(
            f"{name} is in the campaign already (measurement {standing.number}) and was left out; to take another fit "
            "of it, retract that one first"
        )
    again = f":{len(here)}" if here else ""
    return Intake(
        key=f"trace:{compound.formula}:{_digest(hashes)}{again}",
        payload={"name": name, "rows": [measured.to_dict()], "fit": fit.to_dict()},
        files=files,
        result=IngestResult(name, 0 if standing else 1, 1 if standing else 0, outside, tuple(warnings)),
    )


def hashes_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """SHA-256 of each file."""
    return tuple(sha256(path.read_bytes()).hexdigest() for path in paths)


def _write_rejects(table: ReadRows, path: Path) -> None:
    """The rows that cannot be taken in, as they stood, with the line and the reason."""
    columns = [column for column in table.columns if column not in ("row", "problem")]
    rows = [
        {**{column: row.cells.get(column, "") for column in columns}, "row": row.line, "problem": row.problem}
        for row in table.refused
    ]
    write_table(path, rows)


def _reports(table: IngestTable, state: CampaignState, space: CompoundSpace) -> tuple[RowReport, ...]:
    """What becomes of each row, in the order of the file."""
    known = {row.measurement: row for row in state.record}
    seen: dict[Measurement, int] = {}
    found = [
        RowReport(row.line, "refused", next(iter(row.cells.values()), ""), note=row.problem) for row in table.refused
    ]
    for line, measurement, compound in zip(table.lines, table.measurements, table.compounds, strict=True):
        recorded, earlier = known.get(measurement), seen.setdefault(measurement, line)
        if recorded is not None and recorded.retracted is not None:
            action, note = "retracted", f"was retracted ({recorded.retracted}) and was left out"
        elif recorded is not None:
            action, note = "known", "is in the campaign already and was left out"
        elif earlier != line:
            action, note = "known", f"stands in row {earlier} already and was left out"
        else:
            action, note = "add", "" if compound in space else "outside the campaign's space"
        found.append(
            RowReport(
                line,
                action,
                measurement.formula,
                measurement.lifetime_ps,
                measurement.lifetime_stderr_ps,
                measurement.is_upper_bound,
                measurement.sample,
                note,
            )
        )
    return tuple(sorted(found, key=lambda row: row.line))


def _lifetime(row: RowReport) -> str:
    return f"{row.formula} {row.lifetime_ps:g} ps"


def _outside(formula: str) -> str:
    """What to tell of a compound outside the space."""
    return f"{formula} is outside the campaign's space: it trains the model and is never suggested"


def _digest(value: object) -> str:
    """Hash of a JSON value."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def of_values(
    name: str,
    table: ValueTable,
    state: CampaignState,
    names: CationLibrary,
    space: CompoundSpace,
    *,
    keep_going: bool = False,
) -> Intake:
    """The rows of a table that the record of a property does not have.

    Args:
        name: of the property.
        table: its values.
        state: what is known.
        names: of the cations in the formulas of the launch's table.
        space: the campaign's.
        keep_going: leave out the rows that cannot be taken in.

    Raises:
        PropertyError: if the campaign has no such property.
        IngestError: if a row cannot be taken in, unless `keep_going` and another one can.
    """
    property_of(state.config, name)
    rows = _value_reports(name, table, state, names, space)

    def what(row: RowReport) -> str:
        return f"{name} {row.value:g} of {row.formula}"

    return of_rows(table, table.values, rows, space, what, of_property=name, keep_going=keep_going)


def value_retraction(state: CampaignState, name: str, number: int, reason: str) -> dict[str, Any]:
    """The payload of taking a value of a property back.

    Raises:
        PropertyError: if the campaign has no such property.
        LifecycleError: if there is no such value, it is retracted already, no reason is given, or too few would stand.
    """
    property_of(state.config, name)
    record = state.property_values[name]
    row = next((row for row in record if row.number == number), None)
    if row is None:
        raise LifecycleError(f"there is no value {number} of {name}; its record holds {len(record)}")
    if row.retracted is not None:
        raise LifecycleError(f"value {number} of {name} is retracted already ({row.retracted})")
    if not reason.strip():
        raise LifecycleError(f"say why value {number} of {name} is retracted (--reason)")
    standing = sum(row.retracted is None for row in record)
    if standing <= MIN_ROWS:
        raise LifecycleError(
            f"value {number} of {name} cannot be retracted yet: {standing - 1} values would stand, and at least "
            f"{MIN_ROWS} are needed to learn and to test; take in others first"
        )
    return {"property": name, "number": number, "reason": reason}


def _value_reports(
    name: str, table: ValueTable, state: CampaignState, names: CationLibrary, space: CompoundSpace
) -> tuple[RowReport, ...]:
    """What becomes of each row, in the order of the file."""
    record = [(row, _what(row, names)) for row in state.property_values[name]]
    standing = {what[:3]: row for row, what in reversed(record) if row.retracted is None}
    gone = {what: row for row, what in record if row.retracted is not None}
    seen: dict[tuple[object, ...], int] = {}
    found = [
        RowReport(row.line, "refused", next(iter(row.cells.values()), ""), note=row.problem) for row in table.refused
    ]
    for line, value, compound in zip(table.lines, table.values, table.compounds, strict=True):
        what = _same(value.formula, value)
        known, retracted = standing.get(what[:3]), gone.get(what)
        if known is not None:
            action, note = "known", f"is in the campaign already ({known.name}) and was left out"
        elif retracted is not None:
            action, note = "retracted", f"was retracted ({retracted.name}: {retracted.retracted}) and was left out"
        elif (earlier := seen.setdefault(what[:3], line)) != line:
            action, note = "known", f"stands in row {earlier} already and was left out"
        else:
            action, note = "add", "" if compound in space else "outside the campaign's space"
        found.append(
            RowReport(
                line,
                action,
                value.formula,
                sample=value.sample,
                note=note,
                value=value.value,
                error=value.error,
            )
        )
    return tuple(sorted(found, key=lambda row: row.line))


def _what(row: RecordedValue, names: CationLibrary) -> tuple[object, ...]:
    formula = parse_formula(row.value.formula, names).formula if row.of_launch else row.value.formula
    return _same(formula, row.value)


def _same(formula: str, value: PropertyValue) -> tuple[object, ...]:
    """What tells a value from another: compound, number and crystal. What came back after a retraction may be the
    same with another error."""
    return formula, value.value, value.sample, value.error


def step(
    state: CampaignState, names: CationLibrary, formula: str, stage: Stage, reason: str = "", made: str = ""
) -> dict[str, Any]:
    """The payload of a step in a compound's life.

    Args:
        state: as it stands.
        names: cations a formula may name.
        formula: the compound that was asked for.
        stage: where it stands now.
        reason: why; needed to decline or abandon.
        made: formula of what was made instead, if it was something else.

    Raises:
        LifecycleError: if the step cannot follow, a reason is missing, or something else was made where nothing was.
        ChemspaceError: for a formula that cannot be read.
    """
    asked = parse_formula(formula, names).formula
    instead = parse_formula(made, names).formula if made else ""
    if stage in NEEDS_REASON and not reason.strip():
        raise LifecycleError(f"{asked}: say why it is {stage.value} (--reason), so that the next round knows")
    if instead not in ("", asked) and stage not in MADE_OTHERWISE:
        raise LifecycleError(
            f"{asked} {stage.value}, made {instead}: another compound made instead goes with "
            f"{', '.join(sorted(MADE_OTHERWISE))}; say what else was seen in the reason"
        )
    check_step(asked, state.stages.get(asked), stage)
    return {"formula": asked, "stage": stage.value, "reason": reason, "made": "" if instead == asked else instead}


def retraction(state: CampaignState, number: int, reason: str) -> dict[str, Any]:
    """The payload of taking a measurement back.

    Raises:
        LifecycleError: if there is no such measurement, it is retracted already, or no reason is given.
    """
    row = next((row for row in state.record if row.number == number), None)
    if row is None:
        raise LifecycleError(f"there is no measurement {number}; the record holds {len(state.record)}")
    if row.retracted is not None:
        raise LifecycleError(f"measurement {number} is retracted already ({row.retracted})")
    if not reason.strip():
        raise LifecycleError(f"say why measurement {number} is retracted (--reason)")
    return {"number": number, "reason": reason}
